"""The rules: price games, sharing, dispatch and sizing, as pure functions of arrays."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
