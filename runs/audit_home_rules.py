"""What must hold in every recorded smart home: physics, assignment, admission, sizes."""

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from environment.storage_bank import StorageBank
from markets.admission_control import schedule_day
from markets.home_day import Homes, sum_day
from markets.load_shifting import count_choices
from markets.load_shifting_bound import least_waste
from markets.power_flow_assignment import TOLERANCE_KWH, Assignment, HomeLayout, settle_step
from markets.storage_capacity import StateOfCharge, dynamic_capacity, published_capacity, serves

from .audit_home_tables import GroupTables, HomeTables
from .audit_premises import EXACT, Premises
from .audit_report import Check, Label, Tally, relative
from .run_reader import Run
from .smart_home_strategies import STRATEGIES
from .strategy_names import strategies_within

type Energies = NDArray[np.float64]

# A refusal is held against all sets of loads in this many homes and steps at most, and slots
# agreed on against the best of all choices on this many days of homes.
MOST_REFUSALS = 2_000
MOST_DAYS = 40


def check_rules(premises: Premises, tables: HomeTables) -> Iterator[Check]:
    """Check the physics of every home and step, and that its assignment was followed."""
    rules = _Rules(premises)
    for held in tables.groups:
        rules.physics(held)
        rules.follow_sources(held)
        for s, assignment in enumerate(rules.assignments):
            rules.assigned(held, s, assignment)
    yield from rules.checks()


class _Rules:
    """One line for each thing that holds within a step."""

    def __init__(self, premises: Premises) -> None:
        self.premises = premises
        follows = strategies_within("smart_homes", premises.strategies)
        self.assignments = [STRATEGIES[strategy][0] for strategy in follows]
        name = "smart homes: "
        self.balance = Tally(f"{name}flows of every device add up", EXACT, "of the energy")
        self.whole = Tally(f"{name}an appliance is served whole or not at all", EXACT, "kWh")
        self.limits = Tally(f"{name}storages within limits and rating", 1e-8, "kWh")
        self.stores = Tally(f"{name}storages hold what they took less losses", EXACT, "kWh")
        self.wanted = Tally(f"{name}devices do what their source says", EXACT, "of the energy")
        self.flows = Tally(f"{name}flows are those of the assignment", 1e-8, "kWh")
        self.refused = Tally(f"{name}no load of higher priority could be served", 0.0, "loads")
        self.searched = 0

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        tallies = (
            self.balance, self.whole, self.limits, self.stores, self.wanted, self.flows,
            self.refused,
        )  # fmt: skip
        return (tally.check() for tally in tallies)

    def _label(self, held: GroupTables, what: str = "home") -> Label:
        name = held.group.settings.name
        homes = [f"{what} {held.first + h} of {name}" for h in range(held.homes)]
        return self.premises.places.label(homes)

    def _add(self, tally: Tally, held: GroupTables, off: Energies) -> None:
        """Take in deviations of shape (steps, strategies, homes, ...)."""
        tally.add(off.reshape(*off.shape[:3], -1).max(axis=3, initial=0.0), self._label(held))

    def physics(self, held: GroupTables) -> None:
        """Check balances, losses and limits of the homes of a group."""
        a, s, bank = held.appliances, held.storages, _bank(held)
        flow = held.direct.sum(axis=3) + held.drawn.sum(axis=3)
        self._add(self.balance, held, relative(a["served_kwh"], flow))
        self._add(self.balance, held, relative(a["imported_kwh"], held.imported))
        self._add(self.balance, held, relative(s["charge_kwh"], held.charged.sum(axis=3)))
        self._add(self.balance, held, relative(s["discharge_kwh"], held.drawn.sum(axis=4)))
        served = np.minimum(np.abs(a["served_kwh"]), np.abs(a["served_kwh"] - a["committed_kwh"]))
        self._add(self.whole, held, served)
        charge, discharge = s["charge_kwh"], s["discharge_kwh"]
        rated = bank.power_kw * self.premises.step_h
        least, most = bank.soc_min * bank.capacity_kwh, bank.soc_max * bank.capacity_kwh
        lost = bank.losses_kwh(charge, discharge)
        self._add(self.stores, held, np.abs(s["losses_kwh"] - lost))
        after = bank.after(bank.after(s["energy_kwh"], charge), 0.0 - discharge)
        start = held.group.storages["energy_kwh"].reshape(-1, charge.shape[3])[: held.homes]
        self._add(self.stores, held, np.abs(s["energy_kwh"][1:] - after[:-1]))
        self._add(self.stores, held, np.abs(s["energy_kwh"][:1] - start))
        for value in (s["energy_kwh"], after):
            self._add(self.limits, held, np.maximum(np.maximum(least - value, value - most), 0.0))
        for value in (charge, discharge):
            self._add(self.limits, held, np.maximum(np.maximum(value - rated, -value), 0.0))

    def follow_sources(self, held: GroupTables) -> None:
        """Check what devices generate and want against what they follow."""
        group, steps = held.group, self.premises.steps
        clouded = self.premises.scenario.chance.cloudiness is not None
        for k, source in enumerate(group.appliances):
            expected = source.steps_kwh(0, steps)[:, None, : held.homes]
            found = held.appliances["wanted_kwh"][..., k]
            self._add(self.wanted, held, relative(found, expected)[..., None])
        for g, source in enumerate(group.generators):
            if clouded and getattr(source, "clouded", False):
                self.wanted.tell("clouds that chance draws are not drawn again")
                continue
            expected = source.steps_kwh(0, steps)[:, None, : held.homes]
            found = held.generation[..., g]
            self._add(self.wanted, held, relative(found, expected)[..., None])

    def assigned(self, held: GroupTables, s: int, assignment: Assignment) -> None:
        """Settle every step again from what was stored, generated and committed."""
        steps, homes = held.appliances["wanted_kwh"].shape[0], held.homes
        bank = _bank(held)
        many = StorageBank(
            *(
                np.asfortranarray(np.tile(getattr(bank, name), (steps, 1)))
                for name in StorageBank.__dataclass_fields__
            )
        )
        rows = {
            "generation": held.generation[:, s].reshape(steps * homes, -1),
            "demand": held.appliances["committed_kwh"][:, s].reshape(steps * homes, -1),
            "energy": held.storages["energy_kwh"][:, s].reshape(steps * homes, -1),
        }
        flows = settle_step(
            assignment, held.group.layout, rows["generation"], rows["demand"], rows["energy"],
            many, self.premises.step_h,
        )  # fmt: skip
        label = self.premises.places.label(
            [f"home {held.first + h} of {held.group.settings.name}" for h in range(homes)],
            strategies=[self.premises.strategies[s]],
        )
        for found, expected in (
            (held.direct[:, s], flows.direct_kwh),
            (held.drawn[:, s].sum(axis=2), flows.drawn_kwh),
            (held.charged[:, s].sum(axis=3), flows.stored_kwh),
            (held.exported[:, s] + held.curtailed[:, s], flows.curtailed_kwh),
            (held.storages["charge_kwh"][:, s], flows.charge_kwh),
            (held.storages["discharge_kwh"][:, s], flows.discharge_kwh),
        ):
            off = np.abs(found.reshape(steps, homes, -1) - expected.reshape(steps, homes, -1))
            self.flows.add(off.max(axis=2, initial=0.0)[:, None], label)
        served = held.appliances["served_kwh"][:, s].reshape(steps * homes, -1) > 0.0
        self._refusals(held, assignment, rows, many, served, label)

    def _refusals(
        self,
        held: GroupTables,
        assignment: Assignment,
        rows: dict[str, Energies],
        bank: StorageBank,
        served: NDArray[np.bool_],
        label: Label,
    ) -> None:
        """Try every set of loads where one was refused: none that goes before was admissible."""
        refused = np.flatnonzero(((rows["demand"] > 0.0) & ~served).any(axis=1))
        room = max(MOST_REFUSALS - self.searched, 0)
        if refused.size > room:
            self.refused.tell(f"tried in {MOST_REFUSALS:,} homes and steps")
        refused = refused[:room]
        self.searched += refused.size
        off = np.zeros((self.premises.steps, 1, held.homes))
        for row in refused.tolist():
            first = _first_admissible(held, assignment, rows, bank, row, self.premises.step_h)
            step, home = divmod(row, held.homes)
            off[step, 0, home] = float(np.count_nonzero(first != served[row]))
        self.refused.add(off, label)


def _first_admissible(
    held: GroupTables,
    assignment: Assignment,
    rows: dict[str, Energies],
    bank: StorageBank,
    row: int,
    step_h: float,
) -> NDArray[np.bool_]:
    """Return the admissible set of loads that is first by priority, all sets tried in turn."""
    layout = held.group.layout
    demand, generation = rows["demand"][row].tolist(), rows["generation"][row].tolist()
    wanted = [load for load in layout.loads_by_priority if demand[load] > 0.0]
    can = _deliverable(held, assignment, rows, bank, row, step_h)
    for states in itertools.product((True, False), repeat=len(wanted)):
        on = {load for load, state in zip(wanted, states, strict=True) if state}
        left = list(generation)
        lack = [demand[load] if load in on else 0.0 for load in range(layout.loads)]
        for g in layout.generators_in_order:
            for load in layout.loads_in_order:
                if layout.feeds_directly(assignment, g, load):
                    flow = min(left[g], lack[load])
                    left[g], lack[load] = left[g] - flow, lack[load] - flow
        if assignment == "mpfa_mg":
            enough = sum(lack) <= sum(can) + TOLERANCE_KWH
        else:
            enough = all(
                sum(lack[load] for load in on if layout.load_storage[load] == s)
                <= can[s] + TOLERANCE_KWH
                for s in range(layout.storages)
            )
        if enough:
            return np.array([load in on for load in range(layout.loads)])
    raise AssertionError("without loads nothing lacks")


def _deliverable(
    held: GroupTables,
    assignment: Assignment,
    rows: dict[str, Energies],
    bank: StorageBank,
    row: int,
    step_h: float,
) -> list[float]:
    """Return what each storage can deliver, in SPFA/S after it was charged [kWh]."""
    layout, can = held.group.layout, []
    for s in range(layout.storages):
        size, rated = bank.capacity_kwh[row, s], bank.power_kw[row, s] * step_h
        energy = rows["energy"][row, s]
        if assignment == "spfa_s":
            offer = sum(
                rows["generation"][row, g]
                for g in range(layout.generators)
                if layout.generator_storage[g] == s
            )
            eta_c = bank.charge_efficiency[row, s]
            room = max(bank.soc_max[row, s] * size - energy, 0.0) / eta_c
            energy = energy + eta_c * min(offer, room, rated)
        above = max(energy - bank.soc_min[row, s] * size, 0.0)
        can.append(float(min(above * bank.discharge_efficiency[row, s], rated)))
    return can


def check_plans(premises: Premises, tables: HomeTables) -> Iterator[Check]:
    """Check what was granted and agreed on for every day."""
    granted = Tally("smart homes: the schedule grants what can be served", 0.0, "slots")
    kept = Tally("smart homes: slots agreed on waste no more and serve no less", 1e-6, "kWh")
    windows = Tally("smart homes: slots lie where appliances accept them", 0.0, "slots")
    best = Tally("smart homes: no choice of slots wastes less than its bound", 1e-6, "kWh")
    follows = strategies_within("smart_homes", premises.strategies)
    if not premises.reliable:
        for tally in (granted, kept, windows, best):
            tally.tell("messages may be lost or late")
        yield from (tally.check() for tally in (granted, kept, windows, best))
        return
    gaps: list[tuple[float, float]] = []
    ends = [*tables.days[1:], premises.steps]
    for held in tables.groups:
        for d, (first, end) in enumerate(zip(tables.days, ends, strict=True)):
            for s, strategy in enumerate(follows):
                day = _Day(premises, held, d, first, end, s, STRATEGIES[strategy][0])
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
        premises: Premises,
        held: GroupTables,
        d: int,
        first: int,
        end: int,
        s: int,
        assignment: Assignment,
    ) -> None:
        group, steps = held.group, end - first
        self.premises, self.held, self.first, self.s = premises, held, first, s
        self.days = {name: values[d, s] for name, values in held.days.items()}
        wanted = [source.steps_kwh(first, steps)[:, : held.homes] for source in group.appliances]
        self.wanted = np.stack(wanted, axis=2)
        self.committed = held.appliances["committed_kwh"][first:end, s]
        supply = [source.steps_kwh(first, steps)[:, : held.homes] for source in group.generators]
        generation = np.stack(supply, axis=2) if supply else np.zeros((steps, held.homes, 0))
        self.homes = Homes(
            assignment,
            group.layout,
            _bank(held),
            generation,
            held.storages["energy_kwh"][first, s],
            premises.step_h,
        )
        names = [f"home {held.first + h} of {group.settings.name}" for h in range(held.homes)]
        self.label = premises.places.label(names, strategies=[premises.strategies[s]])

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
                self.premises.calendar, self.first, self.wanted[:, :, k], k
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
        exact, settings = self.days["exact"], self.premises.scenario.smart_homes
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
            self.premises.calendar, self.first, self.wanted[:, :, k], k
        )
        granted = schedule_day(self.homes, self.wanted)[:, :, k] > 0.0
        usable: NDArray[np.bool_] = window & (accepted | granted)
        return usable


def check_capacities(run: Run, premises: Premises, tables: HomeTables) -> Check:
    """Check the capacities of the first day: conditions solved anew, days lived with them."""
    tally = Tally("smart homes: capacities suffice, and 1 % less does not", 1e-6, "of the capacity")
    rows = {
        (row["strategy"], row["home"], row["storage"]): (row["published_kwh"], row["dynamic_kwh"])
        for row in run.table("home_capacities").to_pylist()
    }
    settings = premises.scenario.smart_homes
    assert settings is not None
    follows = strategies_within("smart_homes", premises.strategies)
    last = tables.days[1] if len(tables.days) > 1 else premises.steps
    seen = 0
    for held in tables.groups:
        storages = held.group.settings.storages
        charge = StateOfCharge(
            settings.sizing.soc_start, storages[0].soc_min, storages[0].soc_max,
            storages[0].charge_efficiency, storages[0].discharge_efficiency,
        )  # fmt: skip
        for s, strategy in enumerate(premises.strategies):
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


def _bank(held: GroupTables) -> StorageBank:
    """Return the storages of the recorded homes of a group."""
    population, each = held.group.storages, held.group.layout.storages
    return StorageBank(
        *(
            np.asfortranarray(population[name].reshape(-1, each)[: held.homes])
            for name in StorageBank.__dataclass_fields__
        )
    )
