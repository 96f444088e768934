"""The grid of a scenario: its nodes and lines, or a file of them, and who is connected where."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.grid_files.pypsa_network import is_pypsa_folder
from hmesh.environment.grid_files.read_grid import SUFFIXES
from hmesh.environment.grid_plan import (
    UTILITY,
    GridPlan,
    PlannedLine,
    PlannedNode,
    plan_of,
    plan_problems,
)
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    LossRate,
    NotNegative,
    Positive,
    Section,
    existing,
    looked_up,
    refuse,
)

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario

# What members and schemes connect to the grid, in words that `grid.connections` uses.
KINDS_OF_MEMBERS = {"household": "households", "building": "buildings", "prosumer": "prosumers"}


class GridNode(Section):
    """A node of the grid."""

    kind: Literal["feeder", "high_voltage", "medium_voltage", "transformer", "low_voltage"] = Field(
        default="feeder", description="what it is; feeder where lines only branch"
    )
    voltage_kv: Positive | None = Field(
        default=None, description="nominal voltage between phases [kV], or null"
    )


class GridLine(Section):
    """A line or transformer of the grid."""

    between: Annotated[tuple[str, str], AS_TUPLE] = Field(
        description="its two nodes, that nearer to the utility first"
    )
    length_km: NotNegative = Field(default=0.0, description="length, 0 for a transformer [km]")
    rating_kw: Positive = Field(description="power it may carry [kW]")
    loss_rate: LossRate = Field(default=0.0, description="energy lost per energy that arrives [-]")
    resistance_ohm: NotNegative | None = Field(
        default=None, description="resistance at the voltage of the second node [ohm], or null"
    )
    reactance_ohm: Annotated[float, Field(ge=-1e12, le=1e12)] | None = Field(
        default=None, description="reactance at the voltage of the second node [ohm], or null"
    )


class GridSettings(Section):
    """The grid: lines of its own or of a file, or else a feeder to each community."""

    file: str | None = Field(
        default=None,
        description="CSV file of lines, or network of pandapower or PyPSA, or null",
    )
    loss_at: Annotated[float, Field(gt=0, le=1)] | Literal["loads"] = Field(
        default=0.5,
        description="loading at which resistances of a network give its loss rates [-], or loads",
    )
    source: str | None = Field(
        default=None, description="bus of a network that the utility feeds, or null as it says"
    )
    nodes: dict[str, GridNode] = Field(
        default={}, description="nodes by name, where more is known of them than their lines"
    )
    lines: Annotated[tuple[GridLine, ...], AS_TUPLE] = Field(
        default=(), description="lines and transformers; without any, each community has a feeder"
    )
    connections: dict[str, str] = Field(
        default={},
        description="nodes of communities, of kinds of their members and of single groups",
    )
    limits: Literal["keep", "count"] = Field(
        default="keep", description="whether prices keep lines within their ratings"
    )
    shed: bool = Field(
        default=False,
        description="whether loads stay unserved that would overload a line at any price",
    )

    @property
    def own(self) -> bool:
        """Whether the grid is another one than a feeder to each community."""
        return self.file is not None or bool(self.lines)

    @check("file")
    @classmethod
    def _existing_grid(cls, file: str | None, info: ValidationInfo) -> str | None:
        folder: Path | None = (info.context or {}).get("check_files_in")
        if file is None or folder is None:
            return file
        looked_up(folder / file / "buses.csv")
        return file if is_pypsa_folder(folder / file) else existing(file, info, SUFFIXES)

    @check("shed")
    @classmethod
    def _shed_what_limits_keep(cls, shed: bool, info: ValidationInfo) -> bool:
        if shed and info.data.get("limits") == "count":
            raise refuse("limits are only counted", allowed="false, or grid.limits: keep")
        return shed

    @check("nodes")
    @classmethod
    def _nodes_without_file(cls, nodes: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if nodes and info.data.get("file") is not None:
            raise refuse("the nodes stand in grid.file already", allowed="one of both")
        return nodes

    @check("lines")
    @classmethod
    def _lines_without_file(cls, lines: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        if lines and info.data.get("file") is not None:
            raise refuse("the lines stand in grid.file already", allowed="one of both")
        return lines


@dataclass(frozen=True, slots=True)
class Connected:
    """Where everybody is on the grid.

    Attributes
    ----------
    communities : dict of str
        The node of each community.
    connections : dict of (str, str) to str
        The node of each connection, by community and name.
    """

    communities: dict[str, str]
    connections: dict[tuple[str, str], str]


def planned_here(settings: GridSettings) -> GridPlan | None:
    """Return the grid that a scenario describes itself; None where it gives no lines."""
    if not settings.lines:
        return None
    nodes = [
        PlannedNode(name, "utility" if name == UTILITY else node.kind, node.voltage_kv)
        for name, node in settings.nodes.items()
    ]
    lines = [
        PlannedLine(
            *line.between, line.length_km, line.rating_kw, line.loss_rate, line.resistance_ohm,
            line.reactance_ohm,
        )
        for line in settings.lines
    ]  # fmt: skip
    return plan_of(nodes, lines)


def grid_problems(scenario: "Scenario") -> list[Problem]:
    """Return what is wrong with the grid of a scenario, as far as it stands in the scenario."""
    settings = scenario.grid
    problems = list(_unused_keys(scenario))
    plan = planned_here(settings)
    if plan is None:
        return problems
    found = [_placed(problem, settings) for problem in plan_problems(plan)]
    problems += found
    if not problems:
        try:
            connected(scenario, plan.nodes)
        except InputError as error:
            problems += error.problems
    return problems


def _placed(problem: Problem, settings: GridSettings) -> Problem:
    """Return a problem of a node or line with the key of the scenario where that stands."""
    what, _, name = problem.place.partition(" ")
    ends = [line.between for line in settings.lines]
    if what == "line":
        at = [index for index, both in enumerate(ends) if name == " - ".join(both)]
    else:
        at = [index for index, both in enumerate(ends) if name in both]
        # The last line that feeds a node is most likely the one too many.
        at.sort(key=lambda index: ends[index][1] == name)
    if at:
        message = f"{problem.place} {problem.message}"
        return replace(problem, place=f"grid.lines.{at[-1]}", message=message)
    key = f"grid.nodes.{name}" if what == "node" else f"grid.{problem.place}"
    return replace(problem, place=key)


def _unused_keys(scenario: "Scenario") -> Iterator[Problem]:
    settings = scenario.grid
    if settings.nodes and not settings.lines:
        yield Problem("grid.nodes", "no line leads to any of them", "grid.lines")
    elif settings.connections and not settings.own:
        yield Problem("grid.connections", "the grid has no nodes of its own", "grid.lines or file")
    if not settings.own:
        return
    default: Any = type(next(iter(scenario.communities.values()))).model_fields["feeder"].default
    for name, community in scenario.communities.items():
        if community.feeder != default:
            message = "the lines of the grid take the place of feeders"
            yield Problem(f"communities.{name}.feeder", message, "no feeder, or no grid")


def connected(scenario: "Scenario", nodes: Collection[str]) -> Connected:
    """Find the node of every community and of every connection.

    The most particular key holds: "homes/charging" before "homes/vehicles" before "homes". A
    community without any is connected to the node that bears its name.

    Raises
    ------
    InputError
        If a key names nobody or a node that is not there, or a community has no node.
    """
    given = scenario.grid.connections
    problems = list(_wrong_keys(scenario, nodes))
    communities, connections = {}, {}
    for name in scenario.communities:
        node = given.get(name, name)
        if node not in nodes and name not in given:
            allowed = "its node in grid.connections, or a node of its name"
            message = f"{name} is connected to no node"
            problems.append(Problem("grid.connections", message, allowed, nearest(name, nodes)))
        communities[name] = node
        for connection, kind in scenario.connection_kinds(name).items():
            by_kind = given.get(f"{name}/{kind}", node)
            connections[name, connection] = given.get(f"{name}/{connection}", by_kind)
    refuse_all(problems)
    return Connected(communities, connections)


def _wrong_keys(scenario: "Scenario", nodes: Collection[str]) -> Iterator[Problem]:
    there = set(scenario.communities)
    for name in scenario.communities:
        for connection, kind in scenario.connection_kinds(name).items():
            there |= {f"{name}/{connection}", f"{name}/{kind}"}
    for key, node in scenario.grid.connections.items():
        place = f"grid.connections.{key}"
        if key not in there:
            message = "unknown community, kind or group"
            yield Problem(place, message, ", ".join(sorted(there)), nearest(key, there))
        if node == UTILITY:
            allowed = "a node below the utility, with a line to it"
            yield Problem(place, "is connected to the utility itself", allowed)
        elif node not in nodes:
            shown = [name for name in nodes if name != UTILITY]
            allowed = ", ".join(shown[:12]) + (", ..." if len(shown) > 12 else "")
            yield Problem(place, f"unknown node {node!r}", allowed, nearest(node, nodes))
