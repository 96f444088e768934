"""How far forecasts are off: three measures, and what they must fulfil together."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ForecastErrors:
    """The errors of a forecast.

    Attributes
    ----------
    mse : float
        Mean squared error [unit^2].
    mae : float
        Mean absolute error [unit].
    mape : float
        Mean absolute error as a share of what was measured, where that is not 0 [-]; NaN where it
        always is.
    largest : float
        Largest absolute error [unit].
    readings : int
        How many forecasts were compared; those without a forecast or a reading are left out.
    zeros : int
        How many of them had no share to state, as 0 was measured.
    """

    mse: float
    mae: float
    mape: float
    largest: float
    readings: int
    zeros: int

    @property
    def consistent(self) -> bool:
        """Whether the errors can be those of one forecast: ``MAE^2 <= MSE <= MAE max|e|``."""
        slack = ROUNDING * max(self.mse, self.mae**2, 1e-300)
        return self.mae**2 <= self.mse + slack and self.mse <= self.mae * self.largest + slack


def forecast_errors(forecast: FloatArray, actual: FloatArray) -> ForecastErrors:
    """Return the errors of a forecast.

    Parameters
    ----------
    forecast, actual : array of one shape
        What was forecast and what was measured; NaN where nothing was.

    Raises
    ------
    ValueError
        If there is nothing to compare.
    """
    there = ~(np.isnan(forecast) | np.isnan(actual))
    if not there.any():
        raise ValueError("no forecast has a reading to be compared with")
    measured = actual[there]
    error = np.abs(forecast[there] - measured)
    counted = measured != 0
    # Of next to nothing an error may be an infinite share.
    with np.errstate(over="ignore"):
        shares = error[counted] / np.abs(measured[counted])
    return ForecastErrors(
        mse=float((error**2).mean()),
        mae=float(error.mean()),
        mape=float(shares.mean()) if len(shares) else float("nan"),
        largest=float(error.max()),
        readings=len(error),
        zeros=int(np.count_nonzero(~counted)),
    )


def least_largest_error(mse: float, mae: float) -> float:
    """Return how large the largest error must at least be for both measures to be true [unit].

    It follows from ``MSE <= MAE max|e|``.
    """
    return mse / mae
