"""Kernels that count kinks into bins of prices, take those of some bins, and compare bins.

They give what `hmesh.markets.demand_bins` and `hmesh.markets.price_windows` say, bit for bit:
numbers of a piece are added one after another, and pieces one after another.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel


@kernel("i8 i8 i8 f8[]= f8[]= f8[] f8[] b1 f8 f8 i8 i2[]! i2[]! i8[,,]! f8[,,]! f8[,,]!")
def count_kinks(
    begin: int,
    end: int,
    piece: int,
    starts: FloatArray,
    ends: FloatArray,
    starts_slopes: FloatArray,
    ends_slopes: FloatArray,
    alike: bool,
    low: float,
    per_price: float,
    bins: int,
    starts_places: NDArray[np.int16],
    ends_places: NDArray[np.int16],
    count: NDArray[np.int64],
    slope: FloatArray,
    moment: FloatArray,
) -> None:
    """Write the bin of every kink, and add up kinks, slopes and slopes times prices by bin.

    Two kinds of kinks are counted side by side, so that none waits for the one before.

    Parameters
    ----------
    begin, end : int
        The kinks of both kinds that are counted; the first of a piece, and one after the last.
    piece : int
        How many kinks a piece has.
    starts, ends, starts_slopes, ends_slopes : array, shape (n,), (m,)
        The kinks [money/kWh, kWh^2/money].
    alike : bool
        Whether all have one slope.
    low, per_price : float
        Price at which the first bin begins, and bins per price [money/kWh, kWh/money].
    bins : int
        How many bins there are.
    starts_places, ends_places : array of int, shape (n,), (m,)
        Room for the bin of each, counted from 1; 0 below the first edge.
    count, slope, moment : array, shape (2, pieces, bins + 2)
        Sums of each piece, which are 0 at first.
    """
    offset = 1.0 - low * per_price
    most = bins + 1.0
    for first in range(begin, end, piece):
        last = min(first + piece, end)
        number = first // piece
        # Of slices Numba knows that no index is below 0.
        one, other = starts[first:last], ends[first:last]
        one_slope, other_slope = starts_slopes[first:last], ends_slopes[first:last]
        one_place, other_place = starts_places[first:last], ends_places[first:last]
        one_count, other_count = count[0, number], count[1, number]
        one_sum, other_sum = slope[0, number], slope[1, number]
        one_moment, other_moment = moment[0, number], moment[1, number]
        together = min(len(one), len(other))
        for k in range(max(len(one), len(other))):
            if k < together:
                price, second = one[k], other[k]
                place = price * per_price + offset
                place = place if place > 0.0 else 0.0
                place = place if place < most else most
                held = np.uint32(np.int32(place))
                place = second * per_price + offset
                place = place if place > 0.0 else 0.0
                place = place if place < most else most
                second_held = np.uint32(np.int32(place))
                one_place[k], other_place[k] = held, second_held
                one_count[held] += 1
                other_count[second_held] += 1
                if alike:
                    one_moment[held] += price
                    other_moment[second_held] += second
                else:
                    one_sum[held] += one_slope[k]
                    one_moment[held] += one_slope[k] * price
                    other_sum[second_held] += other_slope[k]
                    other_moment[second_held] += other_slope[k] * second
            elif k < len(one):
                price = one[k]
                place = price * per_price + offset
                place = place if place > 0.0 else 0.0
                place = place if place < most else most
                held = np.uint32(np.int32(place))
                one_place[k] = held
                one_count[held] += 1
                one_sum[held] += 0.0 if alike else one_slope[k]
                one_moment[held] += price if alike else one_slope[k] * price
            else:
                price = other[k]
                place = price * per_price + offset
                place = place if place > 0.0 else 0.0
                place = place if place < most else most
                held = np.uint32(np.int32(place))
                other_place[k] = held
                other_count[held] += 1
                other_sum[held] += 0.0 if alike else other_slope[k]
                other_moment[held] += price if alike else other_slope[k] * price
        if alike:
            for side in range(2):
                of_all = 0.0
                if side == 0 and len(one) > 0:
                    of_all = one_slope[0]
                if side == 1 and len(other) > 0:
                    of_all = other_slope[0]
                for k in range(bins + 2):
                    slope[side, number, k] = count[side, number, k] * of_all
                    moment[side, number, k] *= of_all


@kernel("i8 i8 i8 i2[]= i8 i8 f8[]= f8[] i8[]= f8[]! f8[]!")
def take_kinks(
    begin: int,
    end: int,
    piece: int,
    places: NDArray[np.int16],
    first: int,
    last: int,
    prices: FloatArray,
    slopes: FloatArray,
    filled: NDArray[np.int64],
    taken: FloatArray,
    taken_slopes: FloatArray,
) -> None:
    """Write the kinks of the bins above an edge up to another.

    Parameters
    ----------
    begin, end, piece : int
        The kinks that are looked at, and how many a piece has, as in `count_kinks`.
    places : array of int, shape (n,)
        The bin of each.
    first, last : int
        The edges.
    prices, slopes : array, shape (n,)
        The kinks [money/kWh, kWh^2/money].
    filled : array of int, shape (pieces + 1,)
        Where those of each piece begin in what is written, and where the last ones end.
    taken, taken_slopes : array, shape (taken,) or (0,)
        Room for them; none for slopes that are alike.
    """
    for start in range(begin, end, piece):
        stop = min(start + piece, end)
        number = start // piece
        at, full = filled[number], filled[number + 1]
        if at == full:
            continue
        place, price, slope = places[start:stop], prices[start:stop], slopes[start:stop]
        room = taken[at:full]
        here = np.uint64(0)
        # Each is written, and kept where it is one of them; the last one ends it.
        for k in range(len(place)):
            room[here] = price[k]
            here += np.uint64((place[k] > first) & (place[k] <= last))
            if here == len(room):
                break
        if len(taken_slopes) > 0:
            steep = taken_slopes[at:full]
            here = np.uint64(0)
            for k in range(len(place)):
                steep[here] = slope[k]
                here += np.uint64((place[k] > first) & (place[k] <= last))
                if here == len(steep):
                    break


@kernel("i8[] f8[] i8 i8[]! f8[]! i8[]!")
def merge_kinks(
    prices: NDArray[np.int64],
    slopes: FloatArray,
    some: int,
    merged: NDArray[np.int64],
    merged_slope: FloatArray,
    merged_count: NDArray[np.int64],
) -> int:
    """Write every price once, with the sum of the slopes there and the number of kinks.

    Parameters
    ----------
    prices : array of int, shape (n,)
        The bits of the prices.
    slopes : array, shape (n,)
        Slope of each kink, added in their order.
    some : int
        How many kinks a sample has.
    merged, merged_slope, merged_count : array, shape (n,)
        Room for the prices, in the order in which they come first, sums and numbers.

    Returns
    -------
    int
        How many prices there are; -1 where hardly any comes twice.
    """

    def mixed(price: int) -> int:
        # Both halves, each times a number so small that nothing overflows.
        both = ((price >> 32) & 0x7FFFFFFF) * 0x45D9F3B ^ (price & 0xFFFFFFFF) * 0x2C1B3C6D
        return both ^ (both >> 27)

    most = 1024
    while most < 2 * len(prices):
        most *= 8
    # As much of the table is used as it holds prices, so that a short one stays in the cache.
    table, size = np.empty(most, np.int32), 1024
    table[:size] = -1
    mask = size - 1
    # A sample first: where nearly all differ, there is nothing to merge.
    stride = max(len(prices) // some, 1)
    for sample in range(2):
        found = looked = 0
        last, at = np.int64(0), -1
        for k in range(0, len(prices), stride if sample == 0 else 1):
            price = prices[k]
            looked += 1
            if at < 0 or price != last:
                slot = mixed(price) & mask
                at = table[slot]
                while at >= 0 and merged[at] != price:
                    slot = (slot + 1) & mask
                    at = table[slot]
                if at < 0:
                    at = found
                    found += 1
                    table[slot] = at
                    merged[at], merged_slope[at], merged_count[at] = price, 0.0, 0
                    if 2 * found > size:
                        size *= 8
                        table[:size] = -1
                        mask = size - 1
                        for known in range(found):
                            slot = mixed(merged[known]) & mask
                            while table[slot] >= 0:
                                slot = (slot + 1) & mask
                            table[slot] = known
                last = price
            merged_slope[at] += slopes[k]
            merged_count[at] += 1
        if 10 * found > 9 * looked:
            return -1
        if sample == 0:
            table[:size] = -1
    return found


@kernel("f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] b1 f8 i8[]! i8[]!")
def best_bins(
    prices: FloatArray,
    edges: FloatArray,
    demand: FloatArray,
    gentlest: FloatArray,
    costlier: FloatArray,
    cheaper: FloatArray,
    costlier_choke: FloatArray,
    cheaper_choke: FloatArray,
    dead_bands: bool,
    rounding: float,
    firsts: NDArray[np.int64],
    lasts: NDArray[np.int64],
) -> None:
    """Write the first bin that an aggregator's best answer to each price may lie in, and the last.

    A higher price of the utility has no lower best answer: the first bin is that of the price
    itself or of any lower one, the last that of the price or of any higher one, whichever leaves
    least. Bins are looked at from both ends, until one may earn what an edge earns for certain;
    where the bin of the neighbouring price may, no other needs to be looked at.

    Parameters
    ----------
    prices : array, shape (prices,)
        Ascending prices of the utility [money/kWh].
    edges, demand : array, shape (bins + 1,)
        Edges of the bins, and demand there [money/kWh, kWh].
    gentlest, costlier, cheaper, costlier_choke, cheaper_choke : array, shape (bins,)
        Lines that bound the demand in each bin above and below a price: their slope, their
        intercepts, and the prices at which they meet 0 [kWh^2/money, kWh, money/kWh].
    dead_bands : bool
        Whether a bin around a price is bounded by both ends.
    rounding : float
        Share of a profit that may be rounding [-].
    firsts, lasts : array of int, shape (prices,)
        Room for the first bin, and the one after the last.
    """
    bins, rows = len(edges) - 1, len(prices)
    largest = 0.0
    for k in range(bins + 1):
        size = abs(demand[k])
        largest = size if size > largest else largest
    below = abs(edges[0] - prices[rows - 1])
    above = abs(edges[bins] - prices[0])
    farthest = below if below > above else above
    margin = rounding * largest * farthest
    enough_of, around_of = np.empty(rows), np.empty(rows, np.int64)
    around = -1
    for row in range(rows):
        q = prices[row]
        # Four at a time, so that none waits for the one before.
        certain = (edges[0] - q) * demand[0]
        second = third = fourth = certain
        for k in range(bins // 4):
            one = (edges[4 * k + 1] - q) * demand[4 * k + 1]
            two = (edges[4 * k + 2] - q) * demand[4 * k + 2]
            three = (edges[4 * k + 3] - q) * demand[4 * k + 3]
            four = (edges[4 * k + 4] - q) * demand[4 * k + 4]
            certain = one if one > certain else certain
            second = two if two > second else second
            third = three if three > third else third
            fourth = four if four > fourth else fourth
        for k in range(bins - bins % 4 + 1, bins + 1):
            one = (edges[k] - q) * demand[k]
            certain = one if one > certain else certain
        enough_of[row] = max(max(certain, second), max(third, fourth)) - margin
        while around + 1 < bins and edges[around + 1] < q:
            around += 1
        around_of[row] = around if around >= 0 and q < edges[around + 1] else -1
    for side in range(2):
        # The bin of the neighbouring price; for the first one an end of all bins.
        kept = 0 if side == 0 else bins - 1
        for each in range(rows):
            row = each if side == 0 else rows - 1 - each
            q, enough = prices[row], enough_of[row]
            for step in range(-1, bins):
                from_end = step if side == 0 else bins - 1 - step
                k = kept if step < 0 else from_end
                low, high = edges[k], edges[k + 1]
                if k == around_of[row]:
                    if not dead_bands:
                        possible = True
                    else:
                        sold = demand[k] if demand[k] > 0.0 else 0.0
                        bought = -demand[k + 1] if -demand[k + 1] > 0.0 else 0.0
                        possible = (high - q) * sold >= enough or (q - low) * bought >= enough
                else:
                    above_price = low >= q
                    intercept = costlier[k] if above_price else cheaper[k]
                    price = (costlier_choke[k] if above_price else cheaper_choke[k]) + q
                    price = price * 0.5
                    price = price if price > low else low
                    price = price if price < high else high
                    possible = (intercept - gentlest[k] * price) * (price - q) >= enough
                if possible:
                    kept = max(kept, k) if side == 0 else min(kept, k)
                    break
            if side == 0:
                firsts[row] = kept
            else:
                lasts[row] = kept + 1
