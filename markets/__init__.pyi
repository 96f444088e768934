"""What markets offers, one name a line; a name is imported when first used."""
