"""Published studies, simulated again."""
