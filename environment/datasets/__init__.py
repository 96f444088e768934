"""A person's data as a folder: its description, its tables, their gaps, flaws and resolution."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
