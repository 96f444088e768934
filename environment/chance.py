"""Processes of chance that go on through a run, as functions of arrays.

Every process takes one draw for each row and step. Its state is its last value; the first value
comes from the distribution that the process keeps for ever, so no run has to warm up.
"""

import math

import numpy as np

from hmesh.environment.arrays import FloatArray

HOURS_PER_YEAR = 8760.0


def correlation_over(time_h: float, correlation_h: float) -> float:
    """Return how much a process resembles itself after a time, ``exp(-time / correlation)``.

    Parameters
    ----------
    time_h : float
        Time between two values, at least 0 [h].
    correlation_h : float
        Time after which the correlation has fallen to 1/e; 0 for no memory at all [h].
    """
    return math.exp(-time_h / correlation_h) if correlation_h > 0 else 0.0


def next_normal(value: FloatArray, innovation: FloatArray, correlation: float) -> FloatArray:
    """Return the next value of a first-order autoregressive process, standard normal for ever.

    Parameters
    ----------
    value : array
        Standard normal values of the step before.
    innovation : array, the shape of `value`
        Independent standard normal draws.
    correlation : float
        Correlation of a value with the one before, 0 <= correlation <= 1 [-].
    """
    return correlation * value + math.sqrt(1.0 - correlation**2) * innovation


def noise_factor(normal: FloatArray, sigma: float) -> FloatArray:
    """Return lognormal factors of mean 1, ``exp(sigma z - sigma^2 / 2)``.

    Parameters
    ----------
    normal : array
        Standard normal values z.
    sigma : float
        Standard deviation of the factors' logarithm, at least 0 [-].
    """
    return np.exp(sigma * normal - sigma**2 / 2)


def unavailability(up_h: float, down_h: float) -> float:
    """Return the share of the time for which something that fails and is repaired is out.

    Parameters
    ----------
    up_h, down_h : float
        Mean time from a repair to the next failure, and from a failure to its repair [h].
    """
    return down_h / (up_h + down_h)


def growth_factor(growth_per_year: float, elapsed_h: float) -> float:
    """Return what a quantity has grown to, ``(1 + growth)^(elapsed / 8760 h)``.

    Parameters
    ----------
    growth_per_year : float
        Relative growth in a year of 8,760 hours, above -1 [-].
    elapsed_h : float
        Time since it was 1 [h].
    """
    return float((1.0 + growth_per_year) ** (elapsed_h / HOURS_PER_YEAR))
