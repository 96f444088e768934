"""A grid as a file or a scenario describes it, before anybody is connected to it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from hmesh.environment.errors import Problem, nearest
from hmesh.environment.line_graph import LineGraph

UTILITY = "utility"
# What a node of a plan may be; communities and connections come from the scenario.
NODE_KINDS = ("feeder", "high_voltage", "medium_voltage", "transformer", "low_voltage")
# Lines are named by both ends, and connections by their community and a slash.
NOT_IN_NAMES = (" - ", "/")
# Nominal voltages of IEC 60038, between phases.
HIGHEST_LOW_KV = 1.0
HIGHEST_MEDIUM_KV = 35.0


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """A node of a plan.

    Attributes
    ----------
    name : str
        Its name; `UTILITY` is where all energy comes from.
    kind : str
        One of `NODE_KINDS`, or "utility".
    voltage_kv : float or None
        Nominal voltage between phases [kV], None where it is not known.
    voltage_pu : float or None
        Voltage that the utility holds there, over the nominal one [-]; None where it holds none.
    """

    name: str
    kind: str = "feeder"
    voltage_kv: float | None = None
    voltage_pu: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line or transformer of a plan.

    Attributes
    ----------
    start, end : str
        Its two ends, `start` nearer to the utility.
    length_km : float
        Its length [km], 0 for a transformer.
    rating_kw : float
        What it may carry [kW].
    loss_rate : float
        Energy lost for each kWh that arrives [-].
    resistance_ohm, reactance_ohm : float or None
        Series impedance of one phase at the voltage of `end` [ohm], None where it is not known.
    susceptance_us : float
        Of the line to earth, all of it [microsiemens].
    iron_loss_kw : float
        What a transformer takes without a load [kW].
    magnetising_kva : float
        Apparent power of a transformer without a load [kVA].
    turns : float
        Turns ratio of a transformer over the ratio of the nominal voltages [-].
    """

    start: str
    end: str
    length_km: float
    rating_kw: float
    loss_rate: float
    resistance_ohm: float | None = None
    reactance_ohm: float | None = None
    susceptance_us: float = 0.0
    iron_loss_kw: float = 0.0
    magnetising_kva: float = 0.0
    turns: float = 1.0

    @property
    def name(self) -> str:
        """What messages and results call it."""
        return f"{self.start} - {self.end}"


LINE_NUMBERS = tuple(each.name for each in fields(PlannedLine) if each.name not in ("start", "end"))


@dataclass(frozen=True, slots=True)
class GridPlan:
    """The nodes and lines of a grid.

    Attributes
    ----------
    nodes : dict of PlannedNode
        All nodes by name, the utility among them.
    lines : tuple of PlannedLine
        All lines, each directed away from the utility.
    """

    nodes: dict[str, PlannedNode]
    lines: tuple[PlannedLine, ...]

    def graph(self) -> LineGraph:
        """Return the plan as `hmesh.environment.grid.Grid` reads it."""
        graph = LineGraph()
        for node in self.nodes.values():
            graph.add_node(node.name, kind=node.kind)
        for line in self.lines:
            graph.add_edge(
                line.start, line.end, length_km=line.length_km, rating_kw=line.rating_kw,
                loss_rate=line.loss_rate,
            )  # fmt: skip
        return graph


def kind_of_voltage(voltage_kv: float) -> str:
    """Return the level of a nominal voltage between phases, bounds by IEC 60038."""
    if voltage_kv <= HIGHEST_LOW_KV:
        return "low_voltage"
    return "medium_voltage" if voltage_kv <= HIGHEST_MEDIUM_KV else "high_voltage"


def plan_of(nodes: Sequence[PlannedNode], lines: Sequence[PlannedLine]) -> GridPlan:
    """Return the plan of lines; what only lines name becomes a node, the utility of its kind."""
    named = {node.name: node for node in nodes}
    for end in (end for line in lines for end in (line.start, line.end)):
        named.setdefault(end, PlannedNode(end, "utility" if end == UTILITY else "feeder"))
    return GridPlan(named, tuple(lines))


def plan_problems(plan: GridPlan) -> Iterator[Problem]:
    """Find what keeps a plan from being a tree below the utility, each part by its name."""
    for name in plan.nodes:
        if not name.strip() or not name.isprintable() or any(sign in name for sign in NOT_IN_NAMES):
            yield Problem(
                f"node {name}", "is not allowed as the name of a node", "no '/' and no ' - '"
            )
    if UTILITY not in plan.nodes:
        near = nearest(UTILITY, plan.nodes)
        message = f"none leads from the node '{UTILITY}'"
        yield Problem("lines", message, "lines from it to all others", near)
    feeding: dict[str, list[PlannedLine]] = {}
    for line in plan.lines:
        feeding.setdefault(line.end, []).append(line)
    for name in plan.nodes:
        from_where = [line.start for line in feeding.get(name, ())]
        if name == UTILITY:
            for start in from_where:
                yield Problem(
                    f"line {start} - {name}", "leads to the utility", "lines away from it"
                )
        elif not from_where:
            yield Problem(f"node {name}", "is fed by no line", "one line to each node")
        elif len(from_where) > 1:
            message = f"is fed by {' and by '.join(from_where)}"
            yield Problem(f"node {name}", message, "one line to each node, from the utility's side")
    yield from _rings(feeding)


def _rings(feeding: dict[str, list[PlannedLine]]) -> Iterator[Problem]:
    """Find rings among nodes that are fed once each, every ring once."""
    done: set[str] = set()
    for name in feeding:
        way: list[str] = []
        node = name
        while node in feeding and node not in way and node not in done:
            way.append(node)
            node = feeding[node][0].start
        if node in way:
            ring = [*way[way.index(node) :], node][::-1]
            message = f"lies on a ring: {', '.join(ring)}"
            yield Problem(f"node {node}", message, "a tree below the utility")
        done.update(way)


def right_number(name: str, value: float) -> str:
    """Return what a number of a line may be where it is not; "" where it is right."""
    if name == "rating_kw":
        return "" if 0 < value < math.inf else "above 0"
    if name == "loss_rate":
        return "" if 0 <= value < 1 else "0 to below 1"
    if name == "turns":
        return "" if 0 < value < math.inf else "above 0"
    if name == "reactance_ohm":
        return "" if math.isfinite(value) else "a finite number"
    return "" if 0 <= value < math.inf else "0 or more"
