"""Kernels of vehicles: who is plugged in, what each could exchange, and what driving leaves.

It gives what `hmesh.environment.energy_at_plug`, `hmesh.environment.usable_kwh` and
`hmesh.environment.exchange_bounds` say of the vehicles of one community after another, bit
for bit.
"""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import kernel

# With more communities than this vehicles are counted one by one.
MANY_PLACES = 6


@kernel("i8 i8 i8 i2[]= f8[]= b1[] b1 i8[,]!")
def count_parked(
    begin: int,
    end: int,
    piece: int,
    community: NDArray[np.int16],
    plugged_part: FloatArray,
    cut_off: NDArray[np.bool_],
    outages: bool,
    counts: NDArray[np.int64],
) -> None:
    """Count the vehicles of some rows that can exchange energy, by piece and community.

    Parameters
    ----------
    begin, end : int
        The rows; the first of a piece, and one after the last.
    piece : int
        How many rows a piece has.
    community, plugged_part, cut_off : array, shape (vehicles,)
        Columns of the fleet.
    outages : bool
        Whether outages may keep plugs idle.
    counts : array of int, shape (pieces, communities + 1)
        Room for how many they are, after one entry that is of no use.
    """
    places = counts.shape[1] - 1
    for first in range(begin, end, piece):
        found = counts[first // piece]
        found[:] = 0
        last = min(first + piece, end)
        # Of slices Numba knows that no index is below 0.
        at, part, out = community[first:last], plugged_part[first:last], cut_off[first:last]
        if outages or places > MANY_PLACES:
            for k in range(len(at)):
                if at[k] >= 0 and part[k] > 0.0 and not (outages and out[k]):
                    found[at[k] + 1] += 1
            continue
        # A comparison for each community takes less time than to add to one of few numbers.
        for where in range(places):
            here = 0
            for k in range(len(at)):
                here += (at[k] == where) & (part[k] > 0.0)
            found[where + 1] = here


@kernel(
    "i8 i8 i8 i2[]= f8[]= b1[] b1 f8[]= f8[]= f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8[] f8 "
    "i8[,]! i8[]! f8[]! f8[]! f8[]! f8[]! f8[] f8[]! f8[] f8[]!"
)
def park(
    begin: int,
    end: int,
    piece: int,
    community: NDArray[np.int16],
    plugged_part: FloatArray,
    cut_off: NDArray[np.bool_],
    outages: bool,
    energy_kwh: FloatArray,
    km_before_plug: FloatArray,
    kwh_per_km: FloatArray,
    capacity_kwh: FloatArray,
    soc_min: FloatArray,
    soc_max: FloatArray,
    power_kw: FloatArray,
    v2g_kw: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    reserve_kwh: FloatArray,
    step_h: float,
    places: NDArray[np.int64],
    rows: NDArray[np.int64],
    held: FloatArray,
    usable: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    lam: FloatArray,
    lam_here: FloatArray,
    theta: FloatArray,
    theta_here: FloatArray,
) -> None:
    """Write rows, energies and bounds of all that can exchange energy, community by community.

    Parameters
    ----------
    begin, end, piece : int
        As in `count_parked`.
    community, plugged_part, cut_off, energy_kwh, km_before_plug, kwh_per_km, capacity_kwh, \
soc_min, soc_max, power_kw, v2g_kw, charge_efficiency, discharge_efficiency, reserve_kwh, lam, \
theta : array, shape (vehicles,)
        Columns of the fleet.
    outages : bool
        Whether outages may keep plugs idle.
    step_h : float
        Length of the step [h].
    places : array of int, shape (pieces, communities + 1)
        Where the vehicles of each piece and community begin in what is written, after one entry
        that is of no use; where they end, afterwards.
    rows, held, usable, lower, upper : array, shape (parked,)
        Room for their rows, what they hold at the plug and above the lowest state of charge, and
        the bounds of what they exchange [kWh].
    lam_here, theta_here : array, shape (parked,) or (0,)
        Room for what they value energy at; none where it is the same for all.
    """
    for first in range(begin, end, piece):
        place = places[first // piece]
        last = min(first + piece, end)
        # Of slices Numba knows that no index is below 0.
        wheres, plugged, out = community[first:last], plugged_part[first:last], cut_off[first:last]
        energies, drives = energy_kwh[first:last], km_before_plug[first:last]
        per_km, capacities = kwh_per_km[first:last], capacity_kwh[first:last]
        lowest, highest = soc_min[first:last], soc_max[first:last]
        powers, backs = power_kw[first:last], v2g_kw[first:last]
        into, out_of = charge_efficiency[first:last], discharge_efficiency[first:last]
        kept, value, falls = reserve_kwh[first:last], lam[first:last], theta[first:last]
        for k in range(len(wheres)):
            where, part = wheres[k], plugged[k]
            if where < 0 or not part > 0.0 or (outages and out[k]):
                continue
            at = place[where + 1]
            place[where + 1] = at + 1
            energy = energies[k]
            used = drives[k] * per_km[k]
            energy = energy - (used if used < energy else energy)
            capacity, power = capacities[k], powers[k]
            back = backs[k]
            if back != back:
                back = power
            floor = lowest[k] * capacity
            rated, given = power * step_h * part, back * step_h * part
            available = energy - (floor + kept[k])
            available = (available if available > 0.0 else 0.0) * out_of[k]
            room = highest[k] * capacity - energy
            room = (room if room > 0.0 else 0.0) / into[k]
            rows[at] = first + k
            held[at] = energy
            usable[at] = energy - floor
            lower[at] = 0.0 - (given if given < available else available)
            upper[at] = rated if rated < room else room
            if len(lam_here) > 0:
                lam_here[at] = value[k]
            if len(theta_here) > 0:
                theta_here[at] = falls[k]


@kernel("i8[] f8[] i8[] f8[]!")
def exchange_of_some(
    rows: NDArray[np.int64], exchange: FloatArray, some: NDArray[np.int64], own: FloatArray
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
    at = np.searchsorted(rows, some[0]) if len(some) > 0 else 0
    for k in range(len(some)):
        row = some[k]
        while at < len(rows) and rows[at] < row:
            at += 1
        if at == len(rows):
            return
        if rows[at] == row:
            own[k] = exchange[at]


@kernel("f8[] f8[] f8[] i8[] f8[] f8[] f8[] f8[] f8[]! f8[]!")
def leave_after_driving(
    energy_kwh: FloatArray,
    driven_km: FloatArray,
    km_before_plug: FloatArray,
    rows: NDArray[np.int64],
    kwh_per_km: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    exchange: FloatArray,
    left: FloatArray,
    unmet: FloatArray,
) -> None:
    """Write what batteries hold after the driving of a step, and what they lacked for it.

    Parameters
    ----------
    energy_kwh, driven_km, km_before_plug : array, shape (vehicles,)
        Columns of the fleet.
    rows : array of int, shape (n,)
        The vehicles.
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
