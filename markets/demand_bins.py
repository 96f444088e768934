"""The demand of a community counted into bins of prices: exact at their edges, bounded between.

Kinks are counted in pieces that stay in the processor's cache. What a piece adds up to is added
piece after piece, whichever thread has counted it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.environment.row_threads import PIECE_ROWS, over_pieces, pieces_of
from hmesh.markets.bin_kernels import count_kinks, take_kinks
from hmesh.markets.demand_curve import Bends

BINS = 512
# Share of a sum that may be rounding [-].
ROUNDING = 1e-11


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
    edges: FloatArray
    intercept: FloatArray
    slope: FloatArray
    answering: NDArray[np.int64]
    gentlest: FloatArray
    starts_bin: NDArray[np.int16]
    ends_bin: NDArray[np.int16]
    starts_by_piece: NDArray[np.int64] | None
    ends_by_piece: NDArray[np.int64] | None
    jumps_bin: NDArray[np.intp]

    @property
    def demand_kwh(self) -> FloatArray:
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
    prices: FloatArray,
    slopes: FloatArray,
    places: NDArray[np.int16],
    by_piece: NDArray[np.int64] | None,
    first: int,
    last: int,
) -> tuple[FloatArray, FloatArray]:
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


def _alike(slopes: FloatArray) -> bool:
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
    slope: FloatArray
    moment: FloatArray
    by_piece: NDArray[np.int64] | None = None


def _counted(
    bends: Bends,
    prices: FloatArray,
    slopes: FloatArray,
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


def _in_order(of_pieces: FloatArray) -> FloatArray:
    """Return the sums over pieces, shape (2, bins + 2), added one piece after another."""
    sums = np.zeros((of_pieces.shape[0], of_pieces.shape[2]))
    for piece in range(of_pieces.shape[1]):
        sums += of_pieces[:, piece]
    return sums
