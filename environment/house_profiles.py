"""What appliances and heating of a house need: a day's shape, and a year's.

The house stands empty from 8 to 18 h and needs most in the evening; heat is that of hot water
and, in winter, of rooms. The shapes stand in `data/house_profiles.csv` and `data/house_months.csv`
as weights without unit. They are an assumption, not a measurement: the study of Scientific Reports
14 (2024) 6279 gives none of its house in Kitakyushu. They were calibrated so that a house without
storage consumes itself the published share of its generation, 14.31 %.
"""

import csv
from datetime import date
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.day_series import day_series

type Need = Literal["appliances", "heat"]

DAYS_OF_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def house_need(need: Need, annual_kwh: float, calendar: Calendar, steps: int) -> FloatArray:
    """Return what a house needs in each step [kWh], shape (steps,).

    Parameters
    ----------
    need : {"appliances", "heat"}
        Electricity of the appliances, or heat.
    annual_kwh : float
        What a year of 365 days needs [kWh]; the 29th of February is a day of its month more.
    calendar : Calendar
        Its weekends are those of the profile.
    steps : int
        Number of steps, from the first of the calendar on.
    """

    def hours(day: date) -> FloatArray:
        shape = _hours(_column(need, day))
        energies: FloatArray = annual_kwh * _months(need)[day.month - 1] * shape
        return energies

    series: FloatArray = calendar.step_h * day_series(calendar, steps, hours)
    return series


def _column(need: Need, day: date) -> str:
    if need == "heat":
        return need
    return f"{need}_weekend" if day.weekday() >= 5 else f"{need}_weekday"


@cache
def _hours(column: str) -> FloatArray:
    """Return the shares of a day by clock hour [1/h]."""
    weights = np.array([float(row[column]) for row in _rows("house_profiles.csv")])
    shares: FloatArray = weights / weights.sum()
    return shares


@cache
def _months(need: Need) -> FloatArray:
    """Return the share of a year that each day of a month has [1/day], by month."""
    weights = np.array([float(row[need]) for row in _rows("house_months.csv")])
    return weights / float(weights @ np.array(DAYS_OF_MONTHS))


@cache
def _rows(name: str) -> list[dict[str, str]]:
    source = resources.files("hmesh.environment").joinpath(f"data/{name}")
    return list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
