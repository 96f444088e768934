"""The cheapest dispatch of a house whose days meet only at their midnights, day by day.

A programme of all days whose steps need binary variables grows beyond what a search can end. But
days share no more than what the storages hold at midnight. Let every day choose that for itself:
what all days then cost together is a lower bound, since a constraint more cannot do better. Let all
days hold what is stated: that is a dispatch, and its cost an upper bound. Where both are the same
the dispatch is the cheapest, and proved to be. Most days have no binary variable left between 0
and 1 in the linear relaxation, so only the others are searched, each alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import InputError
from hmesh.markets.house_dispatch import (
    HouseDemand,
    HouseDevices,
    HouseFlows,
    HousePrices,
    Series,
    running_cost,
)
from hmesh.markets.house_programme import HouseProgramme, Stored, burning
from hmesh.markets.known_days import KnownDays, SolvedDays

# Days relaxed in one programme: HiGHS is slower on very many of them and on each alone.
DAYS_AT_ONCE = 14
# Of a day searched alone. Of all days together the gap asked for decides.
DAY_GAP = 1e-8
# Storages that hold the same within this hold the same [kWh].
SAME_KWH = 1e-9

_FLOWS = tuple(HouseFlows.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class DaysDispatch:
    """What solving day by day came to.

    Attributes
    ----------
    flows
        The cheapest dispatch found, or None if days cannot hold what was stated.
    cost, bound
        Its cost, and what no dispatch can cost less than [money].
    """

    flows: HouseFlows | None
    cost: float
    bound: float

    @property
    def gap(self) -> float:
        """Share of the cost by which a cheaper dispatch may have been missed [-]."""
        return max(self.cost - self.bound, 0.0) / max(abs(self.cost), 1e-9)


def dispatch_by_days(
    demand: HouseDemand,
    devices: HouseDevices,
    prices: HousePrices,
    start: Stored | None = None,
    midnight: Stored | None = None,
    gap: float = 1e-6,
    known: KnownDays | None = None,
) -> DaysDispatch | None:
    """Return the cheapest dispatch found by solving day by day, and a bound on any.

    Parameters
    ----------
    demand, devices, prices, start, midnight
        As for `dispatch_exactly`.
    gap
        Share of the cost that is near enough.
    known
        Days of the same house at other feed-in tariffs, to which those found are added; without a
        start alone.

    Returns
    -------
    DaysDispatch or None
        None if some day alone has no dispatch, or none that does not burn energy.

    Notes
    -----
    Lagrangian relaxation of what holds days together. Equal midnights are relaxed as they are.
    Where days follow a start, what a day leaves to the next is priced by what filling it costs in
    the cheapest step around that midnight; any price gives a valid bound, and this one a tight one
    where storages are worth nothing more than to be refilled. Levels set for all days are tried in
    turn: those of `midnight`, or the lowest, and where days choose freely the median of their own.
    """
    days = _Days(demand, devices, prices, start, known if start is None else None)
    if midnight is not None:
        reported = days.levels(midnight)
        try:
            found = days.solve(reported)
        except InputError:
            return None
        if burning(found.flows()):
            return None
        return DaysDispatch(found.flows(), found.cost, found.bound)
    try:
        own = days.solve(None)
    except InputError:
        return None
    best = DaysDispatch(None, np.inf, own.bound)
    lowest = Stored(devices.soc_min * devices.battery_kwh, 0.0)
    for candidate in (lowest, Stored(*np.median(own.ends, axis=0).tolist())):
        try:
            found = days.solve(days.levels(candidate), own)
        except InputError:
            continue
        if found.cost < best.cost and not burning(found.flows()):
            best = DaysDispatch(found.flows(), found.cost, own.bound)
        if best.gap <= gap or start is not None:
            break
    return best


def worth_at_midnights(
    devices: HouseDevices, prices: HousePrices, first: NDArray[np.intp]
) -> Series:
    """Return what a kWh in battery and tank is worth at each midnight, from refilling it.

    Parameters
    ----------
    devices, prices
        The house.
    first
        The first step of each day.

    Returns
    -------
    array, shape (days + 1, 2)
        At the start and the end nothing [money/kWh].
    """
    worth = np.zeros((len(first) + 1, 2))
    cheapest = np.minimum.reduceat(prices.taxed, first)
    around = np.maximum(np.minimum(cheapest[:-1], cheapest[1:]), 0.0)
    worth[1:-1, 0] = around / devices.battery_efficiency
    worth[1:-1, 1] = around / (devices.tank_efficiency * devices.cop)
    return worth


class _Days:
    """The days of a house, each solved for itself."""

    def __init__(
        self,
        demand: HouseDemand,
        devices: HouseDevices,
        prices: HousePrices,
        start: Stored | None,
        memory: KnownDays | None = None,
    ) -> None:
        self.memory = memory
        self.demand, self.devices, self.prices, self.start = demand, devices, prices, start
        self.first = np.flatnonzero(np.diff(demand.day, prepend=demand.day[:1] - 1))
        self.ends = np.append(self.first[1:], demand.steps)
        self.count = len(self.first)
        free = start is None
        self.worth = (
            np.zeros((self.count + 1, 2))
            if free
            else worth_at_midnights(devices, prices, self.first)
        )

    def levels(self, stored: Stored) -> Series:
        """Return what storages hold at every midnight if set so, shape (days + 1, 2)."""
        levels = np.tile([stored.battery_kwh, stored.tank_kwh], (self.count + 1, 1))
        if self.start is not None:
            levels[0] = self.start.battery_kwh, self.start.tank_kwh
        return levels

    def solve(self, reported: Series | None, known: SolvedDays | None = None) -> SolvedDays:
        """Return the cheapest days.

        Parameters
        ----------
        reported
            What storages hold at every midnight, shape (days + 1, 2); None to let days choose.
        known
            Days solved before; those that hold what is stated need not be solved again.

        Raises
        ------
        InputError
            If a day has no dispatch.
        """
        todo = np.arange(self.count)
        solved = SolvedDays(
            {name: np.empty(self.demand.steps) for name in _FLOWS},
            np.zeros((self.count, 2)),
            np.zeros((self.count, 2)),
            np.zeros(self.count),
            np.zeros(self.count),
        )
        if known is not None and reported is not None:
            off = np.abs(known.begins - reported[:-1]) + np.abs(known.ends - reported[1:])
            todo = np.flatnonzero(off.max(axis=1) > SAME_KWH)
            solved = SolvedDays(
                {name: values.copy() for name, values in known.columns.items()},
                known.begins.copy(), known.ends.copy(), known.costs.copy(), known.costs.copy(),
            )  # fmt: skip
        midnights = b"" if reported is None else reported.tobytes()
        if self.memory is not None:
            todo = self.memory.reuse(midnights, self.prices, solved, todo, self.first)
        hard: list[int] = []
        for some in np.array_split(todo, max(1, -(-len(todo) // DAYS_AT_ONCE))):
            if len(some):
                hard += self._some(solved, some, reported, relaxed=True)
        for day in hard:
            self._some(solved, np.array([day]), reported, relaxed=False)
        if self.memory is not None:
            self.memory.keep(midnights, self.prices, solved)
        return solved

    def _some(
        self, solved: SolvedDays, days: NDArray[np.intp], reported: Series | None, *, relaxed: bool
    ) -> list[int]:
        """Solve some days; return those of them that a relaxation leaves open."""
        steps = np.concatenate([np.arange(self.first[d], self.ends[d]) for d in days])
        programme = HouseProgramme(
            self.demand.of_steps(steps), self.devices, self.prices.of_steps(steps),
            start=self.start, apart=True,
        )  # fmt: skip
        programme.forbid_at_once()
        self._meet(programme, days, reported)
        solution = programme.solution(DAY_GAP, relaxed=relaxed)
        costs = programme.cost_by_day(solution.x)
        open_days: list[int] = []
        if relaxed:
            open_days = days[programme.open_days(solution.x)].tolist()
        elif programme.binary.any():
            costs = np.array([float(solution.mip_dual_bound)])
        flows = programme.flows(solution.x)
        for name, values in solved.columns.items():
            values[steps] = getattr(flows, name)
        for k, level in enumerate(("eb", "et")):
            solved.begins[days, k] = solution.x[programme.previous[level][programme.first]]
            solved.ends[days, k] = solution.x[programme.of[level][programme.last]]
        spent = running_cost(flows, programme.prices)
        solved.costs[days] = np.add.reduceat(spent, programme.first)
        solved.bounds[days] = costs
        return open_days

    def _meet(
        self, programme: HouseProgramme, days: NDArray[np.intp], reported: Series | None
    ) -> None:
        """Set what days hold at midnights, or what that is worth."""
        if reported is not None:
            programme.hold_at_midnight(reported[days + 1, 0], reported[days + 1, 1])
            if programme.before:
                programme.begin_with(reported[days, 0], reported[days, 1])
            return
        for k, level in enumerate(("eb", "et")):
            programme.cost[programme.of[level][programme.last]] -= self.worth[days + 1, k]
            if self.start is not None:
                before = programme.before[level]
                programme.cost[before] += self.worth[days, k]
                held = self.start.battery_kwh if level == "eb" else self.start.tank_kwh
                programme.fix(before[days == 0], held)
