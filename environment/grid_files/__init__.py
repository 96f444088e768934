"""Readers of grids: tables of lines, and networks that other programs write."""
