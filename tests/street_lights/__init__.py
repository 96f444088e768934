"""Street lights: a small scheme that comes from outside, complete with all its parts."""
