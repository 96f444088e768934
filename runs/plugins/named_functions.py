"""Decorators by which a plugin registers functions: forecasters, readers and pictures."""

from collections.abc import Callable, MutableMapping
from inspect import signature
from typing import Any

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.plugins.registered import (
    FORECASTERS,
    PICTURES,
    READERS,
    Registered,
    check_name,
    on_withdrawal,
    place_of,
    registering_plugin,
)

# Names that the picture folder, readers and forecasters of hMESH have are taken.
_BUILT_IN_FORECASTERS = (
    "persistence", "seasonal_naive", "noise", "ridge", "lstm",
    "yesterday", "last_week", "last", "constant",
)  # fmt: skip


def forecaster[F: Callable[..., Any]](name: str) -> Callable[[F], F]:
    """Register a forecaster: a function of what was read before a run, that returns a `Forecaster`.

    Parameters
    ----------
    name : str
        What `kind` of a scenario's forecaster calls it.

    Returns
    -------
    callable
        A decorator of the function or class. It takes ``history``, an array of shape (slots,
        series) with NaN where a reading is missing, ``day_slots``, the slots of a day, and the
        `options` of the scenario by their names. What it returns has a method ``forecast(past,
        steps, at)``, as `hmesh.environment.forecasters.Forecaster` describes it. The same history
        and past must give the same forecast, for an audit forecasts again.

    Raises
    ------
    InputError
        When the name is not valid or taken, or the function takes no history and day_slots.
    """
    arguments = "history, day_slots"
    return _registered("forecaster", name, FORECASTERS, _BUILT_IN_FORECASTERS, 2, arguments)


def reader[F: Callable[..., Any]](name: str) -> Callable[[F], F]:
    """Register a reader: a function that turns a file or folder of others into a dataset.

    Parameters
    ----------
    name : str
        What `hmesh import` calls it.

    Returns
    -------
    callable
        A decorator of the function. It takes ``source``, a path, and ``wishes``, what a person says
        of it by options of `hmesh import`, and returns a `Foreign` with its tables.

    Raises
    ------
    InputError
        When the name is not valid or taken, or the function takes no source and wishes.
    """
    from hmesh.environment.datasets.readers.kinds import KINDS

    return _registered("reader", name, READERS, tuple(KINDS), 2, "source, wishes")


def picture[F: Callable[..., Any]](name: str) -> Callable[[F], F]:
    """Register a picture: a function of the results of a run, drawn beside those of hMESH.

    Parameters
    ----------
    name : str
        Its name, which is that of its file in `plots`.

    Returns
    -------
    callable
        A decorator of the function, which takes ``data``, a `RunData`, and returns a `Drawing`: a
        finding and a figure, or a reason and none.

    Raises
    ------
    InputError
        When the name is not valid or taken, or the function takes no data.
    """
    return _registered("picture", name, PICTURES, _pictures_of_hmesh(), 1, "data")


def _pictures_of_hmesh() -> tuple[str, ...]:
    from hmesh.runs.schemes.registry import schemes

    general = ("whole_and_parts", "load", "peak_to_average", "prices", "line_loading")
    of_schemes = [name for each in schemes().values() for name, _ in each.pictures or ()]
    return (*general, *of_schemes)


def _registered[F: Callable[..., Any]](
    kind: str,
    name: str,
    table: MutableMapping[str, Registered],
    taken: tuple[str, ...],
    count: int,
    arguments: str,
) -> Callable[[F], F]:
    """Return a decorator that adds a function to a table, once it is found fit."""

    def add(function: F) -> F:
        place = place_of(kind, name, function)
        check_name(kind, name, place)
        if not callable(function) or not _takes(function, count):
            raise InputError(
                [Problem(place, "takes other arguments", f"a function of {arguments}")]
            )
        other = table[name].place if name in table else f"{kind} {name!r} of hMESH"
        if name in table or name in taken:
            message = f"another {kind} has this name: {other}"
            raise InputError([Problem(place, message, "another name")])
        table[name] = Registered(name, function, registering_plugin(), place)
        on_withdrawal(lambda: table.__delitem__(name))
        return function

    return add


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Return whether a function takes so many arguments; others without a default are by name."""
    try:
        signature(function).bind_partial(*range(count))
    except TypeError:
        return False
    return True
