"""Narrowing the prices between which an equilibrium must lie, before it is computed exactly.

With a million batteries the demand of a community has two million kinks, with losses four, of which
a few thousand matter. Counted into bins, kinks and jumps give the demand exactly at the edges of
the bins and within bounds between them. That bounds what an aggregator can earn in a bin and what
the utility can earn between two of its prices; whatever cannot reach the best that is certain is
left out, and what is left is counted into finer bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.markets.bin_kernels import best_bins
from hmesh.markets.demand_bins import ROUNDING, DemandBins, demand_bins
from hmesh.markets.demand_curve import Bends
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed
from hmesh.markets.utility_profit import most_profit, most_profit_with_losses, utility_profit

SAMPLES = 128
FEW_KINKS = 5000
# Prices that are compared with all bins at once, in arrays that stay in the processor's cache.
ROWS = 16


def narrowed(
    bends: Sequence[Bends | None],
    passive_kwh: float,
    cost: GenerationCost,
    lowest_price: float,
    highest_price: float,
    feed: Feed | None = None,
    passive_of: FloatArray | None = None,
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
    feed : Feed, optional
        The lines, where the utility knows what they lose.
    passive_of : array, shape (communities,), optional
        With it, what is in `passive_kwh` of each community [kWh].

    Returns
    -------
    bends : list of Bends or None
        For the prices that are left in each community.
    lowest_price, highest_price : float
        Prices of the utility that are left [money/kWh].
    """
    left, low, high = list(bends), lowest_price, highest_price
    kinks = sum(b.kinks for b in left if b is not None)
    # Where an aggregator may ask one price only there is nothing to narrow.
    fixed = any(b is not None and b.low == b.high for b in left)
    # With dead bands there are twice as many kinks, and as few that matter.
    few = FEW_KINKS * (2 if any(b is not None and b.dead_bands for b in left) else 1)
    while kinks > few and low < high and not fixed:
        prices = np.linspace(low, high, SAMPLES)
        binned = [None if b is None else demand_bins(b) for b in left]
        answers = [None if b is None else _answers(b, prices) for b in binned]
        most, least = np.full((2, SAMPLES), float(passive_kwh))
        for answer in answers:
            if answer is not None:
                most += answer.most_kwh
                least += answer.least_kwh
        if feed is None or feed.loss_free or passive_of is None:
            worst = np.minimum(
                utility_profit(cost, prices, most), utility_profit(cost, prices, least)
            )
            reach = most_profit(cost, prices[:-1], prices[1:], least[1:], most[:-1])
        else:
            worst, reach = _with_losses(cost, prices, feed, answers, passive_of)
        possible = np.flatnonzero(reach >= worst.max() - ROUNDING * np.abs(worst).max())
        start, end = int(possible[0]), int(possible[-1]) + 1
        left = [
            None
            if bins is None or answer is None
            else bins.between(int(answer.first[start]), int(answer.last[end]))
            for bins, answer in zip(binned, answers, strict=True)
        ]
        low, high = float(prices[start]), float(prices[end])
        before, kinks = kinks, sum(b.kinks for b in left if b is not None)
        if kinks > 0.7 * before:
            break
    return left, low, high


@dataclass(frozen=True, slots=True)
class _Answers:
    """Edges between which the answers to several prices lie, and demands there; (prices,)."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    least_kwh: FloatArray
    most_kwh: FloatArray


def _with_losses(
    cost: GenerationCost,
    prices: FloatArray,
    feed: Feed,
    answers: Sequence[_Answers | None],
    passive_of: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the least that each price earns, and the most of those between two neighbours."""
    least, most = np.repeat(passive_of[None, :, None], 2, axis=0) + np.zeros((1, 1, len(prices)))
    for m, answer in enumerate(answers):
        if answer is not None:
            least[m], most[m] = answer.least_kwh, answer.most_kwh
    # The profit is concave in what is sold and lost, so its least value is at a corner.
    corners = [
        utility_profit(cost, prices, sold.sum(axis=0), lost)
        for sold in (least, most)
        for lost in feed.lost_kwh(least, most)
    ]
    worst: FloatArray = np.min(corners, axis=0)
    low, high = least[:, 1:], most[:, :-1]
    least_lost, most_lost = feed.lost_kwh(low, high)
    reach = most_profit_with_losses(
        cost, prices[:-1], prices[1:], low.sum(axis=0), high.sum(axis=0), least_lost, most_lost
    )
    return worst, reach


def _answers(bins: DemandBins, prices: FloatArray) -> _Answers:
    """Bound an aggregator's best answers: bins that cannot earn what an edge earns are out."""
    demand, reach = bins.demand_kwh, _Reach(bins)
    if compiled_for(len(prices) * len(bins.gentlest)):
        first, last = np.empty((2, len(prices)), dtype=np.int64)
        best_bins(
            prices, bins.edges, demand, bins.gentlest, reach.costlier, reach.cheaper, *reach.chokes,
            bins.bends.dead_bands, ROUNDING, first, last,
        )  # fmt: skip
    else:
        first, last = _best_bins(bins, prices, demand, reach)
        # A higher price of the utility has no lower best answer.
        first = np.maximum.accumulate(first)
        last = np.minimum.accumulate(last[::-1])[::-1]
    return _Answers(first, last, demand[last], demand[first])


def _best_bins(
    bins: DemandBins, prices: FloatArray, demand: FloatArray, reach: "_Reach"
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first bin that the best answer to each price may lie in, and one past the last."""
    q = prices[:, None]
    low, high = bins.edges[:-1], bins.edges[1:]
    earned = np.subtract(bins.edges, q)
    earned *= demand
    certain = earned.max(axis=1)
    farthest = max(abs(low[0] - prices[-1]), abs(high[-1] - prices[0]))
    enough = certain - ROUNDING * np.abs(demand).max() * farthest
    possible = np.empty((len(prices), len(low)), dtype=np.bool_)
    for start in range(0, len(prices), ROWS):
        rows = slice(start, start + ROWS)
        np.greater_equal(reach.earned(prices[rows]), enough[rows, None], out=possible[rows])
    # A bin around q is bounded by neither line alone.
    around = np.searchsorted(low, prices, side="left") - 1
    inside = np.flatnonzero((around >= 0) & (prices < high[around]))
    at, asked = around[inside], prices[inside]
    possible[inside, at] = True
    if bins.bends.dead_bands:
        # Both ends bound it. Without losses it stays in any case, which keeps the order in which
        # what is left is summed, and with it the last digits of published results.
        sells = (high[at] - asked) * np.maximum(demand[:-1], 0.0)[at]
        buys = (asked - low[at]) * np.maximum(-demand[1:], 0.0)[at]
        possible[inside, at] = np.maximum(sells, buys) >= enough[inside]
    first = np.argmax(possible, axis=1)
    return first, possible.shape[1] - np.argmax(possible[:, ::-1], axis=1)


class _Reach:
    """The most that an aggregator can earn in each bin.

    More expensive than q, the demand lies below the line from the bin's lower edge; else above the
    one from its upper edge.

    Parameters
    ----------
    bins : DemandBins
        What is known of the demand.
    """

    def __init__(self, bins: DemandBins) -> None:
        self.low, self.high, self.slope = bins.edges[:-1], bins.edges[1:], bins.gentlest
        demand, slope = bins.demand_kwh, bins.gentlest
        self.costlier = demand[:-1] + slope * self.low
        self.cheaper = demand[1:] + slope * self.high
        self.chokes = [_choke(each, slope) for each in (self.costlier, self.cheaper)]

    def earned(self, q: FloatArray) -> FloatArray:
        """Return it for ascending prices of the utility, shape (prices, bins) [money]."""
        column = q[:, None]
        first, last = self.low.searchsorted(q[[0, -1]])
        left, middle, right = slice(first), slice(first, last), slice(last, None)
        costlier_choke, cheaper_choke = self.chokes
        found = np.empty((len(q), len(self.low)))
        found[:, left] = self._profit(column, left, self.cheaper[left], cheaper_choke[left])
        found[:, right] = self._profit(column, right, self.costlier[right], costlier_choke[right])
        if last > first:
            costlier = self.low[middle] >= column
            intercept = np.where(costlier, self.costlier[middle], self.cheaper[middle])
            choke = np.where(costlier, costlier_choke[middle], cheaper_choke[middle])
            found[:, middle] = self._profit(column, middle, intercept, choke)
        return found

    def _profit(
        self,
        q: FloatArray,
        bins: slice,
        intercept: FloatArray,
        choke: FloatArray,
    ) -> FloatArray:
        """Return the best profit on lines within some bins."""
        price = choke + q
        price *= 0.5
        np.maximum(price, self.low[bins], out=price)
        np.minimum(price, self.high[bins], out=price)
        sold = self.slope[bins] * price
        np.subtract(intercept, sold, out=sold)
        price -= q
        sold *= price
        return sold


def _choke(intercept: FloatArray, slope: FloatArray) -> FloatArray:
    """Return where lines meet 0; what is sold of a flat one sells at the end of its bin."""
    choke = np.where(intercept > 0, np.inf, -np.inf)
    return np.divide(intercept, slope, out=choke, where=slope > 0)
