"""What a run leaves behind, how it is written and read."""
