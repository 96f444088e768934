"""Where a time zone is: the place after which it is called, and its offset from UTC."""

from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import numpy as np

from hmesh.environment.geography import great_circle_km

# The widest zones: the west of China lies 4,000 km from Shanghai and 3 h before its own noon.
FARTHEST_KM = 4500.0
MOST_HOURS = 3.0


def far_from_zone(latitude: float, longitude: float, time_zone: str, year: int) -> str:
    """Return in words how far a location is from its time zone; "" where it may lie in it.

    Parameters
    ----------
    latitude, longitude : float
        The location, positive north and east [deg].
    time_zone : str
        IANA name of the zone.
    year : int
        The year of its standard time.
    """
    offset_h = standard_offset_h(time_zone, year)
    sun_h = longitude / 15.0
    away_h = abs((sun_h - offset_h + 12.0) % 24.0 - 12.0)
    if away_h > MOST_HOURS:
        return f"its sun is {away_h:.1f} h off the standard time of {time_zone}"
    place = places().get(time_zone)
    if place is None:
        return ""
    away_km = distance_km(latitude, longitude, *place)
    if away_km > FARTHEST_KM:
        return f"it is {away_km:,.0f} km from the place after which {time_zone} is called"
    return ""


def standard_offset_h(time_zone: str, year: int) -> float:
    """Return how far the standard time of a zone is ahead of UTC [h]."""
    zone = ZoneInfo(time_zone)
    # Summer is the half of the year in which the clocks are ahead.
    offsets = (zone.utcoffset(datetime(year, month, 1)) or timedelta() for month in (1, 7))
    return min(offsets).total_seconds() / 3600.0


def distance_km(latitude: float, longitude: float, other: float, other_longitude: float) -> float:
    """Return the distance of two places along a great circle [km]."""
    first, second = np.array([longitude, latitude]), np.array([other_longitude, other])
    return float(great_circle_km(first, second))


@cache
def places() -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of the places after which time zones are called [deg].

    They stand in the file zone.tab of the IANA time zone database, in ISO 6709.
    """
    text = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            _, position, name, *_ = line.split("\t")
            east = max(position.rfind("+"), position.rfind("-"))
            found[name] = _degrees(position[:east]), _degrees(position[east:])
    return found


def _degrees(text: str) -> float:
    """Return degrees of an angle such as +5230 or -1182408, degrees, minutes and seconds."""
    sign, digits = text[0], text[1:]
    whole = 2 if len(digits) in (4, 6) else 3
    minutes, seconds = digits[whole : whole + 2], digits[whole + 2 :] or "0"
    angle = int(digits[:whole]) + int(minutes) / 60 + int(seconds) / 3600
    return -angle if sign == "-" else angle
