"""The published study of composite storage in houses."""
