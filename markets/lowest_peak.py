"""Peak shaving with perfect foresight: the lowest power that batteries of sites can keep."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged
from hmesh.environment.last_digits import DUST_KWH
from hmesh.markets.connection import Connection
from hmesh.markets.tariff_control import SiteBatteries, exchange_limits

# How finely the lowest peak is looked for: twice so many, the second time between two of the first.
PEAKS = 33


def lowest_peak_kw(
    energy_kwh: FloatArray,
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    counts: NDArray[np.bool_],
    batteries: SiteBatteries,
    connection: Connection,
    step_h: float,
) -> FloatArray:
    """Return the lowest power below which batteries can keep what is expected [kW].

    Parameters
    ----------
    energy_kwh : array, shape (sites,)
        Energy held before the first step [kWh].
    load_kwh, generation_kwh : array, shape (steps, sites)
        What is expected [kWh].
    counts : array of bool, shape (steps,)
        Which steps count for the charge.
    batteries, connection, step_h : SiteBatteries, Connection, float
        As in `worth_of_stored`.

    Returns
    -------
    array, shape (sites,)
        To one part in a thousand of the highest power expected, never below what can be kept: a
        battery that gives all that is above a power, and is charged by all that is below it, keeps
        this power if any does.
    """
    usable = np.minimum(generation_kwh, connection.inverter_kw * step_h)
    power = np.maximum(load_kwh - usable, 0.0) / step_h
    high = np.where(counts[:, None], power, 0.0).max(axis=0)
    low = np.zeros_like(high)
    share = np.linspace(0.0, 1.0, PEAKS)
    for _ in range(2):
        tried = low[:, None] + (high - low)[:, None] * share
        kept = _kept(
            tried, energy_kwh, load_kwh, generation_kwh, counts, batteries, connection, step_h
        )
        # The highest one is always kept: it needs no battery.
        kept[:, -1] = True
        first = kept.argmax(axis=1)[:, None]
        high = np.take_along_axis(tried, first, axis=1)[:, 0]
        low = np.take_along_axis(tried, np.maximum(first - 1, 0), axis=1)[:, 0]
    return high


def _kept(
    peak_kw: FloatArray,
    energy_kwh: FloatArray,
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    counts: NDArray[np.bool_],
    batteries: SiteBatteries,
    connection: Connection,
    step_h: float,
) -> NDArray[np.bool_]:
    """Return which powers of shape (sites, tried) each battery can keep."""
    energy = np.broadcast_to(energy_kwh[:, None], peak_kw.shape).copy()
    kept = np.ones(peak_kw.shape, dtype=np.bool_)
    eta = batteries.charge_efficiency[:, None], batteries.discharge_efficiency[:, None]
    for load, sun, counted in zip(load_kwh, generation_kwh, counts.tolist(), strict=True):
        low, high = exchange_limits(energy, load, sun, batteries, connection, step_h, 1)
        usable = np.minimum(sun, connection.inverter_kw * step_h)
        net = (load - usable)[:, None]
        room = peak_kw * step_h - net
        wanted = np.where(room < 0.0, room, high) if counted else high
        exchange = np.clip(np.minimum(wanted, room) if counted else wanted, low, high)
        if counted:
            kept &= net + exchange <= peak_kw * step_h + DUST_KWH
        energy = charged(energy, exchange, *eta)
    return kept
