"""The kernel that sorts kinks into a demand curve.

It gives what `hmesh.markets.Bends.curve` says of a demand without jumps whose kinks are not merged,
bit for bit: kinks of one price stay in their order, and bends are added one after another.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.compiled import kernel

type Each = NDArray[np.float64]


@kernel("f8[] f8[] i8[] f8[] f8[] i8[] f8 f8 f8 f8 i8 f8 f8[]! f8[]! f8[]!")
def sorted_pieces(
    starts: Each,
    starts_slope: Each,
    starts_count: NDArray[np.int64],
    ends: Each,
    ends_slope: Each,
    ends_count: NDArray[np.int64],
    low: float,
    high: float,
    intercept: float,
    slope: float,
    answering: int,
    dust: float,
    edges: Each,
    intercepts: Each,
    slopes: Each,
) -> int:
    """Write the pieces of a demand curve, and return how many there are.

    Parameters
    ----------
    starts, starts_slope, starts_count, ends, ends_slope, ends_count, low, high, intercept, slope, \
answering
        As of `hmesh.markets.Bends`, with a number for each kink; all kinks are between the bounds.
    dust : float
        Least demand that is more than rounding where nobody answers [kWh].
    edges, intercepts, slopes : array, shape (starts + ends + 2,)
        Room for the columns of a `hmesh.markets.DemandCurve`.
    """
    begun = len(starts)
    kinks = begun + len(ends)
    prices = np.empty(kinks)
    for k in range(begun):
        prices[k] = starts[k]
    for k in range(len(ends)):
        prices[begun + k] = ends[k]
    order = np.argsort(prices, kind="mergesort")
    # Sums of bends alone, to which those below all kinks are added at last.
    bends, moments, present = 0.0, 0.0, 0
    found, edge = 0, low
    for piece in range(kinks + 1):
        following = prices[order[piece]] if piece < kinks else high
        if following > edge or (piece == kinks and found == 0):
            at = slope + bends
            height = intercept + moments
            if answering + present == 0:
                at = 0.0
                if (height if height > 0.0 else -height) < dust:
                    height = 0.0
            edges[found], intercepts[found], slopes[found] = edge, height, at
            found += 1
        if piece < kinks:
            edge = following
            kink = order[piece]
            if kink < begun:
                bend, count = starts_slope[kink], starts_count[kink]
            else:
                bend, count = -ends_slope[kink - begun], -ends_count[kink - begun]
            moment = bend * following
            # The first sum is the first bend itself.
            bends = bend if piece == 0 else bends + bend
            moments = moment if piece == 0 else moments + moment
            present += count
    edges[found] = high
    return found
