"""The physics of a battery: how much it can exchange, and what an exchange leaves in it.

Exchanges are energies of one step at the plug (grid side): positive charges, negative discharges.
Every function takes the numbers of one battery or arrays with one row per battery, and gives the
same bits either way.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


def charged[T: (float, FloatArray)](
    energy_kwh: T,
    exchange_kwh: T,
    charge_efficiency: T | float,
    discharge_efficiency: T | float,
) -> T:
    """Return the stored energy after an exchange.

    Parameters
    ----------
    energy_kwh : float or array, shape (n,)
        Stored energy before the exchange [kWh].
    exchange_kwh : float or array, shape (n,)
        Energy at the plug [kWh], positive when charging.
    charge_efficiency, discharge_efficiency : float or array, shape (n,)
        From the plug to the store and from the store to the plug, 0 < efficiency <= 1 [-].

    Returns
    -------
    float or array, shape (n,)
        Stored energy after the exchange [kWh].

    Notes
    -----
    ``E' = E + eta_c * max(x, 0) - max(-x, 0) / eta_d``, of which Khwanrit (2024) takes both
    efficiencies as 1. A bound of `exchange_bounds`, fully used, meets the limit of the store to
    within rounding.
    """
    stored_kwh: Any = exchange_kwh
    if not (is_one(charge_efficiency) and is_one(discharge_efficiency)):
        stored_kwh = np.where(
            np.greater(exchange_kwh, 0.0),
            exchange_kwh * charge_efficiency,
            exchange_kwh / discharge_efficiency,
        )
    after_kwh: T = energy_kwh + stored_kwh
    return after_kwh


def exchange_bounds[T: (float, FloatArray)](
    energy_kwh: T,
    capacity_kwh: T | float,
    soc_min: T | float,
    soc_max: T | float,
    power_kw: T | float,
    step_h: T | float,
    charge_efficiency: T | float,
    discharge_efficiency: T | float,
    reserve_kwh: T | float = 0.0,
    plugged: bool | float | NDArray[np.bool_] | FloatArray = True,
    discharge_kw: T | float | None = None,
) -> tuple[T, T]:
    """Return the least and the greatest exchange of a step that rating and store allow.

    Parameters
    ----------
    energy_kwh, capacity_kwh : float or array, shape (n,)
        Stored energy and size of the battery [kWh].
    soc_min, soc_max : float or array, shape (n,)
        Limits of the state of charge, 0..1 [-].
    power_kw : float or array, shape (n,)
        Rating at the plug, in both directions unless ``discharge_kw`` is given [kW].
    step_h : float or array, shape (n,)
        Length of the step, or the part of it in which each is plugged in [h].
    charge_efficiency, discharge_efficiency : float or array, shape (n,)
        From the plug to the store and from the store to the plug, 0 < efficiency <= 1 [-].
    reserve_kwh : float or array, shape (n,), optional
        Energy above `soc_min` that is kept, for instance for the next trip [kWh].
    plugged : bool, float or array of them, shape (n,), optional
        Part of the step in which it is plugged in, 0..1 [-]; True for all of it, False where
        nothing can be exchanged, for instance on the road.
    discharge_kw : float or array, shape (n,), optional
        Rating at the plug when discharging [kW].

    Returns
    -------
    lo_kwh, hi_kwh : float or array, shape (n,)
        Energy at the plug [kWh], lo_kwh <= 0 <= hi_kwh. A battery below `soc_min` cannot discharge
        and one above `soc_max` cannot charge; neither is made to return.
    """
    rated_kwh = given_kwh = _while_plugged(power_kw * step_h, plugged)
    if discharge_kw is not None:
        given_kwh = _while_plugged(discharge_kw * step_h, plugged)
    least_kwh: Any = soc_min * capacity_kwh + reserve_kwh
    available_kwh: Any = np.maximum(energy_kwh - least_kwh, 0.0)
    room_kwh: Any = np.maximum(soc_max * capacity_kwh - energy_kwh, 0.0)
    if not is_one(discharge_efficiency):
        available_kwh = available_kwh * discharge_efficiency
    if not is_one(charge_efficiency):
        room_kwh = room_kwh / charge_efficiency
    # Subtracted from zero rather than negated: an empty battery's bound is 0, not -0.
    return 0.0 - np.minimum(given_kwh, available_kwh), np.minimum(rated_kwh, room_kwh)


def _while_plugged(rated_kwh: Any, plugged: bool | float | NDArray[np.bool_] | FloatArray) -> Any:
    """Return what a rating lets pass while it is plugged in [kWh]; a rating may be infinite."""
    if np.asarray(plugged).dtype == np.bool_:
        return np.where(plugged, rated_kwh, 0.0)
    return rated_kwh * plugged


def usable_kwh[T: (float, FloatArray)](
    energy_kwh: T, capacity_kwh: T | float, soc_min: T | float
) -> T:
    """Return the energy above the least state of charge.

    Parameters
    ----------
    energy_kwh, capacity_kwh : float or array, shape (n,)
        Stored energy and size of the battery [kWh].
    soc_min : float or array, shape (n,)
        Least state of charge, 0..1 [-].

    Returns
    -------
    float or array, shape (n,)
        Usable energy [kWh]; negative for a vehicle that drove below `soc_min`, which is legal.

    Notes
    -----
    Source: Khwanrit (2024), the ``E`` of eq. (4.16) and of the satisfaction under eq. (5.2).
    """
    return energy_kwh - soc_min * capacity_kwh


def energy_at_plug[T: (float, FloatArray)](
    energy_kwh: T, km_before: T, consumption_kwh_per_km: T | float
) -> T:
    """Return the energy that a vehicle holds after a drive, with which it is plugged in.

    Parameters
    ----------
    energy_kwh : float or array, shape (n,)
        Stored energy as the step begins [kWh].
    km_before : float or array, shape (n,)
        Distance driven in the step before it is plugged in [km].
    consumption_kwh_per_km : float or array, shape (n,)
        Energy used by driving [kWh/km].

    Returns
    -------
    float or array, shape (n,)
        Stored energy [kWh]; a battery is never emptied below 0.
    """
    held: Any = energy_kwh - np.minimum(km_before * consumption_kwh_per_km, energy_kwh)
    at_plug: T = held
    return at_plug


def is_one(efficiency: Any) -> bool:
    """Return whether a factor is the number 1 for all, which leaves every bit as it is."""
    return isinstance(efficiency, float) and efficiency == 1.0
