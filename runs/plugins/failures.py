"""Errors in the code of a plugin while a run uses it, reported with the line that raised them."""

from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.plugins.loading import loaded_plugins
from hmesh.runs.schemes.registry import BUILT_IN, schemes


def failure_of(error: BaseException) -> InputError | None:
    """Return an error that code of a plugin raised, or of what it called, as one with its line.

    Returns
    -------
    InputError or None
        With the last line of a plugin that was reached; None where the error is of no plugin.
    """
    found = list(_lines_of_plugins(error))
    if not found:
        return None
    name, frame, line = found[-1]
    code = frame.f_code
    file = Path(code.co_filename).name
    inside = "" if name.endswith(file) else f", {file}"
    place = f"{name}{inside}, line {line}, in {code.co_name}"
    return InputError([Problem(place, f"{type(error).__name__}: {error}")])


def _lines_of_plugins(error: BaseException) -> Iterator[tuple[str, FrameType, int]]:
    """Yield the lines of plugins that were reached, each with what its plugin is called."""
    for frame, line in walk_tb(error.__traceback__):
        if name := _plugin_of(frame):
            yield name, frame, line


def _plugin_of(frame: FrameType) -> str:
    """Return what the plugin is called whose code runs, "" for none."""
    file = Path(frame.f_code.co_filename)
    for plugin in loaded_plugins():
        if file.is_relative_to(plugin.path):
            return f"plugin {plugin.name}"
    module: Any = frame.f_globals.get("__name__", "")
    for scheme in schemes().values():
        if scheme.name not in BUILT_IN and f"{module}.".startswith(f"{scheme.package}."):
            return scheme.place
    return ""
