"""The published study of three communities and their vehicles."""
