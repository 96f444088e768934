"""Numbers of road files: lengths, speeds and one-way marks as maps write them."""

import re
from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np

from hmesh.environment.errors import InputError, Problem

KM_PER_MILE = 1.609344
_SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*(mph|km/h|kmh|kph)?")
_YES = ("yes", "true", "1")
_AGAINST = ("-1", "reverse")


def number(values: Mapping[str, Any], name: str, place: str) -> float | None:
    """Return a number above 0 of a road, None where it is not given.

    Raises
    ------
    InputError
        If it is no number above 0.
    """
    value = values.get(name)
    if value is None or str(value).strip() == "":
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = np.nan
    if not 0 < found < inf:
        raise InputError([Problem(f"{place}, {name}", f"{value!r} cannot be", "a number above 0")])
    return found


def speed_km_h(text: Any) -> float | None:
    """Return a speed as `maxspeed` of OpenStreetMap states it, the mean of several [km/h].

    None where it states no number, such as "none", "walk" or "DE:urban".
    """
    found = [
        float(amount) * (KM_PER_MILE if unit == "mph" else 1.0)
        for amount, unit in _SPEED.findall(str(text if text is not None else ""))
        if float(amount) > 0
    ]
    return float(np.mean(found)) if found else None


def length_km(values: Mapping[str, Any], place: str) -> float | None:
    """Return the length of a road, given in `km`, or in metres in `length_m` or `length` [km].

    Raises
    ------
    InputError
        If what is given is no number above 0.
    """
    if (km := number(values, "km", place)) is not None:
        return km
    for name in ("length_m", "length"):
        if (metres := number(values, name, place)) is not None:
            return metres / 1000.0
    return None


def speed_of(values: Mapping[str, Any], place: str) -> float | None:
    """Return the speed of a road by the first that is given [km/h].

    `speed_km_h` or `speed_kph`, which must be numbers, or `maxspeed` of OpenStreetMap.

    Raises
    ------
    InputError
        If one of the first two is no number above 0.
    """
    for name in ("speed_km_h", "speed_kph"):
        if (found := number(values, name, place)) is not None:
            return found
    return speed_km_h(values.get("maxspeed"))


def directions(values: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return whether a road may be driven along its line, and against it, by `oneway`."""
    oneway = str(values.get("oneway", "")).strip().lower()
    if oneway in _AGAINST:
        return False, True
    return True, oneway not in _YES
