"""What loads with a price elasticity use at every price, as stores that hold nothing answer."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import Answers, battery_answers
from hmesh.markets.vehicle_response import FloatOrArray


def elastic_answers(
    load_kwh: FloatOrArray,
    elasticity: FloatOrArray,
    reference_price: FloatOrArray,
    least_share: FloatOrArray,
    most_share: FloatOrArray,
) -> Answers:
    """Return the answers of loads that fall as the price rises.

    Parameters
    ----------
    load_kwh : float or array, shape (n,)
        Load at the reference price [kWh], at least 0.
    elasticity : float or array, shape (n,)
        Share by which it falls where the price rises by its reference [-], at least 0.
    reference_price : float or array, shape (n,)
        That price [money/kWh], above 0.
    least_share, most_share : float or array, shape (n,)
        Shares of the load between which it stays [-], ``0 <= least_share <= 1 <= most_share``.

    Notes
    -----
    ``L (1 - eps (p / p_ref - 1))`` within ``least_share L`` and ``most_share L``; a load whose
    elasticity is 0 does not answer.
    """
    load, eps, reference, least, most = (
        np.atleast_1d(np.asarray(column, dtype=np.float64))
        for column in np.broadcast_arrays(
            load_kwh, elasticity, reference_price, least_share, most_share
        )
    )
    answers = (load > 0) & (eps > 0)
    fixed_kwh = float(load[~answers].sum())
    load, eps, reference, least, most = (
        column[answers] for column in (load, eps, reference, least, most)
    )
    lam, theta, lower, upper = elastic_load(load, eps, reference, least, most)
    return battery_answers(
        fixed_kwh + float(load.sum()), lam, theta, np.zeros_like(load), lower, upper
    )


def elastic_load(
    load_kwh: FloatOrArray,
    elasticity: FloatOrArray,
    reference_price: FloatOrArray,
    least_share: FloatOrArray,
    most_share: FloatOrArray,
) -> tuple[FloatOrArray, FloatOrArray, FloatArray, FloatArray]:
    """Return what more or less than its load is worth to a load that falls as the price rises.

    Parameters
    ----------
    load_kwh, elasticity, reference_price, least_share, most_share : float or array
        As in `elastic_answers`; load and elasticity above 0.

    Returns
    -------
    lam, theta : float or array, shape (n,)
        Value of a kWh more than its load [money/kWh], and the fall of that value with every such
        kWh [money/kWh^2].
    lower_kwh, upper_kwh : float or array, shape (n,)
        What it can use more than its load at least, below 0, and at most [kWh].

    Notes
    -----
    Of the line of `elastic_answers` the price at which ``x`` more is used is
    ``p_ref (1 - x / (eps L))``. So the load answers as a battery without losses does that is
    empty and has these preferences: its utility is ``p_ref x - p_ref x^2 / (2 eps L)``, the area
    under that line. Source: Schweppe et al., Spot Pricing of Electricity (1988), where the benefit
    of a load is the area under its demand curve.
    """
    theta = np.divide(reference_price, np.multiply(elasticity, load_kwh))
    lower_kwh = np.multiply(np.subtract(least_share, 1.0), load_kwh)
    upper_kwh = np.multiply(np.subtract(most_share, 1.0), load_kwh)
    return reference_price, theta, np.asarray(lower_kwh), np.asarray(upper_kwh)
