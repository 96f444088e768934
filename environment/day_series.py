"""Series over the steps of a run, from figures that are stated for the clock hours of a date."""

from collections.abc import Callable
from datetime import UTC, date, timedelta

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar

_SAMPLE_H = 0.25


def day_series(
    calendar: Calendar, steps: int, hours_of_day: Callable[[date], FloatArray]
) -> FloatArray:
    """Return the mean over each step of figures that are stated for the clock hours of each date.

    Parameters
    ----------
    calendar : Calendar
        The calendar of the steps.
    steps : int
        Number of steps, from the first on.
    hours_of_day : callable
        Takes a date, returns its figures by clock hour, array of shape (24,), or by quarter of
        an hour, array of shape (96,).

    Returns
    -------
    array, shape (steps,)
        An hour that the clocks skip is left out, one that they show twice counts twice.
    """
    parts = max(round(calendar.step_h / _SAMPLE_H), 1)
    begins = calendar.time_of(0).astimezone(UTC)
    days: dict[date, FloatArray] = {}
    sampled = np.empty(steps * parts)
    for sample in range(steps * parts):
        time = begins + timedelta(hours=sample * calendar.step_h / parts)
        local = time.astimezone(calendar.zone)
        day = local.date()
        if day not in days:
            days[day] = hours_of_day(day)
        figures = days[day]
        sampled[sample] = figures[(60 * local.hour + local.minute) * len(figures) // 1440]
    means: FloatArray = sampled.reshape(steps, parts).mean(axis=1)
    return means
