"""A scenario with many values and seeds."""
