"""Electric vehicles that carry energy between communities."""
