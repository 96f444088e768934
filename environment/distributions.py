"""Distributions as functions of uniform draws, one draw for each value.

Every function turns shares ``u``, drawn uniformly from 0 to below 1, into values: its quantiles. So
changing a distribution, or adding agents, moves no other agent's draws.
"""

import numpy as np

from hmesh.environment.arrays import FloatArray

# The least share that still has a finite normal quantile: half of the generators' resolution.
_LEAST = 2.0**-54


def uniform(u: FloatArray, low: float, high: float) -> FloatArray:
    """Return values spread evenly from ``low`` to ``high`` (any shape)."""
    return low + (high - low) * u


def truncated_normal(
    u: FloatArray,
    mean: float,
    deviation: float,
    low: float = -np.inf,
    high: float = np.inf,
) -> FloatArray:
    """Return values of a normal distribution of which only a part is left.

    Parameters
    ----------
    u : array
        Shares, 0 <= u < 1.
    mean, deviation : float
        Of the whole normal distribution, before it is cut; the deviation is above 0.
    low, high : float
        Between them lies what is left, low < high.

    Returns
    -------
    array, the shape of `u`
        Values from `low` to `high`.
    """
    from scipy.special import ndtr, ndtri

    if low > mean:
        # In the upper tail shares crowd below 1, where floats are coarse; the lower one is exact.
        return -truncated_normal(1.0 - u, -mean, deviation, -high, -low)
    below, up_to = ndtr((low - mean) / deviation), ndtr((high - mean) / deviation)
    share = np.minimum(below + (up_to - below) * np.maximum(u, _LEAST), 1.0 - _LEAST)
    values: FloatArray = np.clip(mean + deviation * ndtri(share), low, high)
    return values


def lognormal(u: FloatArray, mean: float, deviation: float) -> FloatArray:
    """Return values above 0 whose logarithm is normal.

    Parameters
    ----------
    u : array
        Shares, 0 <= u < 1.
    mean, deviation : float
        Of the values themselves, not of their logarithm; both above 0.
    """
    variance = np.log1p((deviation / mean) ** 2)
    logarithm = np.log(mean) - variance / 2
    return np.exp(truncated_normal(u, float(logarithm), float(np.sqrt(variance))))


def triangular(u: FloatArray, low: float, mode: float, high: float) -> FloatArray:
    """Return values whose density rises evenly from ``low`` to ``mode`` and falls to ``high``.

    Parameters
    ----------
    u : array
        Shares, 0 <= u < 1.
    low, mode, high : float
        low <= mode <= high and low < high.
    """
    width = high - low
    rising = low + np.sqrt(u * width * (mode - low))
    falling = high - np.sqrt((1.0 - u) * width * (high - mode))
    return np.where(u * width < mode - low, rising, falling)


def drawn_from(u: FloatArray, values: FloatArray) -> FloatArray:
    """Return for each share one of ``values``, all of them equally likely."""
    return values[(u * len(values)).astype(np.intp)]


def gamma(u: FloatArray, mean: float, deviation: float) -> FloatArray:
    """Return values above 0 of a gamma distribution.

    Parameters
    ----------
    u : array
        Shares, 0 <= u < 1.
    mean, deviation : float
        Of the values; both above 0.
    """
    from scipy.special import gammaincinv

    shape = (mean / deviation) ** 2
    values: FloatArray = gammaincinv(shape, np.maximum(u, _LEAST)) * (mean / shape)
    return values


def histogram(u: FloatArray, edges: FloatArray, shares: FloatArray) -> FloatArray:
    """Return values that are spread evenly within the bins of a histogram.

    Parameters
    ----------
    u : array
        Shares, 0 <= u < 1.
    edges : array, shape (bins + 1,)
        Ascending.
    shares : array, shape (bins,)
        Share of the values in each bin, not below 0; their sum is above 0 and need not be 1.
    """
    filled = shares > 0
    sums = np.cumsum(shares[filled])
    ends = sums / sums[-1]
    which = np.searchsorted(ends, u, side="right")
    begins = np.concatenate([[0.0], ends[:-1]])
    within = (u - begins[which]) / (ends - begins)[which]
    low, high = edges[:-1][filled][which], edges[1:][filled][which]
    values: FloatArray = low + (high - low) * within
    return values


def discrete(u: FloatArray, values: FloatArray, shares: FloatArray) -> FloatArray:
    """Return for each share one of ``values``, each as often as its share says.

    Parameters
    ----------
    u : array
        Shares, 0 <= u < 1.
    values, shares : array, shape (values,)
        Shares are not below 0; their sum is above 0 and need not be 1.
    """
    sums = np.cumsum(shares)
    chosen: FloatArray = values[np.searchsorted(sums / sums[-1], u, side="right")]
    return chosen
