"""The published study of shared batteries."""
