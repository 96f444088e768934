"""The cheapest dispatch of a house with perfect foresight, and with it the cheapest sizes."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.errors import InputError
from hmesh.markets.dispatch_by_blocks import dispatch_by_blocks
from hmesh.markets.dispatch_by_days import DaysDispatch, dispatch_by_days
from hmesh.markets.house_dispatch import (
    HouseDemand,
    HouseDevices,
    HouseFlows,
    HousePrices,
    running_cost,
)
from hmesh.markets.house_programme import HouseProgramme, Stored, burning
from hmesh.markets.known_days import KnownDays

# Nodes of a search of many days at once; days alone mostly need none.
MOST_NODES = 1000
# So many days with binary variables are soon searched as one programme.
DAYS_AS_ONE = 10


@dataclass(frozen=True, slots=True)
class ExactDispatch:
    """The cheapest dispatch.

    Attributes
    ----------
    flows : HouseFlows
        What the house does, arrays of shape (steps,).
    cost : float
        What that costs, without investments [money].
    battery_kwh, tank_kwh : float
        Sizes of the storages [kWh], the tank's of heat.
    objective : float
        The cost and, where sizes were free, their annuities [money].
    bound : float
        What no dispatch can cost less than [money].
    """

    flows: HouseFlows
    cost: float
    battery_kwh: float
    tank_kwh: float
    objective: float
    bound: float

    @property
    def gap(self) -> float:
        """By how much a cheaper dispatch may have been missed, as a share of the objective [-]."""
        return max(self.objective - self.bound, 0.0) / max(abs(self.objective), 1e-9)


def dispatch_exactly(
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    *,
    start: Stored | None = None,
    midnight: Stored | None = None,
    annuities: tuple[float, float] | None = None,
    ramp_kw: float | None = None,
    relaxed: bool = False,
    as_one: bool = False,
    gap: float = 1e-6,
    most_nodes: int = MOST_NODES,
    known: KnownDays | None = None,
) -> ExactDispatch:
    """Return the cheapest dispatch of a house that knows all steps ahead.

    Parameters
    ----------
    demand, devices, prices : HouseDemand, HouseDevices, HousePrices
        The house. Its photovoltaics are never curtailed.
    start : Stored, optional
        What the storages hold at first; they may then end as they like. Without it both hold the
        same at every local midnight, and at the end what they held at first.
    midnight : Stored, optional
        What they hold at every midnight, where that is not left to the programme either.
    annuities : (float, float), optional
        What a kWh of battery, and of heat in the tank, costs over the steps [money/kWh]; then the
        sizes are chosen too, whatever those of the devices.
    ramp_kw : float, optional
        Most change of the power drawn from the grid between two steps [kW].
    relaxed : bool
        Leave out what forbids doing two things at once; the cost is then a lower bound.
    as_one : bool
        Solve all steps as one programme also where days could be solved one by one.
    gap : float
        Share of the objective by which a cheaper dispatch may be missed, with binary variables.
    most_nodes : int
        Nodes of a search tree after which the best dispatch so far is taken, where binary variables
        of many days are searched together; its `gap` then bounds what it may have missed.
    known : KnownDays, optional
        Days of the same house at other feed-in tariffs, so that only days that change between two
        of them are solved.

    Raises
    ------
    InputError
        If heat pump and tank cannot give the heat that is needed.

    Notes
    -----
    Source: Scientific Reports 14 (2024) 6279, lower layer: eqs. (16) to (19), whose (18) prints
    the efficiency of discharging on the wrong side. A house that is paid more than it pays (or is
    paid for buying) would buy to deliver and charge to discharge; the meter nets what happens at
    once, ``imp exp = 0``, and ``bc bd = 0`` and ``tc td = 0`` in steps where losses would pay.
    With such binary variables days are solved one by one (`dispatch_by_days`). Where that leaves a
    larger gap, many days that begin with a start are solved block after block of days
    (`dispatch_by_blocks`), and all steps are one programme only where days are few, there is no
    start, or blocks find nothing. No clock ends a search, so that every machine finds the same.
    """

    def programme_of(*, everywhere: bool) -> HouseProgramme:
        made = HouseProgramme(
            demand, devices, prices, start=start, annuities=annuities, ramp_kw=ramp_kw
        )
        if midnight is not None:
            made.hold_at_midnight(midnight.battery_kwh, midnight.tank_kwh)
        if not relaxed:
            made.forbid_at_once(everywhere=everywhere)
        return made

    programme = programme_of(everywhere=False)
    by_days = None
    if programme.binary.any() and ramp_kw is None and not as_one:
        by_days = dispatch_by_days(demand, devices, prices, start, midnight, gap, known)
        if by_days is not None and by_days.flows is not None and by_days.gap <= gap:
            return _priced(by_days.flows, prices, devices, by_days.bound)
        many = len(np.unique(demand.day)) > DAYS_AS_ONE
        if many and by_days is not None and start is not None and midnight is None:
            flows = _by_blocks(by_days, demand, devices, prices, start, gap, most_nodes)
            if flows is not None:
                # All days together, their binary variables left free, bound it from below.
                together = float(programme.solution(gap, relaxed=True).fun)
                return _priced(flows, prices, devices, max(by_days.bound, together))
    solution = programme.solution(gap, most_nodes)
    if programme.binary.any() and burning(programme.flows(solution.x)):
        programme = programme_of(everywhere=True)
        solution = programme.solution(gap, most_nodes)
    sizes = (devices.battery_kwh, devices.tank_kwh)
    if programme.sized:
        battery, tank = solution.x[programme.sizes].tolist()
        sizes = (battery, tank)
    flows = programme.flows(solution.x, relaxed=relaxed)
    bound = float(solution.fun)
    if programme.binary.any():
        bound = float(solution.mip_dual_bound)
        if by_days is not None:
            bound = max(bound, by_days.bound)
            if by_days.flows is not None and by_days.cost < solution.fun:
                flows = by_days.flows
        return _priced(flows, prices, devices, bound)
    cost = float(running_cost(flows, prices).sum())
    return ExactDispatch(flows, cost, *sizes, float(solution.fun), bound)


def _by_blocks(
    by_days: DaysDispatch,
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    start: Stored,
    gap: float,
    most_nodes: int,
) -> HouseFlows | None:
    """Return the cheaper of what days and blocks of days found, None if neither found anything."""
    found = by_days.flows
    try:
        blocks = dispatch_by_blocks(demand, devices, prices, start, gap, most_nodes)
    except InputError:
        pass
    else:
        if found is None or float(running_cost(blocks, prices).sum()) < by_days.cost:
            found = blocks
    return found


def _priced(
    flows: HouseFlows, prices: HousePrices, devices: HouseDevices, bound: float
) -> ExactDispatch:
    cost = float(running_cost(flows, prices).sum())
    return ExactDispatch(flows, cost, devices.battery_kwh, devices.tank_kwh, cost, min(bound, cost))
