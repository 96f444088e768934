"""The world of a run: the hour, its members, meters, chance and sums."""
