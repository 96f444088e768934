"""Kernels of vehicles: who is plugged in, what each could exchange, and what driving leaves.

It gives what `hmesh.environment.energy_at_plug`, `hmesh.environment.usable_kwh` and
`hmesh.environment.exchange_bounds` say of the vehicles of one community after another, bit
for bit.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.compiled import kernel

type Each = NDArray[np.float64]


@kernel("i2[] f8[] b1[] b1 i8[]!")
def count_parked(
    community: NDArray[np.int16],
    plugged_part: Each,
    cut_off: NDArray[np.bool_],
    outages: bool,
    counts: NDArray[np.int64],
) -> None:
    """Count the vehicles that can exchange energy in each community."""
    for row in range(len(community)):
        where = community[row]
        if where >= 0 and plugged_part[row] > 0.0 and not (outages and cut_off[row]):
            counts[where] += 1


@kernel(
    "i2[] f8[] b1[] b1 f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8 "
    "i8[]! i8[]! f8[]! f8[]! f8[]! f8[]!"
)
def park(
    community: NDArray[np.int16],
    plugged_part: Each,
    cut_off: NDArray[np.bool_],
    outages: bool,
    energy_kwh: Each,
    km_before_plug: Each,
    kwh_per_km: Each,
    capacity_kwh: Each,
    soc_min: Each,
    soc_max: Each,
    power_kw: Each,
    v2g_kw: Each,
    charge_efficiency: Each,
    discharge_efficiency: Each,
    reserve_kwh: Each,
    step_h: float,
    place: NDArray[np.int64],
    rows: NDArray[np.int64],
    held: Each,
    usable: Each,
    lower: Each,
    upper: Each,
) -> None:
    """Write rows, energies and bounds of all that can exchange energy, community by community.

    Parameters
    ----------
    community, plugged_part, cut_off, energy_kwh, km_before_plug, kwh_per_km, capacity_kwh, \
soc_min, soc_max, power_kw, v2g_kw, charge_efficiency, discharge_efficiency, reserve_kwh : array, \
shape (vehicles,)
        Columns of the fleet.
    outages : bool
        Whether outages may keep plugs idle.
    step_h : float
        Length of the step [h].
    place : array of int, shape (communities,)
        Where the vehicles of each community begin in what is written; where they end, afterwards.
    rows, held, usable, lower, upper : array, shape (parked,)
        Room for their rows, what they hold at the plug and above the lowest state of charge, and
        the bounds of what they exchange [kWh].
    """
    for row in range(len(community)):
        where = community[row]
        part = plugged_part[row]
        if where < 0 or not part > 0.0 or (outages and cut_off[row]):
            continue
        at = place[where]
        place[where] = at + 1
        energy = energy_kwh[row]
        used = km_before_plug[row] * kwh_per_km[row]
        energy = energy - (used if used < energy else energy)
        capacity, power = capacity_kwh[row], power_kw[row]
        back = v2g_kw[row]
        if back != back:
            back = power
        floor = soc_min[row] * capacity
        rated, given = power * step_h * part, back * step_h * part
        available = energy - (floor + reserve_kwh[row])
        available = (available if available > 0.0 else 0.0) * discharge_efficiency[row]
        room = soc_max[row] * capacity - energy
        room = (room if room > 0.0 else 0.0) / charge_efficiency[row]
        rows[at] = row
        held[at] = energy
        usable[at] = energy - floor
        lower[at] = 0.0 - (given if given < available else available)
        upper[at] = rated if rated < room else room


@kernel("i8[] f8[] i8[] f8[]!")
def exchange_of_some(
    rows: NDArray[np.int64], exchange: Each, some: NDArray[np.int64], own: Each
) -> None:
    """Write what some vehicles exchange among those of a community; others stay as they are.

    Parameters
    ----------
    rows, exchange : array, shape (parked,)
        Rows of the community's vehicles, ascending, and what each exchanges [kWh].
    some : array of int, shape (n,)
        Rows of vehicles anywhere, ascending.
    own : array, shape (n,)
        What each of these exchanges [kWh].
    """
    at = 0
    for k in range(len(some)):
        row = some[k]
        while at < len(rows) and rows[at] < row:
            at += 1
        if at == len(rows):
            return
        if rows[at] == row:
            own[k] = exchange[at]


@kernel("i8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[]! f8[]!")
def leave_after_driving(
    rows: NDArray[np.int64],
    energy_kwh: Each,
    driven_km: Each,
    km_before_plug: Each,
    kwh_per_km: Each,
    charge_efficiency: Each,
    discharge_efficiency: Each,
    exchange: Each,
    left: Each,
    unmet: Each,
) -> None:
    """Write what batteries hold after the driving of a step, and what they lacked for it.

    Parameters
    ----------
    rows : array of int, shape (n,)
        The vehicles.
    energy_kwh, driven_km, km_before_plug : array, shape (vehicles,)
        Columns of the fleet.
    kwh_per_km, charge_efficiency, discharge_efficiency : array, shape (n,)
        Those of the vehicles.
    exchange : array, shape (n,)
        What each exchanges at its plug [kWh].
    left, unmet : array, shape (n,)
        Room for what each holds, and lacked [kWh].
    """
    for k in range(len(rows)):
        row = rows[k]
        held, before_km = energy_kwh[row], km_before_plug[row]
        before = before_km * kwh_per_km[k]
        after = (driven_km[row] - before_km) * kwh_per_km[k]
        used = before if before < held else held
        lacked = before - used
        held -= used
        at_plug = exchange[k]
        into = at_plug * charge_efficiency[k]
        held += into if at_plug > 0.0 else at_plug / discharge_efficiency[k]
        used = after if after < held else held
        left[k] = held - used
        unmet[k] = lacked + (after - used)
