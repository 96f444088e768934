"""What must hold for every day of recorded smart homes: schedules, slots agreed on, capacities."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.drawn_part import drawn_part, note_of
from hmesh.runs.audits.reference.home_capacity import Charge, needed, published_total
from hmesh.runs.audits.reference.homes import Home, HomeDay, Shifting, settle_day
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import DamagedTableError
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.smart_homes.audit_rules import flow_of, home_of
from hmesh.runs.schemes.smart_homes.audit_tables import GroupTables, HomeTables, there_of
from hmesh.runs.schemes.smart_homes.section import SmartHomesSettings
from hmesh.runs.strategy_names import is_own, strategies_within

# Slots agreed on are compared with all choices where these are few, elsewhere with those one slot
# away, of so many days of homes and choices in all.
MOST_CHOICES, MOST_TRIED = 200, 1_000
# Less than this is no improvement.
_GAIN_KWH = 1e-6


def check_plans(inputs: RunInputs, tables: HomeTables) -> Iterator[Check]:
    """Check what was granted and agreed on for every day."""
    granted = Tally("smart homes: the schedule grants what can be served", 0.0, "slots")
    kept = Tally("smart homes: slots agreed on waste no more and serve no less", 1e-6, "kWh")
    windows = Tally("smart homes: slots lie where appliances accept them", 0.0, "slots")
    best = Tally("smart homes: no other slots waste less", 2e-6, "kWh")
    follows = strategies_within("smart_homes", inputs.strategies)
    if not inputs.reliable:
        for tally in (granted, kept, windows, best):
            tally.note("messages may be lost or late")
        yield from (tally.check() for tally in (granted, kept, windows, best))
        return
    search = _Search()
    ends = [*tables.days[1:], inputs.steps]
    for held in tables.groups:
        for s, strategy in enumerate(follows):
            assignment, shifts = flow_of(strategy)
            name, count = held.group.settings.name, len(ends) * held.homes
            judged = drawn_part(inputs.scenario.seed, f"days of {name}", count)
            if note := note_of(len(judged), count, "days of homes of a group"):
                for tally in (granted, kept, windows):
                    tally.note(note)
            for d, (first, end) in enumerate(zip(tables.days, ends, strict=True)):
                chosen = (judged[judged // held.homes == d] % held.homes).tolist()
                if not chosen:
                    continue
                day = _Day(inputs, held, d, range(first, end), s, assignment, chosen)
                if is_own(strategy):
                    day.check_granted(windows)
                    continue
                day.check(granted, kept, windows)
                if shifts:
                    day.search(best, search)
    if search.days:
        best.note(
            f"on {counted(search.days, 'day')} of homes: all choices on {search.whole}, "
            "elsewhere those one slot away"
        )
    if search.left > _GAIN_KWH:
        best.note(f"a search that tried not all left up to {search.left:.2g} kWh")
    yield from (tally.check() for tally in (granted, kept, windows, best))


class _Search:
    """How many days of homes and choices of slots were tried."""

    days = whole = tried = 0
    # What one other slot would have saved where not all choices were tried [kWh].
    left = 0.0


class _Day:
    """A day of some recorded homes of a group under one strategy."""

    def __init__(
        self,
        inputs: RunInputs,
        held: GroupTables,
        d: int,
        day: range,
        s: int,
        assignment: str,
        chosen: list[int],
    ) -> None:
        group, steps, cut = held.group, len(day), slice(day.start, day.stop)
        self.inputs, self.held, self.first, self.chosen = inputs, held, day.start, chosen
        self.reported = {name: values[d, s][chosen] for name, values in held.days.items()}
        wanted = [source.steps_kwh(day.start, steps)[:, chosen] for source in group.appliances]
        self.wanted = np.stack(wanted, axis=2)
        self.committed = held.appliances["committed_kwh"][cut, s][:, chosen]
        supply = [source.steps_kwh(day.start, steps)[:, chosen] for source in group.generators]
        self.generation = np.stack(supply, axis=2) if supply else np.zeros((steps, len(chosen), 0))
        self.energy = held.storages["energy_kwh"][day.start, s][chosen]
        there = there_of(inputs)[s]
        self.homes = [home_of(held, h, assignment, inputs.step_h, there) for h in chosen]
        self._same_day: dict[tuple[int, bytes], HomeDay] = {}
        # What all ask for can be served of it, and what becomes of what was agreed on.
        self.asked = [self._settled(h, self.wanted) for h in range(len(chosen))]
        self.agreed = [self._settled(h, self.committed) for h in range(len(chosen))]
        self.schedule = np.where(self._on(self.asked), self.wanted, 0.0)
        loads = range(self.wanted.shape[2])
        lines = [group.windows(inputs.calendar, day.start, wanted[k], k) for k in loads]
        self.window = np.stack([window for window, _ in lines], axis=2)
        self.accepted = np.stack([accepted for _, accepted in lines], axis=2)
        names = [f"home {held.first + h} of {group.settings.name}" for h in chosen]
        self.label = inputs.places.label(names, strategies=[inputs.strategies[s]])

    def _settled(self, h: int, demand: FloatArray) -> HomeDay:
        # Where all is granted and nothing is moved, the day is one and the same.
        day = h, demand[:, h].tobytes()
        if day not in self._same_day:
            made, energy = self.generation[:, h].tolist(), self.energy[h].tolist()
            self._same_day[day] = settle_day(self.homes[h], made, demand[:, h].tolist(), energy)
        return self._same_day[day]

    def _on(self, days: list[HomeDay]) -> NDArray[np.bool_]:
        on = np.zeros(self.wanted.shape, dtype=np.bool_)
        for h, day in enumerate(days):
            for t, loads in enumerate(day.on):
                on[t, h, sorted(loads)] = True
        return on

    def check(self, granted: Tally, kept: Tally, windows: Tally) -> None:
        """Check the schedule, and its outcome."""
        schedule, committed = self.schedule, self.committed
        slots, got = (schedule > 0.0).sum(axis=0), (committed > 0.0).sum(axis=0)
        counts = {
            "wanted_slots": (self.wanted > 0.0).sum(axis=(0, 2)),
            "granted_slots": slots.sum(axis=1),
            "committed_slots": got.sum(axis=1),
            "steps": np.full(len(self.chosen), len(self.wanted)),
        }
        off = np.zeros(len(self.chosen))
        for name, values in counts.items():
            off = np.maximum(off, np.abs(self.reported[name] - values))
        granted.add(np.maximum(off, self._wrongly_exact())[None, None], self.label, self.first)
        before = np.array([self._settled(h, schedule).wasted for h in range(len(self.chosen))])
        after = np.array([day.wasted for day in self.agreed])
        worse = np.maximum(after - before, 0.0)
        worse = np.maximum(worse, np.abs(after - self.reported["after_kwh"]))
        worse = np.maximum(worse, np.abs(before - self.reported["before_kwh"]))
        unserved = ((committed > 0.0) & ~self._on(self.agreed)).sum(axis=(0, 2))
        less = np.maximum(slots - got, 0).sum(axis=1)
        kept.add((worse + unserved + less)[None, None], self.label, self.first)
        shiftable = self.window.any(axis=0)
        may = (schedule > 0.0) | (self.window & self.accepted)
        may = np.where(self.window.any(axis=(0, 1)), may, self.wanted > 0.0)
        outside = ((committed > 0.0) & ~may).sum(axis=(0, 2))
        own = np.where(shiftable, self.wanted.max(axis=0), self.wanted)
        other = (committed > 0.0) & (relative(committed, own, EXACT) > EXACT)
        windows.add((outside + other.sum(axis=(0, 2)))[None, None], self.label, self.first)

    def check_granted(self, windows: Tally) -> None:
        """Check of slots that a rule of a plugin grants that they are wanted, and stated."""
        committed, on = self.committed, self.committed > 0.0
        other = on & (relative(committed, self.wanted, EXACT) > EXACT)
        got, wasted = on.sum(axis=(0, 2)), np.array([day.wasted for day in self.agreed])
        off = other.sum(axis=(0, 2)).astype(np.float64)
        for name, values in {
            "wanted_slots": (self.wanted > 0.0).sum(axis=(0, 2)),
            "granted_slots": got,
            "committed_slots": got,
            "steps": np.full(len(self.chosen), len(self.wanted)),
            "exact": np.ones(len(self.chosen)),
        }.items():
            off = np.maximum(off, np.abs(self.reported[name] - values))
        for name in ("before_kwh", "after_kwh"):
            off = np.maximum(off, np.abs(self.reported[name] - wasted) > _GAIN_KWH)
        windows.add(off[None, None], self.label, self.first)

    def _shifting(self, h: int, window: NDArray[np.bool_]) -> Shifting:
        return Shifting(
            self.homes[h],
            self.generation[:, h].tolist(),
            self.wanted[:, h].tolist(),
            self.energy[h].tolist(),
            window[:, h].tolist(),
        )

    def _usable(self) -> NDArray[np.bool_]:
        usable: NDArray[np.bool_] = self.window & (self.accepted | (self.schedule > 0.0))
        return usable

    def _wrongly_exact(self) -> FloatArray:
        """Return 1 for homes that state wrongly whether all choices were tried."""
        exact, settings = self.reported["exact"], self.inputs.scenario.smart_homes
        assert settings is not None
        usable = self._usable()
        few = np.array(
            [
                self._shifting(h, usable).choices(day) <= settings.exact_choices
                for h, day in enumerate(self.asked)
            ]
        )
        wrong: FloatArray = ((exact != 0) & (exact != 1) | (few & (exact == 0))) * 1.0
        return wrong

    def search(self, best: Tally, search: _Search) -> None:
        """Compare the slots agreed on with others that are admissible."""
        usable = self._usable()
        refuses = (self.window & ~usable).any(axis=(0, 2))
        off = np.zeros((1, 1, len(self.chosen)))
        for h, day in enumerate(self.asked):
            shifting = self._shifting(h, usable)
            count = shifting.choices(day)
            few = count <= MOST_CHOICES and bool(self.reported["exact"][h] == 1)
            others = (
                shifting.every_choice(day)
                if few
                else shifting.neighbours(self.committed[:, h].tolist())
            )
            if not usable[:, h].any() or search.tried >= MOST_TRIED:
                continue
            found = [shifting.wasted(other, day) for other in others]
            search.days, search.whole = search.days + 1, search.whole + few
            search.tried += len(found)
            wasted = float(self.reported["after_kwh"][h])
            if self.reported["exact"][h] != 1:
                # Where not all choices were tried, the search may leave something.
                search.left = max(search.left, wasted - min(found, default=wasted))
                continue
            # Who refuses what was offered too often keeps the schedule.
            if refuses[h] and wasted >= float(self.reported["before_kwh"][h]) - _GAIN_KWH:
                continue
            off[0, 0, h] = max(wasted - min(found, default=wasted), 0.0)
        best.add(off, self.label, self.first)


def check_capacities(run: Run, inputs: RunInputs, tables: HomeTables) -> Check:
    """Check the capacities of the first day: conditions solved again, days simulated with them."""
    tally = Tally("smart homes: capacities suffice, and 1 % less does not", 1e-6, "of the capacity")
    reported = run.table("home_capacities").to_pylist()
    by_home = [(inputs.strategies.index(row["strategy"]), row["home"]) for row in reported]
    if by_home != sorted(by_home):
        raise DamagedTableError("home_capacities", "rows are out of order")
    rows = {
        (row["strategy"], row["home"], row["storage"]): (row["published_kwh"], row["dynamic_kwh"])
        for row in reported
    }
    if len(rows) < len(reported):
        raise DamagedTableError("home_capacities", "a row stands twice")
    settings: SmartHomesSettings = inputs.scenario.smart_homes
    assert settings is not None
    follows = strategies_within("smart_homes", inputs.strategies)
    last = tables.days[1] if len(tables.days) > 1 else inputs.steps
    seen = 0
    for held in tables.groups:
        storages = held.group.settings.storages
        charge = Charge(
            settings.sizing.soc_start, storages[0].soc_min, storages[0].soc_max,
            storages[0].charge_efficiency, storages[0].discharge_efficiency,
        )  # fmt: skip
        for s, strategy in enumerate(inputs.strategies):
            lines = [rows.get((strategy, held.first, storage.name)) for storage in storages]
            found = np.array([value for value in lines if value is not None])
            seen += len(found)
            if len(found) < len(lines):
                tally.add(np.array([np.inf]), _at([f"{strategy}: a storage is missing"]), None)
                continue
            home, made, used = _first_day(held, s, last, flow_of(follows[s])[0], inputs.step_h)
            expected = published_total(home, made, used, charge, settings.sizing.window)
            off = [float(relative(found[:, 0].sum(), np.array(expected)))]
            off.append(
                float(relative(found[:, 1], np.array(needed(home, made, used, charge))).max())
            )
            enough = found[:, 1] * (1.0 + EXACT)
            off.append(0.0 if _serves(home, made, used, enough, charge) else np.inf)
            if found[:, 1].max() > EXACT:
                off.append(np.inf if _serves(home, made, used, 0.99 * found[:, 1], charge) else 0.0)
            places = [f"{held.group.settings.name}, {strategy}"] * len(off)
            tally.add(np.array(off), _at(places), None)
    if len(rows) != seen:
        tally.add(
            np.array([np.inf]), _at([f"{counted(len(rows), 'row')} in place of {seen}"]), None
        )
    return tally.check()


def _at(places: list[str]) -> Label:
    return lambda place: places[place[0]]


def _first_day(
    held: GroupTables, s: int, last: int, assignment: str, step_h: float
) -> tuple[Home, list[list[float]], list[list[float]]]:
    """Return what the first home of a group expected and agreed on for the first day."""
    supply = [source.steps_kwh(0, last)[:, 0] for source in held.group.generators]
    generation = np.stack(supply, axis=1) if supply else np.zeros((last, 0))
    committed = held.appliances["committed_kwh"][:last, s, 0]
    return home_of(held, 0, assignment, step_h), generation.tolist(), committed.tolist()


def _serves(
    home: Home,
    generation: list[list[float]],
    served: list[list[float]],
    capacity_kwh: FloatArray,
    charge: Charge,
) -> bool:
    """Return whether storages of given sizes serve all loads and curtail nothing."""
    size, each = tuple(capacity_kwh.tolist()), len(capacity_kwh)
    sized = replace(
        home,
        capacity_kwh=size,
        soc_min=(charge.least,) * each,
        soc_max=(charge.most,) * each,
        power_kw=(np.inf,) * each,
        charge_efficiency=(charge.charge_efficiency,) * each,
        discharge_efficiency=(charge.discharge_efficiency,) * each,
    )
    day = settle_day(sized, generation, served, [charge.start * kwh for kwh in size])
    wanted = [{load for load, kwh in enumerate(row) if kwh > 0.0} for row in served]
    most = EXACT * max(sum(map(sum, generation)), 1.0)
    return day.on == wanted and day.curtailed <= most
