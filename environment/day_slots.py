"""The steps of a local day, and where in it a step lies; days of 23 and 25 hours have their own."""

import math

from hmesh.environment.calendar import Calendar


def steps_of_day(calendar: Calendar, step: int) -> range:
    """Return the steps that begin on the local date of a step; below 0 before the run.

    Parameters
    ----------
    calendar : Calendar
        The calendar of the run.
    step : int
        A step.
    """
    date = calendar.date_of(step)
    first, end = step, step + 1
    while calendar.date_of(first - 1) == date:
        first -= 1
    while calendar.date_of(end) == date:
        end += 1
    return range(first, end)


def slots_by_clock(step_h: float) -> int:
    """Return into how many slots the clock divides a day of 24 hours, the last one cut short."""
    return math.ceil(24.0 / step_h - 1e-9)


def slot_by_clock(calendar: Calendar, step: int) -> int:
    """Return the slot of the day in which the clock shows the start of a step, from 0."""
    return int(calendar.hour_of_day(step) / calendar.step_h + 1e-9)
