"""Environments for reinforcement learning over the world of a scenario.

They need the extra `rl`, which brings Gymnasium and PettingZoo.
"""

from hmesh.runs.rl.environments import env, parallel_env

__all__ = ["env", "parallel_env"]
