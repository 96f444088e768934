"""What a utility earns, and the most it could earn where demand is known only in part."""

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.generation_cost import GenerationCost

type Numbers = float | NDArray[np.float64]


def utility_profit(
    cost: GenerationCost, price: Numbers, demand_kwh: Numbers
) -> NDArray[np.float64]:
    """Return ``price * D - C(D)`` [money].

    Parameters
    ----------
    cost : GenerationCost
        What the utility pays.
    price, demand_kwh : float or array
        What it asks [money/kWh] and sells [kWh]; shapes broadcast.

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.8).
    """
    demand = np.asarray(demand_kwh, dtype=np.float64)
    return np.asarray(price * demand - cost.total(demand))


def best_on_line(
    cost: GenerationCost, low_price: Numbers, high_price: Numbers, offset: Numbers, gain: Numbers
) -> NDArray[np.float64]:
    """Return the price of most profit where the demand is ``offset + gain * price``.

    Parameters
    ----------
    cost : GenerationCost
        What the utility pays.
    low_price, high_price : float or array, shape (n,)
        Where the line holds [money/kWh].
    offset, gain : float or array, shape (n,)
        The line [kWh, kWh^2/money], ``gain <= 0``.

    Returns
    -------
    array, shape (n,)
        The stationary point, or the end next to it: the profit is concave. Where the demand does
        not answer, the upper end if it is above 0, else the lower end.

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.30)-(5.33), from the first-order condition on one line.
    """
    a, b = cost.quadratic, cost.linear
    gain = np.asarray(gain, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        stationary = -(offset * (1 - 2 * a * gain) - b * gain) / (2 * gain * (1 - a * gain))
    flat = np.where(np.asarray(offset) > 0, high_price, low_price)
    return np.clip(np.where(gain < 0, stationary, flat), low_price, high_price)


def most_profit(
    cost: GenerationCost,
    low_price: Numbers,
    high_price: Numbers,
    least_kwh: Numbers,
    most_kwh: Numbers,
) -> NDArray[np.float64]:
    """Return the most a utility could earn if price and demand are known only within bounds.

    Parameters
    ----------
    cost : GenerationCost
        What it pays.
    low_price, high_price : float or array, shape (n,)
        Between which it asks [money/kWh].
    least_kwh, most_kwh : float or array, shape (n,)
        Between which it sells [kWh].
    """
    # Rounding may turn around bounds that are equal.
    least, most = np.minimum(least_kwh, most_kwh), np.maximum(least_kwh, most_kwh)
    sells = _most_at(cost, high_price, np.maximum(least, 0.0), most)
    buys = _most_at(cost, low_price, least, np.minimum(most, 0.0))
    return np.maximum(sells, buys)


def _most_at(
    cost: GenerationCost,
    price: Numbers,
    least_kwh: NDArray[np.float64],
    most_kwh: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the most that ``price`` earns between two demands; minus infinity if none is."""
    if cost.quadratic > 0:
        wanted = (np.asarray(price) - cost.linear) / (2 * cost.quadratic)
    else:
        wanted = np.where(np.asarray(price) > cost.linear, most_kwh, least_kwh)
    sold = np.minimum(np.maximum(wanted, least_kwh), most_kwh)
    return np.where(least_kwh <= most_kwh, utility_profit(cost, price, sold), -np.inf)
