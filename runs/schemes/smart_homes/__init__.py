"""Smart homes with power flow assignment and load shifting."""
