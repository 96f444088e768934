"""Whether limits of lines are kept as far as prices can, and what they brought is as written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH
from hmesh.runs.audits.audit_report import Check, Tally, relative
from hmesh.runs.audits.hours import supplied
from hmesh.runs.audits.line_flows import Line, lines_of
from hmesh.runs.audits.member_energies import Energies
from hmesh.runs.audits.reference.lines import Tree, owners, shed_kwh
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.scheme_audit import Figures, SchemeAudit, direct_kwh
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run


@dataclass(frozen=True, slots=True)
class AuditedGrid:
    """The grid of a run as prices see it, with what its nodes took.

    Attributes
    ----------
    tree : Tree
        The lines, in the order of the results, with the ratings that prices keep.
    rating_kwh : array, shape (lines,)
        What may arrive at the far end of each, kept or not [kWh].
    losses_known : bool
        Whether the utility's price counts losses.
    keeps : bool
        Whether prices keep ratings.
    taken_kwh : array, shape (steps, strategies, lines)
        What each connection took, before anything was shed; 0 for lines that go on.
    shed_kwh : array, or None
        The part of it that should be shed, of the same shape; None where that is not known.
    """

    tree: Tree
    rating_kwh: FloatArray
    losses_known: bool
    keeps: bool
    taken_kwh: FloatArray
    shed_kwh: FloatArray | None

    def of_step(
        self,
        step: int,
        strategy: int,
        answered_kwh: FloatArray,
        passive_kwh: FloatArray,
    ) -> Tree:
        """Return the lines of a step, of which the demands of communities alone are open.

        Parameters
        ----------
        step, strategy : int
            Where it belongs, by number.
        answered_kwh : array, shape (communities,)
            What those take who answer to the price [kWh].
        passive_kwh : array, shape (communities,)
            What each community takes whatever the price [kWh].
        """
        fixed, at_utility = self.taken_kwh[step, strategy].tolist(), 0.0
        for place, answered, passive in zip(
            self.tree.place, answered_kwh.tolist(), passive_kwh.tolist(), strict=True
        ):
            if place < 0:
                at_utility -= answered + passive
            else:
                fixed[place] -= answered + passive
        return replace(self.tree, fixed_kwh=fixed, fixed_at_utility_kwh=at_utility)


def audited_grid(
    inputs: RunInputs,
    flows: Columns,
    energies: Energies,
    out: NDArray[np.bool_],
    schemes: Sequence[SchemeAudit] = (),
) -> AuditedGrid | None:
    """Return the grid with what its nodes took; None where a file of it has changed.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    flows : dict of array
        The columns of lines.parquet.
    energies, out : mapping of (str, str) to GroupEnergy or None, array of bool
        As `member_energies` and `feeders_out` give them.
    schemes : sequence of SchemeAudit, optional
        The audits of the schemes.
    """
    setting = inputs.setting
    if setting is None:
        return None
    found = [nodes for each in schemes if (nodes := each.answer_nodes()) is not None]
    found = found or [setting.community_nodes]
    parents = setting.grid.parents.tolist()
    answering = np.array(
        [
            _together(parents, [node for node in of_each if node >= 0] or [own])
            for own, *of_each in zip(
                setting.community_nodes.tolist(), *(n.tolist() for n in found), strict=True
            )
        ]
    )
    lines = lines_of(inputs)
    rating = np.array([line.rating_kw for line in lines]) * inputs.step_h
    keeps = inputs.scenario.grid.limits == "keep"
    tree = _tree(inputs, lines, answering, rating if keeps else np.full(len(lines), np.inf))
    known = inputs.scenario.game.losses == "known"
    ends = np.array([bool(line.group) for line in lines])
    taken = np.where(ends, flows["received_kwh"], 0.0)
    shed: FloatArray | None = np.zeros_like(taken)
    if inputs.scenario.grid.shed:
        more = {at: kwh for each in schemes for at, kwh in each.drawn_kwh().items()}
        shed = _shed(lines, taken, energies, out, tree, more)
        if shed is not None:
            taken = taken + shed
    return AuditedGrid(tree, rating, known, keeps, taken, shed)


def _together(parents: list[int], nodes: Sequence[int]) -> int:
    """Return the node of all, or the lowest one above all of them."""
    above: list[list[int]] = []
    for node in nodes:
        above.append([node])
        while above[-1][-1] != 0:
            above[-1].append(parents[above[-1][-1]])
    return next(node for node in above[0] if all(node in path for path in above))


def _tree(
    inputs: RunInputs,
    lines: list[Line],
    answering: NDArray[np.intp],
    rating_kwh: FloatArray,
) -> Tree:
    """Return the lines as a tree, with the places at which communities answer to prices."""
    line_to = {line.node: k for k, line in enumerate(lines)}
    communities = {name: m for m, name in enumerate(inputs.communities)}
    setting = inputs.setting
    assert setting is not None
    place = [line_to.get(setting.grid.nodes[node], -1) for node in answering.tolist()]
    drawn_by = [communities[line.community] if line.group else -1 for line in lines]
    for m, line_number in enumerate(place):
        if line_number >= 0:
            drawn_by[line_number] = m
    parent = [line_to.get(line.parent, -1) for line in lines]
    rates = [line.loss_rate for line in lines]
    owner = owners(parent, drawn_by)
    return Tree(parent, rates, rating_kwh.tolist(), place, owner=owner)


def _shed(
    lines: list[Line],
    left: FloatArray,
    energies: Energies,
    out: NDArray[np.bool_],
    tree: Tree,
    more_kwh: Mapping[tuple[str, str], FloatArray],
) -> FloatArray | None:
    """Return what every connection should do without; None where members are not known.

    Parameters
    ----------
    left : array
        What connections took in the end, of the shape of the lines.
    more_kwh : mapping of (str, str) to array
        What members draw more because of prices, by community and connection.
    """
    loads = np.zeros_like(left)
    due = left.copy()
    communities = {name: m for m, name in enumerate(dict.fromkeys(name for name, _ in energies))}
    if any(energy is None for energy in energies.values()):
        return None
    for k, line in enumerate(lines):
        energy = energies.get((line.community, line.group))
        if energy is not None:
            dark = out[:, communities[line.community]]
            loads[:, :, k] = np.where(dark, 0.0, energy.consumed)[:, None]
            due[:, :, k] = np.where(dark, 0.0, energy.load - energy.generated)[:, None]
            more = more_kwh.get((line.community, line.group))
            if more is not None and np.isnan(more).any():
                return None
            if more is not None:
                loads[:, :, k] += more
                due[:, :, k] += more
    shed = np.zeros_like(left)
    for step, strategy in np.ndindex(left.shape[:2]):
        inelastic = loads[step, strategy].tolist()
        shed[step, strategy] = shed_kwh(tree, due[step, strategy].tolist(), inelastic)
    return shed


def read_limits(run: Run, inputs: RunInputs) -> Columns | None:
    """Return limits.parquet, each column of the shape of the hours; None where none is kept."""
    if inputs.scenario.grid.limits != "keep":
        return None
    names = {"strategy": inputs.strategies, "community": inputs.communities}
    rows = TableReader(run, "limits", names, inputs.start_ms).rest()
    return framed("limits", rows, {"step": range(inputs.steps), **names})


def before_shedding(hours: Columns, shed: FloatArray | None) -> Columns:
    """Return the hours as they were when everybody decided, before anything was shed."""
    if shed is None:
        return hours
    energies = ("fixed_load_kwh", "net_kwh")
    return hours | {name: hours[name] + shed for name in energies}


def check_limits(
    inputs: RunInputs,
    hours: Columns,
    flows: Columns,
    limits: Columns,
    audited: AuditedGrid | None,
    schemes: Sequence[SchemeAudit] = (),
) -> tuple[list[Check], Figures]:
    """Check limits.parquet, and return the figures of the summary that it settles.

    Parameters
    ----------
    inputs : RunInputs
        What the scenario settles.
    hours, flows, limits : dict of array
        The columns of their tables.
    audited : AuditedGrid or None
        The grid; None where it is not known.
    schemes : sequence of SchemeAudit, optional
        The audits of the schemes.
    """
    label = inputs.places.label(inputs.communities)
    over = Tally("limits: overloads are what lines carry too much", EXACT, "of the energy")
    shed = Tally("limits: an equal share of loads is shed, and no more than needed", EXACT,
                 "of the energy")  # fmt: skip
    rent = Tally("limits: rent is the difference of prices for the energy", EXACT, "of the amount")
    there = supplied(hours)
    moved_by = np.where(there, hours["community_price"] - limits["unlimited_price"], 0.0)
    bought = hours["net_kwh"] - direct_kwh(schemes, hours)
    rent.add(relative(limits["congestion_rent"], moved_by * bought), label)
    known = np.isnan(limits["unlimited_price"]) == ~there
    rent.add(np.where(known, 0.0, np.inf), label)
    figures: Figures = {
        "overload_kwh": limits["overload_kwh"].sum(axis=2),
        "shed_kwh": limits["shed_kwh"].sum(axis=2),
        "congestion_rent": limits["congestion_rent"].sum(axis=2),
        "counts.prices_moved_by_limits": (
            there & (np.abs(moved_by) > EXACT * np.abs(limits["unlimited_price"]))
        ).sum(axis=2),
        "counts.communities_overloaded": (limits["overload_kwh"] > DUST_KWH).sum(axis=2),
    }
    if audited is None:
        for tally in (over, shed):
            tally.note("a file of the grid is gone or has changed")
        return [over.check(), shed.check(), rent.check()], figures
    lines, count = lines_of(inputs), len(inputs.communities)
    excess = np.abs(flows["received_kwh"]) - audited.rating_kwh
    own = np.asarray(audited.tree.owner)
    shared = np.maximum(excess[:, :, own < 0], 0.0).sum(axis=2)
    figures["shared_overload_kwh"] = shared
    for m in range(count):
        of_community = excess[:, :, own == m]
        most = of_community.max(axis=2, initial=0.0)[:, :, None]
        energy = np.abs(flows["received_kwh"][:, :, own == m]).max(axis=2, initial=1.0)[:, :, None]
        off = np.abs(limits["overload_kwh"][:, :, m : m + 1] - most) / energy
        over.add(off, inputs.places.label([inputs.communities[m]]))
    if audited.shed_kwh is None:
        shed.note("the loads of members are not known")
    else:
        for m, name in enumerate(inputs.communities):
            mine = [k for k, line in enumerate(lines) if line.community == name and line.group]
            expected = audited.shed_kwh[:, :, mine].sum(axis=2)[:, :, None]
            off = relative(limits["shed_kwh"][:, :, m : m + 1], expected)
            shed.add(off, inputs.places.label([name]))
    return [over.check(), shed.check(), rent.check()], figures
