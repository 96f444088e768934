"""Kernels that sort kinks into the lines of a demand curve.

They give what `hmesh.markets.demand_curve` says of kinks without jumps, bit for bit.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.compiled import kernel

type Each = NDArray[np.float64]
type Counts = NDArray[np.int64]


@kernel("i8[] f8[] f8[] i8[] f8[] f8[] i8[] b1 f8 f8[]! f8[]! f8[]! i8[]! i8[]!")
def sorted_kinks(
    order: Counts,
    starts: Each,
    starts_slope: Each,
    starts_count: Counts,
    ends: Each,
    ends_slope: Each,
    ends_count: Counts,
    joined: bool,
    same: float,
    price: Each,
    bend: Each,
    moment: Each,
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
    price: Each,
    bend: Each,
    moment: Each,
    step: Counts,
    edges: Each,
    intercepts: Each,
    slopes: Each,
) -> int:
    """Write the lines between kinks; return how many there are.

    Parameters
    ----------
    low, high : float
        Ends of the curve [money/kWh].
    intercept, slope, answering
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
