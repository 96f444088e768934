"""Welfare of a step: the satisfaction of holding energy, and the price of anarchy."""

import numpy as np

from hmesh.environment.arrays import FloatArray

type Numbers = float | FloatArray


def satisfaction(lam: Numbers, theta: Numbers, held_kwh: Numbers) -> FloatArray:
    """Return the satisfaction of holding energy, ``lam * e - theta / 2 * e**2`` [money].

    Parameters
    ----------
    lam : float or array, shape (n,)
        Marginal utility at zero [money/kWh].
    theta : float or array, shape (n,)
        Slope of marginal utility: its decrease with every kWh held [money/kWh^2].
    held_kwh : float or array, shape (n,)
        Energy held after the exchange above the lowest permitted state of charge [kWh].

    Notes
    -----
    Source: Khwanrit (2024), text under eq. (5.2).
    """
    held = np.asarray(held_kwh, dtype=np.float64)
    return np.asarray((lam - 0.5 * theta * held) * held)


def price_of_anarchy(planner: float, strategy: float) -> float:
    """Return the planner's welfare over that of a strategy, NaN where the ratio means nothing.

    Parameters
    ----------
    planner, strategy : float
        Welfare from the same state [money].

    Notes
    -----
    A ratio compares amounts above 0 only: where the strategy's welfare is 0 or a loss, only the
    difference of both says how much is missed.
    """
    return planner / strategy if strategy > 0 else float("nan")
