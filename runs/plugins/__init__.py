"""Plugins: files and modules that add metrics, strategies and schemes to hMESH by name."""
