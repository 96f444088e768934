"""Random communities and games, and what they do by definition, for the tests of the markets."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import Answers, battery_answers
from hmesh.markets.demand_curve import DemandCurve, demand_curve
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.price_game import Game, Outcome, PriceBounds, WithoutVehicles

SEEDS = st.integers(0, 2**32 - 1)
WIDE = PriceBounds(-300.0, 400.0, -300.0, 400.0)


@dataclass(frozen=True)
class Community:
    """An inelastic load and the vehicles beside it."""

    fixed_kwh: float
    lam: FloatArray
    theta: FloatArray
    usable_kwh: FloatArray
    lower_kwh: FloatArray
    upper_kwh: FloatArray

    def __len__(self) -> int:
        return len(self.lam)

    def kinks(self) -> Answers:
        return battery_answers(
            self.fixed_kwh, self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh
        )

    def curve(self, lowest: float, highest: float) -> DemandCurve:
        return demand_curve(self.kinks(), lowest, highest)

    def answers_kwh(self, price: float | FloatArray) -> FloatArray:
        """Return what every vehicle wants, shape (prices, vehicles)."""
        wanted = (self.lam - np.atleast_1d(price)[:, None]) / self.theta - self.usable_kwh
        return np.clip(wanted, self.lower_kwh, self.upper_kwh)

    def demand_kwh(self, price: float | FloatArray) -> FloatArray:
        """Return the demand by definition: the sum of what everybody wants, shape (prices,)."""
        return self.fixed_kwh + self.answers_kwh(price).sum(axis=1)

    def but(self, **changes: object) -> "Community":
        return replace(self, **changes)  # type: ignore[arg-type]

    def rows(self, chosen: NDArray[np.intp]) -> "Community":
        """Return the community with these of its vehicles, in this order, perhaps repeated."""
        return Community(self.fixed_kwh, *(column[chosen] for column in self._columns()))

    def _columns(self) -> tuple[FloatArray, ...]:
        return self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh


@dataclass(frozen=True)
class Players:
    """All that makes a game, before it is boiled down to kinks."""

    communities: tuple[Community, ...]
    cost: GenerationCost
    bounds: PriceBounds
    without_vehicles: WithoutVehicles = "pass_through"

    def game(self) -> Game:
        kinks = tuple(community.kinks() for community in self.communities)
        return Game(kinks, self.cost, self.bounds, self.without_vehicles)

    def demand_kwh(self, prices: FloatArray) -> float:
        """Return the demand of all communities at their prices."""
        return sum(
            float(community.demand_kwh(float(price))[0])
            for community, price in zip(self.communities, prices, strict=True)
        )

    def earned(self, outcome: Outcome) -> float:
        """Return what the utility earns, from what everybody wants at the prices."""
        demand = self.demand_kwh(outcome.community_price)
        return outcome.utility_price * demand - self.cost.total(demand)


def _community(random: np.random.Generator, vehicles: int, round_numbers: bool) -> Community:
    """Draw a community; round numbers make kinks coincide."""

    def draw(low: float, high: float) -> FloatArray:
        drawn = random.uniform(low, high, vehicles)
        return np.round(drawn / 5) * 5 if round_numbers else drawn

    theta = random.choice([0.5, 1.0, 2.0, 5.0], vehicles)
    theta = theta if round_numbers else theta * random.uniform(0.5, 2.0, vehicles)
    lower_kwh = -np.maximum(draw(-5, 15), 0.0)
    upper_kwh = np.maximum(draw(-5, 15), 0.0)
    fixed_kwh = float(np.round(random.uniform(-10, 40) / 5) * 5 if round_numbers else 0.0)
    if not round_numbers:
        fixed_kwh = float(random.choice([0.0, 1.0]) * random.uniform(-10, 40))
    return Community(fixed_kwh, draw(20, 80), theta, draw(-5, 20), lower_kwh, upper_kwh)


@st.composite
def communities(draw: st.DrawFn, least: int = 1, most: int = 8) -> Community:
    """Draw communities of ``least`` to ``most`` vehicles, bounded in every way."""
    random = np.random.default_rng(draw(SEEDS))
    return _community(random, draw(st.integers(least, most)), draw(st.booleans()))


@st.composite
def players(draw: st.DrawFn, most_vehicles: int = 5, *, with_ties: bool = True) -> Players:
    """Draw games of one to three communities, some without vehicles, with bounds that bind."""
    random = np.random.default_rng(draw(SEEDS))
    round_numbers = with_ties and draw(st.booleans())
    sizes = draw(st.lists(st.integers(0, most_vehicles), min_size=1, max_size=3))
    drawn = tuple(_community(random, size, round_numbers) for size in sizes)
    low, high = float(random.choice([-20.0, 0.0, 10.0])), float(random.choice([40.0, 70.0, 100.0]))
    bounds = PriceBounds(
        low + float(random.choice([0.0, 15.0])), high - float(random.choice([0.0, 10.0])), low, high
    )
    cost = GenerationCost(float(random.choice([0.0, 0.01, 0.3])), float(random.uniform(-5, 30)))
    return Players(drawn, cost, bounds, draw(st.sampled_from(["pass_through", "profit_max"])))


@st.composite
def interior_players(draw: st.DrawFn) -> Players:
    """Draw games in which no bound is anywhere near: what the closed forms are made for."""
    random = np.random.default_rng(draw(SEEDS))
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    drawn = []
    for size in sizes:
        theta = random.uniform(0.5, 5.0, size)
        lam, usable_kwh = random.uniform(20, 80, size), random.uniform(-5, 20, size)
        drawn.append(
            Community(
                float(random.uniform(-5, 20)),
                lam,
                theta,
                usable_kwh,
                (lam - WIDE.aggregator_upper - 50) / theta - usable_kwh,
                (lam - WIDE.aggregator_lower + 50) / theta - usable_kwh,
            )
        )
    if draw(st.booleans()):
        drawn.append(_community(random, 0, False))
    cost = GenerationCost(
        float(random.choice([0.0, 1.0]) * random.uniform(0, 0.5)),
        float(random.uniform(-5, 30)),
        7.0,
    )
    return Players(tuple(drawn), cost, WIDE)


# Loads of the three communities so small that a few dozen vehicles decide their prices.
LITTLE_LOAD = {
    "communities.homes.members.0.count": 20,
    "communities.malls.members.0.annual_kwh": 2e5,
    "communities.offices.members.0.annual_kwh": 1e5,
}
