"""The connection of a member to the grid: what its limits and its inverters allow.

One meter with loads, photovoltaics and a battery behind it. Powers are those of all phases
together; what a single phase may carry is left out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Connection:
    """What the connections of members allow, arrays of shape (members,).

    Attributes
    ----------
    import_kw, export_kw : array
        Highest power drawn from and delivered to the grid, infinite without a limit [kW].
    inverter_kw : array
        Rating of the inverter at its side of alternating current, infinite without one [kW].
    dc_coupled : array of bool
        Whether the battery is at the direct current of this inverter, which then carries what the
        modules generate and the battery exchanges together; else it carries the modules alone.
    battery_exports : array of bool
        Whether the battery may deliver to the grid, or only to the loads behind the meter.
    grid_charges : array of bool
        Whether the battery may charge from the grid, or only what the modules generate beyond the
        loads.
    """

    import_kw: FloatArray
    export_kw: FloatArray
    inverter_kw: FloatArray
    dc_coupled: NDArray[np.bool_]
    battery_exports: NDArray[np.bool_]
    grid_charges: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ConnectionFlows:
    """What happens at connections in a step, arrays of shape (members,) [kWh].

    Attributes
    ----------
    import_kwh, export_kwh : array
        Drawn from the grid, and delivered to it; never both.
    battery_kwh : array
        What the battery exchanges, above 0 charging.
    curtailed_kwh : array
        What the modules could have generated beyond what they do.
    unserved_kwh : array
        Load that the limit of the import leaves unserved.
    """

    import_kwh: FloatArray
    export_kwh: FloatArray
    battery_kwh: FloatArray
    curtailed_kwh: FloatArray
    unserved_kwh: FloatArray


def export_limit_kw(limit_kw: FloatArray, pv_kw: FloatArray, share_of_pv: FloatArray) -> FloatArray:
    """Return the lower one of a limit and a share of the peak power of the modules [kW].

    Parameters
    ----------
    limit_kw : array, shape (members,)
        Limit of the connection, infinite without one [kW].
    pv_kw : array, shape (members,)
        Peak power of the modules; 0 where it is not known, which sets no limit [kW].
    share_of_pv : array, shape (members,)
        Share of it that may be delivered, 0.7 by the rule of 70 %; infinite without such a rule
        [-].

    Notes
    -----
    The share is that of section 9 of the German Renewable Energy Sources Act of 2012 to 2022.
    """
    with np.errstate(invalid="ignore"):
        of_pv = np.where(pv_kw > 0, share_of_pv * pv_kw, np.inf)
    return np.minimum(limit_kw, of_pv)


def battery_bounds(
    load_kwh: FloatArray, generation_kwh: FloatArray, connection: Connection, step_h: float
) -> tuple[FloatArray, FloatArray]:
    """Return between which exchanges a battery may choose at its connection [kWh].

    Parameters
    ----------
    load_kwh, generation_kwh : array, shape (members,)
        What the loads use, and what the modules could generate, at direct current where the battery
        is there too [kWh].
    connection : Connection
        What connections allow.
    step_h : float
        Length of the step [h].

    Returns
    -------
    lowest, highest : array, shape (members,)
        Most discharging, at most 0, and most charging, at least 0 [kWh].

    Notes
    -----
    A limit that loads or modules exceed by themselves leaves no exchange that makes it worse:
    `settle_connection` then curtails the modules, or leaves loads unserved.
    """
    rated = connection.inverter_kw * step_h
    direct = connection.dc_coupled
    usable = np.minimum(generation_kwh, rated)
    surplus = usable - load_kwh
    # The inverter carries modules and battery together, in both directions.
    most_through = np.where(direct, rated - generation_kwh, np.inf)
    to_grid = connection.export_kw * step_h - surplus
    to_loads = np.where(connection.battery_exports, np.inf, -surplus)
    lowest = -np.maximum(np.minimum(np.minimum(to_grid, to_loads), most_through), 0.0)
    beyond = np.where(direct, generation_kwh, usable) - load_kwh
    from_sun = np.where(connection.grid_charges, np.inf, np.maximum(beyond, 0.0))
    # What exceeds the inverter charges a battery before it, whatever the loads use.
    clipped = np.where(direct, np.maximum(generation_kwh - rated, 0.0), 0.0)
    from_sun = np.maximum(from_sun, clipped)
    from_grid = np.maximum(connection.import_kw * step_h + beyond, clipped)
    through = np.where(direct, rated + generation_kwh, np.inf)
    highest = np.maximum(np.minimum(np.minimum(from_sun, from_grid), through), 0.0)
    return lowest, highest


def settle_connection(
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    battery_kwh: FloatArray,
    connection: Connection,
    step_h: float,
    *,
    worthless: bool = False,
) -> ConnectionFlows:
    """Return what is drawn, delivered, curtailed and left unserved at connections.

    Parameters
    ----------
    load_kwh, generation_kwh : array, shape (members,)
        As in `battery_bounds` [kWh].
    battery_kwh : array, shape (members,)
        What batteries exchange, above 0 charging, within `battery_bounds` [kWh].
    connection : Connection
        What connections allow.
    step_h : float
        Length of the step [h].
    worthless : bool
        Whether what the modules deliver to the grid would cost money, so that they are curtailed
        down to what is used behind the meter.

    Notes
    -----
    Beyond its bounds the exchange of the battery is cut first. What the inverter cannot carry, and
    what may not be delivered, is curtailed at the modules; what may not be drawn is unserved.
    """
    lowest, highest = battery_bounds(load_kwh, generation_kwh, connection, step_h)
    battery = np.clip(battery_kwh, lowest, highest)
    return flows_within(load_kwh, generation_kwh, battery, connection, step_h, worthless=worthless)


def flows_within(
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    battery_kwh: FloatArray,
    connection: Connection,
    step_h: float,
    *,
    worthless: bool = False,
) -> ConnectionFlows:
    """Return what `settle_connection` returns for exchanges that are within their bounds."""
    rated = connection.inverter_kw * step_h
    carried = np.where(connection.dc_coupled, rated + battery_kwh, rated)
    generated = np.minimum(generation_kwh, np.maximum(carried, 0.0))
    surplus = generated - load_kwh - battery_kwh
    allowed = connection.export_kw * step_h
    if worthless:
        # What the battery delivers is its own decision.
        allowed = np.minimum(allowed, np.maximum(-battery_kwh - load_kwh, 0.0))
    too_much = np.clip(surplus - allowed, 0.0, generated)
    generated = generated - too_much
    net = load_kwh + battery_kwh - generated
    unserved = np.clip(net - connection.import_kw * step_h, 0.0, load_kwh)
    net = net - unserved
    return ConnectionFlows(
        import_kwh=np.maximum(net, 0.0),
        export_kwh=np.maximum(0.0 - net, 0.0),
        battery_kwh=battery_kwh,
        curtailed_kwh=generation_kwh - generated,
        unserved_kwh=unserved,
    )
