"""The grid of a scenario: a star of feeders, or its own tree, with everybody connected."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.grid import Grid
from hmesh.environment.grid_files.read_grid import read_grid
from hmesh.environment.grid_plan import GridPlan
from hmesh.environment.line_graph import LineGraph
from hmesh.runs.scenarios.grid_section import Connected, connected, planned_here

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario


@dataclass(frozen=True, slots=True)
class CityGrid:
    """The grid and where on it everybody is.

    Attributes
    ----------
    grid : Grid
        The lines from the utility to every connection, called "community/connection".
    community_nodes : array of int, shape (communities,)
        The node of each community.
    plan : GridPlan or None
        The grid that the scenario gives; None for a star of feeders.
    """

    grid: Grid
    community_nodes: NDArray[np.intp]
    plan: GridPlan | None = None


def make_city_grid(scenario: "Scenario") -> CityGrid:
    """Build the grid of a scenario.

    Raises
    ------
    InputError
        If its file cannot be used, is no tree, or has no place for somebody; all of it at once.
    """
    plan = grid_plan_of(scenario)
    if plan is None:
        grid = Grid(star(scenario))
        nodes = [grid.node_index[name] for name in scenario.communities]
        return CityGrid(grid, np.array(nodes, np.intp))
    found = connected(scenario, plan.nodes)
    grid = Grid(_tree(plan, found))
    nodes = [grid.node_index[found.communities[name]] for name in scenario.communities]
    return CityGrid(grid, np.array(nodes, np.intp), plan)


def grid_plan_of(scenario: "Scenario") -> GridPlan | None:
    """Return the grid that a scenario gives, in itself or in a file; None for a star.

    Raises
    ------
    InputError
        If the file cannot be used or is no tree.
    """
    settings = scenario.grid
    if settings.file is None:
        return planned_here(settings)
    path = scenario.path_of(settings.file)
    return read_grid(path, settings.loss_at, settings.source).plan


def star(scenario: "Scenario") -> LineGraph:
    """Return a feeder to each community, and all its connections below it."""
    graph = LineGraph()
    graph.add_node("utility", kind="utility")
    for name, community in scenario.communities.items():
        feeder = f"{name}/feeder"
        graph.add_node(feeder, kind="feeder")
        graph.add_node(name, kind="community")
        line = community.feeder
        inside: dict[str, Any] = {"length_km": 0.0, "rating_kw": line.rating_kw, "loss_rate": 0.0}
        graph.add_edge(
            "utility",
            feeder,
            length_km=line.length_km,
            rating_kw=line.rating_kw,
            loss_rate=line.loss_rate,
        )
        graph.add_edge(feeder, name, **inside)
        for point in (f"{name}/{connection}" for connection in scenario.connections(name)):
            graph.add_node(point, kind="connection")
            graph.add_edge(name, point, **inside)
    return graph


def _tree(plan: GridPlan, found: Connected) -> LineGraph:
    """Return a plan with a connection of no length for everybody."""
    graph = plan.graph()
    rating_kw = {line.end: line.rating_kw for line in plan.lines}
    for (community, connection), node in found.connections.items():
        point = f"{community}/{connection}"
        graph.add_node(point, kind="connection")
        # As much as the line that feeds the node can bring.
        graph.add_edge(node, point, length_km=0.0, rating_kw=rating_kw[node], loss_rate=0.0)
    return graph
