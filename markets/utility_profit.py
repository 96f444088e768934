"""What a utility earns, and the most it could earn where demand is known only in part."""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed

type Numbers = float | FloatArray


def utility_profit(
    cost: GenerationCost, price: Numbers, demand_kwh: Numbers, lost_kwh: Numbers = 0.0
) -> Any:
    """Return ``price * D - C(D + lost)`` [money], a number where all that is given are numbers.

    Parameters
    ----------
    cost : GenerationCost
        What the utility pays.
    price, demand_kwh : float or array
        What it asks [money/kWh] and sells [kWh]; shapes broadcast.
    lost_kwh : float or array
        What it generates more than it sells [kWh].

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.8), which loses nothing.
    """
    generated: Any = demand_kwh + lost_kwh
    return price * demand_kwh - cost.total(generated)


def best_on_line(
    cost: GenerationCost, low_price: Numbers, high_price: Numbers, offset: Numbers, gain: Numbers
) -> Any:
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
    float or array, shape (n,)
        The stationary point, or the end next to it: the profit is concave. Where the demand does
        not answer, the upper end if it is above 0, else the lower end.

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.30)-(5.33), from the first-order condition on one line.
    """
    a, b = cost.quadratic, cost.linear

    def stationary(offset: Any, gain: Any) -> Any:
        return -(offset * (1 - 2 * a * gain) - b * gain) / (2 * gain * (1 - a * gain))

    if isinstance(gain, float) and isinstance(offset, float):
        best = stationary(offset, gain) if gain < 0 else high_price if offset > 0 else low_price
        return _smaller(_larger(best, low_price), high_price)
    gain = np.asarray(gain, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = stationary(offset, gain)
    flat = np.where(np.asarray(offset) > 0, high_price, low_price)
    return np.clip(np.where(gain < 0, inside, flat), low_price, high_price)


# One question is about numbers, for which arrays would take ten times as long.
def _smaller(one: Numbers, other: Numbers) -> Any:
    numbers = isinstance(one, float) and isinstance(other, float)
    return min(one, other) if numbers else np.minimum(one, other)


def _larger(one: Numbers, other: Numbers) -> Any:
    numbers = isinstance(one, float) and isinstance(other, float)
    return max(one, other) if numbers else np.maximum(one, other)


def best_on_lines(
    cost: GenerationCost,
    low_price: Numbers,
    high_price: Numbers,
    demand: tuple[Numbers, Numbers],
    generation: tuple[Numbers, Numbers],
) -> FloatArray:
    """Return the price of most profit where demand and generation are lines.

    Parameters
    ----------
    cost : GenerationCost
        What the utility pays.
    low_price, high_price : float or array, shape (n,)
        Where the lines hold [money/kWh].
    demand, generation : pair of float or array, shape (n,)
        Offset and gain of each line [kWh, kWh^2/money]; gains are at most 0.

    Returns
    -------
    array, shape (n,)
        As `best_on_line` for a demand that is generated without losses.
    """
    a, b = cost.quadratic, cost.linear
    offset, gain = (np.asarray(values, dtype=np.float64) for values in demand)
    made, more = generation
    curvature = 2.0 * (gain - a * np.square(more))
    with np.errstate(divide="ignore", invalid="ignore"):
        stationary = -(offset - 2 * a * made * more - b * more) / curvature
    flat = np.where(offset > 0, high_price, low_price)
    return np.clip(np.where(curvature < 0, stationary, flat), low_price, high_price)


def best_with_losses(
    cost: GenerationCost,
    starts: FloatArray,
    ends: FloatArray,
    lines: tuple[FloatArray, FloatArray],
    feed: Feed,
) -> tuple[int, float]:
    """Return on which piece of the demands a utility that knows its losses earns most.

    Parameters
    ----------
    cost : GenerationCost
        What it pays.
    starts, ends : array, shape (pieces,)
        Prices between which all demands are lines [money/kWh].
    lines : pair of array, shape (communities, pieces)
        Their offsets and gains [kWh, kWh^2/money].
    feed : Feed
        The lines of the grid.

    Returns
    -------
    piece : int
        The piece.
    price : float
        The best price on it, the lowest of equally good ones [money/kWh].
    """
    made = feed.pieces(starts, ends, *lines)
    offset, gain = (values.sum(axis=0)[made.source] for values in lines)
    generation = made.offset, made.gain
    stationary = best_on_lines(cost, made.starts, made.ends, (offset, gain), generation)
    prices = np.stack((made.starts, stationary, made.ends), axis=1)
    demand = offset[:, None] + gain[:, None] * prices
    generated = made.offset[:, None] + made.gain[:, None] * prices
    profit = utility_profit(cost, prices, demand, generated - demand)
    piece, which = divmod(int(np.argmax(profit)), 3)
    return int(made.source[piece]), float(prices[piece, which])


def most_profit(
    cost: GenerationCost,
    low_price: Numbers,
    high_price: Numbers,
    least_kwh: Numbers,
    most_kwh: Numbers,
    lost_kwh: Numbers = 0.0,
) -> Any:
    """Return the most a utility could earn if price and demand are known only within bounds.

    Parameters
    ----------
    cost : GenerationCost
        What it pays.
    low_price, high_price : float or array, shape (n,)
        Between which it asks [money/kWh].
    least_kwh, most_kwh : float or array, shape (n,)
        Between which it sells [kWh].
    lost_kwh : float or array, shape (n,)
        What it generates more than it sells [kWh].
    """
    # Rounding may turn around bounds that are equal.
    least, most = _smaller(least_kwh, most_kwh), _larger(least_kwh, most_kwh)
    sells = _most_at(cost, high_price, _larger(least, 0.0), most, lost_kwh)
    buys = _most_at(cost, low_price, least, _smaller(most, 0.0), lost_kwh)
    return _larger(sells, buys)


def _most_at(
    cost: GenerationCost, price: Numbers, least_kwh: Any, most_kwh: Any, lost_kwh: Numbers
) -> Any:
    """Return the most that ``price`` earns between two demands; minus infinity if none is."""
    if cost.quadratic > 0:
        wanted = (price - cost.linear) / (2 * cost.quadratic) - lost_kwh
    elif isinstance(price, float):
        wanted = most_kwh if price > cost.linear else least_kwh
    else:
        wanted = np.where(price > cost.linear, most_kwh, least_kwh)
    sold = _smaller(_larger(wanted, least_kwh), most_kwh)
    earned = utility_profit(cost, price, sold, lost_kwh)
    if isinstance(earned, float):
        return earned if least_kwh <= most_kwh else -np.inf
    return np.where(least_kwh <= most_kwh, earned, -np.inf)


def most_profit_with_losses(
    cost: GenerationCost,
    low_price: Numbers,
    high_price: Numbers,
    least_kwh: Numbers,
    most_kwh: Numbers,
    least_lost_kwh: Numbers,
    most_lost_kwh: Numbers,
) -> FloatArray:
    """Return the most a utility could earn if price, demand and losses are known within bounds.

    Parameters
    ----------
    cost, low_price, high_price, least_kwh, most_kwh : GenerationCost, float or array, \
    float or array, float or array, float or array
        As `most_profit` takes them.
    least_lost_kwh, most_lost_kwh : float or array, shape (n,)
        Between which is what it generates more than it sells [kWh].
    """
    bounds = low_price, high_price, least_kwh, most_kwh
    most: FloatArray = np.maximum(
        most_profit(cost, *bounds, least_lost_kwh), most_profit(cost, *bounds, most_lost_kwh)
    )
    if cost.quadratic > 0:
        # Losses in between are of use only where generation may be the cheapest there is.
        cheapest = -cost.linear / (2 * cost.quadratic)
        least, sold = np.minimum(least_kwh, most_kwh), np.maximum(least_kwh, most_kwh)
        within = (least + least_lost_kwh < cheapest) & (sold + most_lost_kwh > cheapest)
        income = [price * sales for price in (low_price, high_price) for sales in (least, sold)]
        reach = np.max(income, axis=0) - float(cost.total(cheapest))
        most = np.where(within, np.maximum(most, reach), most)
    return most
