"""The hours in which a utility needs help, and how much of it."""

from typing import Literal

import numpy as np

from hmesh.environment.arrays import FloatArray

type BaseRule = Literal["energy", "share_of_peak"]


def base_demand(forecast_kwh: FloatArray, rule: BaseRule, value: float) -> float:
    """Return the demand of a step that the utility meets without help [kWh].

    Parameters
    ----------
    forecast_kwh : array, shape (steps,)
        Forecast demand of a day [kWh].
    rule : {"energy", "share_of_peak"}
        Whether the base demand is given outright or as a share of the day's highest.
    value : float
        The energy [kWh], or the share [-].
    """
    return value if rule == "energy" else value * float(forecast_kwh.max())


def required_demand(forecast_kwh: FloatArray, base_kwh: float) -> FloatArray:
    """Return the demand above the base in each step of a day [kWh]; critical where it is above 0.

    Parameters
    ----------
    forecast_kwh : array, shape (steps,)
        Forecast demand [kWh].
    base_kwh : float
        Demand the utility meets without help [kWh].

    Notes
    -----
    Source: Khwanrit (2024), section 4.3: ``D_req = D_peak - D_base`` in the critical hours.
    """
    return np.maximum(forecast_kwh - base_kwh, 0.0)
