"""What a meter allows and what a battery behind it should do, one site and step at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

LEVELS = 11
UNSERVED = 1e3


@dataclass(frozen=True, slots=True)
class Site:
    """A meter with what is behind it.

    Attributes
    ----------
    capacity_kwh, power_kw : float
        Size and rating of the battery.
    soc_min, soc_max, charge_efficiency, discharge_efficiency : float
        Its limits and efficiencies [-].
    wear : float
        Cost per energy discharged [money/kWh].
    import_kw, export_kw, inverter_kw : float
        Limits, infinite for none [kW].
    dc_coupled, battery_exports, grid_charges : bool
        Where the battery is and what it may.
    """

    capacity_kwh: float
    power_kw: float
    soc_min: float
    soc_max: float
    charge_efficiency: float
    discharge_efficiency: float
    wear: float
    import_kw: float
    export_kw: float
    inverter_kw: float
    dc_coupled: bool
    battery_exports: bool
    grid_charges: bool

    @property
    def floor_kwh(self) -> float:
        """Energy below which it does not discharge [kWh]."""
        return self.soc_min * self.capacity_kwh

    @property
    def top_kwh(self) -> float:
        """Energy above which it does not charge [kWh]."""
        return self.soc_max * self.capacity_kwh


class Price(NamedTuple):
    """What a step costs: prices [money/kWh], charge for power [money/kW], whether curtailed."""

    purchase: float
    feed_in: float
    demand: float
    worthless: bool


class MeterFlows(NamedTuple):
    """What happens at a meter in a step [kWh]."""

    drawn: float
    delivered: float
    battery: float
    curtailed: float
    unserved: float


def after(site: Site, energy: float, exchange: float) -> float:
    """Return the energy held after an exchange [kWh]."""
    if exchange > 0:
        return energy + exchange * site.charge_efficiency
    return energy + exchange / site.discharge_efficiency


def allowed(site: Site, energy: float, load: float, sun: float, h: float) -> tuple[float, float]:
    """Return the most discharging, at most 0, and the most charging of a step [kWh].

    A discharge may not curtail the sun, nor pass a limit of the export; where the battery may not
    deliver to the grid it gives what the loads lack at most. A charge may leave no load unserved;
    where the grid may not charge it takes what the sun leaves, or what the inverter cannot carry.
    """
    through = site.inverter_kw * h
    carried = min(sun, through)
    lacks = load - carried
    gives = min(site.power_kw * h, max(energy - site.floor_kwh, 0.0) * site.discharge_efficiency)
    gives = min(gives, site.export_kw * h + lacks)
    if not site.battery_exports:
        gives = min(gives, lacks)
    if site.dc_coupled:
        gives = min(gives, through - sun)
    takes = min(site.power_kw * h, max(site.top_kwh - energy, 0.0) / site.charge_efficiency)
    beyond = max(sun - through, 0.0) if site.dc_coupled else 0.0
    reachable = sun if site.dc_coupled else carried
    if not site.grid_charges:
        takes = min(takes, max(reachable - load, beyond, 0.0))
    takes = min(takes, max(site.import_kw * h + reachable - load, beyond))
    if site.dc_coupled:
        takes = min(takes, through + sun)
    return -max(gives, 0.0), max(takes, 0.0)


def settle(
    site: Site, load: float, sun: float, exchange: float, h: float, worthless: bool
) -> MeterFlows:
    """Return what an exchange within the limits leaves to draw, deliver and curtail [kWh]."""
    through = site.inverter_kw * h
    generated = min(sun, max(through + exchange, 0.0) if site.dc_coupled else through)
    net = load + exchange - generated
    most = site.export_kw * h
    if worthless:
        most = min(most, max(-exchange - load, 0.0))
    if -net > most:
        generated -= min(-net - most, generated)
        net = load + exchange - generated
    unserved = min(max(net - site.import_kw * h, 0.0), load)
    net -= unserved
    return MeterFlows(max(net, 0.0), max(-net, 0.0), exchange, sun - generated, unserved)


def cost_of(site: Site, outcome: MeterFlows, price: Price, peak_kw: float, h: float) -> float:
    """Return what a step costs with the power of the month that is aimed at [money]."""
    cost = price.purchase * outcome.drawn - price.feed_in * outcome.delivered
    cost += site.wear * max(-outcome.battery, 0.0) + UNSERVED * outcome.unserved
    return cost + price.demand * max(outcome.drawn / h - peak_kw, 0.0)


def levels(site: Site) -> list[float]:
    """Return the energies between which the worth of what is held is a line [kWh]."""
    room = site.top_kwh - site.floor_kwh
    return [site.floor_kwh + room * n / (LEVELS - 1) for n in range(LEVELS)]


def between(held: Sequence[float], worth: Sequence[float], energy: float) -> float:
    """Return the worth at an energy on the line between two levels [money]."""
    width = (held[-1] - held[0]) / (LEVELS - 1)
    if width <= 0:
        return worth[0]
    place = (energy - held[0]) / width
    below = min(max(int(place), 0), LEVELS - 2)
    return worth[below] + (place - below) * (worth[below + 1] - worth[below])


def least_cost(
    site: Site,
    energy: float,
    load: float,
    sun: float,
    price: Price,
    peak_kw: float,
    h: float,
    held: Sequence[float],
    worth: Sequence[float],
) -> float:
    """Return the least cost of a step with the worth of what is held after it [money].

    The cost is a line between the exchanges at which something begins or ends: the limits, no
    exchange, a level of the store, a meter that stands still, and the power that is aimed at.
    """
    low, high = allowed(site, energy, load, sun, h)
    through = site.inverter_kw * h
    marks = [low, high, 0.0, min(sun, through) - load, sun - load, sun - through, -load]
    for direct in (sun, min(sun, through)):
        marks += [peak_kw * h - load + direct, site.import_kw * h - load + direct]
    for level in held:
        more = level - energy
        efficiency = site.charge_efficiency if more > 0 else 1.0 / site.discharge_efficiency
        marks.append(more / efficiency)
    best = float("inf")
    for mark in marks:
        best = min(
            best,
            total_cost(
                site, energy, load, sun, price, peak_kw, h, held, worth, min(max(mark, low), high)
            ),
        )
    return best


def total_cost(
    site: Site,
    energy: float,
    load: float,
    sun: float,
    price: Price,
    peak_kw: float,
    h: float,
    held: Sequence[float],
    worth: Sequence[float],
    exchange: float,
) -> float:
    """Return the cost of an exchange with the worth of what is held after it [money]."""
    outcome = settle(site, load, sun, exchange, h, price.worthless)
    cost = cost_of(site, outcome, price, peak_kw, h)
    return cost + between(held, worth, after(site, energy, exchange))


def worth_ahead(
    site: Site,
    loads: Sequence[float],
    suns: Sequence[float],
    prices: Sequence[Price],
    peak_kw: float,
    h: float,
) -> list[list[float]]:
    """Return what the rest costs before each step and after the last, at each level [money]."""
    held = levels(site)
    worth = [[0.0] * LEVELS]
    for load, sun, price in zip(reversed(loads), reversed(suns), reversed(prices), strict=True):
        coming = worth[0]
        worth.insert(
            0,
            [least_cost(site, e, load, sun, price, peak_kw, h, held, coming) for e in held],
        )
    return worth


def keeps(
    site: Site,
    energy: float,
    loads: Sequence[float],
    suns: Sequence[float],
    counts: Sequence[bool],
    peak_kw: float,
    h: float,
) -> bool:
    """Return whether a battery can keep a power that charges whenever it may."""
    for load, sun, counted in zip(loads, suns, counts, strict=True):
        low, high = allowed(site, energy, load, sun, h)
        net = load - min(sun, site.inverter_kw * h)
        exchange = high
        if counted:
            exchange = min(max(min(high, peak_kw * h - net), low), high)
            if net + exchange > peak_kw * h + 2e-9:
                return False
        energy = after(site, energy, exchange)
    return True
