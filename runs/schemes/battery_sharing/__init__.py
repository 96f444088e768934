"""Buildings that level their common load with batteries."""
