"""Whether households expect, are granted and draw what they should, and plans are what they say."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.day_slots import slot_by_clock, steps_of_day
from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.reference.shared_storage import (
    AllowancePlan,
    Outlook,
    allowance,
    plan,
    ranked,
)
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.community_storage.audit_plans import PlanDue, compare_courses, compare_plans
from hmesh.runs.schemes.community_storage.audit_tables import StorageTables
from hmesh.runs.schemes.community_storage.audit_units import in_part, storages_of
from hmesh.runs.schemes.community_storage.section import CommunityStorage
from hmesh.runs.schemes.community_storage.setting import CommunityStorageSetting
from hmesh.runs.strategy_names import is_own

NORMAL, OPTIMAL = "community_storage_normal", "community_storage_optimal"
# Less than this is no lack [kWh].
AT_BOUND = 1e-9
NOT_RELIABLE = "messages may be lost or late"


class HouseholdChecks:
    """The checks of households and plans, worked out independently day by day.

    Parameters
    ----------
    inputs, rules : RunInputs, CommunityStorage
        What the scenario settles, and its section.
    shared, tables : CommunityStorageSetting, StorageTables
        The storages, and the tables of the run.
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
    part : array, shape (steps, storages)
        For which part of each step the community of each storage is supplied.
    capacity_kwh : array, shape (steps, strategies that use them, storages)
        Capacity of each storage in every step.
    """

    def __init__(
        self,
        inputs: RunInputs,
        rules: CommunityStorage,
        shared: CommunityStorageSetting,
        tables: StorageTables,
        demand_kwh: FloatArray,
        supplied: NDArray[np.bool_],
        used: list[int],
        follows: list[str],
        own_way: NDArray[np.intp],
        part: FloatArray,
        capacity_kwh: FloatArray,
    ) -> None:
        self.part, self.capacity_kwh = part, capacity_kwh
        self.inputs, self.rules, self.shared, self.tables = inputs, rules, shared, tables
        self.demand, self.supplied = demand_kwh, supplied
        self.follows, self.own_way = follows, own_way
        self.names = [inputs.strategies[s] for s in used]
        self.storage_of = shared.households["storage"].astype(np.intp)
        self.read = np.concatenate([shared.demand_history_kwh, demand_kwh])
        generation = np.array(tables.storages["generation_kwh"][:, 0])
        self.sun = np.concatenate([shared.generation_history_kwh, generation])
        self.units = storages_of(rules, inputs.step_h)
        self.own = [np.flatnonzero(self.storage_of == row) for row in range(len(self.units))]
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
            tally.note("households were not to be written down")
        return tally

    def _metered(self) -> Check:
        """Compare demands and names with those of the members."""
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
            tally.add(wrong, lambda at: counted(count, "household"), None)
        return bool(count == len(self.storage_of))

    def _expected(self) -> Check:
        """Forecast every day again, and compare it with what households expect."""
        tally = self._tally("households: expect what their forecaster predicts")
        rows = self.tables.households
        if rows is None or rows["demand_kwh"].shape[2] != len(self.storage_of):
            return tally.check()
        if not self.inputs.reliable:
            tally.note(NOT_RELIABLE)
        label = self.inputs.places.label("household", strategies=self.names)
        forecast, used = self._reported()
        checks = (
            ("used_kwh", used[:, None]),
            *([("forecast_kwh", forecast[:, None])] if self.inputs.reliable else []),
        )
        for name, expected in checks:
            tally.add(_known(rows[name], np.broadcast_to(expected, rows[name].shape)), label)
        left, whole = self._slots()
        for s in range(len(self.follows)):
            own = rows["forecast_kwh"][:, s]
            dynamic = (own - used) / left[:, None]
            average = own / whole[:, None] if self._static(s) else dynamic
            tally.add(_known(rows["average_kwh"][:, s], average)[:, None], label)
        return tally.check()

    def _days(self) -> Iterator[range]:
        first, steps = 0, self.inputs.steps
        while first < steps:
            end = min(steps_of_day(self.inputs.calendar, first).stop, steps)
            yield range(first, end)
            first = end

    def _slots(self) -> tuple[FloatArray, FloatArray]:
        """Return the steps left of the day at each step, and those of the whole day."""
        left, whole = np.empty(self.inputs.steps), np.empty(self.inputs.steps)
        for day in self._days():
            left[day.start : day.stop] = np.arange(len(day), 0, -1)
            begins = steps_of_day(self.inputs.calendar, day.start).start
            whole[day.start : day.stop] = day.stop - begins
        return left, whole

    def _past(self, readings: FloatArray, step: int) -> FloatArray:
        return readings[step : step + self.shared.history_slots]

    def _used_before(self, day: range) -> FloatArray:
        """Return what was used of a day before its first step of the run."""
        begins = steps_of_day(self.inputs.calendar, day.start).start
        past = self._past(self.read, day.start)
        used: FloatArray = past[len(past) - (day.start - begins) :].sum(axis=0)
        return used

    def _reported(self) -> tuple[FloatArray, FloatArray]:
        """Return forecasts of days, and what was used of them before each step."""
        forecast, used = np.empty_like(self.demand), np.empty_like(self.demand)
        for day in self._days():
            rows = slice(day.start, day.stop)
            before = self._used_before(day)
            forecast[rows] = before + self._coming(day).sum(axis=0)
            used[rows] = before + np.cumsum(self.demand[rows], axis=0) - self.demand[rows]
        return forecast, used

    def _served(self) -> Check:
        """Rank, allow and deal out again in every step."""
        tally = self._tally("households: served as the mended Algorithm 2 has it")
        rows = self.tables.households
        if rows is None or rows["demand_kwh"].shape[2] != len(self.storage_of):
            return tally.check()
        if not self.inputs.reliable:
            tally.note(NOT_RELIABLE)
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
            if not len(self.own_way) and not any(map(is_own, self.follows)):
                self.counts["counts.households_served_less_than_allowed"] = short
            unknown = np.isnan(rows["average_kwh"]).sum(axis=2)
            self.counts["counts.households_not_ranked"] = unknown
            tally.add(np.abs(rows["place"] - place).astype(np.float64), label)
            tally.add(relative(rows["granted_kwh"], granted), label)
            tally.add(relative(self.tables.storages["charge_kwh"], charge), units)
        over = rows["drawn_kwh"] - np.minimum(rows["granted_kwh"], rows["demand_kwh"])
        tally.add(np.maximum(over, -rows["drawn_kwh"]).clip(0.0), label)
        # A rule of a plugin may grant more than a household uses.
        more = np.array([is_own(strategy) for strategy in self.follows])[:, None]
        due = np.where(
            more, np.minimum(rows["granted_kwh"], rows["demand_kwh"]), rows["granted_kwh"]
        )
        left = relative(rows["drawn_kwh"], due)
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

    def _slot(self, step: int, s: int) -> tuple[NDArray[np.int64], FloatArray, FloatArray, int]:
        """Return places and grants of households, what storages charge, and how many lack energy.

        They are those of a step and a strategy.
        """
        rows, storages, shared = self.tables.households, self.tables.storages, self.shared
        assert rows is not None
        supplied, average = self.supplied[step, s], rows["average_kwh"][step, s]
        least = shared.least_kwh[slot_by_clock(self.inputs.calendar, step)]
        place = np.zeros(len(self.storage_of), dtype=np.int64)
        granted = np.zeros(len(self.storage_of))
        charge, short = np.zeros(len(self.units)), 0
        for row, (unit, rule) in enumerate(zip(self.units, self.rules.storages, strict=True)):
            there = bool(supplied[row])
            own = self.own[row] if there else self.own[row][:0]
            if is_own(self.follows[s]):
                # Whom a rule of a plugin serves is not judged, but what the storage can give is.
                places = rows["place"][step, s, own].astype(np.int64)
                served = own[np.argsort(places)][(places == 0).sum() :][: rule.dischargers].tolist()
                wanted = rows["granted_kwh"][step, s, served].tolist()
            else:
                served = own[ranked(average[own].tolist(), rule.dischargers)].tolist()
                alpha = float(storages["alpha"][step, s, row])
                wanted = allowance(
                    self.demand[step, served], least[served], shared.most_kwh[served], alpha
                ).tolist()
            sun = float(storages["generation_kwh"][step, s, row])
            part = float(self.part[step, row])
            bright = there and sun >= rule.charge_above_kw * part * self.inputs.step_h
            held = float(storages["stored_kwh"][step, s, row])
            here = in_part(unit, part, float(self.capacity_kwh[step, s, row]))
            charge[row], given = here.slot(held, sun, wanted, bright=bright)
            place[served], granted[served] = np.arange(1, len(served) + 1), given
            if charge[row] == 0.0 or self.rules.serve_while_charging:
                lacking = [w - g > AT_BOUND for w, g in zip(wanted, given, strict=True)]
                short += sum(lacking)
        return place, granted, charge, short

    def _plans(self) -> Iterator[Check]:
        """Plan every horizon again."""
        plans = Tally("plans: what comes of every alpha", EXACT, "of the energy")
        alphas = Tally("plans: alpha in every step is the one chosen", 0.0)
        if not self.inputs.reliable:
            for tally in (plans, alphas):
                tally.note(NOT_RELIABLE)
                yield tally.check()
            return
        expected: list[PlanDue] = []
        alpha = np.ones_like(self.tables.storages["alpha"])
        for s in range(len(self.follows)):
            if self._plans_ahead(s):
                for step, found in self._planned(s):
                    for row, made in enumerate(found):
                        expected.append((step, s, row, made))
                        alpha[step:, s, row] = made.chosen
        unsettled = np.zeros(alpha.shape[:2], dtype=np.int64)
        for step, s, _, made in expected:
            unsettled[step, s] += not made.settled
        self.counts["counts.allowances_not_settled"] = unsettled
        label = self.inputs.places.label(list(self.shared.names), strategies=self.names)
        off = np.abs(self.tables.storages["alpha"] - alpha).astype(np.float64)
        alphas.add(off, label)
        compare_plans(plans, self.tables.plans, expected)
        compare_courses(plans, self.tables.courses, [each for each in expected if each[0] == 0])
        yield plans.check()
        yield alphas.check()

    def daily_forecasts(self) -> dict[int, FloatArray]:
        """Return what forecasters predict for each day, by its first step of the run."""
        return {day.start: self._coming(day) for day in self._days()}

    def outlooks(self, s: int) -> dict[int, tuple[FloatArray, FloatArray]]:
        """Return what households and plants report to controllers for each plan, by step."""
        if not self._plans_ahead(s):
            return {}
        return {step: self._outlook(days)[:2] for step, days in self._horizons()}

    def _static(self, s: int) -> bool:
        return self.follows[s] == NORMAL and self.rules.normal == "averages"

    def _plans_ahead(self, s: int) -> bool:
        return self.follows[s] == OPTIMAL or self._static(s)

    def _coming(self, day: range, steps: int | None = None) -> FloatArray:
        """Return what is forecast at the beginning of a day, of it or of some steps."""
        past = self._past(self.read, day.start)
        wanted = len(day) if steps is None else steps
        return self.shared.demand_forecaster.forecast(past, wanted, day.start)

    def _horizons(self) -> Iterator[tuple[int, list[range]]]:
        """Return the first step and the days of every plan."""
        days, each = list(self._days()), self.rules.horizon_days
        for first in range(0, len(days), each):
            some = days[first : first + each]
            yield some[0].start, some

    def _outlook(self, days: list[range]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the demand and generation that a plan is made of, and the forecasts sent."""
        shared, step, end = self.shared, days[0].start, days[-1].stop
        if self.rules.plan_on == "actual":
            announced = np.concatenate([self._coming(day) for day in days])
            # Nobody foresees an outage.
            coming = shared.coming_demand_kwh(step, end)
            return coming, shared.coming_generation_kwh(step, end), announced
        announced = self._coming(days[0], end - step)
        sun = self._past(self.sun, step)
        return announced, shared.generation_forecaster.forecast(sun, end - step, step), announced

    def _planned(self, s: int) -> Iterator[tuple[int, list[AllowancePlan]]]:
        """Plan again from what was read, and what the storages of a strategy held."""
        shared, rules = self.shared, self.rules
        for step, days in self._horizons():
            demand, sun, announced = self._outlook(days)
            demand, sun = np.nan_to_num(demand), np.nan_to_num(sun)
            averages = self._averages(days, demand, announced, static=self._static(s))
            clock = [slot_by_clock(self.inputs.calendar, t) for t in range(step, days[-1].stop)]
            found = []
            for row, (unit, rule) in enumerate(zip(self.units, rules.storages, strict=True)):
                own = self.own[row]
                bright = sun[:, row] >= rule.charge_above_kw * self.inputs.step_h
                outlook = Outlook(
                    sun[:, row].tolist(),
                    bright.tolist(),
                    [ranked(each, rule.dischargers) for each in averages[:, own].tolist()],
                    demand[:, own].tolist(),
                    shared.least_kwh[clock][:, own].tolist(),
                    shared.most_kwh[own].tolist(),
                )
                held = float(self.tables.storages["stored_kwh"][step, s, row])
                found.append(
                    plan(
                        outlook,
                        in_part(unit, 1.0, float(self.capacity_kwh[step, s, row])),
                        held,
                        by_delivered=rules.stop_when == "delivered",
                        tolerance_kwh=rules.tolerance_kwh,
                        most_alpha=rules.most_alpha,
                    )
                )
            yield step, found

    def _averages(
        self,
        days: list[range],
        demand: FloatArray,
        announced: FloatArray,
        *,
        static: bool,
    ) -> FloatArray:
        """Return what households would report in each step of a plan: eqs. (10) to (12) [kWh]."""
        averages, first = np.empty_like(announced), days[0].start
        for day in days:
            rows = slice(day.start - first, day.stop - first)
            before = self._used_before(day) if day.start == first else np.zeros(demand.shape[1])
            whole = before + announced[rows].sum(axis=0)
            begins = steps_of_day(self.inputs.calendar, day.start).start
            for t, step in enumerate(day):
                used = before + demand[rows][:t].sum(axis=0)
                left = float(day.stop - step)
                slots = float(day.stop - (begins if day.start == first else day.start))
                averages[step - first] = whole / slots if static else (whole - used) / left
        return averages


def _known(found: FloatArray, expected: FloatArray) -> FloatArray:
    """Return how far values are off; 0 where nothing is known and nothing forecast."""
    neither = np.isnan(found) & np.isnan(expected)
    return np.where(neither, 0.0, relative(found, expected))
