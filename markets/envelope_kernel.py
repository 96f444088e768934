"""The kernels of an aggregator's best answers: which arcs of profit are the highest where.

They give what `hmesh.markets.aggregator_response` says, bit for bit. Where arrays are short the
second part of `envelope` is the rule itself, run as it stands.
"""

import math

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel


@kernel("f8[] f8[] f8[] f8[] f8[] f8[] f8 f8 i8 i8[]! f8[]!")
def envelope(
    low: FloatArray,
    high: FloatArray,
    intercept: FloatArray,
    slope: FloatArray,
    price_offset: FloatArray,
    price_gain: FloatArray,
    lowest: float,
    highest: float,
    rounds: int,
    kept: NDArray[np.int64],
    starts: FloatArray,
) -> int:
    """Write which arcs are the best somewhere, and from which price of the utility on.

    Parameters
    ----------
    low, high, intercept, slope, price_offset, price_gain : array, shape (n,)
        The arcs, as `hmesh.markets.aggregator_response` describes them.
    lowest, highest : float
        Bounds of the utility price [money/kWh].
    rounds : int
        How often all arcs are dropped at once that are nowhere above both neighbours, before those
        that are left pass a stack one after another.
    kept : array of int, shape (n,)
        Room for the places of the arcs.
    starts : array, shape (n,)
        Room for the price from which each is the best [money/kWh].

    Returns
    -------
    int
        How many arcs are left.
    """

    def lead(a: int, b: int, q: float) -> float:
        at_a = price_offset[a] + price_gain[a] * q
        at_a = at_a if at_a > low[a] else low[a]
        at_a = at_a if at_a < high[a] else high[a]
        at_b = price_offset[b] + price_gain[b] * q
        at_b = at_b if at_b > low[b] else low[b]
        at_b = at_b if at_b < high[b] else high[b]
        of_a: float = (at_a - q) * (intercept[a] - slope[a] * at_a)
        of_b: float = (at_b - q) * (intercept[b] - slope[b] * at_b)
        return of_a - of_b

    def within(q: float) -> float:
        q = q if q > lowest else lowest
        return q if q < highest else highest

    def crossing(a: int, b: int) -> float:
        last_a = (high[a] - price_offset[a]) / price_gain[a]
        first_b = (low[b] - price_offset[b]) / price_gain[b]
        if high[a] == low[b] and not last_a > first_b + 1e-12 * (highest - lowest):
            return within(last_a)
        first_a = (low[a] - price_offset[a]) / price_gain[a]
        last_b = (high[b] - price_offset[b]) / price_gain[b]
        inner_low = first_a if first_a > first_b else first_b
        inner_high = last_a if last_a < last_b else last_b
        # The lead of the left arc is a parabola between the turning points of both.
        start = end = lowest
        at_start = at_end = lead(a, b, lowest)
        for cut in range(5):
            if at_end < 0.0:
                break
            start, at_start = end, at_end
            if cut == 0:
                end = within(first_a if first_a < first_b else first_b)
            elif cut == 1:
                end = within(inner_low if inner_low < inner_high else inner_high)
            elif cut == 2:
                end = within(inner_low if inner_low > inner_high else inner_high)
            elif cut == 3:
                end = within(last_a if last_a > last_b else last_b)
            else:
                end = highest
            at_end = lead(a, b, end)
        if not at_end < 0.0:
            return highest
        at_middle = lead(a, b, 0.5 * (start + end))
        square = 2.0 * (at_start - 2.0 * at_middle + at_end)
        linear = -3.0 * at_start + 4.0 * at_middle - at_end
        inside = linear * linear - 4.0 * square * at_start
        divisor = math.sqrt(inside if inside > 0.0 else 0.0) - linear
        root = 2.0 * at_start / divisor if divisor > 0.0 else 0.0
        root = root if root > 0.0 else 0.0
        root = root if root < 1.0 else 1.0
        return start + root * (end - start)

    count = len(low)
    for k in range(count):
        kept[k] = k
        starts[k] = lowest if k == 0 else crossing(k - 1, k)
    for _ in range(rounds):
        left, gap = 0, False
        for k in range(count):
            here, start = kept[k], starts[k]
            if start > (starts[k + 1] if k + 1 < count else highest):
                gap = True
                continue
            # One behind a gap is marked; where it crosses is found once all have moved up.
            kept[left], starts[left] = -here - 1 if gap else here, start
            left, gap = left + 1, False
        if left == count:
            break
        count = left
        for k in range(count):
            if kept[k] < 0:
                kept[k] = -kept[k] - 1
                starts[k] = crossing(kept[k - 1], kept[k])
    # Each arc in turn drops those before it that it makes useless.
    top = 0
    for k in range(1, count):
        arc, start = kept[k], starts[k]
        while starts[top] > start:
            top -= 1
            start = crossing(kept[top], arc)
        top += 1
        kept[top], starts[top] = arc, start
    return top + 1


@kernel("f8[] f8[] f8[] f8[] f8[] f8[] i8[] f8[] f8 f8[]! f8[]! f8[]! f8[]! f8[]!")
def affine_pieces(
    low: FloatArray,
    high: FloatArray,
    intercept: FloatArray,
    slope: FloatArray,
    price_offset: FloatArray,
    price_gain: FloatArray,
    kept: NDArray[np.int64],
    starts: FloatArray,
    highest: float,
    start: FloatArray,
    community_offset: FloatArray,
    community_gain: FloatArray,
    demand_offset: FloatArray,
    demand_gain: FloatArray,
) -> int:
    """Write the pieces of the best answers, and return how many there are.

    Parameters
    ----------
    low, high, intercept, slope, price_offset, price_gain : array, shape (n,)
        The arcs.
    kept, starts : array, shape (m,)
        Which of them are the best somewhere, and from which price of the utility on.
    highest : float
        End of the last one [money/kWh].
    start, community_offset, community_gain, demand_offset, demand_gain : array, shape (3 m,)
        Room for the columns of a `hmesh.markets.ResponseMap`.
    """
    found = 0
    for k in range(len(kept)):
        arc, begins = kept[k], starts[k]
        ends = starts[k + 1] if k + 1 < len(kept) else highest
        if not ends > begins:
            continue
        first = (low[arc] - price_offset[arc]) / price_gain[arc]
        first = first if first > begins else begins
        first = first if first < ends else ends
        last = (high[arc] - price_offset[arc]) / price_gain[arc]
        last = last if last > first else first
        last = last if last < ends else ends
        if first > begins:
            start[found] = begins
            community_offset[found], community_gain[found] = low[arc], 0.0
            demand_offset[found] = intercept[arc] - slope[arc] * low[arc]
            demand_gain[found] = 0.0
            found += 1
        if last > first:
            start[found] = first
            inside = np.isfinite(price_offset[arc])
            community_offset[found] = price_offset[arc] if inside else 0.0
            community_gain[found] = price_gain[arc] if inside else 0.0
            demand_offset[found] = (1.0 - price_gain[arc]) * intercept[arc]
            demand_gain[found] = -slope[arc] * price_gain[arc]
            found += 1
        if ends > last:
            start[found] = last
            community_offset[found], community_gain[found] = high[arc], 0.0
            demand_offset[found] = intercept[arc] - slope[arc] * high[arc]
            demand_gain[found] = 0.0
            found += 1
    return found


@kernel("f8[] f8[] f8[] f8[] i8 f8[] f8[] f8[] f8[] i8 i8 f8 f8")
def best_piece(
    low: FloatArray,
    high: FloatArray,
    intercept: FloatArray,
    slope: FloatArray,
    block: int,
    block_low: FloatArray,
    block_high: FloatArray,
    most_kwh: FloatArray,
    least_kwh: FloatArray,
    first: int,
    last: int,
    q: float,
    rounding: float,
) -> tuple[int, float]:
    """Return the first piece of a demand curve that earns most, and the best price on it.

    A block of pieces is looked at where it may earn as much as the best piece found: what it earns
    at most is known from the demand at its ends.

    Parameters
    ----------
    low, high, intercept, slope : array, shape (n,)
        The pieces of a `hmesh.markets.DemandCurve`, and between which prices each holds.
    block : int
        Pieces in a block.
    block_low, block_high, most_kwh, least_kwh : array, shape (blocks,)
        Between which prices each block holds [money/kWh], and the demands there [kWh].
    first, last : int
        Pieces to compare; the last one is among them.
    q : float
        Price of the utility [money/kWh].
    rounding : float
        Share of a profit that may be rounding [-].
    """
    from_block, to_block = first // block, last // block + 1
    certain = -np.inf
    for b in range(from_block + 1, to_block):
        earned = (block_low[b] - q) * most_kwh[b]
        certain = earned if earned > certain else certain
    margin = rounding * max(abs(most_kwh[from_block]), abs(least_kwh[to_block - 1]))
    margin *= max(abs(block_low[from_block] - q), abs(block_high[to_block - 1] - q))
    found, best, best_at = -1, -np.inf, 0.0
    for b in range(from_block, to_block):
        from_low, from_high = block_low[b] - q, block_high[b] - q
        reach = max(from_low * most_kwh[b], from_low * least_kwh[b])
        reach = max(reach, from_high * most_kwh[b], from_high * least_kwh[b])
        if reach < certain - margin:
            continue
        for k in range(max(first, b * block), min(last + 1, (b + 1) * block)):
            falls, offset, gain = slope[k], 0.0, 0.5
            if falls != 0.0:
                offset = 0.5 * intercept[k] / falls
            elif intercept[k] > 0.0:
                offset = np.inf
            elif intercept[k] < 0.0:
                offset = -np.inf
            else:
                gain = 1.0
            price = offset + gain * q
            price = price if price > low[k] else low[k]
            price = price if price < high[k] else high[k]
            profit = (price - q) * (intercept[k] - falls * price)
            if profit > best:
                found, best, best_at = k, profit, price
        certain = best if best > certain else certain
    return found, best_at
