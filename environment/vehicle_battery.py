"""What the battery of a vehicle can exchange at its plug: both powers, and its charging curve."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import exchange_bounds
from hmesh.environment.charging_curve import ChargingCurves, most_charged_kwh


def within_plug[T: (float, FloatArray)](
    bounds: tuple[T, T],
    plug_kw: T | float,
    plug_v2g_kw: T | float,
    step_h: float,
    plugged: T | float,
) -> tuple[T, T]:
    """Return bounds of an exchange that the charger allows too.

    Parameters
    ----------
    bounds : (float, float) or (array, array), shape (n,)
        What vehicles could exchange at a plug of any power [kWh].
    plug_kw, plug_v2g_kw : float or array, shape (n,)
        Highest power of the plug charging, and discharging [kW]; may be infinite.
    step_h : float
        Length of the step [h].
    plugged : float or array, shape (n,)
        Part of the step in which it is plugged in, 0..1 [-].

    Returns
    -------
    lo_kwh, hi_kwh : float or array, shape (n,)
        Energy at the plug [kWh], lo_kwh <= 0 <= hi_kwh.
    """
    lower, upper = bounds
    # One who is not plugged in has bounds of 0 already; no part of infinity is nothing.
    hours: Any = step_h * np.where(np.greater(plugged, 0.0), plugged, 1.0)
    least: Any = np.maximum(lower, 0.0 - plug_v2g_kw * hours)
    most: Any = np.minimum(upper, plug_kw * hours)
    return least, most


def vehicle_bounds[T: (float, FloatArray)](
    energy_kwh: T,
    capacity_kwh: T | float,
    soc_min: T | float,
    soc_max: T | float,
    power_kw: T | float,
    step_h: float,
    charge_efficiency: T | float,
    discharge_efficiency: T | float,
    reserve_kwh: T | float = 0.0,
    plugged: bool | float | NDArray[np.bool_] | FloatArray = True,
    v2g_kw: T | float | None = None,
    curves: ChargingCurves | None = None,
    which: int | NDArray[np.integer] = -1,
    plug_kw: T | float = np.inf,
) -> tuple[T, T]:
    """Return the least and the greatest exchange of a step for batteries of vehicles.

    Parameters
    ----------
    energy_kwh, capacity_kwh, soc_min, soc_max, power_kw : float or array, shape (n,)
    step_h : float
    charge_efficiency, discharge_efficiency, reserve_kwh : float or array, shape (n,)
    plugged : bool, float or array of them, shape (n,), optional
        As in `hmesh.environment.battery.exchange_bounds`.
    v2g_kw : float or array, shape (n,), optional
        Rating at the plug when discharging [kW]; NaN or None: that of charging.
    curves : ChargingCurves, optional
        The charging curves that there are.
    which : int or array of int, shape (n,), optional
        Curve of each, -1 for none.
    plug_kw : float or array, shape (n,), optional
        Highest power of the plug, which bends a charging curve where it is less [kW].

    Returns
    -------
    lo_kwh, hi_kwh : float or array, shape (n,)
        Energy at the plug [kWh], lo_kwh <= 0 <= hi_kwh.
    """
    given: Any = None
    if v2g_kw is not None:
        given = power_kw if np.isscalar(v2g_kw) and np.isnan(v2g_kw) else v2g_kw
        if isinstance(given, np.ndarray):
            given = np.where(np.isnan(given), power_kw, given)
    lower, upper = exchange_bounds(
        energy_kwh, capacity_kwh, soc_min, soc_max, power_kw, step_h, charge_efficiency,
        discharge_efficiency, reserve_kwh, plugged, given,
    )  # fmt: skip
    if curves is None:
        return lower, upper
    held = np.atleast_1d(np.asarray(energy_kwh, dtype=np.float64))
    curve = np.broadcast_to(which, held.shape)
    most: Any = most_charged_kwh(
        curves,
        curve,
        held,
        capacity_kwh,
        power_kw,
        np.multiply(plugged, step_h),
        charge_efficiency,
        plug_kw,
    )
    upper = np.minimum(upper, most if np.ndim(energy_kwh) else most[0])
    return lower, upper
