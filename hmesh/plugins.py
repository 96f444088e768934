"""Decorators with which your own file or module adds to hMESH.

A file with them is a plugin. A scenario names it under `plugins`, a command by `--plugin`, and an
installed package by an entry point of the group `hmesh.plugins`.
"""

from hmesh.environment.datasets.readers.foreign import Foreign, ImportOptions
from hmesh.runs.pictures.figure_layout import Drawing
from hmesh.runs.plugins.decorators import add_scheme, behaviour, metric, scheme, strategy
from hmesh.runs.plugins.named_functions import forecaster, picture, reader
from hmesh.runs.world.decision import Decision

__all__ = [
    "Decision",
    "Drawing",
    "Foreign",
    "ImportOptions",
    "add_scheme",
    "behaviour",
    "forecaster",
    "metric",
    "picture",
    "reader",
    "scheme",
    "strategy",
]
