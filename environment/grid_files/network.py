"""A network of buses and branches as other programs describe it, made a tree below the utility."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.grid_plan import (
    NOT_IN_NAMES,
    UTILITY,
    GridPlan,
    PlannedLine,
    PlannedNode,
    kind_of_voltage,
)
from hmesh.environment.number_words import counted

MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Branch:
    """A line or two-winding transformer in service.

    Attributes
    ----------
    name : str
        What messages call it.
    ends : (str, str)
        Its buses; of a transformer the one of higher voltage first.
    length_km : float
        Its length [km].
    rating_kva : float
        Power it may carry [kVA].
    resistance_ohm, reactance_ohm : float
        Series impedance at the voltage of the second bus [ohm].
    susceptance_us, iron_loss_kw, magnetising_kva, turns : float
        As those of `hmesh.environment.grid_plan.PlannedLine`.
    """

    name: str
    ends: tuple[str, str]
    length_km: float
    rating_kva: float
    resistance_ohm: float
    reactance_ohm: float
    susceptance_us: float = 0.0
    iron_loss_kw: float = 0.0
    magnetising_kva: float = 0.0
    turns: float = 1.0


@dataclass(slots=True)
class BusNetwork:
    """What a file says of a network.

    Attributes
    ----------
    voltage_kv : dict of float
        Nominal voltage of every bus in service [kV].
    branches : list of Branch
        Lines and transformers in service, open ones left out.
    sources : dict of float
        Buses that a grid further up feeds, each with the voltage it holds there [-].
    loads : dict of complex
        Power taken at buses [kW, kvar].
    left_out : list of str
        What the tree does not hold, a sentence each.
    problems : list of Problem
        What a tree cannot stand for, item by item.
    """

    voltage_kv: dict[str, float] = field(default_factory=dict)
    branches: list[Branch] = field(default_factory=list)
    sources: dict[str, float] = field(default_factory=dict)
    loads: dict[str, complex] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GridReading:
    """A grid that was read.

    Attributes
    ----------
    plan : GridPlan
        The tree.
    left_out : tuple of str
        What of the file it does not hold, a sentence each.
    loads : dict of complex
        Power that the file has taken at nodes [kW, kvar].
    """

    plan: GridPlan
    left_out: tuple[str, ...] = ()
    loads: dict[str, complex] = field(default_factory=dict)


def loss_rate(resistance_ohm: float, power_kva: complex, voltage_kv: float) -> float:
    r"""Return the share of the power arriving that a line loses.

    .. math:: l = R \, |S|^2 / (V^2 \, |P|)

    Three phases, each with the resistance, at nominal voltage: the current is
    :math:`|S| / (\sqrt{3} V)`.

    Parameters
    ----------
    resistance_ohm : float
        Resistance of a phase at the voltage [ohm].
    power_kva : complex
        Active and reactive power, P + jQ [kW, kvar].
    voltage_kv : float
        Nominal voltage between phases [kV].

    Returns
    -------
    float
        Energy lost per energy that arrives [-]; 0 where nothing arrives.
    """
    if power_kva == 0:
        return 0.0
    lost_kw = resistance_ohm * abs(power_kva) ** 2 / (voltage_kv**2 * 1000.0)
    return lost_kw / abs(power_kva.real) if power_kva.real else float("inf")


def radial(
    network: BusNetwork, file: str, loss_at: float | str = 0.5, source: str | None = None
) -> GridReading:
    """Make a network a tree below the utility.

    Parameters
    ----------
    network : BusNetwork
        The network.
    file : str
        What messages call it.
    loss_at : float or str, optional
        Share of the rating at which the resistance gives the loss rate [-], or "loads" for the
        power that the loads of the network make flow.
    source : str, optional
        The bus that the utility feeds, where the network does not say or says several.

    Raises
    ------
    InputError
        If it has a ring or anything else that a tree cannot stand for, all of it at once.
    """
    problems = [replace(p, place=f"{file}: {p.place}") for p in network.problems]
    top = _source(network, file, source, problems)
    if top is None:
        raise InputError(problems)
    parent, order, rings = _walk(network, top)
    problems += [
        Problem(
            f"{file}: {branch.name}", f"closes a ring through {', '.join(ring)}",
            "a radial network; open one branch of the ring",
        )
        for branch, ring in rings
    ]  # fmt: skip
    left_out = [*network.left_out]
    cut_off = [bus for bus in network.voltage_kv if bus not in parent]
    if cut_off:
        left_out.append(f"{counted(len(cut_off), 'bus', 'buses')} without supply: {_some(cut_off)}")
    flows = _flows(network, parent, order)
    names = _names(order, top)
    lines = []
    for bus in order[1:]:
        branch = parent[bus]
        assert branch is not None
        start = other_end(branch, bus)
        turned = branch.ends[1] != bus
        line = _line(network, branch, turned)
        power: complex = line.rating_kw * loss_at if isinstance(loss_at, float) else flows[bus]
        rate = loss_rate(line.resistance_ohm or 0.0, power, network.voltage_kv[bus])
        if rate >= 1:
            wording = f"{loss_at:.0%} of its rating" if isinstance(loss_at, float) else "its loads"
            problems.append(
                Problem(
                    f"{file}: {branch.name}",
                    f"would lose {rate:.3g} of what arrives at {wording}",
                    "a loss below 1; loss_at loads, or another share",
                )
            )
        lines.append(replace(line, start=names[start], end=names[bus], loss_rate=min(rate, 1.0)))
    unloaded = [names[bus] for bus in order[1:] if flows[bus] == 0]
    if loss_at == "loads" and unloaded:
        text = f"{counted(len(unloaded), 'line')} without loads and so without losses: to "
        left_out.append(text + _some(unloaded))
    if problems:
        raise InputError(problems)
    if sum(map(abs, network.loads.values())):
        total = sum(network.loads.values())
        left_out.insert(
            0,
            f"{counted(len(network.loads), 'bus', 'buses')} with loads of {total.real:,.6g} kW and "
            f"{total.imag:,.6g} kvar in all: members of a scenario take their place",
        )
    nodes = {
        names[bus]: PlannedNode(
            names[bus],
            "utility" if bus == top else kind_of_voltage(network.voltage_kv[bus]),
            network.voltage_kv[bus],
            network.sources.get(bus, 1.0) if bus == top else None,
        )
        for bus in order
    }
    loads = {names[bus]: power for bus, power in network.loads.items() if bus in parent}
    return GridReading(GridPlan(nodes, tuple(lines)), tuple(left_out), loads)


def other_end(branch: Branch, bus: str) -> str:
    """Return the bus of a branch that is not this one."""
    return branch.ends[0] if branch.ends[1] == bus else branch.ends[1]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _source(
    network: BusNetwork, file: str, wanted: str | None, problems: list[Problem]
) -> str | None:
    """Return the bus that the utility feeds; where that is open, None and a problem more."""
    if wanted is not None:
        if wanted in network.voltage_kv:
            return wanted
        near = nearest(wanted, network.voltage_kv)
        allowed = _some(list(network.voltage_kv))
        problems.append(Problem(file, f"unknown bus {wanted!r}", allowed, near))
        return None
    if len(network.sources) == 1:
        return next(iter(network.sources))
    wording = _some(list(network.sources)) or "none"
    message = f"{len(network.sources)} buses are fed from further up: {wording}"
    problems.append(Problem(file, message, "one; or the bus that the utility feeds as source"))
    return None


def _walk(
    network: BusNetwork, top: str
) -> tuple[dict[str, Branch | None], list[str], list[tuple[Branch, list[str]]]]:
    """Return what feeds every bus, the buses level by level, and branches that close rings."""
    at: dict[str, list[int]] = {}
    for number, branch in enumerate(network.branches):
        for end in branch.ends:
            at.setdefault(end, []).append(number)
    parent: dict[str, Branch | None] = {top: None}
    order, used, rings = [top], set[int](), list[tuple[Branch, list[str]]]()
    for bus in order:
        for number in at.get(bus, ()):
            if number in used:
                continue
            used.add(number)
            branch = network.branches[number]
            beyond = other_end(branch, bus)
            if beyond in parent:
                rings.append((branch, _ring(parent, bus, beyond)))
            else:
                parent[beyond] = branch
                order.append(beyond)
    return parent, order, rings


def _ring(parent: dict[str, Branch | None], one: str, other: str) -> list[str]:
    """Return the buses from one bus up to where its way meets that of the other, and down again."""

    def way(bus: str) -> list[str]:
        up = [bus]
        while (branch := parent[up[-1]]) is not None:
            up.append(other_end(branch, up[-1]))
        return up

    first, second = way(one), way(other)
    meet = next(bus for bus in first if bus in second)
    back = second[: second.index(meet)]
    return [*first[: first.index(meet) + 1], *reversed(back)]


def _flows(
    network: BusNetwork, parent: dict[str, Branch | None], order: list[str]
) -> dict[str, complex]:
    """Return what the loads make flow towards every bus without losses [kW, kvar]."""
    flows = {bus: complex(network.loads.get(bus, 0.0)) for bus in order}
    for bus in reversed(order):
        branch = parent[bus]
        if branch is not None:
            flows[other_end(branch, bus)] += flows[bus]
    return flows


def _names(order: Sequence[str], top: str) -> dict[str, str]:
    """Return a name for each bus that a node may bear, no two alike."""
    found, taken = {top: UTILITY}, {UTILITY}
    for number, bus in enumerate(order[1:], start=1):
        name = bus.strip()
        for sign in NOT_IN_NAMES:
            name = name.replace(sign, "_")
        name = name if name.isprintable() and name else f"bus {number}"
        found[bus] = name if name not in taken else f"{name} ({number})"
        taken.add(found[bus])
    return found


def _line(network: BusNetwork, branch: Branch, turned: bool) -> PlannedLine:
    """Return a branch as a line, its impedance at the voltage of its far end."""
    here, there = (network.voltage_kv[end] for end in branch.ends)
    # Impedance moves to the other side by the square of the turns ratio.
    factor = float(np.square(here / there * branch.turns)) if turned else 1.0
    return PlannedLine(
        "", "", branch.length_km, branch.rating_kva, 0.0,
        branch.resistance_ohm * factor, branch.reactance_ohm * factor,
        branch.susceptance_us / factor, branch.iron_loss_kw, branch.magnetising_kva,
        1.0 / branch.turns if turned else branch.turns,
    )  # fmt: skip
