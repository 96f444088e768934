"""The cheapest dispatch of a house with perfect foresight, and with it the cheapest sizes."""

from dataclasses import dataclass

from markets.dispatch_by_days import dispatch_by_days
from markets.house_dispatch import (
    HouseDemand,
    HouseDevices,
    HouseFlows,
    HousePrices,
    running_cost,
)
from markets.house_programme import HouseProgramme, Stored, burning


@dataclass(frozen=True, slots=True)
class ExactDispatch:
    """The cheapest dispatch.

    Attributes
    ----------
    flows
        What the house does, arrays of shape (steps,).
    cost
        What that costs, without investments [money].
    battery_kwh, tank_kwh
        Sizes of the storages [kWh], the tank's of heat.
    objective
        The cost and, where sizes were free, their annuities [money].
    bound
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
    time_limit_s: float = 900.0,
) -> ExactDispatch:
    """Return the cheapest dispatch of a house that knows all steps ahead.

    Parameters
    ----------
    demand, devices, prices
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
    time_limit_s : float
        Time after which the best dispatch so far is taken where all steps are one programme with
        binary variables [s]; its `gap` then tells what it may have missed.

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
    With such binary variables days are solved one by one (`dispatch_by_days`), and all steps as
    one programme only where that leaves a larger gap.
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
        by_days = dispatch_by_days(demand, devices, prices, start, midnight, gap)
        if by_days is not None and by_days.flows is not None and by_days.gap <= gap:
            return _priced(by_days.flows, prices, devices, by_days.bound)
    solution = programme.solution(gap, time_limit_s)
    if programme.binary.any() and burning(programme.flows(solution.x)):
        programme = programme_of(everywhere=True)
        solution = programme.solution(gap, time_limit_s)
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


def _priced(
    flows: HouseFlows, prices: HousePrices, devices: HouseDevices, bound: float
) -> ExactDispatch:
    cost = float(running_cost(flows, prices).sum())
    return ExactDispatch(flows, cost, devices.battery_kwh, devices.tank_kwh, cost, min(bound, cost))
