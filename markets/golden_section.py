"""Golden-section search for the lowest point of functions with one valley, many at once."""

from collections.abc import Callable

import numpy as np

from hmesh.environment.arrays import FloatArray

_RATIO = (np.sqrt(5.0) - 1.0) / 2.0

type Functions = Callable[[FloatArray], FloatArray]


def golden_section(
    functions: Functions,
    low: FloatArray,
    high: FloatArray,
    tolerance: float = 1e-6,
) -> FloatArray:
    """Return where functions that first fall and then rise are lowest.

    Parameters
    ----------
    functions : callable
        Takes one place for each function, shape (n,), and returns their values, shape (n,).
    low, high : array, shape (n,)
        Between what the lowest point of each function lies.
    tolerance : float
        Width to which the search narrows, as a share of the widest `high` - `low` [-].

    Returns
    -------
    array, shape (n,)
        The middle of what is left. Where a function is flat, any place of the flat part.
    """
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    width = high - low
    left, right = high - _RATIO * width, low + _RATIO * width
    at_left, at_right = functions(left), functions(right)
    steps = int(np.ceil(np.log(tolerance) / np.log(_RATIO)))
    for _ in range(steps):
        falls = at_left > at_right
        low, high = np.where(falls, left, low), np.where(falls, high, right)
        width = high - low
        new = np.where(falls, low + _RATIO * width, high - _RATIO * width)
        at_new = functions(new)
        left, right = np.where(falls, right, new), np.where(falls, new, left)
        at_left, at_right = (
            np.where(falls, at_right, at_new),
            np.where(falls, at_new, at_left),
        )
    return (low + high) / 2.0
