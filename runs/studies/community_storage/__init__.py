"""The published study of a community's storage."""
