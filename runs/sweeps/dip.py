"""The dip of a sample: how far it is from every distribution of one hump."""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from hmesh.environment.arrays import FloatArray

RESAMPLES = 4999
# Part of the range by which equal values are set apart.
TIE = 1e-12
# The samples that the dip is compared with are the same for all outcomes of as many seeds.
_SEED = 1985


def dip(values: FloatArray) -> float:
    """Return the dip statistic of a sample.

    Parameters
    ----------
    values : array, shape (n,)
        The sample in ascending order, at least two values, not all equal.

    Returns
    -------
    float
        The largest distance between the distribution of the sample and the unimodal distribution
        that is nearest to it, from ``1 / 2n`` to 1/4 [-].

    Notes
    -----
    A distribution function of one hump is convex up to its mode and concave from there. The
    algorithm [1]_ narrows an interval that holds the mode: it takes the greatest convex minorant
    and the least concave majorant of the sample within it, and keeps what lies between the places
    where these are farthest apart. All distances are counted in steps of the sample, ``1 / n``.

    References
    ----------
    .. [1] J. A. Hartigan and P. M. Hartigan, "The dip test of unimodality", Annals of Statistics 13
       (1985) 70-84; P. M. Hartigan, Algorithm AS 217, Applied Statistics 34 (1985) 320-325.
    """
    # Equal values would make vertical pieces; their order as places far closer than any others.
    spread = TIE * float(values[-1] - values[0]) * np.arange(len(values))
    x: list[float] = (values + spread).tolist()
    below, above = _convex_ends(x), _concave_ends(x)
    low, high, found = 0, len(x) - 1, 1.0
    while True:
        minorant, majorant = [high], [low]
        while minorant[-1] > low:
            minorant.append(below[minorant[-1]])
        while majorant[-1] < high:
            majorant.append(above[majorant[-1]])
        apart, left, right = _farthest_apart(x, minorant, majorant)
        if apart < found:
            break
        over = (_over_chord(x, first, last) for last, first in pairwise(minorant[left:]))
        under = (_under_chord(x, first, last) for first, last in pairwise(majorant[right:]))
        found = max(found, *over, *under, 1.0)
        if (low, high) == (minorant[left], majorant[right]):
            break
        low, high = minorant[left], majorant[right]
    return found / (2 * len(x))


def _convex_ends(x: list[float]) -> list[int]:
    """Return for each value where the last piece of the convex minorant up to it begins."""
    ends = [0] * len(x)
    for j in range(1, len(x)):
        k = j - 1
        while k > 0:
            before = ends[k]
            if (x[j] - x[k]) * (k - before) < (x[k] - x[before]) * (j - k):
                break
            k = before
        ends[j] = k
    return ends


def _concave_ends(x: list[float]) -> list[int]:
    """Return for each value where the first piece of the majorant from it on ends."""
    last = len(x) - 1
    ends = [last] * len(x)
    for j in range(last - 1, -1, -1):
        k = j + 1
        while k < last:
            after = ends[k]
            if (x[j] - x[k]) * (k - after) < (x[k] - x[after]) * (j - k):
                break
            k = after
        ends[j] = k
    return ends


def _farthest_apart(
    x: list[float], minorant: list[int], majorant: list[int]
) -> tuple[float, int, int]:
    """Return how far both hulls are apart at most, and the pieces of both between which that is.

    The minorant is listed from its end, the majorant from its beginning.
    """
    most, left, right = 0.0, len(minorant) - 1, len(majorant) - 1
    if len(minorant) == len(majorant) == 2:
        return 1.0, left, right
    ix, iv = len(minorant) - 2, 1
    while True:
        at_minorant, at_majorant = minorant[ix], majorant[iv]
        if at_minorant > at_majorant:
            # A corner of the majorant over a piece of the minorant.
            first = minorant[ix + 1]
            rise = (at_minorant - first) / (x[at_minorant] - x[first])
            apart = at_majorant - first + 1 - (x[at_majorant] - x[first]) * rise
            iv += 1
            if apart >= most:
                most, left, right = apart, ix + 1, iv - 1
        else:
            first = majorant[iv - 1]
            rise = (at_majorant - first) / (x[at_majorant] - x[first])
            apart = (x[at_minorant] - x[first]) * rise - (at_minorant - first - 1)
            ix -= 1
            if apart >= most:
                most, left, right = apart, ix + 1, iv
        ix, iv = max(ix, 0), min(iv, len(majorant) - 1)
        if minorant[ix] == majorant[iv]:
            return most, left, right


def _over_chord(x: list[float], first: int, last: int) -> float:
    """Return how far the sample is above a piece of the convex minorant at most, at least 1."""
    if last - first < 2 or x[last] == x[first]:
        return 1.0
    rise = (last - first) / (x[last] - x[first])
    return max(1.0, *(j - first + 1 - (x[j] - x[first]) * rise for j in range(first, last + 1)))


def _under_chord(x: list[float], first: int, last: int) -> float:
    """Return how far the sample is below a piece of the concave majorant at most, at least 1."""
    if last - first < 2 or x[last] == x[first]:
        return 1.0
    rise = (last - first) / (x[last] - x[first])
    return max(1.0, *((x[j] - x[first]) * rise - (j - first - 1) for j in range(first, last + 1)))


@lru_cache(maxsize=64)
def flat_dips(number: int, resamples: int = RESAMPLES) -> FloatArray:
    """Return the dips of uniform samples in ascending order, shape (resamples,).

    Of all distributions of one hump the uniform one has the largest dips, as far as is known; so a
    test that takes it for the others calls these split no more often.

    Parameters
    ----------
    number : int
        Values of each sample.
    resamples : int
        How many samples.
    """
    drawn = np.sort(np.random.default_rng((_SEED, number)).random((resamples, number)), axis=1)
    found = np.sort([dip(sample) for sample in drawn])
    found.flags.writeable = False
    return found


def dip_p_value(values: FloatArray, resamples: int = RESAMPLES) -> float:
    """Return how likely a uniform sample has a dip at least as large as a sample [-].

    Parameters
    ----------
    values : array, shape (n,)
        The sample in ascending order, not all equal.
    resamples : int
        How many uniform samples it is compared with.
    """
    flat = flat_dips(len(values), resamples)
    larger = len(flat) - int(np.searchsorted(flat, dip(values) * (1.0 - 1e-12)))
    return (1 + larger) / (1 + resamples)
