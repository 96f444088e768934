r"""A battery that knows its tariff: what stored energy is worth ahead, and what it does in a step.

Once a day the worth of stored energy is worked out backwards over the coming steps from what is
expected of loads and modules (dynamic programming over levels of the store, straight lines between
them). In each step the battery then exchanges what costs least at the real loads, the worth of what
it holds afterwards included. Bands and prices that change, tiers, wear, limits of the connection,
net billing, negative prices and the highest power of the month all enter by the cost of a step
alone:

.. math:: c = (p + s)\,m - f\,x + w\,d + D\,\max(m / h - T, 0) + P\,u

with import m, export x, discharge d, unserved load u, prices p and f, the surcharge s of the tier
that the month is expected to end in, wear w, step h, the charge D for the highest power and the
peak T that is aimed at.
"""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged, exchange_bounds
from hmesh.environment.last_digits import settled
from hmesh.markets.connection import (
    Connection,
    ConnectionFlows,
    battery_bounds,
    flows_within,
)

# Levels of the store between which its worth is a straight line.
LEVELS = 11
# What a kWh that a limit leaves unserved counts as, above any price [money/kWh].
UNSERVED = 1e3


@dataclass(frozen=True, slots=True)
class SiteBatteries:
    """The batteries of sites, arrays of shape (sites,).

    Attributes
    ----------
    capacity_kwh, power_kw : array
        Size and rating at the plug.
    soc_min, soc_max : array
        Limits of the state of charge [-].
    charge_efficiency, discharge_efficiency : array
        From the plug to the store and back [-].
    wear : array
        Cost per energy discharged [money/kWh].
    """

    capacity_kwh: FloatArray
    power_kw: FloatArray
    soc_min: FloatArray
    soc_max: FloatArray
    charge_efficiency: FloatArray
    discharge_efficiency: FloatArray
    wear: FloatArray

    @property
    def levels_kwh(self) -> FloatArray:
        """Energies between which the worth is a straight line, shape (sites, LEVELS) [kWh]."""
        share = np.linspace(0.0, 1.0, LEVELS)
        room = (self.soc_max - self.soc_min) * self.capacity_kwh
        levels: FloatArray = (self.soc_min * self.capacity_kwh)[:, None] + room[:, None] * share
        return levels

    def bounds(self, energy_kwh: FloatArray, step_h: float) -> tuple[FloatArray, FloatArray]:
        """Return what they can exchange at least and at most, of the shape of the energies."""
        many = energy_kwh.ndim - 1
        size, least, most, power = (
            _wide(each, many)
            for each in (self.capacity_kwh, self.soc_min, self.soc_max, self.power_kw)
        )
        return exchange_bounds(
            energy_kwh, size, least, most, power, step_h,
            _wide(self.charge_efficiency, many), _wide(self.discharge_efficiency, many),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepTariff:
    """What a step costs.

    Attributes
    ----------
    purchase, feed_in : float
        Price of energy drawn, and of energy delivered [money/kWh].
    demand_price : float
        What each kW of the month's highest power costs, 0 where the step does not count [money/kW].
    worthless : bool
        Whether the modules are curtailed down to what is used behind the meter.
    """

    purchase: float
    feed_in: float
    demand_price: float = 0.0
    worthless: bool = False


def step_cost(
    flows: ConnectionFlows,
    tariff: StepTariff,
    wear: FloatArray,
    peak_kw: FloatArray,
    step_h: float,
    surcharge: FloatArray | float = 0.0,
) -> FloatArray:
    """Return what a step costs, of the shape of the flows [money].

    Parameters
    ----------
    flows : ConnectionFlows
        What happens at the connections.
    tariff : StepTariff
        What the step costs.
    wear : array
        Cost per energy discharged [money/kWh].
    peak_kw : array
        Highest power that is aimed at [kW].
    step_h : float
        Length of the step [h].
    surcharge : array or float, optional
        What the tier of the month adds to each kWh drawn [money/kWh].
    """
    purchase = tariff.purchase + surcharge
    cost: FloatArray = purchase * flows.import_kwh - tariff.feed_in * flows.export_kwh
    cost += wear * np.maximum(0.0 - flows.battery_kwh, 0.0) + UNSERVED * flows.unserved_kwh
    if tariff.demand_price:
        beyond = np.maximum(flows.import_kwh / step_h - peak_kw, 0.0)
        cost += tariff.demand_price * beyond
    return cost


def worth_of_stored(
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    tariffs: list[StepTariff],
    batteries: SiteBatteries,
    connection: Connection,
    peak_kw: FloatArray,
    step_h: float,
    surcharge: FloatArray | None = None,
) -> FloatArray:
    """Return what the rest of the coming steps costs at least, by the energy held.

    Parameters
    ----------
    load_kwh, generation_kwh : array, shape (steps, sites)
        What is expected [kWh].
    tariffs : list of StepTariff
        What each of the steps costs.
    batteries : SiteBatteries
        The batteries.
    connection : Connection
        What connections allow.
    peak_kw : array, shape (sites,)
        Highest power that is aimed at [kW].
    step_h : float
        Length of a step [h].
    surcharge : array, shape (steps, sites), optional
        What the tier of its month is expected to add to each kWh drawn [money/kWh].

    Returns
    -------
    array, shape (steps + 1, sites, LEVELS)
        Before each step and after the last, which is worth nothing, at the levels of the store
        [money].
    """
    levels = batteries.levels_kwh
    steps = len(load_kwh)
    worth = np.zeros((steps + 1, *levels.shape))
    if surcharge is None:
        surcharge = np.zeros_like(load_kwh)
    for step in range(steps - 1, -1, -1):
        _, total = _choices(
            levels, load_kwh[step], generation_kwh[step], tariffs[step], batteries, connection,
            peak_kw, step_h, worth[step + 1], surcharge[step],
        )  # fmt: skip
        worth[step] = total.min(axis=2)
    return worth


def best_exchange(
    energy_kwh: FloatArray,
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    tariff: StepTariff,
    batteries: SiteBatteries,
    connection: Connection,
    peak_kw: FloatArray,
    step_h: float,
    worth_after: FloatArray,
    surcharge: FloatArray | None = None,
) -> FloatArray:
    """Return the exchange of a step that costs least with what is held afterwards [kWh].

    Parameters
    ----------
    energy_kwh, load_kwh, generation_kwh : array, shape (sites,)
        Energy held, and what loads and modules really do [kWh].
    tariff, batteries, connection, peak_kw, step_h : StepTariff, SiteBatteries, Connection, array, \
    float
        As in `worth_of_stored`.
    worth_after : array, shape (sites, LEVELS)
        What the steps afterwards cost, of `worth_of_stored` [money].
    surcharge : array, shape (sites,), optional
        What the tier of the month is expected to add to each kWh drawn [money/kWh].

    Returns
    -------
    array, shape (sites,)
        Above 0 charging. The cost is a line between kinks, all of which are tried, so that no other
        exchange costs less; of equally good ones staying idle comes first.
    """
    tried, total = _choices(
        energy_kwh[:, None], load_kwh, generation_kwh, tariff, batteries, connection, peak_kw,
        step_h, worth_after, np.zeros_like(load_kwh) if surcharge is None else surcharge,
    )  # fmt: skip
    best = settled(total[:, 0]).argmin(axis=1)
    exchange: FloatArray = tried[np.arange(len(best)), 0, best]
    return exchange


def self_consumption(
    energy_kwh: FloatArray,
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    batteries: SiteBatteries,
    connection: Connection,
    step_h: float,
) -> FloatArray:
    """Return the exchange that takes what modules leave, and gives what they lack [kWh].

    Parameters
    ----------
    energy_kwh, load_kwh, generation_kwh, batteries, connection, step_h : array, array, array, \
    SiteBatteries, Connection, float
        As in `best_exchange`.
    """
    lowest, highest = exchange_limits(
        energy_kwh, load_kwh, generation_kwh, batteries, connection, step_h
    )
    return np.clip(generation_kwh - load_kwh, lowest, highest)


def _choices(
    energy_kwh: FloatArray,
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    tariff: StepTariff,
    batteries: SiteBatteries,
    connection: Connection,
    peak_kw: FloatArray,
    step_h: float,
    worth_after: FloatArray,
    surcharge: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return exchanges to try, and their costs, for energies of shape (sites, held)."""
    held = energy_kwh.shape[1]
    low, high = exchange_limits(
        energy_kwh, load_kwh, generation_kwh, batteries, connection, step_h, 1
    )
    usable = np.minimum(generation_kwh, connection.inverter_kw * step_h)
    lines = [np.zeros_like(usable), usable - load_kwh, generation_kwh - load_kwh]
    lines.append(connection.import_kw * step_h - load_kwh + usable)
    lines.append(generation_kwh - connection.inverter_kw * step_h)
    if tariff.worthless:
        lines.append(-load_kwh)
    if tariff.demand_price:
        lines += [line - load_kwh + peak_kw * step_h for line in (usable, generation_kwh)]
    tried = np.repeat(np.stack(lines, axis=-1)[:, None, :], held, axis=1)
    levels = batteries.levels_kwh
    # To each level of the store, where the worth afterwards has its kinks.
    more = levels[:, None, :] - energy_kwh[:, :, None]
    up, down = (_wide(e, 2) for e in (batteries.charge_efficiency, batteries.discharge_efficiency))
    to_levels = np.where(more > 0, more / up, more * down)
    tried = np.concatenate([tried, low[:, :, None], high[:, :, None], to_levels], axis=2)
    tried = np.clip(tried, low[:, :, None], high[:, :, None])
    wide = _wide_connection(connection)
    flows = flows_within(
        _wide(load_kwh, 2), _wide(generation_kwh, 2), tried, wide, step_h,
        worthless=tariff.worthless,
    )  # fmt: skip
    wear, aimed, more_a_kwh = (_wide(each, 2) for each in (batteries.wear, peak_kw, surcharge))
    cost = step_cost(flows, tariff, wear, aimed, step_h, more_a_kwh)
    after = charged(np.broadcast_to(energy_kwh[:, :, None], tried.shape), tried, up, down)
    return tried, cost + _between(levels, worth_after, after)


def _between(levels_kwh: FloatArray, worth: FloatArray, energy_kwh: FloatArray) -> FloatArray:
    """Return the worth at energies of shape (sites, held, tried), on lines between levels."""
    first = levels_kwh[:, 0]
    width = (levels_kwh[:, -1] - first) / (LEVELS - 1)
    # A site without a battery holds one energy alone.
    place = (energy_kwh - _wide(first, 2)) / _wide(np.where(width > 0, width, 1.0), 2)
    below = np.clip(np.floor(place), 0, LEVELS - 2).astype(np.intp)
    part = place - below
    flat = below.reshape(len(below), -1)
    lower, upper = (
        np.take_along_axis(worth, at, axis=1).reshape(below.shape) for at in (flat, flat + 1)
    )
    worth_there: FloatArray = lower + part * (upper - lower)
    return worth_there


def exchange_limits(
    energy_kwh: FloatArray,
    load_kwh: FloatArray,
    generation_kwh: FloatArray,
    batteries: SiteBatteries,
    connection: Connection,
    step_h: float,
    many: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Return what store, rating and connection allow, of the shape of the energies [kWh].

    Parameters
    ----------
    energy_kwh, load_kwh, generation_kwh, batteries, connection, step_h : array, array, array, \
    SiteBatteries, Connection, float
        As in `best_exchange`.
    many : int
        How many axes the energies held have behind that of the sites.

    Returns
    -------
    lowest, highest : array
        Bounds of the exchange, positive when charging [kWh].
    """
    own = batteries.bounds(energy_kwh, step_h)
    there = battery_bounds(load_kwh, generation_kwh, connection, step_h)
    low, high = (_wide(each, many) for each in there)
    return np.maximum(own[0], low), np.minimum(own[1], high)


def _wide(values: FloatArray, many: int) -> FloatArray:
    """Return values of sites with so many more axes."""
    return values.reshape(values.shape + (1,) * many)


def _wide_connection(connection: Connection) -> Connection:
    return Connection(
        *(
            getattr(connection, name).reshape(-1, 1, 1)
            for name in (
                "import_kw", "export_kw", "inverter_kw", "dc_coupled", "battery_exports",
                "grid_charges",
            )
        )
    )  # fmt: skip
