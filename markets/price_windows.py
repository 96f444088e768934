"""Narrowing the prices between which an equilibrium must lie, before it is computed exactly.

With a million batteries the demand of a community has two million kinks, of which a few thousand
matter. Counted into bins, the kinks give the demand exactly at the edges of the bins and within
bounds between them. That bounds what an aggregator can earn in a bin and what the utility can earn
between two of its prices; whatever cannot reach the best that is certain is left out, and what is
left is counted into finer bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from markets.demand_curve import Bends
from markets.generation_cost import GenerationCost
from markets.utility_profit import most_profit, utility_profit

BINS = 512
SAMPLES = 128
FEW_KINKS = 5000
ROUNDING = 1e-11
CACHED = 2**15


@dataclass(frozen=True, slots=True)
class DemandBins:
    """Demand of a community at the edges of price bins, and how it may bend between them.

    Attributes
    ----------
    edges : array, shape (bins + 1,)
        Ascending prices [money/kWh].
    demand_kwh : array, shape (bins + 1,)
        Demand at the edges [kWh].
    gentlest : array, shape (bins,)
        Slope that the demand has at least everywhere in a bin [kWh^2/money].
    """

    edges: NDArray[np.float64]
    demand_kwh: NDArray[np.float64]
    gentlest: NDArray[np.float64]


def demand_bins(bends: Bends, bins: int = BINS) -> DemandBins:
    """Count the kinks of a community into bins of equal width."""
    edges = np.linspace(bends.low, bends.high, bins + 1)
    per_price = bins / (bends.high - bends.low)

    def counted(
        prices: NDArray[np.float64], slopes: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        total, moment = np.zeros((2, bins + 2))
        for start in range(0, len(prices), CACHED):
            price, slope = prices[start : start + CACHED], slopes[start : start + CACHED]
            place = price - bends.low
            place *= per_price
            np.ceil(place, out=place)
            # Bin 0 holds what lies at or below the lowest price, the last one what lies beyond.
            np.maximum(place, 0.0, out=place)
            np.minimum(place, bins + 1.0, out=place)
            held = place.astype(np.intp)
            total += np.bincount(held, slope, bins + 2)
            moment += np.bincount(held, slope * price, bins + 2)
        return total[:-1], moment[:-1]

    started, started_moment = counted(bends.starts, bends.starts_slope)
    ended, ended_moment = counted(bends.ends, bends.ends_slope)
    slope = bends.slope + np.cumsum(started - ended)
    intercept = bends.intercept + np.cumsum(started_moment - ended_moment)
    gentlest = np.maximum(slope[:-1] - ended[1:], 0.0) * (1.0 - ROUNDING)
    return DemandBins(edges, intercept - slope * edges, gentlest)


def narrowed(
    bends: Sequence[Bends | None],
    passive_kwh: float,
    cost: GenerationCost,
    lowest_price: float,
    highest_price: float,
) -> tuple[list[Bends | None], float, float]:
    """Narrow the prices of the utility and of all communities to where the equilibrium must lie.

    Parameters
    ----------
    bends : sequence of Bends or None
        One for each community; None for one without vehicles.
    passive_kwh : float
        Load of the communities without vehicles [kWh].
    cost : GenerationCost
        What the utility pays.
    lowest_price, highest_price : float
        Bounds of the utility's price [money/kWh].

    Returns
    -------
    bends : list of Bends or None
        For the prices that are left in each community.
    lowest_price, highest_price : float
        Prices of the utility that are left [money/kWh].
    """
    left, low, high = list(bends), lowest_price, highest_price
    kinks = sum(b.kinks for b in left if b is not None)
    while kinks > FEW_KINKS and low < high:
        prices = np.linspace(low, high, SAMPLES)
        answers = [None if b is None else _answers(demand_bins(b), prices) for b in left]
        most, least = np.full((2, SAMPLES), float(passive_kwh))
        for answer in answers:
            if answer is not None:
                most += answer.most_kwh
                least += answer.least_kwh
        worst = np.minimum(utility_profit(cost, prices, most), utility_profit(cost, prices, least))
        reach = most_profit(cost, prices[:-1], prices[1:], least[1:], most[:-1])
        possible = np.flatnonzero(reach >= worst.max() - ROUNDING * np.abs(worst).max())
        start, end = int(possible[0]), int(possible[-1]) + 1
        left = [
            None if b is None or answer is None else b.within(*answer.prices(start, end))
            for b, answer in zip(left, answers, strict=True)
        ]
        low, high = float(prices[start]), float(prices[end])
        before, kinks = kinks, sum(b.kinks for b in left if b is not None)
        if kinks > 0.7 * before:
            break
    return left, low, high


@dataclass(frozen=True, slots=True)
class _Answers:
    """Bounds of an aggregator's best answer to each of several prices; shape (prices,)."""

    lowest_price: NDArray[np.float64]
    highest_price: NDArray[np.float64]
    least_kwh: NDArray[np.float64]
    most_kwh: NDArray[np.float64]

    def prices(self, start: int, end: int) -> tuple[float, float]:
        """Return the community prices between the answers to two of the prices."""
        return float(self.lowest_price[start]), float(self.highest_price[end])


def _answers(bins: DemandBins, prices: NDArray[np.float64]) -> _Answers:
    """Bound an aggregator's best answers: bins that cannot earn what an edge earns are out."""
    q = prices[:, None]
    low, high = bins.edges[:-1], bins.edges[1:]
    certain = ((bins.edges - q) * bins.demand_kwh).max(axis=1, keepdims=True)
    # Dearer than q, the demand lies below the line from the bin's lower edge; else above the one
    # from its upper edge. A bin around q is bounded by neither alone, and stays.
    dearer = low >= q
    slope = bins.gentlest
    intercept = np.where(
        dearer, bins.demand_kwh[:-1] + slope * low, bins.demand_kwh[1:] + slope * high
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        top = 0.5 * (q + intercept / slope)
    if (slope == 0).any():
        top = np.where(slope > 0, top, np.where(intercept > 0, high, low))
    price = np.minimum(np.maximum(top, low), high)
    reach = (price - q) * (intercept - slope * price)
    dust = ROUNDING * np.abs(bins.demand_kwh).max() * np.abs(bins.edges - q).max()
    possible = (reach >= certain - dust) | ((low < q) & (q < high))
    first = np.maximum.accumulate(np.argmax(possible, axis=1))
    last = possible.shape[1] - np.argmax(possible[:, ::-1], axis=1)
    last = np.minimum.accumulate(last[::-1])[::-1]
    return _Answers(
        bins.edges[first], bins.edges[last], bins.demand_kwh[last], bins.demand_kwh[first]
    )
