"""The cheapest dispatch of a house whose days meet only at their midnights, day by day.

A programme of all days whose steps need binary variables grows beyond what a search can end. But
days share no more than what the storages hold at midnight. Let every day choose that for itself:
what all days then cost together is a lower bound, since a further constraint cannot lower the cost.
Let all days hold what is stated: that is a dispatch, and its cost an upper bound. Where both are
the same the dispatch is the cheapest, and proved to be. Most days have no binary variable left
between 0 and 1 in the linear relaxation, so only the others are searched
(`hmesh.markets.day_branching`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError
from hmesh.markets.day_branching import Part, RelaxedPart, branch_on_days
from hmesh.markets.house_dispatch import (
    HouseDemand,
    HouseDevices,
    HouseFlows,
    HousePrices,
    running_cost,
)
from hmesh.markets.house_programme import HouseProgramme, Stored, burning
from hmesh.markets.known_days import KnownDays, SolvedDays
from hmesh.markets.relaxed_programme import RelaxedProgramme

# Days relaxed in one programme: HiGHS is slower on very many of them and on each alone.
DAYS_AT_ONCE = 14
# Of a day searched alone. Of all days together the gap asked for decides.
DAY_GAP = 1e-8
# Storages that hold the same within this hold the same [kWh].
SAME_KWH = 1e-9

_FLOWS = tuple(HouseFlows.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class DaysDispatch:
    """The result of solving day by day.

    Attributes
    ----------
    flows : HouseFlows or None
        The cheapest dispatch found, or None if days cannot hold what was stated.
    cost, bound : float
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
    demand, devices, prices, start, midnight : HouseDemand, HouseDevices, HousePrices, Stored, \
    Stored
        As for `dispatch_exactly`.
    gap : float, optional
        Share of the cost that is near enough.
    known : KnownDays, optional
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
        midnight_kwh = days.levels(midnight)
        try:
            found = days.solve(midnight_kwh)
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
) -> FloatArray:
    """Return what a kWh in battery and tank is worth at each midnight, from refilling it.

    Parameters
    ----------
    devices, prices : HouseDevices, HousePrices
        The house.
    first : array of int
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


@dataclass(frozen=True, slots=True)
class _Solved:
    """What a day does, as `SolvedDays` has it of all."""

    columns: dict[str, FloatArray]
    begins: FloatArray
    ends: FloatArray
    spent: float


def _by_day(programme: HouseProgramme, x: FloatArray) -> list[_Solved]:
    """Return what each day of a solution does."""
    flows = programme.flows(x)
    begins, ends = (
        np.stack([x[columns[level][at]] for level in ("eb", "et")], axis=1)
        for columns, at in (
            (programme.previous, programme.first),
            (programme.of, programme.last),
        )
    )
    spent = np.add.reduceat(running_cost(flows, programme.prices), programme.first)
    return [
        _Solved(
            {name: getattr(flows, name)[first : last + 1] for name in _FLOWS},
            begins[k], ends[k], float(spent[k]),
        )
        for k, (first, last) in enumerate(zip(programme.first, programme.last, strict=True))
    ]  # fmt: skip


def _furthest_open(binary: FloatArray, fractional: NDArray[np.bool_]) -> int | None:
    """Return which of the binary variables of a day is furthest from 0 and 1."""
    if not fractional.any():
        return None
    return int(np.argmin(np.where(fractional, np.abs(binary - 0.5), np.inf)))


def _rounds(parts: Sequence[Part]) -> list[dict[int, Part]]:
    """Return parts in rounds of at most one of each day, by their days."""
    rounds: list[dict[int, Part]] = []
    for part in parts:
        for each in rounds:
            if part.day not in each:
                each[part.day] = part
                break
        else:
            rounds.append({part.day: part})
    return rounds


class _Batch:
    """Some days in one programme, relaxed again and again.

    Days have nothing to do with each other, so that what one has set changes nothing for another.

    Parameters
    ----------
    days : array of int
        The days.
    programme : HouseProgramme
        Their programme.
    """

    def __init__(self, days: NDArray[np.intp], programme: HouseProgramme) -> None:
        self.place = {day: k for k, day in enumerate(days.tolist())}
        self.programme, self.relaxed = programme, RelaxedProgramme(programme)
        self.binary = programme.choices_by_day()

    def relax(self, parts: Sequence[Part]) -> list["RelaxedPart[_Solved]"]:
        """Return the relaxations of parts, a day at most once.

        Raises
        ------
        InputError
            If they have no solution together.
        """
        settings = {
            int(self.binary[self.place[part.day]][variable]): value
            for part in parts
            for variable, value in part.settings
        }
        programme, x = self.programme, self.relaxed.solve(settings)
        if x is None:
            raise programme.why_not(self.relaxed.message)
        fractional, cost = programme.fractional(x), programme.cost_by_day(x)
        each, found = _by_day(programme, x), []
        for part in parts:
            k = self.place[part.day]
            columns = self.binary[k]
            open_variable = _furthest_open(x[columns], fractional[columns])
            found.append(RelaxedPart(part, float(cost[k]), open_variable, each[k]))
        return found

    def those_with_a_solution(self, parts: Sequence[Part]) -> list["RelaxedPart[_Solved]"]:
        """Return the relaxations of parts, of those that have a solution."""
        found: list[RelaxedPart[_Solved]] = []
        for some in _rounds([part for part in parts if part.day in self.place]):
            try:
                found += self.relax(list(some.values()))
            except InputError:
                # A setting may leave no solution, and that of one day none for all.
                for part in some.values():
                    try:
                        found += self.relax([part])
                    except InputError:
                        continue
        return found


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

    def levels(self, stored: Stored) -> FloatArray:
        """Return what storages hold at every midnight if set so, shape (days + 1, 2)."""
        levels = np.tile([stored.battery_kwh, stored.tank_kwh], (self.count + 1, 1))
        if self.start is not None:
            levels[0] = self.start.battery_kwh, self.start.tank_kwh
        return levels

    def solve(self, midnight_kwh: FloatArray | None, known: SolvedDays | None = None) -> SolvedDays:
        """Return the cheapest days.

        Parameters
        ----------
        midnight_kwh : array or None
            What storages hold at every midnight, shape (days + 1, 2); None to let days choose.
        known : SolvedDays, optional
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
        if known is not None and midnight_kwh is not None:
            off = np.abs(known.begins - midnight_kwh[:-1]) + np.abs(known.ends - midnight_kwh[1:])
            todo = np.flatnonzero(off.max(axis=1) > SAME_KWH)
            solved = SolvedDays(
                {name: values.copy() for name, values in known.columns.items()},
                known.begins.copy(), known.ends.copy(), known.costs.copy(), known.costs.copy(),
            )  # fmt: skip
        midnights = b"" if midnight_kwh is None else midnight_kwh.tobytes()
        if self.memory is not None:
            todo = self.memory.reuse(midnights, self.prices, solved, todo, self.first)
        solvable: list[RelaxedPart[_Solved]] = []
        batches = [
            _Batch(some, self._programme(some, midnight_kwh))
            for some in np.array_split(todo, max(1, -(-len(todo) // DAYS_AT_ONCE)))
            if len(some)
        ]
        for batch in batches:
            solvable += batch.relax([Part(day) for day in batch.place])
        self._write(solved, [each for each in solvable if each.open_variable is None])
        searched = branch_on_days(
            [each for each in solvable if each.open_variable is not None],
            lambda parts: [
                each for batch in batches for each in batch.those_with_a_solution(parts)
            ],
            DAY_GAP,
        )
        for day, search in searched.items():
            if search.complete and search.best is not None:
                self._write(solved, [search.best])
                solved.bounds[day] = search.bound
            else:
                self._search_alone(solved, day, midnight_kwh)
        if self.memory is not None:
            self.memory.keep(midnights, self.prices, solved)
        return solved

    def _search_alone(self, solved: SolvedDays, day: int, midnight_kwh: FloatArray | None) -> None:
        """Let a general search solve a day of many parts."""
        programme = self._programme(np.array([day]), midnight_kwh)
        solution = programme.solution(DAY_GAP)
        part = RelaxedPart(Part(day), 0.0, None, _by_day(programme, solution.x)[0])
        self._write(solved, [part])
        solved.bounds[day] = float(solution.mip_dual_bound)

    def _programme(self, days: NDArray[np.intp], midnight_kwh: FloatArray | None) -> HouseProgramme:
        """Return the programme of days, of which the same may come more than once."""
        lengths = self.ends[days] - self.first[days]
        steps = np.concatenate([np.arange(self.first[d], self.ends[d]) for d in days])
        demand = replace(self.demand.of_steps(steps), day=np.repeat(np.arange(len(days)), lengths))
        programme = HouseProgramme(
            demand, self.devices, self.prices.of_steps(steps), start=self.start, apart=True
        )
        programme.forbid_at_once()
        self._meet(programme, days, midnight_kwh)
        return programme

    def _write(self, solved: SolvedDays, parts: Sequence["RelaxedPart[_Solved]"]) -> None:
        """Write what days do, and that they cannot cost less than their programme says."""
        for each in parts:
            day, solution = each.part.day, each.solution
            steps = slice(int(self.first[day]), int(self.ends[day]))
            for name, values in solved.columns.items():
                values[steps] = solution.columns[name]
            solved.begins[day], solved.ends[day] = solution.begins, solution.ends
            solved.costs[day], solved.bounds[day] = solution.spent, each.cost

    def _meet(
        self, programme: HouseProgramme, days: NDArray[np.intp], midnight_kwh: FloatArray | None
    ) -> None:
        """Set what days hold at midnights, or what that is worth."""
        if midnight_kwh is not None:
            programme.hold_at_midnight(midnight_kwh[days + 1, 0], midnight_kwh[days + 1, 1])
            if programme.before:
                programme.begin_with(midnight_kwh[days, 0], midnight_kwh[days, 1])
            return
        for k, level in enumerate(("eb", "et")):
            programme.cost[programme.of[level][programme.last]] -= self.worth[days + 1, k]
            if self.start is not None:
                before = programme.before[level]
                programme.cost[before] += self.worth[days, k]
                held = self.start.battery_kwh if level == "eb" else self.start.tank_kwh
                programme.fix(before[days == 0], held)
