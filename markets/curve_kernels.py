"""Kernels that sort kinks into the lines of a demand curve.

They give what `hmesh.markets.demand_curve` says of kinks without jumps, bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel

type Counts = NDArray[np.int64]


# So many kinks are sorted by insertion.
SHORT = 24


@kernel("f8[] f8[] i8[]! f8[]!")
def order_kinks(starts: FloatArray, ends: FloatArray, order: Counts, price: FloatArray) -> None:
    """Write the places of kinks among starts and then ends in order of their prices.

    Kinks are put into buckets of equal width, about four in each, and sorted within these. It is
    the order of ``argsort(kind="stable")``: of equal prices the first stays the first.

    Parameters
    ----------
    starts, ends : array
        Prices of the kinks, none of which is NaN or infinite [money/kWh].
    order, price : array, shape (kinks,)
        Room for the places, and for the prices in their order.
    """
    begun, count = len(starts), len(starts) + len(ends)
    low, high = np.inf, -np.inf
    for each in (starts, ends):
        for k in range(len(each)):
            low = each[k] if each[k] < low else low
            high = each[k] if each[k] > high else high
    buckets = max(count // 4, 1)
    scale = buckets / (high - low) if high > low else 0.0
    if not np.isfinite(scale):
        buckets, scale = 1, 0.0
    end_of = np.zeros(buckets + 1, np.int64)
    for each in (starts, ends):
        for k in range(len(each)):
            end_of[min(int((each[k] - low) * scale), buckets - 1) + 1] += 1
    for k in range(buckets):
        end_of[k + 1] += end_of[k]
    # Where the next kink of a bucket goes, and in the end where the bucket ends.
    for k in range(count):
        here = starts[k] if k < begun else ends[k - begun]
        bucket = min(int((here - low) * scale), buckets - 1)
        at = end_of[bucket]
        order[at], price[at] = k, here
        end_of[bucket] = at + 1
    other, other_price = np.empty(0, np.int64), np.empty(0)
    begin = 0
    for bucket in range(buckets):
        end = end_of[bucket]
        ascending = True
        for k in range(begin + 1, end):
            ascending = ascending and price[k - 1] <= price[k]
        if ascending:
            begin = end
            continue
        for first in range(begin, end, SHORT):
            for k in range(first + 1, min(first + SHORT, end)):
                here, place = price[k], order[k]
                at = k
                while at > first and price[at - 1] > here:
                    order[at], price[at] = order[at - 1], price[at - 1]
                    at -= 1
                order[at], price[at] = place, here
        # Where many are in a bucket, sorted parts are merged by two, and these again.
        width = SHORT
        if end - begin > width and len(other) < end - begin:
            other, other_price = np.empty(end - begin, np.int64), np.empty(end - begin)
        while width < end - begin:
            for first in range(begin, end - width, 2 * width):
                middle, last = first + width, min(first + 2 * width, end)
                if price[middle - 1] <= price[middle]:
                    continue
                for k in range(width):
                    other[k], other_price[k] = order[first + k], price[first + k]
                left, right, at = 0, middle, first
                while left < width and right < last:
                    if other_price[left] <= price[right]:
                        order[at], price[at] = other[left], other_price[left]
                        left += 1
                    else:
                        order[at], price[at] = order[right], price[right]
                        right += 1
                    at += 1
                while left < width:
                    order[at], price[at] = other[left], other_price[left]
                    left += 1
                    at += 1
            width *= 2
        begin = end


@kernel("i8[] f8[] f8[] i8[] f8[] f8[] i8[] b1 f8 f8[]! f8[]! f8[]! i8[]! i8[]!")
def sorted_kinks(
    order: Counts,
    starts: FloatArray,
    starts_slope: FloatArray,
    starts_count: Counts,
    ends: FloatArray,
    ends_slope: FloatArray,
    ends_count: Counts,
    joined: bool,
    same: float,
    price: FloatArray,
    bend: FloatArray,
    moment: FloatArray,
    step: Counts,
    firsts: Counts,
) -> int:
    """Write the kinks in order of their prices.

    Parameters
    ----------
    order : array of int, shape (kinks,)
        Places of the kinks among starts and then ends, ascending by price.
    starts, starts_slope, starts_count, ends, ends_slope, ends_count : array
        The kinks as those of `hmesh.markets.demand_curve.Bends`.
    joined : bool
        Whether kinks count as one that differ by no more than `same`.
    same : float
        That distance [money/kWh].
    price, bend, moment : array, shape (kinks,)
        Room for the price of each, what it adds to the slope, and that times its price.
    step : array of int, shape (kinks,)
        Room for how many begin to answer there, below 0 cease.
    firsts : array of int, shape (kinks,)
        Room for the first kink of each price.

    Returns
    -------
    int
        How many prices there are.
    """
    found, begun = 0, len(starts)
    for k in range(len(order)):
        at = order[k]
        if at < begun:
            price[k], bend[k], step[k] = starts[at], starts_slope[at], starts_count[at]
        else:
            at -= begun
            price[k], bend[k], step[k] = ends[at], -ends_slope[at], 0 - ends_count[at]
        moment[k] = bend[k] * price[k]
        if k == 0 or not joined or price[k] - price[k - 1] > same:
            firsts[found] = k
            found += 1
    return found


@kernel("f8 f8 f8 f8 i8 f8 f8[] f8[] f8[] i8[] f8[]! f8[]! f8[]!")
def lines_of_kinks(
    low: float,
    high: float,
    intercept: float,
    slope: float,
    answering: int,
    dust: float,
    price: FloatArray,
    bend: FloatArray,
    moment: FloatArray,
    step: Counts,
    edges: FloatArray,
    intercepts: FloatArray,
    slopes: FloatArray,
) -> int:
    """Write the lines between kinks; return how many there are.

    Parameters
    ----------
    low, high : float
        Ends of the curve [money/kWh].
    intercept, slope, answering : float, float, int
        Line below all kinks, and how many answer there.
    dust : float
        An intercept below it counts as 0 where nobody answers [kWh].
    price, bend, moment, step : array, shape (kinks,)
        As of `sorted_kinks`.
    edges, intercepts, slopes : array, shape (kinks + 2,), (kinks + 1,), (kinks + 1,)
        Room for the lines, as those of `hmesh.markets.demand_curve.DemandCurve`.
    """
    kinks, found, number = len(price), 0, answering
    bent = moved = 0.0
    for k in range(kinks + 1):
        if k == 1:
            bent, moved = bend[0], moment[0]
        elif k > 1:
            bent += bend[k - 1]
            moved += moment[k - 1]
        if k:
            number += step[k - 1]
        start = price[k - 1] if k else low
        end = price[k] if k < kinks else high
        if not (end > start or (k == kinks and found == 0)):
            continue
        line, falls = intercept + moved, slope + bent
        if number == 0:
            falls = 0.0
            if abs(line) < dust:
                line = 0.0
        edges[found], intercepts[found], slopes[found] = start, line, falls
        found += 1
    edges[found] = high
    return found
