"""How each figure of a run is drawn, one idea a module."""
