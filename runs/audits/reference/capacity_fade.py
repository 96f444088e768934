"""What is left of the capacity of batteries that lose it by age and by cycles, day by day."""

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.arrays import FloatArray

_HOURS_OF_YEAR = 365 * 24


def capacity_by_step(
    new_kwh: FloatArray,
    discharge_kwh: FloatArray,
    days: NDArray[np.intp],
    step_h: float,
    calendar_fade: FloatArray | float,
    cycle_fade: FloatArray | float,
) -> FloatArray:
    """Return the capacity of each battery in every step, shape (steps, n) [kWh].

    Parameters
    ----------
    new_kwh : array, shape (n,)
        Capacity at first.
    discharge_kwh : array, shape (steps, n)
        What each discharges at its plug in every step.
    days : array of int, shape (steps,)
        Number of the day of each step.
    step_h : float
        Length of a step [h].
    calendar_fade, cycle_fade : float or array
        Share lost in a year [1/a], and in a full cycle [-].
    """
    found = np.empty((len(days), len(new_kwh)))
    given, now = np.zeros(len(new_kwh)), np.array(new_kwh, dtype=np.float64)
    for step, day in enumerate(days.tolist()):
        if step == 0 or day != days[step - 1]:
            age = step * step_h / _HOURS_OF_YEAR
            used = np.where(new_kwh > 0, given / np.where(new_kwh > 0, new_kwh, 1.0), 0.0)
            now = new_kwh * np.maximum(1.0 - (calendar_fade * age + cycle_fade * used), 0.0)
        found[step] = now
        given = given + discharge_kwh[step]
    return found


def loss_per_year(
    new_kwh: FloatArray,
    discharge_kwh: FloatArray,
    hours: float,
    calendar_fade: FloatArray | float,
    cycle_fade: FloatArray | float,
) -> float:
    """Return the share of the capacity of all that a year like these hours takes [1/a].

    Parameters
    ----------
    new_kwh, discharge_kwh : array, shape (n,)
        Capacity of each at first, and what each discharges in the run.
    hours : float
        Length of the run [h].
    calendar_fade, cycle_fade : float or array
        As of `capacity_by_step`.
    """
    if not new_kwh.sum() > 0 or hours == 0:
        return 0.0
    by_age = calendar_fade * new_kwh
    by_use = cycle_fade * discharge_kwh * (_HOURS_OF_YEAR / hours)
    return float((by_age + by_use).sum() / new_kwh.sum())
