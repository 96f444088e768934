"""Prices that keep lines within what they may carry: floors and ceilings.

Demand never rises with the price. So a limit of what a community may draw is a floor of its price,
and a limit of what it may deliver is a ceiling.
"""

from collections.abc import Callable

import numpy as np

from hmesh.markets.answers import Answers, demand_at, with_lines
from hmesh.markets.demand_curve import DemandCurve, demand_curve

ROUNDING = 1e-12
# With more lines than this, prices are halved so often before what is left is sorted.
MANY_LINES = 5000
HALVINGS = 8


def prices_within(
    answers: Answers, lowest_price: float, highest_price: float, least_kwh: float, most_kwh: float
) -> tuple[float, float]:
    """Return between which prices the sum of answers stays within limits.

    Parameters
    ----------
    answers : Answers
        The sum of several answers.
    lowest_price, highest_price : float
        Between which may be asked [money/kWh].
    least_kwh, most_kwh : float
        Between which the demand has to stay [kWh].

    Returns
    -------
    floor, ceiling : float
        As `price_limits`.
    """
    asked = lowest_price, highest_price, least_kwh, most_kwh
    if asked not in answers.limits:
        answers.limits[asked] = _within(answers, *asked)
    return answers.limits[asked]


def _within(
    answers: Answers, lowest_price: float, highest_price: float, least_kwh: float, most_kwh: float
) -> tuple[float, float]:
    """Return between which prices the sum of answers stays within limits."""
    answers = with_lines(answers)

    def fits(low: float, high: float) -> tuple[float, float]:
        return price_limits(demand_curve(answers, low, high), least_kwh, most_kwh)

    def halved(below: Callable[[float], bool]) -> tuple[float, float]:
        low, high = lowest_price, highest_price
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if below(middle) else (low, middle)
        return low, high

    # No price makes a community draw more than all of it charging.
    draws = answers.saturated_kwh > most_kwh and demand_at(answers, lowest_price) > most_kwh
    delivers = demand_at(answers, highest_price) < least_kwh
    if not draws and not delivers:
        return lowest_price, highest_price
    if answers.lines <= MANY_LINES:
        return fits(lowest_price, highest_price)
    floor, ceiling = lowest_price, highest_price
    if draws:
        floor = fits(*halved(lambda price: demand_at(answers, price) > most_kwh))[0]
    if delivers:
        ceiling = fits(*halved(lambda price: demand_at(answers, price) >= least_kwh))[1]
    return floor, max(floor, ceiling)


def price_limits(curve: DemandCurve, least_kwh: float, most_kwh: float) -> tuple[float, float]:
    """Return the lowest and the highest price at which a demand stays within limits.

    Parameters
    ----------
    curve : DemandCurve
        Demand of the community over the prices its aggregator may ask.
    least_kwh, most_kwh : float
        Between which the demand has to stay [kWh].

    Returns
    -------
    floor, ceiling : float
        Prices [money/kWh], ``floor <= ceiling``. Where even the highest price leaves more than
        ``most_kwh``, both are that price; where even the lowest leaves less than ``least_kwh``,
        both are that one. Where no price keeps both limits, the floor is all that may be asked.
    """
    at_start = curve.intercept - curve.slope * curve.edges[:-1]
    at_end = curve.intercept - curve.slope * curve.edges[1:]
    dust = ROUNDING * max(abs(float(at_start[0])), abs(float(at_end[-1])), 1e-300)
    kept = np.flatnonzero(at_end <= most_kwh + dust)
    floor = float(curve.edges[-1])
    if len(kept):
        k = int(kept[0])
        floor = float(curve.edges[k])
        if at_start[k] > most_kwh + dust:
            root = (float(curve.intercept[k]) - most_kwh) / float(curve.slope[k])
            floor = min(max(root, floor), float(curve.edges[k + 1]))
    kept = np.flatnonzero(at_start >= least_kwh - dust)
    ceiling = float(curve.edges[0])
    if len(kept):
        k = int(kept[-1])
        ceiling = float(curve.highs[k])
        if at_end[k] < least_kwh - dust:
            root = (float(curve.intercept[k]) - least_kwh) / float(curve.slope[k])
            ceiling = min(max(root, float(curve.edges[k])), ceiling)
    return floor, max(floor, ceiling)


def allowed_prices(
    excess_kwh: Callable[[float], tuple[float, float]],
    lowest_price: float,
    highest_price: float,
    resolution: float = 0.0,
) -> tuple[float, float]:
    """Return between which prices of the utility shared lines stay within their limits.

    Parameters
    ----------
    excess_kwh : callable
        How far any shared line is over its limit at a price, drawing and delivering [kWh]; the
        first never rises with the price, the second never falls.
    lowest_price, highest_price : float
        Bounds of the price [money/kWh].
    resolution : float
        Distance between prices that count as equal [money/kWh]; 0 searches to the last
        digit.

    Returns
    -------
    floor, ceiling : float
        As `price_limits`.
    """

    def edge(side: int, kept: float, over: float) -> float:
        """Return the last price that keeps a limit, between one that does and one that does not."""
        while abs(kept - over) > resolution:
            middle = 0.5 * (kept + over)
            if middle in (kept, over):
                break
            if excess_kwh(middle)[side] <= 0:
                kept = middle
            else:
                over = middle
        return kept

    cheapest, costliest = excess_kwh(lowest_price), excess_kwh(highest_price)
    floor, ceiling = lowest_price, highest_price
    if costliest[0] > 0:
        floor = highest_price
    elif cheapest[0] > 0:
        floor = edge(0, highest_price, lowest_price)
    if cheapest[1] > 0:
        ceiling = lowest_price
    elif costliest[1] > 0:
        ceiling = edge(1, lowest_price, highest_price)
    return floor, max(floor, ceiling)
