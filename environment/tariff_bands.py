"""Prices by clock time, kind of day and season, as tariffs state them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.day_series import day_series
from hmesh.environment.errors import InputError, Problem, missing_file

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_GROUPS = ("all", "weekdays", "weekends", "holidays")
QUARTERS = 96
_MONTH_AND_DAY = re.compile(r"(\d{1,2})-(\d{1,2})")


@dataclass(frozen=True, slots=True)
class TimeBand:
    """A part of the year.

    Attributes
    ----------
    hours : tuple of float
        First clock hour and the one before which it ends, whole quarters; past midnight where the
        second is not above the first.
    days : tuple of str
        Groups of days or days of the week. Weekdays are Monday to Friday but public holidays,
        weekends are Saturday, Sunday and public holidays; a day by its name counts either way.
    season : tuple of tuple of int, or None
        First and last day as (month, day), past the new year where the last comes first.
    """

    hours: tuple[float, float] = (0.0, 24.0)
    days: tuple[str, ...] = ("all",)
    season: tuple[tuple[int, int], tuple[int, int]] | None = None

    def on(self, day: date, holiday: bool) -> bool:
        """Return whether a date lies in it."""
        if self.season is not None:
            first, last = self.season
            here = (day.month, day.day)
            inside = first <= here <= last if first <= last else here >= first or here <= last
            if not inside:
                return False
        off = holiday or day.weekday() >= 5
        return (
            "all" in self.days
            or WEEK[day.weekday()] in self.days
            or ("weekends" in self.days and off)
            or ("weekdays" in self.days and not off)
            or ("holidays" in self.days and holiday)
        )

    def quarters(self) -> NDArray[np.bool_]:
        """Return in which quarters of a day's clock it lies, shape (96,)."""
        first, end = (round(4 * hour) for hour in self.hours)
        length = end - first if end > first else end - first + QUARTERS
        inside = np.zeros(QUARTERS, dtype=np.bool_)
        inside[np.arange(first, first + length) % QUARTERS] = True
        return inside


def month_and_day(text: str) -> tuple[int, int]:
    """Return the month and the day of a text such as 05-01.

    Raises
    ------
    ValueError
        If it is none of a leap year.
    """
    parts = _MONTH_AND_DAY.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is no month and day")
    day = date(2024, int(parts[1]), int(parts[2]))
    return day.month, day.day


def band_prices(
    bands: Sequence[tuple[TimeBand, float]], calendar: Calendar, steps: int, place: str
) -> FloatArray:
    """Return the price of each step, by the first band in which its time lies [money/kWh].

    Parameters
    ----------
    bands : sequence of (TimeBand, float)
        Bands with their prices [money/kWh].
    calendar : Calendar
        Its local clock, weekdays and public holidays are those of the tariff.
    steps : int
        Number of steps, from the first of the calendar on.
    place : str
        Where the bands stand, for the error.

    Returns
    -------
    array, shape (steps,)
        A step across a change of price pays their mean, weighed by time.

    Raises
    ------
    InputError
        If no band holds at some time.
    """

    def prices(day: date) -> FloatArray:
        of_day = np.full(QUARTERS, np.nan)
        holiday = calendar.is_holiday(day)
        for band, price in reversed(bands):
            if band.on(day, holiday):
                of_day[band.quarters()] = price
        return of_day

    series = day_series(calendar, steps, prices)
    if np.isnan(series).any():
        step = int(np.isnan(series).argmax())
        message = f"no band has a price at {calendar.time_of(step):%A %Y-%m-%d %H:%M}"
        allowed = (
            "bands for all times; a last one without hours, days and season holds for the rest"
        )
        raise InputError([Problem(place, message, allowed)])
    return series


def within(band: TimeBand, calendar: Calendar, steps: int) -> NDArray[np.bool_]:
    """Return which steps begin in a band, shape (steps,)."""
    of_day: Callable[[date], NDArray[np.bool_]] = lambda day: (  # noqa: E731
        band.quarters() & band.on(day, calendar.is_holiday(day))
    )
    known: dict[date, NDArray[np.bool_]] = {}
    inside = np.zeros(steps, dtype=np.bool_)
    for step in range(steps):
        local = calendar.time_of(step).astimezone(calendar.zone)
        day = local.date()
        if day not in known:
            known[day] = of_day(day)
        inside[step] = known[day][(60 * local.hour + local.minute) * QUARTERS // 1440]
    return inside


@dataclass(frozen=True, slots=True)
class TariffFile:
    """What a file of a tariff holds.

    Attributes
    ----------
    bands : tuple of (TimeBand, float)
        Bands with their prices [money/kWh], the first one counts.
    demand : tuple of (TimeBand, float)
        Bands with their prices of the month's peak [money/kW].
    """

    bands: tuple[tuple[TimeBand, float], ...]
    demand: tuple[tuple[TimeBand, float], ...]


def read_tariff_file(path: Path) -> TariffFile:
    """Read a tariff in the JSON form of charging simulators such as acnportal.

    Its `schedule` lists seasons with `effective_start`, `effective_end`, a `dow_mask` (ALL,
    WEEKDAYS, WEEKENDS: days of the week, holidays or not), `times` from which each of its `tariffs`
    holds, and a `demand_charge` of the month. Where two parts hold on a day, the first counts.

    Raises
    ------
    InputError
        If it is no such file.
    """
    if problems := missing_file(path):
        raise InputError(problems)
    bands: list[tuple[TimeBand, float]] = []
    demand: dict[tuple[Any, ...], float] = {}
    masks = {"ALL": ("all",), "WEEKDAYS": WEEK[:5], "WEEKENDS": WEEK[5:]}
    part: Any = None
    try:
        schedule = json.loads(path.read_text(encoding="utf-8"))["schedule"]
        for part in schedule:
            ends = (part["effective_start"], part["effective_end"])
            season = (month_and_day(ends[0]), month_and_day(ends[1]))
            days = masks[part["dow_mask"]]
            times = [float(time) for time in part["times"]]
            prices = [float(price) for price in part["tariffs"]]
            if len(times) != len(prices) or times[0] != 0 or times != sorted(set(times)):
                raise ValueError("times do not rise from 0, each with its tariff")
            if any((4 * time) % 1 for time in times):
                raise ValueError("times are no quarters of an hour")
            for first, end, price in zip(times, [*times[1:], 24.0], prices, strict=True):
                bands.append((TimeBand((first, end), days, season), price))
            # A month has one peak, whichever parts of the week name its price.
            if (charge := float(part.get("demand_charge") or 0.0)) > 0:
                known = demand.setdefault(season, charge)
                if known != charge:
                    raise ValueError(f"demand charges {known:g} and {charge:g} of one season")
    except (ValueError, KeyError, TypeError, OSError) as error:
        name = part.get("id", "") if isinstance(part, dict) else ""
        place = f"{path}: {name}" if name else str(path)
        message = f"is no tariff: {error}"
        allowed = "a schedule of effective_start, effective_end, dow_mask, times and tariffs"
        raise InputError([Problem(place, message, allowed)]) from None
    if not bands:
        raise InputError([Problem(str(path), "has an empty schedule")])
    peaks = tuple((TimeBand(season=season), price) for season, price in demand.items())
    return TariffFile(tuple(bands), peaks)


def month_of_steps(calendar: Calendar, steps: int) -> NDArray[np.intp]:
    """Return the local month of each step, counted from that of the first, shape (steps,)."""
    days = calendar.days_of(0, steps)
    first = calendar.date_of(0)
    of_day = [first + timedelta(days=day) for day in range(int(days[-1]) + 1)]
    months = [12 * (day.year - first.year) + day.month - first.month for day in of_day]
    return np.array(months, dtype=np.intp)[days]
