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

from hmesh.environment.compiled import compiled_for
from hmesh.environment.row_threads import PIECE_ROWS, over_pieces, pieces_of
from hmesh.markets.bin_kernels import best_bins, count_kinks, take_kinks
from hmesh.markets.demand_curve import Bends
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed
from hmesh.markets.utility_profit import most_profit, most_profit_with_losses, utility_profit

BINS = 512
SAMPLES = 128
FEW_KINKS = 5000
ROUNDING = 1e-11
# Prices that are compared with all bins at once, in arrays that stay in the processor's cache.
ROWS = 16


@dataclass(frozen=True, slots=True)
class DemandBins:
    """Demand of a community at the edges of price bins, and how it may bend between them.

    Attributes
    ----------
    bends : Bends
        What was counted.
    edges : array, shape (bins + 1,)
        Ascending prices [money/kWh].
    intercept, slope, answering : array, shape (bins + 1,)
        Line of the demand just above each edge, and the batteries that answer there.
    gentlest : array, shape (bins,)
        Slope that the demand has at least everywhere in a bin [kWh^2/money].
    starts_bin, ends_bin : array of int
        Bin of every kink, counted from 1; 0 below the first edge.
    starts_by_piece, ends_by_piece : array of int, shape (pieces, bins + 2), or None
        How many kinks of each piece there are in each, where a kernel has counted.
    jumps_bin : array of int
        Likewise of every jump, exactly: the demand has fallen at the edge that ends its bin, and
        at no edge before.
    """

    bends: Bends
    edges: NDArray[np.float64]
    intercept: NDArray[np.float64]
    slope: NDArray[np.float64]
    answering: NDArray[np.int64]
    gentlest: NDArray[np.float64]
    starts_bin: NDArray[np.int16]
    ends_bin: NDArray[np.int16]
    starts_by_piece: NDArray[np.int64] | None
    ends_by_piece: NDArray[np.int64] | None
    jumps_bin: NDArray[np.intp]

    @property
    def demand_kwh(self) -> NDArray[np.float64]:
        """Demand at the edges [kWh], shape (bins + 1,)."""
        return self.intercept - self.slope * self.edges

    def between(self, first: int, last: int) -> Bends:
        """Return the bends between two edges."""
        bends = self.bends
        starts = _taken(
            bends.starts, bends.starts_slope, self.starts_bin, self.starts_by_piece, first, last
        )
        ends = _taken(bends.ends, bends.ends_slope, self.ends_bin, self.ends_by_piece, first, last)
        started, ended = bends.starts_count, bends.ends_count
        jumps = np.flatnonzero((self.jumps_bin > first) & (self.jumps_bin <= last))
        return Bends(
            float(self.edges[first]),
            float(self.edges[last]),
            float(self.intercept[first]),
            float(self.slope[first]),
            int(self.answering[first]),
            *starts,
            *ends,
            bends.jump_price[jumps],
            bends.jump_kwh[jumps],
            bends.dead_bands,
            None if started is None else started[_between(self.starts_bin, first, last)],
            None if ended is None else ended[_between(self.ends_bin, first, last)],
        )


def _taken(
    prices: NDArray[np.float64],
    slopes: NDArray[np.float64],
    places: NDArray[np.int16],
    by_piece: NDArray[np.int64] | None,
    first: int,
    last: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return prices and slopes of the kinks between two edges."""
    # One slope of all stays one.
    alike = _alike(slopes)
    if by_piece is None:
        chosen = _between(places, first, last)
        taken_slopes = np.broadcast_to(slopes[0], len(chosen)) if alike else slopes[chosen]
        return prices[chosen], taken_slopes
    filled = np.concatenate(([0], np.cumsum(by_piece[:, first + 1 : last + 1].sum(axis=1))))
    most = int(filled[-1])
    taken, steep = np.empty(most), np.empty(0 if alike else most)
    over_pieces(
        len(prices),
        lambda *some: take_kinks(
            *some, PIECE_ROWS, places, first, last, prices, slopes, filled, taken, steep
        ),
    )
    return taken, np.broadcast_to(slopes[0], most) if alike else steep


def _alike(slopes: NDArray[np.float64]) -> bool:
    """Return whether all batteries share one slope, which need not be summed one by one."""
    return len(slopes) > 0 and slopes.strides == (0,)


def _between(places: NDArray[np.int16], first: int, last: int) -> NDArray[np.intp]:
    """Return the kinks of the bins above an edge up to another."""
    return np.flatnonzero((places > first) & (places <= last))


def demand_bins(bends: Bends, bins: int = BINS) -> DemandBins:
    """Count the kinks and jumps of a community into bins of equal width."""
    edges = np.linspace(bends.low, bends.high, bins + 1)
    merged = bends.starts_count is not None or bends.ends_count is not None
    if not merged and compiled_for(len(bends.starts) + len(bends.ends)):
        started, ended = _counted_by_kernel(bends, bins)
    else:
        started = _counted(bends, bends.starts, bends.starts_slope, bends.starts_count, bins)
        ended = _counted(bends, bends.ends, bends.ends_slope, bends.ends_count, bins)
    slope = bends.slope + np.cumsum(started.slope - ended.slope)
    intercept = bends.intercept + np.cumsum(started.moment - ended.moment)[:-1]
    # A kink may be counted on either side of an edge that it is next to, a jump may not.
    jumps_bin = np.searchsorted(edges, bends.jump_price, side="right")
    if len(jumps_bin):
        intercept -= np.cumsum(np.bincount(jumps_bin, bends.jump_kwh, bins + 2))[:-1]
    return DemandBins(
        bends,
        edges,
        intercept,
        slope[:-1],
        bends.answering + np.cumsum(started.count - ended.count)[:-1],
        np.maximum(slope[:-2] - ended.slope[1:-1], 0.0) * (1.0 - ROUNDING),
        started.place,
        ended.place,
        started.by_piece,
        ended.by_piece,
        jumps_bin,
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """Kinks by bin: how many, their slopes, and slopes times prices; shape (bins + 2,)."""

    place: NDArray[np.int16]
    count: NDArray[np.int64]
    slope: NDArray[np.float64]
    moment: NDArray[np.float64]
    by_piece: NDArray[np.int64] | None = None


def _counted(
    bends: Bends,
    prices: NDArray[np.float64],
    slopes: NDArray[np.float64],
    counts: NDArray[np.int64] | None,
    bins: int,
) -> _Counted:
    """Count kinks in pieces that stay in the processor's cache."""
    per_price = bins / (bends.high - bends.low)
    places = np.empty(len(prices), dtype=np.int16)
    count = np.zeros(bins + 2, dtype=np.int64)
    slope, moment = np.zeros((2, bins + 2))
    alike = _alike(slopes)
    for start in range(0, len(prices), PIECE_ROWS):
        piece = slice(start, start + PIECE_ROWS)
        price = prices[piece]
        place = price * per_price
        place += 1.0 - bends.low * per_price
        np.maximum(place, 0.0, out=place)
        np.minimum(place, bins + 1.0, out=place)
        held = place.astype(np.intp)
        places[piece] = held
        if counts is None:
            held_count = np.bincount(held, minlength=bins + 2)
        else:
            held_count = np.bincount(held, counts[piece], bins + 2).astype(np.int64)
        count += held_count
        if alike:
            slope += held_count * slopes[0]
            moment += np.bincount(held, price, bins + 2) * slopes[0]
        else:
            slope += np.bincount(held, slopes[piece], bins + 2)
            moment += np.bincount(held, slopes[piece] * price, bins + 2)
    return _Counted(places, count, slope, moment)


def _counted_by_kernel(bends: Bends, bins: int) -> tuple[_Counted, _Counted]:
    """Count the kinks at which batteries begin and cease to answer, as `_counted` does."""
    per_price = bins / (bends.high - bends.low)
    starts, ends = np.ascontiguousarray(bends.starts), np.ascontiguousarray(bends.ends)
    slopes = bends.starts_slope, bends.ends_slope
    kinks = max(len(starts), len(ends))
    places = np.empty(len(starts), dtype=np.int16), np.empty(len(ends), dtype=np.int16)
    shape = 2, pieces_of(kinks), bins + 2
    count = np.zeros(shape, dtype=np.int64)
    slope, moment = np.zeros(shape), np.zeros(shape)
    alike = all(_alike(each) or not len(each) for each in slopes)
    over_pieces(
        kinks,
        lambda *some: count_kinks(
            *some, PIECE_ROWS, starts, ends, *slopes, alike, bends.low, per_price, bins, *places,
            count, slope, moment,
        ),
    )  # fmt: skip
    slopes_of, moments_of = _in_order(slope), _in_order(moment)
    started, ended = (
        _Counted(places[k], count[k].sum(axis=0), slopes_of[k], moments_of[k], count[k])
        for k in range(2)
    )
    return started, ended


def _in_order(of_pieces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums over pieces, shape (2, bins + 2), added one piece after another."""
    sums = np.zeros((of_pieces.shape[0], of_pieces.shape[2]))
    for piece in range(of_pieces.shape[1]):
        sums += of_pieces[:, piece]
    return sums


def narrowed(
    bends: Sequence[Bends | None],
    passive_kwh: float,
    cost: GenerationCost,
    lowest_price: float,
    highest_price: float,
    feed: Feed | None = None,
    passive_of: NDArray[np.float64] | None = None,
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
    least_kwh: NDArray[np.float64]
    most_kwh: NDArray[np.float64]


def _with_losses(
    cost: GenerationCost,
    prices: NDArray[np.float64],
    feed: Feed,
    answers: Sequence[_Answers | None],
    passive_of: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
    worst: NDArray[np.float64] = np.min(corners, axis=0)
    low, high = least[:, 1:], most[:, :-1]
    least_lost, most_lost = feed.lost_kwh(low, high)
    reach = most_profit_with_losses(
        cost, prices[:-1], prices[1:], low.sum(axis=0), high.sum(axis=0), least_lost, most_lost
    )
    return worst, reach


def _answers(bins: DemandBins, prices: NDArray[np.float64]) -> _Answers:
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
    bins: DemandBins, prices: NDArray[np.float64], demand: NDArray[np.float64], reach: "_Reach"
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

    def earned(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
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
        q: NDArray[np.float64],
        bins: slice,
        intercept: NDArray[np.float64],
        choke: NDArray[np.float64],
    ) -> NDArray[np.float64]:
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


def _choke(intercept: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where lines meet 0; what is sold of a flat one sells at the end of its bin."""
    with np.errstate(divide="ignore", invalid="ignore"):
        choke = intercept / slope
    return np.where(slope > 0, choke, np.where(intercept > 0, np.inf, -np.inf))
