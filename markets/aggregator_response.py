"""What an aggregator asks of its community when the utility asks a price of it.

The aggregator buys at ``q``, sells at ``p`` and earns ``(p - q) * D(p)``. On one piece of the
demand curve that is a parabola; over the whole curve there may be several local maxima, because
every battery that runs empty makes the demand less steep. `response_map` finds the best price
for every ``q`` at once: with ``R = p * D(p)`` the profit ``R - q * D`` is linear in ``(D, R)``, so
the best profit is a convex function of ``q``, the upper envelope of one such function per piece,
and two pieces never change order more than once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.markets.demand_curve import DemandCurve
from hmesh.markets.envelope_kernel import affine_pieces, envelope

FEW_ROUNDS = 16
# To find where an arc ends takes as long as some tens of operations on a row.
ROWS_OF_AN_ARC = 50


@dataclass(frozen=True, slots=True)
class Arcs:
    """One parabola of profit per piece of the demand curve; all arrays have one shape."""

    low: FloatArray
    high: FloatArray
    intercept: FloatArray
    slope: FloatArray
    price_offset: FloatArray
    price_gain: FloatArray

    def __getitem__(self, chosen: Any) -> "Arcs":
        return Arcs(
            self.low[chosen],
            self.high[chosen],
            self.intercept[chosen],
            self.slope[chosen],
            self.price_offset[chosen],
            self.price_gain[chosen],
        )

    @property
    def columns(self) -> tuple[FloatArray, ...]:
        """Their arrays, as kernels take them."""
        return (
            self.low, self.high, self.intercept, self.slope, self.price_offset, self.price_gain
        )  # fmt: skip

    def pairs(self, left: NDArray[np.intp]) -> "Arcs":
        """Return arcs and the ones right of them, in arrays of shape (2, n)."""
        return self[np.stack((left, left + 1))]

    def price(self, q: FloatArray) -> FloatArray:
        """Return the best price of each arc when the utility asks ``q``."""
        price = self.price_offset + self.price_gain * q
        return np.minimum(np.maximum(price, self.low), self.high)

    def profit(self, q: FloatArray) -> FloatArray:
        """Return the best profit of each arc when the utility asks ``q``."""
        price = self.price(q)
        return (price - q) * (self.intercept - self.slope * price)

    def turning_points(self) -> tuple[FloatArray, FloatArray]:
        """Return utility prices between which the best price lies inside the arc."""
        first = (self.low - self.price_offset) / self.price_gain
        return first, (self.high - self.price_offset) / self.price_gain


def arcs_of(curve: DemandCurve) -> Arcs:
    """Return the parabola of profit of every piece of a demand curve."""
    low, high = curve.edges[:-1], curve.highs
    flat = curve.slope == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = 0.5 * curve.intercept / curve.slope
    # A flat piece sells the same energy at any of its prices: most expensive when it buys, cheapest
    # when it sells, and at cost when it does neither.
    offset[flat] = np.where(
        curve.intercept[flat] > 0, np.inf, np.where(curve.intercept[flat] < 0, -np.inf, 0.0)
    )
    gain = np.where(flat & (curve.intercept == 0), 1.0, 0.5)
    return Arcs(low, high, curve.intercept, curve.slope, offset, gain)


def best_price(curve: DemandCurve, utility_price: float) -> float:
    """Return the price that maximises an aggregator's profit; the lowest of equally good ones.

    Parameters
    ----------
    curve : DemandCurve
        Demand of the community over the prices the aggregator may ask.
    utility_price : float
        Price it pays itself [money/kWh].

    Returns
    -------
    float
        Community price [money/kWh].

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.20), corrected for bounds: the profit is compared on every
    piece.
    """
    arcs = arcs_of(curve)
    q = np.float64(utility_price)
    best = int(np.argmax(arcs.profit(q)))  # type: ignore[arg-type]
    return float(arcs.price(q)[best])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ResponseMap:
    """Best community price and demand for every price of the utility.

    Piece ``k`` holds from ``starts[k]`` to ``starts[k + 1]`` (the last one to ``highest``); there
    the community price is ``price_offset[k] + price_gain[k] * q`` and its demand
    ``demand_offset[k] + demand_gain[k] * q``. The demand jumps down where the best price passes
    from one local maximum to another.

    Attributes
    ----------
    starts : array, shape (pieces,)
        Ascending prices of the utility [money/kWh].
    highest : float
        End of the last piece [money/kWh].
    price_offset, price_gain, demand_offset, demand_gain : array, shape (pieces,)
        Affine pieces [money/kWh, -, kWh, kWh^2/money].
    """

    starts: FloatArray
    highest: float
    price_offset: FloatArray
    price_gain: FloatArray
    demand_offset: FloatArray
    demand_gain: FloatArray

    def piece(self, utility_price: float | FloatArray) -> Any:
        """Return the piece that holds at ``utility_price``; the lower one at a common end."""
        piece = self.starts.searchsorted(utility_price) - 1
        return np.maximum(piece, 0) if isinstance(utility_price, np.ndarray) else max(piece, 0)

    def price(self, utility_price: float | FloatArray) -> Any:
        """Return the best community price [money/kWh] at ``utility_price`` (any shape)."""
        k = self.piece(utility_price)
        return self.price_offset[k] + self.price_gain[k] * utility_price

    def demand_kwh(self, utility_price: float | FloatArray) -> Any:
        """Return the demand [kWh] at the best community price (any shape)."""
        k = self.piece(utility_price)
        return self.demand_offset[k] + self.demand_gain[k] * utility_price


def response_map(curve: DemandCurve, lowest_price: float, highest_price: float) -> ResponseMap:
    """Return the best answer of an aggregator to every utility price within bounds.

    Parameters
    ----------
    curve : DemandCurve
        Demand of the community over the prices the aggregator may ask.
    lowest_price, highest_price : float
        Bounds of the utility price [money/kWh].

    Returns
    -------
    ResponseMap
        Prices non-decreasing and demands non-increasing in the utility price.

    Notes
    -----
    An arc that is nowhere above both its neighbours is nowhere the best, and if it is the best
    somewhere it is never dropped. So all such arcs go at once, for a few rounds. Beside a dip that
    was dropped, arcs go one after another: those that are left pass a stack, in which each drops
    the ones before it that it makes useless, so that all are looked at once more and not once a
    round.
    """
    if lowest_price == highest_price:
        return _single_response(curve, lowest_price)
    arcs = arcs_of(curve)
    if compiled_for(ROWS_OF_AN_ARC * len(arcs.low)):
        kept, starts = _passed(arcs, lowest_price, highest_price, FEW_ROUNDS, envelope)
        columns = np.empty((5, 3 * len(kept)))
        found = affine_pieces(*arcs.columns, kept, starts, highest_price, *columns)
        start, *answers = (column[:found].copy() for column in columns)
        return ResponseMap(start, highest_price, *answers)
    arcs, starts, sorted_out = _few_rounds(arcs, lowest_price, highest_price)
    kept = np.arange(len(starts))
    if not sorted_out:
        kept, starts = _passed(arcs, lowest_price, highest_price, 0, envelope.function)
    ends = np.append(starts[1:], highest_price)
    used = ends > starts
    return _affine_pieces(arcs[kept[used]], starts[used], ends[used])


def _passed(
    arcs: Arcs, lowest: float, highest: float, rounds: int, envelope: Callable[..., int]
) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the places of arcs that have passed the stack, and from which prices each is best."""
    kept, starts = np.empty(len(arcs.low), np.int64), np.empty(len(arcs.low))
    left = envelope(*arcs.columns, lowest, highest, rounds, kept, starts)
    return kept[:left], starts[:left]


def _few_rounds(
    arcs: Arcs, lowest_price: float, highest_price: float
) -> tuple[Arcs, FloatArray, bool]:
    """Return the arcs that are left after a few rounds, where each begins, and if none has to go.

    Where some still have to, the starts say nothing.
    """
    neighbours = np.arange(len(arcs.low) - 1)
    crossing = _crossings(arcs.pairs(neighbours), lowest_price, highest_price)
    for _ in range(FEW_ROUNDS):
        starts = np.concatenate(([lowest_price], crossing))
        dominated = starts > np.append(crossing, highest_price)
        if not dominated.any():
            return arcs, starts, True
        kept = np.flatnonzero(~dominated)
        arcs = arcs[kept]
        # Arcs that were neighbours before still cross where they did.
        crossing = crossing[kept[:-1]]
        parted = np.flatnonzero(np.diff(kept) > 1)
        crossing[parted] = _crossings(arcs.pairs(parted), lowest_price, highest_price)
    return arcs, np.concatenate(([lowest_price], crossing)), False


def _single_response(curve: DemandCurve, utility_price: float) -> ResponseMap:
    """Return the response to the only price that the utility may ask."""
    price = np.array([best_price(curve, utility_price)])
    constant = np.zeros(1)
    starts = np.array([utility_price])
    return ResponseMap(starts, utility_price, price, constant, curve.demand_kwh(price), constant)


def _crossings(pairs: Arcs, lowest: float, highest: float) -> FloatArray:
    """Return the utility price at which each right arc overtakes the left one, within bounds."""
    first, last = pairs.turning_points()
    # Where the price sticks at a common kink both arcs earn the same from the end of the left arc
    # to the start of the right one; rounding may turn these around where they are equal.
    crossing: FloatArray = np.minimum(np.maximum(last[0], lowest), highest)
    later = last[0] > first[1] + 1e-12 * (highest - lowest)
    searched = np.flatnonzero((pairs.high[0] != pairs.low[1]) | later)
    if len(searched):
        crossing[searched] = _searched_crossings(pairs[:, searched], lowest, highest)
    return crossing


def _searched_crossings(pairs: Arcs, lowest: float, highest: float) -> FloatArray:
    """Return where the falling lead of each left arc over its right one ends.

    The lead is a parabola between the turning points of both arcs.
    """
    first, last = pairs.turning_points()
    cuts = np.empty((6, first.shape[1]))
    cuts[0], cuts[1], cuts[4], cuts[5] = lowest, first.min(axis=0), last.max(axis=0), highest
    inner = first.max(axis=0), last.min(axis=0)
    np.minimum(*inner, out=cuts[2])
    np.maximum(*inner, out=cuts[3])
    turns = cuts[1:5]
    np.minimum(np.maximum(turns, lowest), highest, out=turns)
    lead = _lead(pairs, cuts)
    behind = lead < 0
    overtaken = behind.any(axis=0)
    upper = np.where(overtaken, behind.argmax(axis=0), len(cuts) - 1)
    lower = np.maximum(upper - 1, 0)
    column = np.arange(cuts.shape[1])
    start, end = cuts[lower, column], cuts[upper, column]
    at_middle = _lead(pairs, (0.5 * (start + end))[None])[0]
    root = _falling_root(lead[lower, column], at_middle, lead[upper, column])
    return np.where(overtaken, start + root * (end - start), highest)


def _lead(pairs: Arcs, q: FloatArray) -> FloatArray:
    """Return what each left arc earns more than its right one at utility prices, (k, n)."""
    profit = pairs.profit(q[:, None, :])
    lead: FloatArray = profit[:, 0] - profit[:, 1]
    return lead


def _falling_root(at_start: FloatArray, at_middle: FloatArray, at_end: FloatArray) -> FloatArray:
    """Return the root in [0, 1] of the falling parabola through its values at 0, 1/2 and 1."""
    square = 2.0 * (at_start - 2.0 * at_middle + at_end)
    linear = -3.0 * at_start + 4.0 * at_middle - at_end
    discriminant = np.sqrt(np.maximum(linear * linear - 4.0 * square * at_start, 0.0))
    # The falling branch, in the form that does not cancel.
    divisor = discriminant - linear
    root = np.divide(2.0 * at_start, divisor, out=np.zeros_like(divisor), where=divisor > 0)
    return np.minimum(np.maximum(root, 0.0), 1.0)


def _affine_pieces(arcs: Arcs, starts: FloatArray, ends: FloatArray) -> ResponseMap:
    """Cut every arc into its lower end, its inside and its upper end, and drop what is empty."""
    first, last = arcs.turning_points()
    first = np.clip(first, starts, ends)
    last = np.clip(last, first, ends)
    constant = np.zeros_like(starts)
    low_kwh = arcs.intercept - arcs.slope * arcs.low
    high_kwh = arcs.intercept - arcs.slope * arcs.high
    inside = np.isfinite(arcs.price_offset)
    offset = np.where(inside, arcs.price_offset, 0.0)
    gain = np.where(inside, arcs.price_gain, 0.0)
    selling = 1.0 - arcs.price_gain
    pieces = (
        (starts, first, arcs.low, constant, low_kwh, constant),
        (first, last, offset, gain, selling * arcs.intercept, -arcs.slope * arcs.price_gain),
        (last, ends, arcs.high, constant, high_kwh, constant),
    )
    start, end, p0, p1, d0, d1 = (
        np.stack(column, axis=1).ravel() for column in zip(*pieces, strict=True)
    )
    used = end > start
    return ResponseMap(start[used], float(ends[-1]), p0[used], p1[used], d0[used], d1[used])
