"""What a battery may exchange in a step, and what it holds afterwards."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.stores import Numbers


def held_after(
    held_kwh: FloatArray,
    exchange_kwh: FloatArray,
    charge_efficiency: Numbers,
    discharge_efficiency: Numbers,
) -> FloatArray:
    """Return the energy held after an exchange at the plug [kWh].

    Of what is drawn ``charge_efficiency`` is stored; of what is taken from the store
    ``discharge_efficiency`` is delivered.
    """
    drawn, delivered = np.maximum(exchange_kwh, 0.0), np.maximum(-exchange_kwh, 0.0)
    after: FloatArray = held_kwh + charge_efficiency * drawn - delivered / discharge_efficiency
    return after


def most_charge(
    held_kwh: FloatArray, highest_kwh: Numbers, rated_kwh: Numbers, charge_efficiency: Numbers
) -> FloatArray:
    """Return the most that may be drawn [kWh]: until it is full, and no more than its rating."""
    room = np.maximum(highest_kwh - held_kwh, 0.0)
    return np.minimum(room / charge_efficiency, rated_kwh)


def most_discharge(
    held_kwh: FloatArray, kept_kwh: Numbers, rated_kwh: Numbers, discharge_efficiency: Numbers
) -> FloatArray:
    """Return the most that may be delivered [kWh]: what is not kept, no more than its rating."""
    spare = np.maximum(held_kwh - kept_kwh, 0.0)
    return np.minimum(spare * discharge_efficiency, rated_kwh)


def most_along_curve(
    points: Sequence[tuple[float, float]],
    soc: FloatArray,
    full_hours: FloatArray,
    limit: Numbers = 1.0,
) -> FloatArray:
    """Return the state of charge to which a charging curve lets a battery come in some time.

    Parameters
    ----------
    points : sequence of (float, float)
        States of charge, ascending, each with the share of the power taken there; level before the
        first and after the last.
    soc : array
        State of charge at first [-].
    full_hours : array
        Energy stored in the time at full power, as a share of the capacity.
    limit : float or array, optional
        Share of the power that the charger gives at most.
    """
    low, high = soc, soc + full_hours
    for _ in range(80):
        middle = (low + high) / 2
        enough = hours_between(points, soc, middle, limit) <= full_hours
        low, high = np.where(enough, middle, low), np.where(enough, high, middle)
    return low


def hours_between(
    points: Sequence[tuple[float, float]], begin: FloatArray, end: FloatArray, limit: Numbers
) -> FloatArray:
    """Return how long charging takes between two states of charge, at full power 1 for each 1."""
    first_share, last_share = points[0][1], points[-1][1]
    total = _level_hours(np.minimum(begin, points[0][0]), np.minimum(end, points[0][0]),
                         first_share, limit)  # fmt: skip
    total = total + _level_hours(np.maximum(begin, points[-1][0]), np.maximum(end, points[-1][0]),
                                 last_share, limit)  # fmt: skip
    for (from_soc, from_share), (to_soc, to_share) in pairwise(points):
        rise = (to_share - from_share) / (to_soc - from_soc)
        if rise == 0.0:
            a, b = np.clip(begin, from_soc, to_soc), np.clip(end, from_soc, to_soc)
            total = total + _level_hours(a, b, from_share, limit)
            continue
        # The piece up to where the charger begins or ceases to bind, and the rest of it.
        cut = np.clip(from_soc + (limit - from_share) / rise, from_soc, to_soc)
        for first, last in ((from_soc, cut), (cut, to_soc)):
            a, b = np.clip(begin, first, last), np.clip(end, first, last)
            at_a, at_b = (np.maximum(from_share + rise * (z - from_soc), 0.0) for z in (a, b))
            with np.errstate(divide="ignore", invalid="ignore"):
                sloping = np.log(at_b / at_a) / rise
            # Nothing passes a share of 0.
            sloping = np.where(np.isnan(sloping), np.inf, np.abs(sloping))
            hours = np.where((at_a + at_b) / 2 >= limit, (b - a) / limit, sloping)
            total = total + np.where(b > a, hours, 0.0)
    return np.asarray(total)


def _level_hours(begin: FloatArray, end: FloatArray, share: float, limit: Numbers) -> FloatArray:
    """Return how long charging takes at a share of the power that stays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        hours = (end - begin) / np.minimum(share, limit)
    return np.where(end > begin, hours, 0.0)


def plugged_rating(power_kw: Numbers, step_h: float, plugged_part: FloatArray) -> FloatArray:
    """Return what the plug lets pass in the part of a step in which it is plugged in [kWh]."""
    in_use = np.greater(plugged_part, 0.0)
    # A rating may be infinite, of which no part is nothing.
    hours = np.where(in_use, plugged_part * step_h, 1.0)
    return np.where(in_use, power_kw * hours, 0.0)
