"""Comparisons that do not depend on the last digits of floats.

Processors round alike, but libraries take other ways on each: a sum of products or an exponential
may differ in its last digit between two machines. Whatever is decided by comparing such numbers
(the step of a peak, the best of several schedules, whether anything is exchanged at all) would then
differ as a whole. Two rules settle that wherever several answers are equally good but for rounding:

- Numbers are compared after they are rounded to `KEPT_BITS` significant bits, and small ones to
  whole units of `FINEST` (`settled`). Those that differ only by rounding are then equal, and the
  first of equal ones counts.
- An energy of at most `DUST_KWH` in a step is what rounding leaves of nothing.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hmesh.environment.arrays import FloatArray

# A billionth, far above the rounding of any sum and far below what anybody would call a difference.
KEPT_BITS = 30
FINEST = 2.0**-33
DUST_KWH = 1e-9


def settled(values: ArrayLike) -> FloatArray:
    """Return numbers rounded to `KEPT_BITS` significant bits or `FINEST`, for comparisons only.

    Parameters
    ----------
    values : array, any shape
        Numbers; infinite ones and NaN stay what they are.

    Notes
    -----
    Two numbers on either side of the middle between two rounded ones still differ. Numbers that
    would be equal but for rounding lie there with a probability of about a millionth, and those
    that are equal by construction (loads levelled to one height, schedules of the same hours) are
    mostly short numbers, which rounding leaves alone.
    """
    numbers = np.asarray(values, dtype=np.float64)
    unit = np.maximum(np.ldexp(1.0, np.frexp(numbers)[1] - KEPT_BITS), FINEST)
    return np.asarray(np.rint(numbers / unit) * unit)


def first_highest(values: ArrayLike) -> int:
    """Return the place of the highest number, the first of those that differ only by rounding."""
    return int(settled(values).argmax())


def first_lowest(values: ArrayLike) -> int:
    """Return the place of the lowest number, the first of those that differ only by rounding."""
    return int(settled(values).argmin())


def descending(values: ArrayLike) -> NDArray[np.intp]:
    """Return the places of numbers from the highest down, equal ones in their order.

    Along the last axis, where there are several.
    """
    return np.argsort(-settled(values), axis=-1, kind="stable")


def highest[Name](names: Iterable[Name], value: Callable[[Name], float]) -> Name:
    """Return the name with the highest value, the first of those that differ only by rounding."""
    return max(names, key=lambda name: float(settled(value(name))))


def lowest[Name](names: Iterable[Name], value: Callable[[Name], float]) -> Name:
    """Return the name with the lowest value, the first of those that differ only by rounding."""
    return min(names, key=lambda name: float(settled(value(name))))


def without_dust(energy_kwh: FloatArray) -> FloatArray:
    """Return energies, 0 where there is no more than what rounding leaves of nothing [kWh].

    A house that draws exactly nothing neither buys nor sells, and is not to sell dust.
    """
    return np.where(np.abs(energy_kwh) > DUST_KWH, energy_kwh, 0.0)


def anything(energy_kwh: ArrayLike) -> bool:
    """Return whether any energy is more than what rounding leaves of nothing."""
    return bool((np.abs(np.asarray(energy_kwh)) > DUST_KWH).any())
