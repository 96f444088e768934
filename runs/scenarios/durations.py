"""Durations as people write them: hours as a number, or text such as 20 min."""

import re

from pydantic import BeforeValidator

from hmesh.runs.scenarios.base import refuse

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\b")


def in_hours(given: object) -> object:
    """Return a duration in hours, where it is text such as ``20 min`` or ``1 h 30 min``."""
    if not isinstance(given, str):
        return given
    rest, seconds, found = given, 0.0, False
    while part := _PART.match(rest):
        seconds += float(part[1]) * _UNITS[part[2]]
        rest, found = rest[part.end() :], True
    if rest.strip() or not found:
        raise refuse(
            f"{given!r} is no duration", allowed="hours, or text such as '20 min', '1.5 h'"
        )
    return seconds / 3600.0


# Reads text as a duration, before a number of hours is checked.
AS_HOURS = BeforeValidator(in_hours)
