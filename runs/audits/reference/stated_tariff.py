"""Bands and charges of a month worked out step by step, one house at a time, in plain Python."""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def day_lies_in(when: Any, day: date, holiday: bool) -> bool:
    """Return whether a date lies in the season and is of the days of something."""
    if when.season is not None:
        first, last = (tuple(int(part) for part in text.split("-")) for text in when.season)
        here = (day.month, day.day)
        if first <= last and not first <= here <= last:
            return False
        if first > last and last < here < first:
            return False
    weekend = day.weekday() in (5, 6)
    meant = {
        "all": True,
        "holidays": holiday,
        "weekends": weekend or holiday,
        "weekdays": not weekend and not holiday,
        _NAMES[day.weekday()]: True,
    }
    return any(meant.get(each, False) for each in when.days)


def holds(when: Any, local: datetime, holiday: bool) -> bool:
    """Return whether something with hours, days and season holds at a local time."""
    if not day_lies_in(when, local.date(), holiday):
        return False
    if when.hours is None:
        return True
    first_h, end_h = when.hours
    hour = local.hour + local.minute / 60
    if end_h > first_h:
        return bool(first_h <= hour < end_h)
    return bool(hour >= first_h or hour < end_h)


def price_of_step(
    bands: Sequence[Any], begins: datetime, step_h: float, is_holiday: Callable[[date], bool]
) -> float:
    """Return the mean of the prices of the quarters of a step, each of the first band that holds.

    Parameters
    ----------
    bands : sequence
        With hours, days, season and price.
    begins : datetime
        When the step begins, by the local clock with its zone.
    step_h : float
        Its length [h].
    is_holiday : callable
        Whether a date is a public holiday.
    """
    zone = begins.tzinfo
    quarters = max(round(step_h / 0.25), 1)
    total = 0.0
    for quarter in range(quarters):
        # Time goes on by UTC, whatever the clocks show.
        time = begins.timestamp() + quarter * 3600 * step_h / quarters
        local = datetime.fromtimestamp(time, zone)
        for band in bands:
            if holds(band, local, is_holiday(local.date())):
                total += band.price
                break
    return total / quarters


def base_of_step(begins: datetime, step_h: float, per_month: float) -> float:
    """Return what a step bears of the base charge of its month, which all its hours bear alike.

    Parameters
    ----------
    begins : datetime
        When the step begins, by the local clock with its zone.
    step_h : float
        Its length [h].
    per_month : float
        The charge of a month [money].
    """
    zone, quarters = begins.tzinfo, max(round(step_h / 0.25), 1)
    share = 0.0
    for quarter in range(quarters):
        time = begins.timestamp() + quarter * 3600 * step_h / quarters
        local = datetime.fromtimestamp(time, zone)
        first = datetime(local.year, local.month, 1, tzinfo=zone)
        year, month = (local.year + local.month // 12, local.month % 12 + 1)
        following = datetime(year, month, 1, tzinfo=zone)
        hours = (following.timestamp() - first.timestamp()) / 3600
        share += step_h / quarters / hours
    return per_month * share


def charges_of_months(
    bought_kwh: Sequence[float],
    begins: Sequence[datetime],
    step_h: float,
    demand: Sequence[Any],
    tiers: Sequence[Any],
    is_holiday: Callable[[date], bool],
) -> tuple[list[float], list[float]]:
    """Return what a house is charged at each step for the month that ends with it.

    Parameters
    ----------
    bought_kwh : sequence of float
        What it buys in each step [kWh].
    begins : sequence of datetime
        When each step begins, by the local clock.
    step_h : float
        Length of a step [h].
    demand : sequence
        Charges with hours, days, season, price_per_kw and interval.
    tiers : sequence
        Surcharges with above_kwh and surcharge.
    is_holiday : callable
        Whether a date is a public holiday.

    Returns
    -------
    demand, tiers : list of float
        The charges [money].
    """
    of_demand, of_tiers = [0.0] * len(bought_kwh), [0.0] * len(bought_kwh)
    months: dict[tuple[int, int], list[int]] = {}
    for step, local in enumerate(begins):
        months.setdefault((local.year, local.month), []).append(step)
    for steps in months.values():
        energy = sum(bought_kwh[step] for step in steps)
        of_tiers[steps[-1]] = sum(
            tier.surcharge * (energy - tier.above_kwh) for tier in tiers if energy > tier.above_kwh
        )
        for charge in demand:
            interval_h = charge.interval / 60
            intervals: dict[int, float] = {}
            for step in steps:
                if holds(charge, begins[step], is_holiday(begins[step].date())):
                    number = int(step * step_h / interval_h + 1e-9)
                    intervals[number] = intervals.get(number, 0.0) + bought_kwh[step]
            peak_kw = max(intervals.values(), default=0.0) / interval_h
            of_demand[steps[-1]] += charge.price_per_kw * peak_kw
    return of_demand, of_tiers


class _Stated:
    """A band or charge of a file, in the words of a scenario."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def stated_in_file(path: Path, minutes: int) -> tuple[list[Any], list[Any]]:
    """Return the bands and the demand charges of a JSON file as `holds` reads them."""
    bands, demand = [], {}
    for part in json.loads(path.read_text())["schedule"]:
        season = (part["effective_start"], part["effective_end"])
        days = {"ALL": ["all"], "WEEKDAYS": _NAMES[:5], "WEEKENDS": _NAMES[5:]}[part["dow_mask"]]
        ends = [*part["times"][1:], 24]
        for first, end, price in zip(part["times"], ends, part["tariffs"], strict=True):
            bands.append(_Stated(season=season, days=days, hours=(first, end), price=price))
        if part.get("demand_charge"):
            demand[season] = _Stated(
                season=season, days=["all"], hours=None, interval=minutes,
                price_per_kw=part["demand_charge"],
            )  # fmt: skip
    return bands, list(demand.values())


def local_times(start: datetime, steps: int, step_h: float) -> list[datetime]:
    """Return when steps begin, by the clock of the start's zone."""
    zone = start.tzinfo
    first = start.timestamp()
    return [datetime.fromtimestamp(first + 3600 * step_h * step, zone) for step in range(steps)]


def credit_of_month(
    bought: Sequence[float],
    delivered: Sequence[float],
    purchase: Sequence[float],
    feed_in: Sequence[float],
) -> float:
    """Return what net metering adds for a month to what feed-in has paid [money]."""
    sent = sum(delivered)
    if sent <= 0:
        return 0.0
    part = min(sum(bought) / sent, 1.0)
    return part * sum(d * (p - f) for d, p, f in zip(delivered, purchase, feed_in, strict=True))
