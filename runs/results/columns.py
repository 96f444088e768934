"""A column of a table of results, and the kinds of columns that tables have in common."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a table.

    Attributes
    ----------
    name : str
        Its name.
    kind : {"whole", "number", "name", "time"}
        A whole number, a number, a name, or a time given as hours since the start of the run.
    unit : str
        Its unit; "1" where it has none, "" where it counts or names something.
    description : str
        What it says.
    optional : bool
        Whether it may be empty.
    since : int
        The schema of results that added it.
    """

    name: str
    kind: Literal["whole", "number", "name", "time"]
    unit: str
    description: str
    optional: bool = False
    since: int = 1


def whole(name: str, description: str) -> ResultColumn:
    """Return a column of whole numbers."""
    return ResultColumn(name, "whole", "", description)


def name(name: str, description: str, *, optional: bool = False) -> ResultColumn:
    """Return a column of names."""
    return ResultColumn(name, "name", "", description, optional)


def time(name: str, description: str, *, optional: bool = False) -> ResultColumn:
    """Return a column of times."""
    return ResultColumn(name, "time", "", description, optional)


def kwh(name: str, description: str) -> ResultColumn:
    """Return a column of energies."""
    return ResultColumn(name, "number", "kWh", description)


def price(name: str, description: str) -> ResultColumn:
    """Return a column of prices, which may be empty."""
    return ResultColumn(name, "number", "money/kWh", description, optional=True)


STEP = whole("step", "number of the step, from 0")
STRATEGY = name("strategy", "strategy under which the step was simulated")
LAM = ResultColumn("lam", "number", "money/kWh", "marginal utility of the first kWh")
THETA = ResultColumn("theta", "number", "money/kWh^2", "slope of marginal utility per kWh stored")
