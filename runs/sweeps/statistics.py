"""Statistics across seeds: means with their intervals, and differences paired by seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of several quantities across seeds, arrays of shape (quantities,).

    Attributes
    ----------
    number : array of int
        How many seeds have a value.
    mean, standard_deviation : array
        Of the sample; NaN where there are too few values.
    half_width : array
        Half the confidence interval of the mean, by Student's t.
    variance_saved : array, or None
        For differences, the share of the variance of independent runs that common random numbers
        save; below zero where they add to it, NaN where nothing varies.
    """

    number: NDArray[np.int64]
    mean: FloatArray
    standard_deviation: FloatArray
    half_width: FloatArray
    variance_saved: FloatArray | None = None


def statistics(values: FloatArray) -> Statistics:
    """Return the statistics of quantities across seeds.

    Parameters
    ----------
    values : array of float, shape (seeds, quantities)
        NaN where a value is missing.

    Notes
    -----
    The interval of the mean is ``mean ± t s / sqrt(n)`` with the 97.5 % quantile ``t`` of
    Student's distribution of ``n - 1`` degrees of freedom.
    """
    from scipy.special import stdtrit

    known = np.isfinite(values)
    number = known.sum(axis=0)
    mean = np.where(number > 0, np.where(known, values, 0.0).sum(axis=0), np.nan)
    mean = mean / np.maximum(number, 1)
    deviations = np.where(known, values - mean, 0.0)
    freedom = np.maximum(number - 1, 1)
    squares = np.where(number > 1, (deviations**2).sum(axis=0), np.nan)
    deviation = np.sqrt(squares / freedom)
    quantile = stdtrit(freedom, 0.5 + CONFIDENCE / 2)
    half_width = quantile * deviation / np.sqrt(np.maximum(number, 1))
    return Statistics(number, mean, deviation, half_width)


def paired_difference(values: FloatArray, reference: FloatArray) -> Statistics:
    """Return the statistics of differences, seed by seed.

    Parameters
    ----------
    values, reference : array of float, shape (seeds, quantities)
        Runs of the same seeds in the same rows, NaN where a value is missing.

    Notes
    -----
    Runs ``X`` and ``Y`` of separate seeds would differ with variance ``var X + var Y``; with
    common random numbers it is ``var(X - Y)``, and ``1 - var(X - Y) / (var X + var Y)`` is saved.
    """
    both = np.isfinite(values) & np.isfinite(reference)
    found = statistics(np.where(both, values - reference, np.nan))
    apart = sum(
        (statistics(np.where(both, part, np.nan)).standard_deviation ** 2)
        for part in (values, reference)
    )
    varies = apart > 0
    saved = 1.0 - found.standard_deviation**2 / np.where(varies, apart, 1.0)
    return Statistics(
        found.number,
        found.mean,
        found.standard_deviation,
        found.half_width,
        np.where(varies, saved, np.nan),
    )
