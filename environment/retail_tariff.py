"""What a house pays and is paid for electricity: time-of-use tariffs, feed-in tariffs by year.

The tables stand in `data/time_of_use_tariffs.csv` and `data/feed_in_tariffs.csv`, in JPY/kWh with
tax, each feed-in tariff with its source. `kyushu` is the time-of-use tariff of Kyushu Electric
Power (https://www.kyuden.co.jp/english_user_menu_time-of-use.html, night from 22 to 8 h), whose
base charge of 1,650 JPY a month is the one of Scientific Reports 14 (2024) 6279 at 111 JPY/USD.
`kitakyushu_2024` is Table 3 of that study: 0.21 USD/kWh in spring and autumn and 0.24 in summer and
winter from 8 to 22 h, 0.12 by night, every day alike; which months belong to which season it does
not print, so they are those of the utility.
"""

import csv
from datetime import date, timedelta
from functools import cache
from importlib import resources

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.day_series import day_series
from hmesh.environment.errors import InputError, Problem, nearest

# The currency of all tariffs here.
CURRENCY = "JPY"
# Paid after the ten years of a feed-in tariff [JPY/kWh]: customer.kyuden.co.jp.
AFTER_TEN_YEARS = 7.0
BASE_CHARGE_PER_MONTH = 1650.0
SUMMER_AND_WINTER = (7, 8, 9, 12, 1, 2)
# Rest days of the tariff beside weekends and public holidays, as (month, day).
REST_DAYS = ((12, 30), (12, 31), (1, 2), (1, 3), (4, 30), (5, 1), (5, 2))


def feed_in_years() -> dict[int, tuple[float, str]]:
    """Return the feed-in tariff of each year [JPY/kWh] and its source.

    It is paid for ten years to photovoltaics below 10 kW that were registered in the year.
    """
    rows = csv.DictReader(_text("feed_in_tariffs.csv"))
    return {int(row["year"]): (float(row["feed_in_jpy_per_kwh"]), row["source"]) for row in rows}


def feed_in_of(year: int) -> float:
    """Return the feed-in tariff of a year [JPY/kWh].

    Raises
    ------
    InputError
        If none is known of that year.
    """
    known = feed_in_years()
    if year not in known:
        allowed = f"{min(known)} to {max(known)}, or a price"
        message = f"no feed-in tariff is known of {year}"
        raise InputError([Problem("year", message, allowed)])
    return known[year][0]


def time_of_use_names() -> tuple[str, ...]:
    """Return the names of the time-of-use tariffs."""
    return tuple(dict.fromkeys(row["tariff"] for row in _tariff_rows()))


def time_of_use(name: str, calendar: Calendar, steps: int) -> FloatArray:
    """Return what a time-of-use tariff asks in each step [money/kWh], shape (steps,).

    Parameters
    ----------
    name : str
        A name of `time_of_use_names`.
    calendar : Calendar
        Its local hours, weekends and public holidays are those of the tariff.
    steps : int
        Number of steps, from the first of the calendar on.

    Returns
    -------
    array, shape (steps,)
        A step across a change of price pays their mean, weighed by time.

    Raises
    ------
    InputError
        If there is no tariff of that name.
    """
    if name not in time_of_use_names():
        known = time_of_use_names()
        message = f"there is no time-of-use tariff {name!r}"
        raise InputError([Problem("tariff", message, ", ".join(known), nearest(name, known))])
    prices = _prices(name)
    return day_series(calendar, steps, lambda day: prices[_season(day), _kind(calendar, day)])


def rest_day(calendar: Calendar, day: date) -> bool:
    """Return whether a date is a rest day of the tariff."""
    special = (day.month, day.day) in REST_DAYS
    return day.weekday() >= 5 or special or calendar.is_holiday(day)


def base_charge(calendar: Calendar, steps: int, per_month: float) -> FloatArray:
    """Return what each step bears of a monthly charge [money], shape (steps,).

    A full calendar month bears one charge, however many days it has; its steps bear equal parts.
    """

    def share(day: date) -> FloatArray:
        following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        begins = calendar.elapsed_h(day.replace(day=1), 0.0)
        return np.full(24, per_month / (calendar.elapsed_h(following, 0.0) - begins))

    return calendar.step_h * day_series(calendar, steps, share)


def _season(day: date) -> str:
    return "summer_winter" if day.month in SUMMER_AND_WINTER else "spring_autumn"


def _kind(calendar: Calendar, day: date) -> str:
    return "rest_day" if rest_day(calendar, day) else "weekday"


@cache
def _prices(name: str) -> dict[tuple[str, str], FloatArray]:
    """Return the prices of a tariff by season and kind of day, arrays of shape (24,)."""
    prices: dict[tuple[str, str], FloatArray] = {}
    for row in _tariff_rows():
        if row["tariff"] == name:
            day = prices.setdefault((row["season"], row["day"]), np.full(24, np.nan))
            first, last = int(row["from_hour"]), int(row["to_hour"])
            day[np.arange(first, last if last > first else last + 24) % 24] = float(
                row["jpy_per_kwh"]
            )
    return prices


def _tariff_rows() -> list[dict[str, str]]:
    return list(csv.DictReader(_text("time_of_use_tariffs.csv")))


@cache
def _text(name: str) -> list[str]:
    source = resources.files("hmesh.environment").joinpath(f"data/{name}")
    return source.read_text(encoding="utf-8").splitlines()
