"""What must hold in every step of every recorded smart home: physics, assignment, admission."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Label, Tally, relative
from hmesh.runs.audits.drawn_part import drawn_part, note_of
from hmesh.runs.audits.events_in_force import lost_parts
from hmesh.runs.audits.reference.batteries import held_after
from hmesh.runs.audits.reference.homes import Home, settle
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.schemes.smart_homes.audit_cheap_slots import bought_by_tariff
from hmesh.runs.schemes.smart_homes.audit_tables import GroupTables, HomeTables, there_of
from hmesh.runs.schemes.smart_homes.own_rules import assignment_under
from hmesh.runs.strategy_names import is_own, strategies_within

# In this many homes and steps of a group at most, under each strategy, flows are settled again.
MOST_SETTLED = 3_000  # steps of homes
# Which power flow each strategy assigns, and whether it shifts loads.
ASSIGNMENTS = {
    "spfa_s": ("spfa_s", False),
    "spfa_gs": ("spfa_gs", False),
    "mpfa_sg": ("mpfa_sg", False),
    "mpfa_mg": ("mpfa_mg", False),
    "mpfa_sg_shifting": ("mpfa_sg", True),
    "no_home_storage": ("mpfa_mg", False),
    "mpfa_mg_shifting": ("mpfa_mg", True),
}

_COLUMNS = (
    "capacity_kwh", "soc_min", "soc_max", "power_kw", "charge_efficiency", "discharge_efficiency",
)  # fmt: skip


def flow_of(strategy: str) -> tuple[str, bool]:
    """Return which power flow a strategy assigns, and whether it shifts loads."""
    return (assignment_under(strategy), False) if is_own(strategy) else ASSIGNMENTS[strategy]


def check_rules(
    inputs: RunInputs, tables: HomeTables, prices: Mapping[str, FloatArray]
) -> Iterator[Check]:
    """Check the physics of every home and step, and that its assignment was followed.

    ``prices`` are what a kWh bought costs groups with a tariff in each step [money/kWh].
    """
    rules = _Rules(inputs, tables.days, prices)
    for held in tables.groups:
        rules.physics(held)
        rules.follow_sources(held)
        for s, assignment in enumerate(rules.assignments):
            rules.assigned(held, s, assignment)
    yield from rules.checks()


class _Rules:
    """One line for each thing that holds within a step."""

    def __init__(
        self, inputs: RunInputs, days: Sequence[int], prices: Mapping[str, FloatArray]
    ) -> None:
        self.inputs, self.days, self.prices = inputs, days, prices
        self.grid_part = 1.0 - lost_parts(inputs.scenario)
        follows = strategies_within("smart_homes", inputs.strategies)
        self.assignments = [flow_of(strategy)[0] for strategy in follows]
        self.shifts = [flow_of(strategy)[1] for strategy in follows]
        self.there = there_of(inputs)
        name = "smart homes: "
        self.balance = Tally(f"{name}flows of every device add up", EXACT, "of the energy")
        about = f"{name}what they do not serve is bought where their tariff is lowest"
        self.cheapest = Tally(about, EXACT, "of the energy")
        self.whole = Tally(f"{name}an appliance is served whole or not at all", EXACT, "kWh")
        self.limits = Tally(f"{name}storages within limits and rating", 1e-8, "kWh")
        self.stores = Tally(f"{name}storages hold what they took less losses", EXACT, "kWh")
        self.wanted = Tally(f"{name}devices do what their source says", EXACT, "of the energy")
        self.flows = Tally(f"{name}flows are those of the assignment", 1e-8, "kWh")
        self.refused = Tally(f"{name}no load of higher priority could be served", 0.0, "loads")

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        tallies = (
            self.balance, self.whole, self.limits, self.stores, self.wanted, self.flows,
            self.refused,
        )  # fmt: skip
        return (tally.check() for tally in (*tallies, *([self.cheapest] if self.prices else [])))

    def _label(self, held: GroupTables, what: str = "home") -> Label:
        name = held.group.settings.name
        homes = [f"{what} {held.first + h} of {name}" for h in range(held.homes)]
        return self.inputs.places.label(homes)

    def _add(self, tally: Tally, held: GroupTables, off: FloatArray) -> None:
        """Take in deviations of shape (steps, strategies, homes, ...)."""
        devices = tuple(range(3, off.ndim))
        tally.add(off.max(axis=devices, initial=0.0) if devices else off, self._label(held))

    def physics(self, held: GroupTables) -> None:
        """Check balances, losses and limits of the homes of a group."""
        a, s, bank = held.appliances, held.storages, columns_of(held)
        flow = held.direct.sum(axis=3) + held.drawn.sum(axis=3)
        self._add(self.balance, held, relative(a["served_kwh"], flow))
        self._add(self.balance, held, relative(a["imported_kwh"], held.imported))
        self._with_grid(held)
        self._add(self.balance, held, relative(s["charge_kwh"], held.charged.sum(axis=3)))
        self._add(self.balance, held, relative(s["discharge_kwh"], held.drawn.sum(axis=4)))
        served = np.minimum(np.abs(a["served_kwh"]), np.abs(a["served_kwh"] - a["committed_kwh"]))
        self._add(self.whole, held, served)
        charge, discharge = s["charge_kwh"], s["discharge_kwh"]
        rated = bank["power_kw"] * self.inputs.step_h
        there = self.there[:, None, None]
        least, most = (bank[name] * bank["capacity_kwh"] * there for name in ("soc_min", "soc_max"))
        ways = bank["charge_efficiency"], bank["discharge_efficiency"]
        lost = (1.0 - ways[0]) * charge + (1.0 / ways[1] - 1.0) * discharge
        self._add(self.stores, held, np.abs(s["losses_kwh"] - lost))
        after = held_after(held_after(s["energy_kwh"], charge, *ways), 0.0 - discharge, *ways)
        answer = held.response
        after = held_after(after, answer, *ways)
        start = held.group.storages["energy_kwh"].reshape(-1, charge.shape[3])[: held.homes]
        self._add(self.stores, held, np.abs(s["energy_kwh"][1:] - after[:-1]))
        self._add(self.stores, held, np.abs(s["energy_kwh"][:1] - start * there))
        for value in (s["energy_kwh"], after):
            self._add(self.limits, held, np.maximum(np.maximum(least - value, value - most), 0.0))
        for value in (
            charge + np.maximum(answer, 0.0),
            discharge + np.maximum(0.0 - answer, 0.0),
        ):
            self._add(self.limits, held, np.maximum(np.maximum(value - rated, -value), 0.0))

    def _with_grid(self, held: GroupTables) -> None:
        """Check that the grid serves and takes for the part of a step in which it is there."""
        a, group = held.appliances, held.group
        part = self.grid_part[:, group.community] * (group.node >= 0)
        part = part[:, None, None, None]
        self._add(
            self.balance, held, relative(held.exported, part * (held.exported + held.curtailed))
        )
        lacks = np.where(a["served_kwh"] > 0.0, 0.0, a["committed_kwh"])
        name = group.settings.name
        if name in self.prices:
            own = self.prices[name]
            due = bought_by_tariff(self.inputs, held, self.days, own, self.shifts)
            self._add(self.cheapest, held, relative(a["imported_kwh"], part * (lacks + due)))
            return
        # What was not committed has been moved, or is refused.
        refused = np.where(a["committed_kwh"] > 0.0, 0.0, a["wanted_kwh"])
        off = relative(a["imported_kwh"], part * lacks)
        self._add(
            self.balance,
            held,
            np.minimum(off, relative(a["imported_kwh"], part * (lacks + refused))),
        )

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
                self.wanted.note("clouds that chance draws are not drawn again")
                continue
            expected = source.steps_kwh(0, steps)[:, None, : held.homes]
            found = held.generation[..., g]
            self._add(self.wanted, held, relative(found, expected)[..., None])

    def assigned(self, held: GroupTables, s: int, assignment: str) -> None:
        """Settle steps again from what was stored, generated and committed, home by home."""
        steps, name = self.inputs.steps, held.group.settings.name
        count = steps * held.homes
        drawn = drawn_part(self.inputs.scenario.seed, f"steps of {name}", count, MOST_SETTLED)
        if text := note_of(len(drawn), count, "steps of homes of a group"):
            self.flows.note(text)
            self.refused.note(text)
        chosen, column_of = np.unique(drawn % held.homes, return_inverse=True)
        step_of = drawn // held.homes
        label = self.inputs.places.label(
            [f"home {held.first + h} of {held.group.settings.name}" for h in chosen.tolist()],
            strategies=[self.inputs.strategies[s]],
        )
        off, refused = np.zeros((2, steps, 1, len(chosen)))
        for column, h in enumerate(chosen.tolist()):
            home = home_of(held, h, assignment, self.inputs.step_h, there=self.there[s])
            mine = step_of[column_of == column]
            at = mine, s, h
            columns = (
                held.generation[at], held.appliances["committed_kwh"][at],
                held.storages["energy_kwh"][at], held.appliances["served_kwh"][at],
                held.direct[at], held.drawn[at].sum(axis=1),
                held.charged[at].sum(axis=2), held.exported[at] + held.curtailed[at],
                held.storages["charge_kwh"][at], held.storages["discharge_kwh"][at],
            )  # fmt: skip
            rows = zip(mine.tolist(), *(values.tolist() for values in columns), strict=True)
            for step, made, wanted, stored, served, *flows in rows:
                due = settle(home, made, wanted, stored)
                on = {load for load, energy in enumerate(served) if energy > 0.0}
                refused[step, 0, column] = len(on ^ due.on)
                expected = (
                    [flow for row in due.direct for flow in row], due.drawn, due.stored,
                    due.curtailed, due.charge, due.discharge,
                )  # fmt: skip
                flows[0] = [flow for row in flows[0] for flow in row]
                off[step, 0, column] = max(
                    abs(one - other)
                    for found, right in zip(flows, expected, strict=True)
                    for one, other in zip(found, right, strict=True)
                )
        self.flows.add(off, label)
        self.refused.add(refused, label)


def columns_of(held: GroupTables) -> dict[str, FloatArray]:
    """Return what storages of the recorded homes of a group can do, shape (homes, storages)."""
    population, each = held.group.storages, held.group.layout.storages
    return {name: population[name].reshape(-1, each)[: held.homes] for name in _COLUMNS}


def home_of(
    held: GroupTables, home: int, assignment: str, step_h: float, there: float = 1.0
) -> Home:
    """Return a recorded home of a group, its storages of a share of their size."""
    settings, layout = held.group.settings, held.group.layout

    def order(ranks: list[int]) -> tuple[int, ...]:
        return tuple(sorted(range(len(ranks)), key=lambda device: (ranks[device], device)))

    return Home(
        assignment,
        layout.generator_storage,
        layout.load_storage,
        order([device.rank for device in settings.generators]),
        order([device.rank for device in settings.appliances]),
        order([device.priority for device in settings.appliances]),
        **{
            name: tuple((values[home] * (there if name == "capacity_kwh" else 1.0)).tolist())
            for name, values in columns_of(held).items()
        },
        step_h=step_h,
    )
