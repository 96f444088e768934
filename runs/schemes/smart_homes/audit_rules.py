"""What must hold in every step of every recorded smart home: physics, assignment, admission."""

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.storage_bank import StorageBank
from hmesh.markets.home_layout import Assignment
from hmesh.markets.power_flow_assignment import TOLERANCE_KWH, settle_step
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.schemes.smart_homes.audit_tables import GroupTables, HomeTables
from hmesh.runs.schemes.smart_homes.strategies import STRATEGIES
from hmesh.runs.strategy_names import strategies_within

type Energies = NDArray[np.float64]

# A refusal is held against all sets of loads in this many homes and steps at most.
MOST_REFUSALS = 2_000


def check_rules(inputs: RunInputs, tables: HomeTables) -> Iterator[Check]:
    """Check the physics of every home and step, and that its assignment was followed."""
    rules = _Rules(inputs)
    for held in tables.groups:
        rules.physics(held)
        rules.follow_sources(held)
        for s, assignment in enumerate(rules.assignments):
            rules.assigned(held, s, assignment)
    yield from rules.checks()


class _Rules:
    """One line for each thing that holds within a step."""

    def __init__(self, inputs: RunInputs) -> None:
        self.inputs = inputs
        follows = strategies_within("smart_homes", inputs.strategies)
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
        return self.inputs.places.label(homes)

    def _add(self, tally: Tally, held: GroupTables, off: Energies) -> None:
        """Take in deviations of shape (steps, strategies, homes, ...)."""
        tally.add(off.reshape(*off.shape[:3], -1).max(axis=3, initial=0.0), self._label(held))

    def physics(self, held: GroupTables) -> None:
        """Check balances, losses and limits of the homes of a group."""
        a, s, bank = held.appliances, held.storages, bank_of(held)
        flow = held.direct.sum(axis=3) + held.drawn.sum(axis=3)
        self._add(self.balance, held, relative(a["served_kwh"], flow))
        self._add(self.balance, held, relative(a["imported_kwh"], held.imported))
        self._add(self.balance, held, relative(s["charge_kwh"], held.charged.sum(axis=3)))
        self._add(self.balance, held, relative(s["discharge_kwh"], held.drawn.sum(axis=4)))
        served = np.minimum(np.abs(a["served_kwh"]), np.abs(a["served_kwh"] - a["committed_kwh"]))
        self._add(self.whole, held, served)
        charge, discharge = s["charge_kwh"], s["discharge_kwh"]
        rated = bank.power_kw * self.inputs.step_h
        least, most = bank.soc_min * bank.capacity_kwh, bank.soc_max * bank.capacity_kwh
        lost = bank.losses_kwh(charge, discharge)
        self._add(self.stores, held, np.abs(s["losses_kwh"] - lost))
        after = bank.after(bank.after(s["energy_kwh"], charge), 0.0 - discharge)
        answer = held.response
        after = after + np.where(
            answer > 0.0,
            bank.charge_efficiency * answer,
            answer / bank.discharge_efficiency,
        )
        start = held.group.storages["energy_kwh"].reshape(-1, charge.shape[3])[: held.homes]
        self._add(self.stores, held, np.abs(s["energy_kwh"][1:] - after[:-1]))
        self._add(self.stores, held, np.abs(s["energy_kwh"][:1] - start))
        for value in (s["energy_kwh"], after):
            self._add(self.limits, held, np.maximum(np.maximum(least - value, value - most), 0.0))
        for value in (
            charge + np.maximum(answer, 0.0),
            discharge + np.maximum(0.0 - answer, 0.0),
        ):
            self._add(self.limits, held, np.maximum(np.maximum(value - rated, -value), 0.0))

    def follow_sources(self, held: GroupTables) -> None:
        """Check what devices generate and want against what they follow."""
        group, steps = held.group, self.inputs.steps
        clouded = self.inputs.scenario.chance.cloudiness is not None
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
        bank = bank_of(held)
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
            many, self.inputs.step_h,
        )  # fmt: skip
        label = self.inputs.places.label(
            [f"home {held.first + h} of {held.group.settings.name}" for h in range(homes)],
            strategies=[self.inputs.strategies[s]],
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
        off = np.zeros((self.inputs.steps, 1, held.homes))
        for row in refused.tolist():
            first = _first_admissible(held, assignment, rows, bank, row, self.inputs.step_h)
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


def bank_of(held: GroupTables) -> StorageBank:
    """Return the storages of the recorded homes of a group."""
    population, each = held.group.storages, held.group.layout.storages
    return StorageBank(
        *(
            np.asfortranarray(population[name].reshape(-1, each)[: held.homes])
            for name in StorageBank.__dataclass_fields__
        )
    )
