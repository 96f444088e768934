"""The lines of the grid as those see them who set prices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import Problem, refuse_all
from hmesh.environment.grid import Grid
from hmesh.markets.demand_limits import demand_limits
from hmesh.markets.grid_losses import Feed
from hmesh.markets.line_tree import Places, Tree, places_of
from hmesh.runs.scenarios.scenario import Scenario

if TYPE_CHECKING:
    from hmesh.runs.world.setting import Setting

type Limits = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True)
class PricedGrid:
    """The lines of the grid, and those that decide prices.

    Attributes
    ----------
    whole : Places
        The lines with their losses, and with their limits where prices keep them.
    seen : Places
        The same as the utility prices them: without losses where it ignores them.
    plain : bool
        Whether the utility prices them as if nothing was lost or limited.
    limit_kwh : array, shape (lines,)
        What the far end of each line may take or deliver in a step, kept or not [kWh].
    keeps : bool
        Whether prices keep limits.
    """

    whole: Places
    seen: Places
    plain: bool
    limit_kwh: FloatArray
    keeps: bool

    def feed(self, node_kwh: FloatArray, passive_kwh: FloatArray) -> Feed | None:
        """Return the lines of a step as the utility prices them; None where they change nothing.

        Parameters
        ----------
        node_kwh : array, shape (nodes,)
            What every node takes whatever the price [kWh].
        passive_kwh : array, shape (communities,)
            What every community takes whatever the price [kWh].
        """
        return None if self.plain else Feed(self.seen, node_kwh, passive_kwh)

    def planned_feed(self, node_kwh: FloatArray, passive_kwh: FloatArray) -> Feed:
        """Return the lines of a step as they are, as `feed` takes it."""
        return Feed(self.whole, node_kwh, passive_kwh)

    def limits(self, node_kwh: FloatArray, passive_kwh: FloatArray) -> Limits | None:
        """Return between which demands communities keep their own lines, as `feed` takes it."""
        return demand_limits(self.whole, node_kwh, passive_kwh) if self.keeps else None

    def overload_kwh(self, received_kwh: FloatArray, communities: int) -> tuple[FloatArray, float]:
        """Return what lines carry more than their limits.

        Parameters
        ----------
        received_kwh : array, shape (lines,)
            Energy at the far end of every line [kWh].
        communities : int
            How many there are.

        Returns
        -------
        own_kwh : array, shape (communities,)
            Of the line of each community that is most over its limit [kWh].
        shared_kwh : float
            Of all lines that communities share [kWh].
        """
        excess = np.maximum(np.abs(received_kwh) - self.limit_kwh, 0.0)
        own = np.zeros(communities)
        belongs = self.whole.own >= 0
        np.maximum.at(own, self.whole.own[belongs], excess[belongs])
        return own, float(excess[~belongs].sum())


def priced_grid(
    scenario: Scenario, grid: Grid, answering: NDArray[np.intp], step_h: float
) -> PricedGrid:
    """Return the lines of a grid as those see them who set prices.

    Parameters
    ----------
    scenario : Scenario
        What is known and kept.
    grid : Grid
        The lines.
    answering : array of int, shape (communities,)
        Node at which each community's answers to a price are drawn.
    step_h : float
        Length of a step [h].
    """
    owner = np.full(len(grid.nodes), -1, dtype=np.intp)
    for m, name in enumerate(scenario.communities):
        for connection in scenario.connections(name):
            owner[grid.node_index[f"{name}/{connection}"]] = m
    owner[answering] = np.arange(len(answering))
    limit_kwh = grid.rating_kw * step_h
    keeps = scenario.grid.limits == "keep"
    kept = limit_kwh if keeps else np.full(len(limit_kwh), np.inf)
    whole = places_of(Tree(grid.parents[1:], grid.loss_rate, kept), answering, owner)
    seen = whole
    if scenario.game.losses == "ignored":
        seen = replace(whole, tree=replace(whole.tree, loss_rate=np.zeros(len(kept))))
    shared = keeps and bool((whole.own < 0).any())
    plain = not (seen.tree.loss_rate > 0).any() and not shared
    return PricedGrid(whole, seen, plain, limit_kwh, keeps)


def answering_nodes(setting: "Setting", nodes: Sequence[Sequence[int]]) -> NDArray[np.intp]:
    """Return where all that answer to the price of each community are drawn together.

    Parameters
    ----------
    setting : Setting
        The grid and what prices keep of it.
    nodes : sequence of sequence of int
        The nodes at which those of each community are connected, -1 for none.

    Returns
    -------
    array of int, shape (communities,)
        The node of all of them, or the lowest one above all.

    Raises
    ------
    InputError
        If the lines between that node and those of a community lose energy: then it matters to
        prices at which of them it is drawn.
    """
    parents, loss = setting.grid.parents, setting.grid.loss_rate
    together, problems = setting.community_nodes.copy(), []
    for m, some in enumerate(nodes):
        paths = [_upward(parents, node) for node in dict.fromkeys(some) if node >= 0]
        if not paths:
            continue
        common = next(node for node in paths[0] if all(node in path for path in paths[1:]))
        together[m] = common
        below = [node for path in paths for node in path[: path.index(common)]]
        if any(loss[node - 1] > 0 for node in below):
            problems.append(
                Problem(
                    f"communities.{setting.communities[m]}",
                    "between those that answer to its price there are lines with losses",
                    "all of them at one node, or at nodes with lines without losses between them",
                )
            )
    refuse_all(problems)
    return together


def _upward(parents: NDArray[np.intp], node: int) -> list[int]:
    """Return a node and all above it, up to the utility's."""
    path = [node]
    while path[-1] != 0:
        path.append(int(parents[path[-1]]))
    return path
