"""Storages of communities that are planned on forecasts."""
