"""Random trees of lines, and what they do by definition, for the tests of games on a grid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.demand_limits import demand_limits
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed
from hmesh.markets.line_tree import Places, Tree, places_of
from hmesh.markets.price_game import Game, Outcome, PriceBounds
from tests.games import SEEDS, Community, Players, players


def as_tree(
    parents: Sequence[int] | NDArray[np.intp],
    loss_rate: Sequence[float] | FloatArray,
    limit_kwh: Sequence[float] | FloatArray | float = np.inf,
) -> Tree:
    """Return a tree from its lines, without limits unless they are given."""
    lines = len(parents)
    return Tree(
        np.asarray(parents, dtype=np.intp),
        np.asarray(loss_rate, dtype=np.float64),
        np.array(np.broadcast_to(np.asarray(limit_kwh, dtype=np.float64), lines)),
    )


def needed_kwh(tree: Tree, node_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what each line receives, and what is generated; nodes in rows, or one column."""
    taken = [np.asarray(energy) for energy in node_kwh]
    received = [np.zeros(node_kwh.shape[1:])] * len(tree.parents)
    for line in reversed(range(len(tree.parents))):
        received[line] = taken[line + 1]
        sent = received[line] + float(tree.loss_rate[line]) * np.abs(received[line])
        taken[int(tree.parents[line])] = taken[int(tree.parents[line])] + sent
    return np.array(received), np.asarray(taken[0])


@dataclass(frozen=True)
class OnGrid:
    """Players of a game on a tree of lines."""

    players: Players
    places: Places
    # What the nodes take whatever the price; inelastic loads of the communities are among it.
    node_kwh: FloatArray

    @property
    def tree(self) -> Tree:
        return self.places.tree

    @property
    def passive_kwh(self) -> FloatArray:
        return np.array([community.fixed_kwh for community in self.players.communities])

    def feed(self) -> Feed:
        return Feed(self.places, self.node_kwh, self.passive_kwh)

    def game(self) -> Game:
        limits = demand_limits(self.places, self.node_kwh, self.passive_kwh)
        return replace(self.players.game(), feed=self.feed(), limits_kwh=limits)

    def nodes_kwh(self, demand_kwh: FloatArray) -> FloatArray:
        """Return what all nodes take for demands of the communities."""
        shape = (-1, *(1,) * (demand_kwh.ndim - 1))
        nodes = self.node_kwh.reshape(shape) + np.zeros(demand_kwh.shape[1:])
        np.add.at(nodes, self.places.answering, demand_kwh - self.passive_kwh.reshape(shape))
        return nodes

    def demand_kwh(self, prices: FloatArray) -> FloatArray:
        """Return the demand of every community at its price, from what everybody wants."""
        return np.array(
            [
                float(community.demand_kwh(float(price))[0])
                for community, price in zip(self.players.communities, prices, strict=True)
            ]
        )

    def generated_kwh(self, demand_kwh: FloatArray) -> float:
        return float(needed_kwh(self.tree, self.nodes_kwh(demand_kwh))[1])

    def earned(self, outcome: Outcome) -> float:
        """Return what the utility earns, from what everybody wants at the prices."""
        demand = self.demand_kwh(outcome.community_price)
        cost = self.players.cost.total(self.generated_kwh(demand))
        return outcome.utility_price * float(demand.sum()) - cost

    def welfare(self, prices: FloatArray) -> float:
        """Return what vehicles hold is worth at prices of the communities, less generation."""
        worth = 0.0
        for community, price in zip(self.players.communities, prices, strict=True):
            held = community.usable_kwh + community.answers_kwh(float(price))[0]
            worth += float((community.lam * held - 0.5 * community.theta * held**2).sum())
        return worth - self.players.cost.total(self.generated_kwh(self.demand_kwh(prices)))

    def over_kwh(self, demand_kwh: FloatArray) -> FloatArray:
        """Return how far each line is over its limit."""
        received, _ = needed_kwh(self.tree, self.nodes_kwh(demand_kwh))
        limit = self.tree.limit_kwh.reshape(-1, *(1,) * (demand_kwh.ndim - 1))
        return np.maximum(np.abs(received) - limit, 0.0)


@st.composite
def on_grids(
    draw: st.DrawFn, *, losses: bool = True, limits: str = "none", continuous: bool = False
) -> OnGrid:
    """Draw players on a tree; ``limits`` are "none", "own" lines or "all" of them."""
    drawn = draw(players(with_ties=not continuous))
    random = np.random.default_rng(draw(SEEDS))
    count = len(drawn.communities)
    between = int(random.integers(0, 3))
    # A few lines that may be shared, then two lines for every community: its node and one below.
    parents = [int(random.integers(0, node + 1)) for node in range(between)]
    parents += [int(random.integers(0, between + 1)) for _ in range(count)]
    parents += [between + 1 + m for m in range(count)]
    lines = len(parents)
    rates = random.choice([0.0, 0.02, 0.1, 0.3], lines) if losses else np.zeros(lines)
    owner = np.array([-1] * (between + 1) + [*range(count)] * 2, dtype=np.intp)
    answering = np.arange(between + 1, lines + 1)[-count:]
    node_kwh = np.zeros(lines + 1)
    fixed = np.array([community.fixed_kwh for community in drawn.communities])
    at_own = fixed * random.choice([0.0, 0.4, 1.0], count)
    node_kwh[between + 1 : between + 1 + count] = at_own
    node_kwh[answering] += fixed - at_own
    limit = np.full(lines, np.inf)
    if limits != "none":
        limit = random.choice([np.inf, 40.0, 15.0, 4.0], lines)
        if limits == "own":
            limit[:between] = np.inf
    places = places_of(as_tree(parents, rates, limit), answering, owner)
    if limits == "own":
        places.tree.limit_kwh[places.own < 0] = np.inf
    return OnGrid(drawn, places, node_kwh)


def community_of_equals(vehicles: int, loss_rate: float, fixed_kwh: float = 0.0) -> OnGrid:
    """Return equal vehicles, whom no bound binds, in one community behind one line."""
    each = np.ones(vehicles)
    community = Community(fixed_kwh, 60 * each, 2 * each, 5 * each, -1e3 * each, 1e3 * each)
    cost, bounds = GenerationCost(5e-3, 10.0), PriceBounds(-2e3, 2e3, -2e3, 2e3)
    places = places_of(as_tree([0], [loss_rate]), np.array([1]), np.array([-1, 0]))
    return OnGrid(Players((community,), cost, bounds), places, np.array([0.0, fixed_kwh]))
