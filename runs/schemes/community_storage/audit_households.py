"""Whether households expect, are granted and draw what they should, and plans are what they say."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.storage_controllers import ratings_of
from hmesh.environment.day_slots import slot_by_clock, steps_of_day
from hmesh.markets.allowance_iteration import Iterations
from hmesh.markets.community_storage import (
    allowance_kwh,
    average_left,
    exchange,
    served_by_storage,
)
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.community_storage.audit_tables import StorageTables
from hmesh.runs.schemes.community_storage.plan import Ahead, days_ahead, plan_allowances
from hmesh.runs.schemes.community_storage.section import CommunityStorage
from hmesh.runs.schemes.community_storage.setting import CommunityStorageSetting
from hmesh.runs.schemes.community_storage.step import AT_BOUND, NORMAL, OPTIMAL

NOT_RELIABLE = "messages may be lost or late"


class HouseholdChecks:
    """The checks of households and plans, worked out anew day by day.

    Parameters
    ----------
    inputs, rules, shared, tables
        What the scenario settles, its section, the storages, and the tables of the run.
    demand_kwh : array, shape (steps, households)
        What households use.
    supplied : array of bool, shape (steps, strategies that use them, storages)
        Whether the community of each storage is supplied.
    used : list of int
        Numbers of the strategies that use storages.
    follows : list of str
        What each of them does.
    own_way : array of int
        Households that draw by a behaviour of a plugin, by row.
    """

    def __init__(
        self,
        inputs: RunInputs,
        rules: CommunityStorage,
        shared: CommunityStorageSetting,
        tables: StorageTables,
        demand_kwh: NDArray[np.float64],
        supplied: NDArray[np.bool_],
        used: list[int],
        follows: list[str],
        own_way: NDArray[np.intp],
    ) -> None:
        self.inputs, self.rules, self.shared, self.tables = inputs, rules, shared, tables
        self.demand = demand_kwh
        self.supplied = supplied
        self.follows = follows
        self.own_way = own_way
        self.names = [inputs.strategies[s] for s in used]
        self.storage_of = shared.households["storage"].astype(np.intp)
        self.read = np.concatenate([shared.demand_history_kwh, demand_kwh])
        generation = np.array(tables.storages["generation_kwh"][:, 0])
        self.sun = np.concatenate([shared.generation_history_kwh, generation])
        self.counts: Figures = {}

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        yield self._metered()
        yield self._expected()
        yield self._served()
        yield from self._plans()

    def _tally(self, name: str, unit: str = "of the energy") -> Tally:
        tally = Tally(name, EXACT, unit)
        if self.tables.households is None:
            tally.tell("households were not to be written down")
        return tally

    def _metered(self) -> Check:
        """Hold demands and names against those of the members."""
        tally = self._tally("households: demand as metered")
        rows = self.tables.households
        if rows is not None and self._all_there(rows, tally):
            label = self.inputs.places.label("household", strategies=self.names)
            tally.add(relative(rows["demand_kwh"], self.demand[:, None]), label)
            groups = list(
                dict.fromkeys(
                    f"{storage.community}/{group.name}"
                    for storage in self.rules.storages
                    for group in self.inputs.scenario.communities[storage.community].members
                )
            )
            group = np.array([groups.index(name) for name in self.shared.groups])
            wrong = (rows["group"] != group) | (rows["storage"] != self.storage_of)
            tally.add(wrong.astype(np.float64), label)
        return tally.check()

    def _all_there(self, rows: Columns, tally: Tally) -> bool:
        count = rows["demand_kwh"].shape[2]
        if count != len(self.storage_of):
            wrong = np.array([float(abs(count - len(self.storage_of)))])
            tally.add(wrong, lambda at: f"{count} households", None)
        return bool(count == len(self.storage_of))

    def _expected(self) -> Check:
        """Forecast every day anew, and hold what households expect against it."""
        tally = self._tally("households: expect what their forecaster tells")
        rows = self.tables.households
        if rows is None or rows["demand_kwh"].shape[2] != len(self.storage_of):
            return tally.check()
        if not self.inputs.reliable:
            tally.tell(NOT_RELIABLE)
        label = self.inputs.places.label("household", strategies=self.names)
        forecast, used = self._told()
        told = (
            ("used_kwh", used[:, None]),
            *([("forecast_kwh", forecast[:, None])] if self.inputs.reliable else []),
        )
        for name, expected in told:
            tally.add(_known(rows[name], np.broadcast_to(expected, rows[name].shape)), label)
        left, whole = self._slots()
        for s in range(len(self.follows)):
            own = rows["forecast_kwh"][:, s]
            dynamic = average_left(own, used, left[:, None])
            average = own / whole[:, None] if self._static(s) else dynamic
            tally.add(_known(rows["average_kwh"][:, s], average)[:, None], label)
        return tally.check()

    def _days(self) -> Iterator[range]:
        first, steps = 0, self.inputs.steps
        while first < steps:
            end = min(steps_of_day(self.inputs.calendar, first).stop, steps)
            yield range(first, end)
            first = end

    def _slots(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the steps left of the day at each step, and those of the whole day."""
        left, whole = np.empty(self.inputs.steps), np.empty(self.inputs.steps)
        for day in self._days():
            left[day.start : day.stop] = np.arange(len(day), 0, -1)
            begins = steps_of_day(self.inputs.calendar, day.start).start
            whole[day.start : day.stop] = day.stop - begins
        return left, whole

    def _past(self, readings: NDArray[np.float64], step: int) -> NDArray[np.float64]:
        return readings[step : step + self.shared.history_slots]

    def _used_before(self, day: range) -> NDArray[np.float64]:
        """Return what was used of a day before its first step of the run."""
        begins = steps_of_day(self.inputs.calendar, day.start).start
        past = self._past(self.read, day.start)
        used: NDArray[np.float64] = past[len(past) - (day.start - begins) :].sum(axis=0)
        return used

    def _told(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return forecasts of days, and what was used of them before each step."""
        forecast, used = np.empty_like(self.demand), np.empty_like(self.demand)
        for day in self._days():
            rows = slice(day.start, day.stop)
            before = self._used_before(day)
            forecast[rows] = before + self._coming(day).sum(axis=0)
            used[rows] = before + np.cumsum(self.demand[rows], axis=0) - self.demand[rows]
        return forecast, used

    def _served(self) -> Check:
        """Rank, allow and deal out anew in every step."""
        tally = self._tally("households: served as the mended Algorithm 2 has it")
        rows = self.tables.households
        if rows is None or rows["demand_kwh"].shape[2] != len(self.storage_of):
            return tally.check()
        if not self.inputs.reliable:
            tally.tell(NOT_RELIABLE)
        label = self.inputs.places.label("household", strategies=self.names)
        units = self.inputs.places.label(list(self.shared.names), strategies=self.names)
        place, granted = np.empty_like(rows["place"]), np.empty_like(rows["granted_kwh"])
        charge = np.empty_like(self.tables.storages["charge_kwh"])
        short = np.zeros(place.shape[:2], dtype=np.int64)
        for step in range(self.inputs.steps):
            for s in range(len(self.names)):
                *found, short[step, s] = self._slot(step, s)
                place[step, s], granted[step, s], charge[step, s] = found
        if self.inputs.reliable:
            if not len(self.own_way):
                self.counts["counts.households_served_less_than_allowed"] = short
            unknown = np.isnan(rows["average_kwh"]).sum(axis=2)
            self.counts["counts.households_not_ranked"] = unknown
            tally.add(np.abs(rows["place"] - place).astype(np.float64), label)
            tally.add(relative(rows["granted_kwh"], granted), label)
            tally.add(relative(self.tables.storages["charge_kwh"], charge), units)
        over = rows["drawn_kwh"] - np.minimum(rows["granted_kwh"], rows["demand_kwh"])
        tally.add(np.maximum(over, -rows["drawn_kwh"]).clip(0.0), label)
        left = relative(rows["drawn_kwh"], rows["granted_kwh"])
        left[:, :, self.own_way] = 0.0
        tally.add(left, label)
        drawn = np.stack(
            [
                rows["drawn_kwh"][:, :, self.storage_of == row].sum(axis=2)
                for row in range(len(self.shared.names))
            ],
            axis=2,
        )
        tally.add(relative(self.tables.storages["delivered_kwh"], drawn), units)
        return tally.check()

    def _slot(
        self, step: int, s: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], int]:
        """Return places and grants of households, what storages charge, and how many lack energy.

        They are those of a step and a strategy.
        """
        rows, storages, shared = self.tables.households, self.tables.storages, self.shared
        assert rows is not None
        supplied = self.supplied[step, s]
        average = np.where(supplied[self.storage_of], rows["average_kwh"][step, s], np.nan)
        most = shared.storages["dischargers"].astype(np.intp)
        served = served_by_storage(average, self.storage_of, most)
        there = served >= 0
        least = shared.least_kwh[slot_by_clock(self.inputs.calendar, step)]
        weight = 1.0 / storages["alpha"][step, s][self.storage_of]
        allowed = allowance_kwh(self.demand[step], least, shared.most_kwh, weight)
        generation = storages["generation_kwh"][step, s]
        above = shared.storages["charge_above_kw"] * self.inputs.step_h
        done = exchange(
            storages["stored_kwh"][step, s], generation, supplied & (generation >= above),
            np.where(there, allowed[served], 0.0), ratings_of(shared.storages),
            self.inputs.step_h, self.rules.sharing,
            serves_while_charging=self.rules.serve_while_charging,
        )  # fmt: skip
        place = np.zeros(len(self.storage_of), dtype=np.int64)
        granted = np.zeros(len(self.storage_of))
        place[served[there]] = np.nonzero(there)[1] + 1
        granted[served[there]] = done.discharge_kwh[there]
        lacking = np.where(there, allowed[served], 0.0) - done.discharge_kwh > AT_BOUND
        serving = (done.charge_kwh == 0.0) | self.rules.serve_while_charging
        short = int((lacking & serving[:, None]).sum())
        return place, granted, done.charge_kwh, short

    def _plans(self) -> Iterator[Check]:
        """Plan every horizon anew."""
        plans = Tally("plans: what comes of every alpha", EXACT, "of the energy")
        alphas = Tally("plans: alpha in every step is the one chosen", 0.0)
        if not self.inputs.reliable:
            for tally in (plans, alphas):
                tally.tell(NOT_RELIABLE)
                yield tally.check()
            return
        expected: list[tuple[int, int, int, Iterations]] = []
        alpha = np.ones_like(self.tables.storages["alpha"])
        for s in range(len(self.follows)):
            if self._plans_ahead(s):
                for step, found in self._planned(s):
                    for row, plan in enumerate(found):
                        expected.append((step, s, row, plan))
                        alpha[step:, s, row] = plan.chosen
        unsettled = np.zeros(alpha.shape[:2], dtype=np.int64)
        for step, s, _, plan in expected:
            unsettled[step, s] += not plan.settled
        self.counts["counts.allowances_not_settled"] = unsettled
        label = self.inputs.places.label(list(self.shared.names), strategies=self.names)
        off = np.abs(self.tables.storages["alpha"] - alpha).astype(np.float64)
        alphas.add(off, label)
        self._hold(plans, expected)
        self._hold_courses(plans, [plan for plan in expected if plan[0] == 0])
        yield plans.check()
        yield alphas.check()

    def daily_forecasts(self) -> dict[int, NDArray[np.float64]]:
        """Return what forecasters tell of each day, by its first step of the run."""
        return {day.start: self._coming(day) for day in self._days()}

    def outlooks(self, s: int) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return what households and plants tell their controllers for each plan, by its step."""
        if not self._plans_ahead(s):
            return {}
        return {step: self._outlook(days)[:2] for step, days in self._horizons()}

    def _static(self, s: int) -> bool:
        return self.follows[s] == NORMAL and self.rules.normal == "averages"

    def _plans_ahead(self, s: int) -> bool:
        return self.follows[s] == OPTIMAL or self._static(s)

    def _coming(self, day: range, steps: int | None = None) -> NDArray[np.float64]:
        """Return what is forecast at the beginning of a day, of it or of some steps."""
        past = self._past(self.read, day.start)
        wanted = len(day) if steps is None else steps
        return self.shared.demand_forecaster.forecast(past, wanted, day.start)

    def _horizons(self) -> Iterator[tuple[int, list[range]]]:
        """Return the first step and the days of every plan."""
        end = 0
        for day in self._days():
            if day.start >= end:
                days = days_ahead(self.shared, day.start, self.inputs.steps)
                end = days[-1].stop
                yield day.start, days

    def _outlook(
        self, days: list[range]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the demand and generation that a plan is made of, and the forecasts told."""
        shared, step, end = self.shared, days[0].start, days[-1].stop
        if self.rules.plan_on == "actual":
            told = np.concatenate([self._coming(day) for day in days])
            return self.demand[step:end], shared.coming_generation_kwh(step, end), told
        told = self._coming(days[0], end - step)
        sun = self._past(self.sun, step)
        return told, shared.generation_forecaster.forecast(sun, end - step, step), told

    def _planned(self, s: int) -> Iterator[tuple[int, list[Iterations]]]:
        """Plan anew from what was read, and what the storages of a strategy held."""
        for step, days in self._horizons():
            demand, generation, told = self._outlook(days)
            begins = steps_of_day(self.inputs.calendar, step).start
            ahead = Ahead(
                step,
                tuple(len(day) for day in days),
                (days[0].stop - begins, *(len(day) for day in days[1:])),
                self._used_before(days[0]),
                told,
                np.nan_to_num(demand),
                np.nan_to_num(generation),
            )
            stored = self.tables.storages["stored_kwh"][step, s]
            yield step, plan_allowances(self.shared, ahead, stored, static=self._static(s))

    def _hold(self, tally: Tally, expected: list[tuple[int, int, int, Iterations]]) -> None:
        """Hold the rows of plans against those that should stand there, in any order."""
        due = [
            (step, s, row, int(alpha), delivered, final, float(alpha == plan.chosen))
            for step, s, row, plan in expected
            for alpha, delivered, final in zip(
                plan.alpha, plan.delivered_kwh, plan.final_kwh, strict=True
            )
        ]
        names = ("step", "strategy", "storage", "alpha", "delivered_kwh", "final_kwh", "chosen")
        _compare(tally, "plan", self.tables.plans, names, due)

    def _hold_courses(self, tally: Tally, expected: list[tuple[int, int, int, Iterations]]) -> None:
        due = [
            (step, s, row, int(alpha), float(stored))
            for _, s, row, plan in expected
            for column, alpha in enumerate(plan.alpha.tolist())
            for step, stored in enumerate(plan.stored_kwh[:, column].tolist())
        ]
        names = ("step", "strategy", "storage", "alpha", "stored_kwh")
        _compare(tally, "course", self.tables.courses, names, due)


def _compare(
    tally: Tally,
    what: str,
    rows: Columns,
    names: tuple[str, ...],
    due: Sequence[tuple[float, ...]],
) -> None:
    """Compare rows, sorted by their first four columns, with those that should stand there."""
    told = np.stack([rows[name].astype(np.float64) for name in names], axis=1)
    wanted = np.array(due, dtype=np.float64).reshape(-1, len(names))
    if len(told) != len(wanted):
        missing = np.array([float(abs(len(told) - len(wanted)))])
        tally.add(missing, lambda at: f"{len(told):,} rows in place of {len(wanted):,}", None)
        return
    if len(told) == 0:
        return
    told, wanted = (part[np.lexsort(part[:, 3::-1].T)] for part in (told, wanted))
    off = relative(told, wanted)
    tally.add(off, lambda at: f"{what} of alpha {wanted[at[0], 3]:.0f}, {names[at[1]]}", None)


def _known(told: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far values are off; 0 where nothing is known and nothing told."""
    neither = np.isnan(told) & np.isnan(expected)
    return np.where(neither, 0.0, relative(told, expected))
