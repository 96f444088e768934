"""Homes that settle their own power flow."""
