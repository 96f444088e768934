"""One separate page for a finished run: figures, charts and the moving map of its vehicles."""
