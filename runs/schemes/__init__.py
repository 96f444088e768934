"""How each scheme takes part in a simulation."""
