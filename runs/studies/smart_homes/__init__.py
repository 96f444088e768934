"""The published study of a smart home."""
