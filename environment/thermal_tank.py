"""The physics of a tank of hot water and of the heat pump that fills it.

Heat is that of one step at the tank's pipes: positive fills, negative draws. But for what it loses
while it stands, a tank obeys the rules of `hmesh.environment.battery`.
"""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged, exchange_bounds


def kept_share(loss_per_h: Any, step_h: float) -> Any:
    """Return the share of the stored heat that is left after a step without exchange [-].

    Parameters
    ----------
    loss_per_h : float or array, shape (n,)
        Share of the stored heat lost in an hour, 0 <= loss < 1 [1/h].
    step_h : float
        Length of the step [h].
    """
    return (1.0 - loss_per_h) ** step_h


def loss_at_temperature(
    loss_per_h: float, temp_around: Any, tank_temperature: float, rated_temperature: float
) -> Any:
    r"""Return the share of the stored heat lost in an hour by the temperature around [1/h].

    .. math:: \sigma (T_t - T) / (T_t - T_r), at least 0

    Parameters
    ----------
    loss_per_h : float
        Share that is lost at the rated temperature sigma [1/h].
    temp_around : float or array
        Temperature around the tank T [degC].
    tank_temperature : float
        Temperature of its water T_t, taken as constant [degC].
    rated_temperature : float
        Temperature around it for which the share is stated T_r, below that of the water [degC].

    Notes
    -----
    Heat flows through the wall in proportion to the difference of temperatures.
    """
    warmer = np.maximum(tank_temperature - temp_around, 0.0)
    return loss_per_h * warmer / (tank_temperature - rated_temperature)


def heat_bounds[T: (float, FloatArray)](
    heat_kwh: T,
    capacity_kwh: T | float,
    power_kw: T | float,
    step_h: float,
    efficiency: T | float,
    loss_per_h: T | float,
) -> tuple[T, T]:
    """Return the least and the greatest exchange of heat of a step.

    Parameters
    ----------
    heat_kwh, capacity_kwh : float or array, shape (n,)
        Stored heat at the beginning of the step, and size of the tank [kWh].
    power_kw : float or array, shape (n,)
        Most heat that can flow, in both directions [kW].
    step_h : float
        Length of the step [h].
    efficiency : float or array, shape (n,)
        Of filling and of drawing, each 0 < efficiency <= 1 [-].
    loss_per_h : float or array, shape (n,)
        Share of the stored heat lost in an hour [1/h].

    Returns
    -------
    lo_kwh, hi_kwh : float or array, shape (n,)
        Heat [kWh], lo_kwh <= 0 <= hi_kwh.
    """
    kept_kwh: T = heat_kwh * kept_share(loss_per_h, step_h)
    bounds: tuple[T, T] = exchange_bounds(
        kept_kwh, capacity_kwh, 0.0, 1.0, power_kw, step_h, efficiency, efficiency
    )
    return bounds


def heat_after[T: (float, FloatArray)](
    heat_kwh: T, exchange_kwh: T, step_h: float, efficiency: T | float, loss_per_h: T | float
) -> T:
    """Return the stored heat after a step: what it kept, and what was filled or drawn [kWh].

    Notes
    -----
    ``E' = (1 - sigma)^h E + eta max(x, 0) - max(-x, 0) / eta``, the thermal storage of Scientific
    Reports 14 (2024) 6279 with its loss of an hour.
    """
    kept_kwh: T = heat_kwh * kept_share(loss_per_h, step_h)
    after: T = charged(kept_kwh, exchange_kwh, efficiency, efficiency)
    return after


def pump_kwh(heat_kwh: Any, cop: Any) -> Any:
    """Return the electricity with which a heat pump makes some heat [kWh].

    Parameters
    ----------
    heat_kwh : float or array, shape (n,)
        Heat, at least 0 [kWh].
    cop : float or array, shape (n,)
        Coefficient of performance: heat per electricity, above 0 [-].
    """
    return heat_kwh / cop
