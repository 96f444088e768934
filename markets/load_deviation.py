"""How uneven a load is: its standard deviation over a year and over its days."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class LoadDeviation:
    """The standard deviation of a load, in the three ways in which it may be meant.

    Attributes
    ----------
    annual_kwh : float
        Of all steps from the mean of all of them [kWh]. Levelling within days cannot bring it
        below the standard deviation of the daily means.
    daily_mean_kwh : float
        Mean of the standard deviations of the days, each from its own mean [kWh].
    daily_rms_kwh : float
        Root of the mean square of these [kWh].
    """

    annual_kwh: float
    daily_mean_kwh: float
    daily_rms_kwh: float


def load_deviation(load_kwh: FloatArray, weight: FloatArray | None = None) -> LoadDeviation:
    """Return how uneven a load is.

    Parameters
    ----------
    load_kwh : array, shape (days, steps)
        Load of every step [kWh].
    weight : array, shape (days,), optional
        Days for which each stands, such as those of a representative day.

    Notes
    -----
    Source: Frontiers in Energy Research 10 (2022) 929693, eq. (10) and (11), which name neither
    the time over which the deviation is taken nor, so, the mean from which it is.
    """
    weights = np.ones(len(load_kwh)) if weight is None else weight
    share = weights / weights.sum()
    means = load_kwh.mean(axis=1)
    variances = load_kwh.var(axis=1)
    within = float(share @ variances)
    between = float(share @ (means - share @ means) ** 2)
    return LoadDeviation(
        float(np.sqrt(within + between)), float(share @ np.sqrt(variances)), float(np.sqrt(within))
    )
