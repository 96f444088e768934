"""What must hold for every day of recorded smart homes: schedules, slots agreed on, capacities."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.admission_control import schedule_day
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.home_layout import Assignment, HomeLayout
from hmesh.markets.load_shifting import count_choices
from hmesh.markets.load_shifting_bound import least_waste
from hmesh.markets.storage_capacity import (
    StateOfCharge,
    dynamic_capacity,
    published_capacity,
    serves,
)
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.smart_homes.audit_rules import bank_of
from hmesh.runs.schemes.smart_homes.audit_tables import GroupTables, HomeTables
from hmesh.runs.schemes.smart_homes.section import SmartHomesSettings
from hmesh.runs.schemes.smart_homes.strategies import STRATEGIES
from hmesh.runs.strategy_names import strategies_within

type Energies = NDArray[np.float64]

# Slots agreed on are held against the best of all choices on this many days of homes.
MOST_DAYS = 40


def check_plans(inputs: RunInputs, tables: HomeTables) -> Iterator[Check]:
    """Check what was granted and agreed on for every day."""
    granted = Tally("smart homes: the schedule grants what can be served", 0.0, "slots")
    kept = Tally("smart homes: slots agreed on waste no more and serve no less", 1e-6, "kWh")
    windows = Tally("smart homes: slots lie where appliances accept them", 0.0, "slots")
    best = Tally("smart homes: no choice of slots wastes less than its bound", 1e-6, "kWh")
    follows = strategies_within("smart_homes", inputs.strategies)
    if not inputs.reliable:
        for tally in (granted, kept, windows, best):
            tally.tell("messages may be lost or late")
        yield from (tally.check() for tally in (granted, kept, windows, best))
        return
    gaps: list[tuple[float, float]] = []
    ends = [*tables.days[1:], inputs.steps]
    for held in tables.groups:
        for d, (first, end) in enumerate(zip(tables.days, ends, strict=True)):
            for s, strategy in enumerate(follows):
                day = _Day(inputs, held, d, first, end, s, STRATEGIES[strategy][0])
                day.check(granted, kept, windows)
                if STRATEGIES[strategy][1]:
                    gaps += day.bound(best, MOST_DAYS - len(gaps))
    if gaps:
        wasted, least = np.array(gaps).sum(axis=0)
        best.tell(
            f"on {len(gaps)} days of homes {wasted:.4g} kWh are wasted, "
            f"at most {max(wasted - least, 0.0):.2g} kWh more than need be"
        )
    yield from (tally.check() for tally in (granted, kept, windows, best))


class _Day:
    """A day of the recorded homes of a group under one strategy."""

    def __init__(
        self,
        inputs: RunInputs,
        held: GroupTables,
        d: int,
        first: int,
        end: int,
        s: int,
        assignment: Assignment,
    ) -> None:
        group, steps = held.group, end - first
        self.inputs, self.held, self.first, self.s = inputs, held, first, s
        self.days = {name: values[d, s] for name, values in held.days.items()}
        wanted = [source.steps_kwh(first, steps)[:, : held.homes] for source in group.appliances]
        self.wanted = np.stack(wanted, axis=2)
        self.committed = held.appliances["committed_kwh"][first:end, s]
        supply = [source.steps_kwh(first, steps)[:, : held.homes] for source in group.generators]
        generation = np.stack(supply, axis=2) if supply else np.zeros((steps, held.homes, 0))
        self.homes = Homes(
            assignment,
            group.layout,
            bank_of(held),
            generation,
            held.storages["energy_kwh"][first, s],
            inputs.step_h,
        )
        names = [f"home {held.first + h} of {group.settings.name}" for h in range(held.homes)]
        self.label = inputs.places.label(names, strategies=[inputs.strategies[s]])

    def check(self, granted: Tally, kept: Tally, windows: Tally) -> None:
        """Check the schedule, and what became of it."""
        schedule = schedule_day(self.homes, self.wanted)
        day = sum_day(self.homes, self.committed)
        before = sum_day(self.homes, schedule).wasted_kwh
        slots, got = (schedule > 0.0).sum(axis=0), (self.committed > 0.0).sum(axis=0)
        told = {
            "wanted_slots": (self.wanted > 0.0).sum(axis=(0, 2)),
            "granted_slots": slots.sum(axis=1),
            "committed_slots": got.sum(axis=1),
        }
        off = np.zeros(self.held.homes)
        for name, values in told.items():
            off = np.maximum(off, np.abs(self.days[name] - values))
        off = np.maximum(off, np.abs(self.days["steps"] - len(self.wanted)))
        off = np.maximum(off, self._wrongly_exact())
        granted.add(off[None, None], self.label, self.first)
        worse = np.maximum(day.wasted_kwh - before, 0.0)
        worse = np.maximum(worse, np.abs(day.wasted_kwh - self.days["after_kwh"]))
        worse = np.maximum(worse, np.abs(before - self.days["before_kwh"]))
        unserved = ((self.committed > 0.0) & ~day.served).sum(axis=(0, 2))
        less = np.maximum(slots - got, 0).sum(axis=1)
        kept.add((worse + unserved + less)[None, None], self.label, self.first)
        outside = np.zeros(self.held.homes)
        for k in range(self.wanted.shape[2]):
            window, accepted = self.held.group.windows(
                self.inputs.calendar, self.first, self.wanted[:, :, k], k
            )
            may = (schedule[:, :, k] > 0.0) | (window & accepted)
            if not window.any():
                may = self.wanted[:, :, k] > 0.0
            outside += ((self.committed[:, :, k] > 0.0) & ~may).sum(axis=0)
            slot = self.wanted[:, :, k].max(axis=0)
            own = np.where(window.any(axis=0), slot, self.wanted[:, :, k])
            other = (self.committed[:, :, k] > 0.0) & (
                relative(self.committed[:, :, k], own, EXACT) > EXACT
            )
            outside += other.sum(axis=0)
        windows.add(outside[None, None], self.label, self.first)

    def _wrongly_exact(self) -> NDArray[np.float64]:
        """Return 1 for homes of which it is told wrongly whether all choices were tried."""
        exact, settings = self.days["exact"], self.inputs.scenario.smart_homes
        assert settings is not None
        served = sum_day(self.homes, self.wanted).served
        window = np.stack([self._window(k) for k in range(self.wanted.shape[2])], axis=2)
        few = count_choices(served, self.wanted, window) <= settings.exact_choices
        wrong: NDArray[np.float64] = ((exact != 0) & (exact != 1) | (few & (exact == 0))) * 1.0
        return wrong

    def bound(self, best: Tally, room: int) -> list[tuple[float, float]]:
        """Return what some homes waste, and at least must, with the slots they accept."""
        gaps = []
        for h in range(min(self.held.homes, max(room, 0))):
            rows = slice(h, h + 1)
            window = np.stack([self._window(k)[:, h] for k in range(self.wanted.shape[2])], axis=1)
            least = least_waste(self.homes.rows(rows), self.wanted[:, rows], window[:, None])
            wasted = float(self.days["after_kwh"][h])
            gaps.append((wasted, least))
            off = np.zeros((1, 1, self.held.homes))
            off[0, 0, h] = max(least - wasted, 0.0)
            best.add(off, self.label, self.first)
        return gaps

    def _window(self, k: int) -> NDArray[np.bool_]:
        window, accepted = self.held.group.windows(
            self.inputs.calendar, self.first, self.wanted[:, :, k], k
        )
        granted = schedule_day(self.homes, self.wanted)[:, :, k] > 0.0
        usable: NDArray[np.bool_] = window & (accepted | granted)
        return usable


def check_capacities(run: Run, inputs: RunInputs, tables: HomeTables) -> Check:
    """Check the capacities of the first day: conditions solved anew, days lived with them."""
    tally = Tally("smart homes: capacities suffice, and 1 % less does not", 1e-6, "of the capacity")
    rows = {
        (row["strategy"], row["home"], row["storage"]): (row["published_kwh"], row["dynamic_kwh"])
        for row in run.table("home_capacities").to_pylist()
    }
    settings: SmartHomesSettings = inputs.scenario.smart_homes
    assert settings is not None
    follows = strategies_within("smart_homes", inputs.strategies)
    last = tables.days[1] if len(tables.days) > 1 else inputs.steps
    seen = 0
    for held in tables.groups:
        storages = held.group.settings.storages
        charge = StateOfCharge(
            settings.sizing.soc_start, storages[0].soc_min, storages[0].soc_max,
            storages[0].charge_efficiency, storages[0].discharge_efficiency,
        )  # fmt: skip
        for s, strategy in enumerate(inputs.strategies):
            told = [rows.get((strategy, held.first, storage.name)) for storage in storages]
            found = np.array([value for value in told if value is not None])
            seen += len(found)
            if len(found) < len(told):
                tally.add(np.array([np.inf]), _at([f"{strategy}: a storage is missing"]), None)
                continue
            day = _first_day(held, s, last, STRATEGIES[follows[s]][0])
            expected = published_capacity(*day, charge, settings.sizing.window)
            off = [float(relative(found[:, :1].sum(axis=0), expected.sum(keepdims=True))[0])]
            needed = dynamic_capacity(*day, charge)
            off.append(float(relative(found[:, 1], needed).max()))
            enough = found[:, 1] * (1.0 + EXACT)
            off.append(0.0 if serves(*day, enough, charge) else np.inf)
            if found[:, 1].max() > EXACT:
                off.append(np.inf if serves(*day, 0.99 * found[:, 1], charge) else 0.0)
            places = [f"{held.group.settings.name}, {strategy}"] * len(off)
            tally.add(np.array(off), _at(places), None)
    if len(rows) != seen:
        tally.add(np.array([np.inf]), _at([f"{len(rows)} rows in place of {seen}"]), None)
    return tally.check()


def _at(places: list[str]) -> Label:
    return lambda place: places[place[0]]


def _first_day(
    held: GroupTables, s: int, last: int, assignment: Assignment
) -> tuple[Assignment, HomeLayout, Energies, Energies]:
    """Return what the first home of a group expected and agreed on for the first day."""
    supply = [source.steps_kwh(0, last)[:, 0] for source in held.group.generators]
    generation = np.stack(supply, axis=1) if supply else np.zeros((last, 0))
    committed = held.appliances["committed_kwh"][:last, s, 0]
    return assignment, held.group.layout, generation, committed
