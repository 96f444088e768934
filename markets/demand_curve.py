"""The demand of one community as an exact function of its price.

The sum of all answers of a community is non-increasing and piecewise linear, continuous where
nobody's answer jumps; knowing its kinks and jumps is knowing it exactly.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.environment.row_blocks import sum_of_products
from hmesh.environment.row_threads import at_once
from hmesh.markets.answers import Answers, no_lines
from hmesh.markets.bin_kernels import merge_kinks
from hmesh.markets.curve_kernels import lines_of_kinks, order_kinks, sorted_kinks

# As a share of the prices at hand.
SAME_PRICE = 1e-14
# Curves of more lines than this are not remembered: their memory is worth more than their time.
REMEMBERED_LINES = 2**15
# Kinks that are looked at before all are compared.
SAMPLE = 4096
# To sort a kink takes as long as some tens of operations on a row.
ROWS_OF_A_KINK = 20


type Counts = NDArray[np.int64]

_ONE = np.ones(1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Bends:
    """The part of a community's demand that matters for prices within ``[low, high]``.

    Attributes
    ----------
    low, high : float
        Prices that matter [money/kWh].
    intercept, slope : float
        The demand below all kinks listed is ``intercept - slope * p`` [kWh].
    answering : int
        Batteries that answer to prices there.
    starts, ends : array, shape (n,), (m,)
        Prices at which batteries begin and cease to answer; those outside ``[low, high]`` may be
        among them.
    starts_slope, ends_slope : array, shape (n,), (m,)
        What each adds to the slope, and takes from it.
    jump_price, jump_kwh : array, shape (jumps,)
        Prices above which the demand falls at once, and by how much [kWh].
    dead_bands : bool
        Whether batteries with losses are among them. Trade leaves all of these the same marginal
        value, so their kinks come together; those that rounding alone parts count as one then.
    starts_count, ends_count : array of int, shape (n,), (m,), or None
        How many batteries begin and cease at each of these prices; None for one at each.
    """

    low: float
    high: float
    intercept: float
    slope: float
    answering: int
    starts: FloatArray
    starts_slope: FloatArray
    ends: FloatArray
    ends_slope: FloatArray
    jump_price: FloatArray = field(default_factory=no_lines)
    jump_kwh: FloatArray = field(default_factory=no_lines)
    dead_bands: bool = False
    starts_count: Counts | None = None
    ends_count: Counts | None = None

    @property
    def lines(self) -> int:
        """How many lines begin at the kinks listed."""
        return len(self.starts) if self.starts_count is None else int(self.starts_count.sum())

    @property
    def kinks(self) -> int:
        """How many kinks and jumps are listed."""
        return len(self.starts) + len(self.ends) + len(self.jump_price)

    def within(self, low: float, high: float) -> "Bends":
        """Return what matters for prices within ``[low, high]``, listing no other kink."""
        if self._inside(low, high):
            return replace(self, low=low, high=high)
        begun, over = self.starts <= low, self.ends <= low
        added, taken = self.starts_slope[begun], self.ends_slope[over]
        started = np.flatnonzero(~begun & (self.starts < high))
        ended = np.flatnonzero(~over & (self.ends < high))
        # At the price of a jump the demand has not fallen yet.
        jumped = self.jump_price < low
        jumping = np.flatnonzero(~jumped & (self.jump_price < high))
        fallen = float(self.jump_kwh[jumped].sum()) if len(self.jump_price) else 0.0
        return Bends(
            low,
            high,
            self.intercept
            + sum_of_products(added, self.starts[begun])
            - sum_of_products(taken, self.ends[over])
            - fallen,
            self.slope + float(added.sum()) - float(taken.sum()),
            self.answering
            + _count(self.starts_count, begun, len(added))
            - _count(self.ends_count, over, len(taken)),
            self.starts[started],
            self.starts_slope[started],
            self.ends[ended],
            self.ends_slope[ended],
            self.jump_price[jumping],
            self.jump_kwh[jumping],
            self.dead_bands,
            None if self.starts_count is None else self.starts_count[started],
            None if self.ends_count is None else self.ends_count[ended],
        )

    def _inside(self, low: float, high: float) -> bool:
        """Return whether all kinks and jumps listed are within ``[low, high]``."""
        return all(
            prices.size == 0 or bool(low < prices.min() and prices.max() < high)
            for prices in (self.starts, self.ends, self.jump_price)
        )

    def curve(self) -> "DemandCurve":
        """Sort the kinks and jumps into the demand curve."""
        inside = self.within(self.low, self.high)
        if inside.kinks == 0:
            return self._one_line(inside)
        if len(inside.jump_price) == 0 and compiled_for(ROWS_OF_A_KINK * self.kinks):
            return self._compiled_curve(inside)
        # The first price at which the demand has fallen; there is none between it and the jump.
        after = np.nextafter(inside.jump_price, np.inf)
        bends = inside.starts_slope, -inside.ends_slope, np.zeros_like(after)
        price, bend = np.concatenate((inside.starts, inside.ends, after)), np.concatenate(bends)
        step = np.repeat(np.array([1, -1, 0]), [len(each) for each in bends])
        if inside.starts_count is not None and inside.ends_count is not None:
            step[: len(inside.starts)] = inside.starts_count
            step[len(inside.starts) : len(step) - len(after)] = 0 - inside.ends_count
        # Of kinks and jumps at one price the jumps come last.
        order = np.argsort(price, kind="stable")
        price, bend, step = price[order], bend[order], step[order]
        moment = bend * price
        if self.dead_bands and len(after) == 0 and len(price):
            gaps = np.diff(price) > SAME_PRICE * max(abs(self.low), abs(self.high))
            firsts = np.concatenate(([0], np.flatnonzero(gaps) + 1))
            price = price[firsts]
            bend, moment, step = (np.add.reduceat(each, firsts) for each in (bend, moment, step))
        slope = inside.slope + np.concatenate(([0.0], np.cumsum(bend)))
        intercept = inside.intercept + np.concatenate(([0.0], np.cumsum(moment)))
        # Rounding leaves dust where the last battery ceases to answer; a count does not.
        summed = self._summed()
        jumps = None
        if len(after):
            jumps = np.concatenate(([False], order >= len(price) - len(after), [False]))
            fall = np.concatenate((np.zeros(len(price) - len(after)), inside.jump_kwh))
            intercept[1:] -= np.cumsum(fall[order])
            summed += float(self.jump_kwh.sum())
        flat = inside.answering + np.concatenate(([0], np.cumsum(step))) == 0
        slope[flat] = 0.0
        intercept[flat & (np.abs(intercept) < 1e-13 * summed)] = 0.0
        edges = np.concatenate(([self.low], price, [self.high]))
        wide = edges[1:] > edges[:-1]
        wide[-1] |= not wide.any()
        if jumps is not None:
            wide[-1] |= jumps[-2]
            jumps = np.append(jumps[:-1][wide], False)
        return DemandCurve(
            np.append(edges[:-1][wide], self.high), intercept[wide], slope[wide], jumps
        )

    def _one_line(self, inside: "Bends") -> "DemandCurve":
        """Return what `curve` does where no kink is inside."""
        intercept, slope = inside.intercept, inside.slope
        if inside.answering == 0:
            slope = 0.0
            intercept = 0.0 if abs(intercept) < 1e-13 * self._summed() else intercept
        edges = np.array([self.low, self.high], dtype=np.float64)
        return DemandCurve(edges, np.array([intercept + 0.0]), np.array([slope + 0.0]))

    def _summed(self) -> float:
        """Return the sum of all that intercepts are made of, jumps left out [kWh]."""
        # Summed by one thread: several would cost more than they save.
        return abs(self.intercept) + sum(
            float(np.einsum("i,i->", slopes, np.abs(prices)))
            for slopes, prices in (
                (self.starts_slope, self.starts), (self.ends_slope, self.ends)
            )
        )  # fmt: skip

    def _compiled_curve(self, inside: "Bends") -> "DemandCurve":
        """Return what `curve` does of kinks inside, none of which is a jump, by kernels."""
        begun = len(inside.starts)
        kinks = begun + len(inside.ends)
        price, bend, moment = np.empty((3, kinks))
        order = np.empty(kinks, dtype=np.int64)
        order_kinks(inside.starts, inside.ends, order, price)
        step, firsts = np.empty((2, kinks), dtype=np.int64)
        one = np.ndarray((kinks,), np.int64, _ONE, strides=(0,))
        counted = inside.starts_count is not None and inside.ends_count is not None
        same = SAME_PRICE * max(abs(self.low), abs(self.high))
        found = sorted_kinks(
            order,
            inside.starts, inside.starts_slope, inside.starts_count if counted else one[:begun],
            inside.ends, inside.ends_slope, inside.ends_count if counted else one[begun:],
            self.dead_bands, same, price, bend, moment, step, firsts,
        )  # fmt: skip
        if found < kinks:
            firsts = firsts[:found]
            price = price[firsts]
            bend, moment, step = (np.add.reduceat(each, firsts) for each in (bend, moment, step))
        edges, intercept, slope = np.empty(found + 2), np.empty(found + 1), np.empty(found + 1)
        lines = lines_of_kinks(
            self.low, self.high, inside.intercept, inside.slope, inside.answering,
            1e-13 * self._summed(), price, bend, moment, step, edges, intercept, slope,
        )  # fmt: skip
        return DemandCurve(edges[: lines + 1], intercept[:lines], slope[:lines])


def _count(counts: Counts | None, chosen: NDArray[np.bool_], number: int) -> int:
    """Return how many batteries some kinks are."""
    return number if counts is None else int(counts[chosen].sum())


def merged(bends: Bends) -> Bends:
    """Return the same with one kink for all at a price, where many come together.

    After trade many batteries value what they hold alike, so that their kinks are at few prices.
    Those of blocks that have been merged stay as they are.
    """
    if bends.starts_count is not None or bends.ends_count is not None:
        return bends
    starts = _merged(bends.starts, bends.starts_slope)
    ends = _merged(bends.ends, bends.ends_slope)
    if starts is None and ends is None:
        return bends
    starts = starts or (bends.starts, bends.starts_slope, np.ones(len(bends.starts), np.int64))
    ends = ends or (bends.ends, bends.ends_slope, np.ones(len(bends.ends), np.int64))
    return replace(
        bends,
        starts=starts[0], starts_slope=starts[1], starts_count=starts[2],
        ends=ends[0], ends_slope=ends[1], ends_count=ends[2],
    )  # fmt: skip


def _merged(prices: FloatArray, slopes: FloatArray) -> tuple[FloatArray, FloatArray, Counts] | None:
    """Return each price once, the slope there and how many there are; None where few meet."""
    bits = np.ascontiguousarray(prices).view(np.int64)
    if not compiled_for(len(prices)):
        # A sample first: where nearly all differ, there is nothing to merge.
        for some in (bits[:: max(len(bits) // SAMPLE, 1)], bits):
            alone, first, kink, number = np.unique(
                some, return_index=True, return_inverse=True, return_counts=True
            )
            if 10 * len(alone) > 9 * len(some):
                return None
        order = np.argsort(first)
        slope = np.bincount(kink, slopes, len(alone))
        return alone[order].view(np.float64), slope[order], number[order]
    each, number = np.empty((2, len(prices)), dtype=np.int64)
    slope = np.empty(len(prices))
    found = merge_kinks(bits, slopes, SAMPLE, each, slope, number)
    if found < 0:
        return None
    return each[:found].view(np.float64).copy(), slope[:found].copy(), number[:found].copy()


def bends_of(answers: Answers, lowest_price: float, highest_price: float) -> Bends:
    """Return all that bends the demand of a community, for prices within bounds."""
    if answers.parts:
        return _joined(answers, lowest_price, highest_price)
    return Bends(
        lowest_price,
        highest_price,
        answers.saturated_kwh,
        0.0,
        0,
        answers.full_price,
        answers.slope,
        answers.empty_price,
        answers.slope,
        answers.jump_price,
        answers.jump_kwh,
        answers.dead_bands > 0,
    )


def bends_of_block(answers: Answers) -> Bends:
    """Return what bends the demand of the batteries of one block, kinks at one price merged."""
    return merged(replace(bends_of(answers, -np.inf, np.inf), intercept=0.0))


def _joined(answers: Answers, lowest_price: float, highest_price: float) -> Bends:
    """Return what bends a demand whose lines are known block by block."""
    blocks = at_once(
        answers.parts, lambda each: each if isinstance(each, Bends) else bends_of_block(each)
    )

    def column(name: str) -> FloatArray:
        return np.concatenate([getattr(block, name) for block in blocks])

    def counts(kind: str) -> Counts | None:
        found = [getattr(block, f"{kind}_count") for block in blocks]
        if all(each is None for each in found):
            return None
        numbers = [len(getattr(block, kind)) for block in blocks]
        ones = [np.ones(number, np.int64) for number in numbers]
        return np.concatenate(
            [one if each is None else each for each, one in zip(found, ones, strict=True)]
        )

    starts, ends = counts("starts"), counts("ends")
    # Both are counted, or neither.
    if starts is not None or ends is not None:
        starts = np.ones(len(column("starts")), np.int64) if starts is None else starts
        ends = np.ones(len(column("ends")), np.int64) if ends is None else ends
    return Bends(
        lowest_price, highest_price, answers.saturated_kwh, 0.0, 0,
        column("starts"), column("starts_slope"), column("ends"), column("ends_slope"),
        column("jump_price"), column("jump_kwh"), any(block.dead_bands for block in blocks),
        starts, ends,
    )  # fmt: skip


def bending_prices(answers: Answers) -> tuple[float, float]:
    """Return the lowest and the highest price at which the answers bend or jump [money/kWh]."""
    if answers.parts:
        bends = _joined(answers, -np.inf, np.inf)
        columns = [bends.starts, bends.ends, bends.jump_price]
    else:
        columns = [answers.full_price, answers.empty_price, answers.jump_price]
    bending = [prices for prices in columns if len(prices)]
    return min(float(each.min()) for each in bending), max(float(each.max()) for each in bending)


@dataclass(frozen=True, slots=True)
class DemandCurve:
    """Demand of a community for prices within ``[edges[0], edges[-1]]``.

    Piece ``k`` holds for ``edges[k] <= p <= edges[k + 1]``, where the demand is
    ``intercept[k] - slope[k] * p``; a flat piece has a slope of exactly 0. Where the demand jumps,
    the next piece begins at the first price above the jump, at which the one before holds no more.

    Attributes
    ----------
    edges : array, shape (pieces + 1,)
        Ascending prices [money/kWh].
    intercept : array, shape (pieces,)
        Demand the piece would have at price 0 [kWh].
    slope : array, shape (pieces,)
        kWh less for every money/kWh, at least 0.
    jumps : array of bool, shape (pieces + 1,), or None
        Edges below which the demand jumps; None where it never does.
    """

    edges: FloatArray
    intercept: FloatArray
    slope: FloatArray
    jumps: NDArray[np.bool_] | None = None

    @property
    def highs(self) -> FloatArray:
        """Highest price at which each piece holds [money/kWh], shape (pieces,)."""
        highs = self.edges[1:]
        if self.jumps is None:
            return highs
        return np.where(self.jumps[1:], np.nextafter(highs, -np.inf), highs)

    def demand_kwh(self, price: float | FloatArray) -> FloatArray:
        """Return the demand [kWh] at ``price`` (any shape), which must lie within the edges."""
        piece = np.searchsorted(self.edges, price, side="right") - 1
        piece = np.clip(piece, 0, len(self.slope) - 1)
        return np.asarray(self.intercept[piece] - self.slope[piece] * price)


def demand_curve(answers: Answers, lowest_price: float, highest_price: float) -> DemandCurve:
    """Return the demand curve of a community.

    Parameters
    ----------
    answers : Answers
        The sum of all that its members answer.
    lowest_price, highest_price : float
        Ends of the curve [money/kWh], ``lowest_price <= highest_price``.

    Returns
    -------
    DemandCurve
        At least one piece; at most two more for every line and one more for every jump.
    """
    if answers.parts or len(answers.slope) > REMEMBERED_LINES:
        return bends_of(answers, lowest_price, highest_price).curve()
    # Limits, planner and aggregators ask for the same curve of a step again.
    known = answers.curves.get((lowest_price, highest_price))
    if known is None:
        known = bends_of(answers, lowest_price, highest_price).curve()
        answers.curves[lowest_price, highest_price] = known
    curve: DemandCurve = known
    return curve
