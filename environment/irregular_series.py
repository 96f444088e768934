"""Readings at irregular times, turned into the means and energies of intervals.

A reading holds up to the next one, as meters write it that report changes only. Nothing is
interpolated, and nothing is known after the last reading, while a reading is missing (NaN), or for
longer after a reading than is allowed.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


def interval_means(
    time_us: NDArray[np.int64],
    value: FloatArray,
    edges_us: NDArray[np.int64],
    longest_us: int | None = None,
) -> FloatArray:
    """Return the mean of a held quantity over intervals, weighted by time.

    Parameters
    ----------
    time_us : array of int, shape (readings,)
        When the readings begin to hold, rising [µs].
    value : array, shape (readings,)
        The readings, NaN where they are missing.
    edges_us : array of int, shape (intervals + 1,)
        Where intervals begin and end [µs].
    longest_us : int or None
        How long a reading holds at most [µs]; None for up to the next one.

    Returns
    -------
    array, shape (intervals,)
        The mean over what is known of an interval; NaN where less than half of it is known.
    """
    length_us = np.diff(time_us).astype(np.float64)
    if longest_us is not None:
        length_us = np.where(length_us <= longest_us, length_us, 0.0)
    known = ~np.isnan(value[:-1])
    held_us = np.where(known, length_us, 0.0)
    amount = np.where(known, value[:-1], 0.0) * length_us
    at = edges_us.astype(np.float64)
    sums = [
        np.diff(np.interp(at, time_us, np.concatenate(([0.0], np.cumsum(each)))))
        for each in (held_us, amount)
    ]
    enough = sums[0] >= 0.5 * np.diff(edges_us)
    means: FloatArray = np.full(len(sums[0]), np.nan)
    np.divide(sums[1], sums[0], out=means, where=enough)
    return means


def register_energies(
    time_us: NDArray[np.int64],
    reading: FloatArray,
    edges_us: NDArray[np.int64],
    longest_us: int | None = None,
) -> FloatArray:
    """Return how much a meter that counts up has risen in each interval.

    Parameters
    ----------
    time_us, edges_us, longest_us : array of int, array of int, int
        As in `interval_means`.
    reading : array, shape (readings,)
        The readings, NaN where they are missing.

    Returns
    -------
    array, shape (intervals,)
        The rise, by the readings that hold at both ends; NaN where one of them is not known, and
        where the reading falls in between, for then the meter was set back or replaced.
    """
    last = np.searchsorted(time_us, edges_us, side="right") - 1
    held = np.where(last >= 0, reading[np.maximum(last, 0)], np.nan)
    if longest_us is not None:
        held = np.where(edges_us - time_us[np.maximum(last, 0)] <= longest_us, held, np.nan)
    held = np.where(edges_us > time_us[-1], np.nan, held)
    rise: FloatArray = np.diff(held)
    there = np.flatnonzero(~np.isnan(reading))
    falls = time_us[there[1:][np.diff(reading[there]) < 0]]
    set_back = np.searchsorted(edges_us, falls, side="left") - 1
    rise[set_back[(set_back >= 0) & (set_back < len(rise))]] = np.nan
    return rise
