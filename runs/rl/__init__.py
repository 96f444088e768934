"""Environments for reinforcement learning: players in the world of a scenario."""
