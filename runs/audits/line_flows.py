"""Whether the lines of the grid carry what the communities take, and lose what they must."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.grid_plan import GridPlan
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.member_energies import Energies
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import SchemeAudit
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.scenarios.grid_section import connected
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.city_grid import grid_plan_of

if TYPE_CHECKING:
    from hmesh.runs.audits.limits import AuditedGrid


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the tree that the scenario describes.

    Attributes
    ----------
    parent, node : str
        Its two ends.
    community : str
        The community it belongs to; "" where it may feed several.
    group : str
        The group of members, or connection of a scheme, that it alone feeds; "" where lines go on.
    rating_kw : float
        What it may carry [kW].
    loss_rate : float
        Energy lost for each kWh that arrives [-].
    """

    parent: str
    node: str
    community: str
    group: str
    rating_kw: float
    loss_rate: float = 0.0

    @property
    def name(self) -> str:
        """What the results call it."""
        return f"{self.parent} - {self.node}"


def refuse_changed_grid(inputs: RunInputs) -> None:
    """Refuse to go on without the grid that the run had.

    Raises
    ------
    InputError
        If it stands in a file that is gone or has changed; every one is named.
    """
    gone = [file for file in inputs.scenario.grid_files() if file not in inputs.files]
    if gone:
        allowed = "the grid as the run read it"
        message = "is gone or has changed since the run"
        paths = (str(inputs.scenario.path_of(file)) for file in gone)
        raise InputError([Problem(path, message, allowed) for path in paths])


def lines_of(inputs: RunInputs) -> list[Line]:
    """Return the lines from the utility to every connection."""
    scenario = inputs.scenario
    plan = grid_plan_of(scenario)
    if plan is not None:
        return _lines_of_plan(scenario, plan)
    lines = []
    for name, community in scenario.communities.items():
        feeder, rating = f"{name}/feeder", community.feeder.rating_kw
        lines += [
            Line("utility", feeder, name, "", rating, community.feeder.loss_rate),
            Line(feeder, name, name, "", rating),
            *(
                Line(name, f"{name}/{group}", name, group, rating)
                for group in scenario.connections(name)
            ),
        ]
    return lines


def _lines_of_plan(scenario: Scenario, plan: GridPlan) -> list[Line]:
    """Return the lines of a grid of the scenario's own, and one to each connection."""
    lines = [
        Line(line.start, line.end, "", "", line.rating_kw, line.loss_rate) for line in plan.lines
    ]
    rating = {line.end: line.rating_kw for line in plan.lines}
    by_end = {line.node: line for line in lines}
    lines.sort(key=lambda line: _depth(line, by_end))
    for (name, group), node in connected(scenario, plan.nodes).connections.items():
        lines.append(Line(node, f"{name}/{group}", name, group, rating[node]))
    return lines


def _depth(line: Line, by_end: Mapping[str, Line]) -> int:
    """Return how many lines lie between a line and the utility."""
    above = by_end.get(line.parent)
    return 0 if above is None else 1 + _depth(above, by_end)


def read_lines(run: Run, inputs: RunInputs) -> Columns:
    """Return lines.parquet, every column of shape (steps, strategies, lines).

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """
    names = {
        "strategy": inputs.strategies,
        "line": [line.name for line in lines_of(inputs)],
    }
    rows = TableReader(run, "lines", names, inputs.start_ms).rest()
    return framed("lines", rows, {"step": range(inputs.steps), **names}, ascending=2)


def check_lines(
    inputs: RunInputs,
    hours: Columns,
    flows: Columns,
    energies: Energies,
    out: NDArray[np.bool_],
    schemes: Sequence[SchemeAudit] = (),
    audited: "AuditedGrid | None" = None,
) -> list[Check]:
    """Check lines.parquet against hours.parquet and the scenario.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    hours, flows : dict of array
        As `read_hours` and `read_lines` give them.
    energies, out : mapping of (str, str) to GroupEnergy or None, array of bool
        As `member_energies` and `feeders_out` give them.
    schemes : sequence of SchemeAudit, optional
        The audits of the schemes.
    audited : AuditedGrid, optional
        The grid with what should be shed; None where that is not known.
    """
    lines = lines_of(inputs)
    label = inputs.places.label([line.name for line in lines])
    carried = Tally("lines: each carries what is taken beyond it", EXACT, "of the energy")
    taken = _taken(inputs, lines, hours, flows, energies, out, schemes)
    if audited is not None and audited.shed_kwh is not None:
        taken = taken - audited.shed_kwh
    elif inputs.scenario.grid.shed:
        carried.note("what was shed is not known")
        taken = flows["received_kwh"]
    carried.add(relative(flows["received_kwh"], taken), label)
    losses = Tally("lines: losses as rated", EXACT, "of the energy")
    rate = np.array([line.loss_rate for line in lines])
    losses.add(relative(flows["losses_kwh"], rate * np.abs(flows["received_kwh"])), label)
    losses.add(relative(flows["sent_kwh"], flows["received_kwh"] + flows["losses_kwh"]), label)
    loading = Tally("lines: loading is power over rating", EXACT, "of the rating")
    rating_kwh = np.array([line.rating_kw for line in lines]) * inputs.step_h
    most = np.maximum(np.abs(flows["sent_kwh"]), np.abs(flows["received_kwh"]))
    loading.add(relative(flows["loading"], most / rating_kwh), label)
    return [carried.check(), losses.check(), loading.check(), _supplied(inputs, hours, flows)]


def _taken(
    inputs: RunInputs,
    lines: list[Line],
    hours: Columns,
    flows: Columns,
    energies: Energies,
    out: NDArray[np.bool_],
    schemes: Sequence[SchemeAudit],
) -> FloatArray:
    """Return what has to arrive at the far end of every line [kWh], shaped as the lines."""
    place = {name: m for m, name in enumerate(inputs.communities)}
    beyond: dict[str, list[int]] = {}
    of_community: dict[str, list[int]] = {}
    for k, line in enumerate(lines):
        beyond.setdefault(line.parent, []).append(k)
        if line.group:
            of_community.setdefault(line.community, []).append(k)
    of_schemes: dict[tuple[str, str], FloatArray] = {}
    for scheme in schemes:
        for place_of, drawn_kwh in scheme.drawn_kwh().items():
            of_schemes[place_of] = of_schemes.get(place_of, 0.0) + drawn_kwh
    taken = np.empty_like(flows["received_kwh"])
    nothing = np.zeros(taken.shape[:2])
    for k, line in enumerate(lines):
        if not line.group:
            taken[:, :, k] = flows["sent_kwh"][:, :, beyond.get(line.node, [])].sum(axis=2)
            continue
        m = place[line.community]
        if (line.community, line.group) not in energies:
            if (line.community, line.group) not in of_schemes:
                message = f"no audit states what is drawn at its connection {line.group!r}"
                allowed = "drawn_kwh of the SchemeAudit of the scheme that connects it"
                raise InputError([Problem(line.community, message, allowed)])
            taken[:, :, k] = of_schemes[line.community, line.group]
        else:
            energy = energies[line.community, line.group]
            more = of_schemes.get((line.community, line.group), nothing)
            if energy is None or np.isnan(more).any():
                # What is not known has to be what the others of the community leave.
                others = [i for i in of_community[line.community] if i != k]
                others_kwh = flows["received_kwh"][:, :, others].sum(axis=2)
                taken[:, :, k] = hours["net_kwh"][:, :, m] - others_kwh
            else:
                drawn = np.where(out[:, m], 0.0, energy.load - energy.generated)
                taken[:, :, k] = drawn[:, None] + more
    return taken


def _supplied(inputs: RunInputs, hours: Columns, flows: Columns) -> Check:
    """Check that the utility sends what everybody draws and what is lost on the way."""
    tally = Tally("energy: supplied is drawn and lost", EXACT, "of the energy")
    root = [k for k, line in enumerate(lines_of(inputs)) if line.parent == "utility"]
    sent = flows["sent_kwh"][:, :, root].sum(axis=2)
    needed = hours["net_kwh"].sum(axis=2) + flows["losses_kwh"].sum(axis=2)
    tally.add(relative(sent, needed), inputs.places.label())
    return tally.check()
