"""The published study of electric school buses."""
