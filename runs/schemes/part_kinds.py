"""What the parts of a scheme are, and what each must be: of which class, called with what."""

import importlib
import re
from collections.abc import Mapping
from inspect import isclass, signature
from typing import Any

# A part of a scheme: itself, or where it stands, as ".module:name" seen from the scheme's folder.
# By its place it is imported only when it is needed.
type Part = Any

_PLACE = re.compile(r"\.?\w+(\.\w+)*:\w+")

# The parts that every scheme says something of, and what each is. An empty one, such as
# ``pictures=()``, says that the scheme has none.
REQUIRED: Mapping[str, str] = {
    "phase": "when in the hour it acts, a Phase",
    "strategies": "its StrategyDescriptors, first the one that stands for nobody sharing",
    "section": "its section of a scenario, a SchemeSection, in section.py",
    "description": "one line on its section",
    "step": "what it does in every step, a Scheme made from a simulation, in step.py",
    "figure": "a figure of the summary that no other scheme has, given by its step",
    "tables": "its tables of results, columns by name, in tables.py",
    "audit": "what checks its tables, a SchemeAudit made from run, inputs and hours, in audit.py",
    "pictures": "its pictures, each a name and a function of the run's data, in pictures.py",
    "charts": "its charts of the report, a function of the run's data, in charts.py",
    "sentence": "its results in words, a function of totals and currency, in sentences.py",
    "rows": "its rows of the summary table, a function of the totals of each strategy, in words.py",
    "notes": "what its counts say, a Note by the name of each, in words.py",
}

_SCHEME_STEP = "hmesh.runs.schemes.scheme_step"
# Where the class stands that a part is a subclass of.
_CLASSES: Mapping[str, str] = {
    "section": "hmesh.runs.scenarios.base:SchemeSection",
    "step": f"{_SCHEME_STEP}:Scheme",
    "audit": "hmesh.runs.audits.scheme_audit:SchemeAudit",
    "live": "hmesh.runs.live.readings:SchemeLive",
}
# With what a part is called.
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "step": ("simulation",),
    "audit": ("run", "inputs", "hours"),
    "pictures": ("data",),
    "charts": ("data",),
    "sentence": ("totals", "currency"),
    "rows": ("totals",),
    "live": (),
}
_MAPPINGS = ("tables", "notes")
_OF_STATE = ("state", "restore")


def is_place(part: Part) -> bool:
    """Return whether a part is stated by where it stands."""
    return isinstance(part, str) and _PLACE.fullmatch(part) is not None


def unfit(name: str, part: Any) -> str:
    """Return why an object cannot be a part of a scheme, "" where it can.

    Parameters
    ----------
    name : str
        What the part is called in the descriptor.
    part : object
        The part itself.
    """
    called = getattr(part, "__name__", repr(part))
    if name in _MAPPINGS and not isinstance(part, Mapping):
        return f"{name}: {called} is no mapping"
    if name in _CLASSES and (isclass(part) or name == "section"):
        module, _, base = _CLASSES[name].partition(":")
        if not (isclass(part) and issubclass(part, getattr(importlib.import_module(module), base))):
            return f"{name}: {called} is no subclass of {base}"
    own = [each for each in _OF_STATE if name == "step" and isclass(part) and _has_own(part, each)]
    if len(own) == 1:
        (lacks,) = set(_OF_STATE) - set(own)
        return f"{name}: {called} has {own[0]} and no {lacks}, so that no run could be resumed"
    if name in _ARGUMENTS and not _takes(part, *_ARGUMENTS[name]):
        arguments = ", ".join(_ARGUMENTS[name]) or "no argument"
        return f"{name}: {called} cannot be called with {arguments}"
    return ""


def _has_own(step: type[Any], method: str) -> bool:
    """Return whether a step, or one that it is a subclass of, has a method of its own."""
    base = next(each for each in step.__mro__ if each.__module__ == _SCHEME_STEP)
    return getattr(step, method) is not getattr(base, method)


def _takes(function: Any, *arguments: str) -> bool:
    """Return whether an object can be called with so many arguments by their places."""
    if not callable(function):
        return False
    try:
        signature(function).bind(*arguments)
    except TypeError:
        return False
    return True
