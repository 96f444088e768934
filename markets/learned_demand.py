"""Learning what vehicles want from what they answer to a few prices, and from nothing else.

An aggregator, which hears each of its vehicles, needs about a dozen prices to know its whole demand
curve: two answers strictly between a vehicle's bounds fix its line, and the answers at the ends of
the price range fix its bounds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.demand_curve import Kinks
from hmesh.markets.price_search import ends_first

FIRST_PROBES = 11
MOST_PROBES = 200
AGREEMENT = 1e-9


@dataclass(frozen=True, slots=True)
class LearnedDemand:
    """What an aggregator makes of the answers it heard.

    Attributes
    ----------
    kinks : Kinks
        Demand of the community as far as clipped lines explain it; what they do not explain counts
        as a load that does not answer.
    unexplained : array of bool, shape (n,)
        Vehicles whose answers no clipped line reproduces.
    inelastic_kwh : array, shape (n,)
        Energy assumed of the unexplained vehicles [kWh], 0 for the others.
    probes : int
        Prices asked.
    """

    kinks: Kinks
    unexplained: NDArray[np.bool_]
    inelastic_kwh: NDArray[np.float64]
    probes: int


def learn_demand(
    ask: Callable[[float], NDArray[np.float64]],
    fixed_kwh: float,
    lowest_price: float,
    highest_price: float,
    most_probes: int = MOST_PROBES,
) -> LearnedDemand:
    """Learn the demand curve of a community from the answers to a few prices.

    Parameters
    ----------
    ask : callable
        Sends a price [money/kWh] and returns what every vehicle answers [kWh], shape (n,), NaN
        where no answer came.
    fixed_kwh : float
        Load of the community that does not answer to prices [kWh].
    lowest_price, highest_price : float
        Prices worth learning about [money/kWh].
    most_probes : int
        Prices asked at most; vehicles not understood by then count as unexplained.

    Returns
    -------
    LearnedDemand
        Exact, up to rounding, for vehicles that answer by a line between two bounds.
    """
    evenly = np.arange(1, FIRST_PROBES - 1) / (FIRST_PROBES - 1)
    prices = np.array(ends_first(lowest_price, highest_price, evenly))
    answers = [ask(float(price)) for price in prices]
    while True:
        order = np.argsort(prices)
        prices, answers = prices[order], [answers[k] for k in order]
        energy_kwh = np.array(answers)
        missing = np.isnan(energy_kwh)
        silent = missing.all(axis=1)
        if silent.any() and energy_kwh.shape[1]:
            heard = _Heard.of(prices[~silent], energy_kwh[~silent])
            break
        heard = _Heard.of(prices, energy_kwh)
        below, above = _gaps(heard, missing.any(axis=0))
        widest = int(np.argmax(above - below)) if energy_kwh.shape[1] else 0
        gap = float(above[widest] - below[widest]) if energy_kwh.shape[1] else 0.0
        if gap <= 1e-9 * (highest_price - lowest_price) or len(prices) >= most_probes:
            break
        probe = 0.5 * float(below[widest] + above[widest])
        prices = np.append(prices, probe)
        answers.append(ask(probe))
    return _explain(heard, fixed_kwh)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was answered to ascending prices, and where the answers of each vehicle fall.

    Attributes
    ----------
    prices : array, shape (prices,)
        Prices asked [money/kWh].
    energy_kwh : array, shape (prices, n)
        What every vehicle answered [kWh].
    between : array of bool, shape (prices, n)
        Answers strictly between the first and the last one of the vehicle.
    points : array of int, shape (n,)
        How many they are.
    drop, bottom : array of int, shape (n,)
        First answer below the first one, and first one that is not above the last one.
    """

    prices: NDArray[np.float64]
    energy_kwh: NDArray[np.float64]
    between: NDArray[np.bool_]
    points: NDArray[np.intp]
    drop: NDArray[np.intp]
    bottom: NDArray[np.intp]

    @classmethod
    def of(cls, prices: NDArray[np.float64], energy_kwh: NDArray[np.float64]) -> "_Heard":
        """Return what was answered, with what follows from it."""
        if len(prices) == 0:
            nowhere = np.zeros(energy_kwh.shape[1], dtype=np.intp)
            return cls(prices, energy_kwh, np.zeros_like(energy_kwh, np.bool_), *[nowhere] * 3)
        fallen = energy_kwh < energy_kwh[0]
        between = fallen & (energy_kwh > energy_kwh[-1])
        return cls(
            prices,
            energy_kwh,
            between,
            between.sum(axis=0),
            fallen.argmax(axis=0),
            (energy_kwh <= energy_kwh[-1]).argmax(axis=0),
        )


def _gaps(
    heard: _Heard, missing: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Prices between which the line of each vehicle hides; equal where it is known or missing."""
    energy_kwh, prices, points = heard.energy_kwh, heard.prices, heard.points
    known = (points >= 2) | (energy_kwh[0] == energy_kwh[-1]) | missing
    if known.all():
        nowhere = np.zeros(len(known))
        return nowhere, nowhere
    below = prices[np.maximum(heard.drop - 1, 0)]
    above = prices[heard.bottom]
    # With one answer on the line, the longer side of it holds the room for a second one.
    middle = prices[heard.drop]
    single = points == 1
    left_is_longer = middle - below > above - middle
    above = np.where(single & left_is_longer, middle, above)
    below = np.where(single & ~left_is_longer, middle, below)
    return np.where(known, 0.0, below), np.where(known, 0.0, above)


def _explain(heard: _Heard, fixed_kwh: float) -> LearnedDemand:
    """Fit the clipped line of every vehicle and hold it against all its answers."""
    prices, energy_kwh = heard.prices, heard.energy_kwh
    if len(prices) == 0:
        nothing = np.zeros(energy_kwh.shape[1])
        kinks = Kinks(fixed_kwh, nothing, nothing, nothing + 1.0)
        return LearnedDemand(kinks, nothing == 0, nothing, 0)
    most, least = energy_kwh[0], energy_kwh[-1]
    constant = (energy_kwh == most).all(axis=0)
    price, energy, slope = _lines(heard)
    with np.errstate(divide="ignore", invalid="ignore"):
        full = price - (most - energy) / slope
        empty = price + (energy - least) / slope
        off_kwh = prices[:, None] - price
        off_kwh *= slope
        np.subtract(energy, off_kwh, out=off_kwh)
        np.maximum(off_kwh, least, out=off_kwh)
        np.minimum(off_kwh, most, out=off_kwh)
        off_kwh -= energy_kwh
        np.abs(off_kwh, out=off_kwh)
        close = off_kwh <= AGREEMENT * (1.0 + np.abs(energy_kwh).max(axis=0))
    explained = close.all(axis=0) & (slope > 0) & np.isfinite(slope) & ~constant
    unexplained = ~(explained | constant)
    inelastic = np.where(unexplained, np.nan_to_num(energy_kwh[len(prices) // 2]), 0.0)
    # A vehicle that never answers keeps its place: both its kinks lie at the lowest price.
    kinks = Kinks(
        saturated_kwh=fixed_kwh + float(np.where(unexplained, inelastic, most).sum()),
        full_price=np.where(explained, full, prices[0]),
        empty_price=np.where(explained, empty, prices[0]),
        slope=np.where(explained, slope, 1.0),
    )
    return LearnedDemand(kinks, unexplained, inelastic, len(prices))


def _lines(
    heard: _Heard,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return a price, the energy there and the slope of the line of every vehicle.

    Two answers on the line give it exactly. With fewer, its kinks are known to lie between two
    prices asked, and the gentlest line that agrees with all answers is taken.
    """
    prices, energy_kwh, points = heard.prices, heard.energy_kwh, heard.points
    most, least = energy_kwh[0], energy_kwh[-1]
    column = np.arange(len(points))
    first = heard.between.argmax(axis=0)
    last = len(prices) - 1 - heard.between[::-1].argmax(axis=0)
    drop = np.maximum(heard.drop - 1, 0)
    at_first, at_last = energy_kwh[first, column], energy_kwh[last, column]
    with np.errstate(divide="ignore", invalid="ignore"):
        chord = (at_first - at_last) / (prices[last] - prices[first])
        left = (most - at_first) / (prices[first] - prices[drop])
        right = (at_first - least) / (prices[heard.bottom] - prices[first])
        jump = (most - least) / (prices[heard.bottom] - prices[drop])
    gentlest = np.where(points == 1, np.maximum(left, right), jump)
    slope = np.where(points >= 2, chord, gentlest)
    anchor = np.where(points >= 1, first, drop)
    return prices[anchor], energy_kwh[anchor, column], slope
