"""Who acts: agents that perceive the environment and decide by the rules of the markets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
