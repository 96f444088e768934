"""Whether every day was levelled as well as it can be: schedules and answers in closed form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Label, Tally
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.reference.batteries import most_charge, most_discharge
from hmesh.runs.audits.reference.exchange import exchanged, least_exchanged
from hmesh.runs.audits.reference.levelling import DayPlan, Store, answer_to_prices, day_plan
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.battery_sharing.setting import BatterySetting
from hmesh.runs.strategy_names import is_own

# The linear programme keeps its equations to this.
NEAR = 1e-6


@dataclass(slots=True)
class Clipped:
    """What batteries were to do and could not.

    Attributes
    ----------
    tallies : list of Tally
        What was checked.
    known : bool
        Whether every wish of every battery is known.
    unfollowed_kwh, clipped : array, shape (steps, strategies)
        Energy that was left out [kWh], and of how many batteries.
    """

    tallies: list[Tally]
    known: bool
    unfollowed_kwh: FloatArray
    clipped: NDArray[np.int64]


def check_days(
    inputs: RunInputs,
    setting: BatterySetting,
    strategies: Sequence[str],
    at: Columns,
    capacity_kwh: FloatArray,
    hours: Columns,
    behaving: NDArray[np.intp],
) -> Clipped:
    """Plan every day again from the forecasts, and compare what batteries did with it.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    setting : BatterySetting
        The batteries before anybody acts.
    strategies : sequence of str
        What the batteries do under each strategy of the run.
    at : dict of array, shape (steps, strategies, buildings)
        What every building and battery did.
    capacity_kwh : array, shape (steps, strategies, buildings)
        Capacity of each in every step.
    hours : dict of array
        The columns of hours.parquet.
    behaving : array of int
        Batteries that answer prices by a behaviour of a plugin, whose wishes are not known.
    """
    own_way = np.isin(np.arange(len(setting.names)), behaving)
    plan = Tally("batteries: as the closed form of the day has it", EXACT, "of the capacity")
    least = Tally("batteries: no schedules exchange less", NEAR, "of the discharge")
    match = Tally(
        "batteries: own load first, then the largest surplus to the largest need",
        1e-8,
        "of the capacity",
    )
    result = Clipped(
        [plan, least, match],
        inputs.reliable
        and not setting.rules.least_exchange
        and not own_way.any()
        and not any(map(is_own, strategies)),
        np.zeros(at["load_kwh"].shape[:2]),
        np.zeros(at["load_kwh"].shape[:2], dtype=np.int64),
    )
    if not inputs.reliable:
        plan.note("messages may be lost or late")
        least.note("messages may be lost or late")
        match.note("messages may be lost or late")
        return result
    _check_matches(inputs, setting, strategies, at, capacity_kwh, match)
    there = supplied(hours)
    for day in setting.forecast.days():
        forecast = setting.forecast.load_kwh(day.start)
        of_day = setting.windows(day)
        windows = of_day.charge, of_day.discharge
        for s, strategy in enumerate(strategies):
            if strategy == "no_battery" or is_own(strategy):
                continue
            skipped = own_way & (strategy == "priced_battery")
            one = BatteryDay(
                inputs,
                setting,
                strategy,
                s,
                day,
                windows,
                forecast,
                capacity_kwh[day.start, s],
                skipped,
            )
            one.check(at, there, result, plan, least)
    return result


def places_of(setting: BatterySetting) -> NDArray[np.intp]:
    """Return the community of each building, by number."""
    place = np.zeros(len(setting.names), dtype=np.intp)
    for m, rows in enumerate(setting.communities):
        place[rows] = m
    return place


def served_by_building(inputs: RunInputs, setting: BatterySetting) -> FloatArray:
    """Return for which part of each step buildings are supplied, shape (steps, buildings)."""
    return inputs.served_part[:, places_of(setting)]


def _check_matches(
    inputs: RunInputs,
    setting: BatterySetting,
    strategies: Sequence[str],
    at: Columns,
    capacity_kwh: FloatArray,
    match: Tally,
) -> None:
    """Let batteries serve their buildings and one another again, step by step."""
    names = ("own_kwh", "sent_kwh", "received_kwh", "unplaced_kwh")
    discharge = at["own_kwh"] + at["sent_kwh"] + at["unplaced_kwh"]
    for s in range(len(strategies)):
        off = np.zeros_like(at["load_kwh"][:, s])
        scale = np.maximum(capacity_kwh[:, s], 1.0)
        for rows in setting.communities:
            busy = np.flatnonzero((discharge[:, s, rows] > 0.0).any(axis=1))
            for step in busy.tolist():
                due = exchanged(
                    discharge[step, s, rows], at["load_kwh"][step, s, rows],
                    setting.given.line_loss_rate,
                )  # fmt: skip
                found = [at[name][step, s, rows] for name in names]
                off[step, rows] = np.abs(np.array(found) - np.array(due)).max(axis=0)
        label = inputs.places.label("building", strategies=[inputs.strategies[s]])
        match.add((off / scale)[:, None], label)


@dataclass(frozen=True, slots=True, eq=False)
class BatteryDay:
    """A day of the batteries under one strategy."""

    inputs: RunInputs
    setting: BatterySetting
    strategy: str
    s: int
    day: range
    windows: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    forecast_kwh: FloatArray
    capacity_kwh: FloatArray
    skipped: NDArray[np.bool_]

    def check(
        self, at: Columns, there: NDArray[np.bool_], result: Clipped, plan: Tally, least: Tally
    ) -> None:
        """Check every community."""
        inside = slice(self.day.start, self.day.stop)
        for place, rows in enumerate(self.setting.communities):
            if rows.stop == rows.start:
                continue
            mine = {name: values[inside, self.s, rows].T for name, values in at.items()}
            up = there[inside, self.s, place]
            wanted, levelling = self.wanted(rows, mine)
            done = mine["charged_kwh"] - mine["own_kwh"] - mine["sent_kwh"] - mine["unplaced_kwh"]
            label = self._label(rows)
            if self.strategy == "shared_battery" and self.setting.rules.least_exchange:
                self._check_least(rows, mine, done, up, levelling, plan, least)
                continue
            lower, upper = self._bounds(rows, mine["stored_kwh"])
            followed = np.where(up, np.clip(wanted, lower, upper), 0.0)
            followed = np.where(self.skipped[rows, None], done, followed)
            scale = np.maximum(self.capacity_kwh[rows], 1.0)[:, None]
            plan.add((np.abs(done - followed) / scale).T[:, None], label, self.day.start)
            # Answers to prices are made within what a battery can do.
            asked = followed if self.strategy == "priced_battery" else wanted
            left_out = np.where(up, np.abs(asked - followed), 0.0)
            result.unfollowed_kwh[inside, self.s] += left_out.sum(axis=0)
            result.clipped[inside, self.s] += np.count_nonzero(left_out > EXACT * scale, axis=0)

    def _label(self, rows: slice) -> Label:
        names = self.setting.names[rows]
        strategy = [self.inputs.strategies[self.s]]
        return self.inputs.places.label(names, self.day.start, strategy)

    def _parts(self, rows: slice) -> FloatArray:
        """Return for which part of each step batteries are supplied, shape (batteries, steps)."""
        parts = served_by_building(self.inputs, self.setting)
        return parts[self.day.start : self.day.stop, rows].T

    def _bounds(self, rows: slice, stored_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
        given, capacity = self.setting.given, self.capacity_kwh[rows, None]
        rated = given.power_per_capacity * capacity * self.setting.step_h * self._parts(rows)
        least, greatest = given.soc_min * capacity, given.soc_max * capacity
        return (
            -most_discharge(stored_kwh, least, rated, given.discharge_efficiency),
            most_charge(stored_kwh, greatest, rated, given.charge_efficiency),
        )

    def wanted(self, rows: slice, mine: Columns) -> tuple[FloatArray, DayPlan]:
        """Return what each battery is to exchange, shape (buildings, steps) [kWh]."""
        rules, capacity = self.setting.rules, self.capacity_kwh[rows]
        load = self.forecast_kwh[rows]
        total = float(capacity.sum())
        windows = self.windows
        full = rules.cycle == "full"
        if self.strategy == "own_battery":
            alone = day_plan(load, self._store(capacity), *windows, load, full=full)
            return alone.exchange_kwh, alone
        all_kwh = load.sum(axis=0)[None]
        levelling = day_plan(all_kwh, self._store(np.array([total])), *windows, full=full)
        share = capacity / total if total else capacity
        if self.strategy == "shared_battery":
            return share[:, None] * levelling.exchange_kwh, levelling
        rated, parts = self._store(capacity).rated_kwh, self._parts(rows)
        wanted = np.zeros(load.shape)
        for t in range(len(self.day)):
            if (charges := bool(windows[0][t])) or windows[1][t]:
                metered = float(mine["load_kwh"][:, t].sum())
                answers = answer_to_prices(
                    metered, levelling, share, rated * parts[:, t], charges=charges
                )
                # Without a window to charge in or one to discharge in there are no prices.
                wanted[:, t] = np.nan_to_num(answers)
        return wanted, levelling

    def _store(self, capacity_kwh: FloatArray) -> Store:
        """Return what batteries of some capacity may do."""
        equipment = self.setting.rules.equipment
        return Store(
            equipment.depth_of_discharge * capacity_kwh,
            equipment.power_per_capacity * self.setting.step_h * capacity_kwh,
            equipment.charge_efficiency,
            equipment.discharge_efficiency,
        )

    def _check_least(
        self,
        rows: slice,
        mine: Columns,
        done: FloatArray,
        up: NDArray[np.bool_],
        levelling: DayPlan,
        plan: Tally,
        least: Tally,
    ) -> None:
        """Compare the sum of all with the schedule, and what is exchanged with the optimum."""
        capacity = self.capacity_kwh[rows]
        total = float(capacity.sum())
        lower, upper = self._bounds(rows, mine["stored_kwh"])
        free = (done > lower + EXACT * total).all(axis=0) & (done < upper - EXACT * total).all(0)
        known = up & (free | ~self.windows[1])
        expected = np.where(self.windows[1], levelling.exchange_kwh[0], 0.0)
        charge = np.maximum(levelling.exchange_kwh[0], 0.0)
        discharge = np.maximum(-levelling.exchange_kwh, 0.0)
        if total:
            wanted = capacity[:, None] / total * charge
            charge = np.minimum(wanted, upper).sum(axis=0)
        expected = np.where(self.windows[1], expected, charge)
        off = np.where(known, np.abs(done.sum(axis=0) - expected), 0.0) / max(total, 1.0)
        # The programme keeps its sums less exactly than the closed form does.
        off = np.where(off <= NEAR, 0.0, off)
        plan.add(off[:, None, None], self._label(rows), self.day.start)
        if not up.all() or not discharge.any():
            return
        inside, store = self.windows[1], self._store(capacity)
        if not np.allclose(mine["load_kwh"], self.forecast_kwh[rows], rtol=EXACT):
            least.note("loads differ from the forecast")
            return
        loads = np.maximum(self.forecast_kwh[rows][:, inside], 0.0)
        given = discharge[0, inside]
        # The schedule asks as much of every kWh of capacity.
        energy = capacity * (given.sum() / total) * (1.0 + 1e-12)
        best = least_exchanged(loads, given, store.rated_kwh, energy)
        more = (mine["sent_kwh"] + mine["unplaced_kwh"]).sum() - best
        gap = np.array([[[max(float(more), 0.0) / float(given.sum())]]])
        least.add(gap, self._label(slice(0, 1)), self.day.start)
