"""Random batteries with losses, elastic loads and thresholds, and games of them, for the tests."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import (
    Answers,
    battery_answers,
    sum_of_answers,
)
from hmesh.markets.elastic_answers import elastic_answers
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.price_game import PriceBounds
from hmesh.markets.threshold_answers import threshold_answers
from tests.games import SEEDS, Community, Players


@dataclass(frozen=True)
class LossyCommunity(Community):
    """Batteries with losses, and beside them loads with an elasticity and thresholds."""

    into: FloatArray
    out_of: FloatArray
    elastic: FloatArray
    thresholds: FloatArray

    def batteries(self) -> tuple[FloatArray, ...]:
        return (
            self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh, self.into,
            self.out_of,
        )  # fmt: skip

    def kinks(self) -> Answers:
        return sum_of_answers(
            (
                battery_answers(self.fixed_kwh, *self.batteries()),
                elastic_answers(*self.elastic),
                threshold_answers(*self.thresholds),
            )
        )

    def gain(self, price: float | FloatArray, energy_kwh: FloatArray) -> FloatArray:
        """Return what an exchange is worth to each battery more than none, by definition."""
        stored = np.where(energy_kwh > 0, energy_kwh * self.into, energy_kwh / self.out_of)
        # Of (lam h - theta h^2 / 2) the difference, which does not cancel.
        value = self.lam - self.theta * self.usable_kwh
        return value * stored - self.theta / 2 * stored**2 - price * energy_kwh

    def answers_kwh(self, price: float | FloatArray) -> FloatArray:
        """Return what everybody wants, shape (prices, members): the best of three exchanges."""
        rows = []
        for p in np.atleast_1d(price):
            value = self.lam - self.theta * self.usable_kwh
            charge = np.clip(
                (value - p / self.into) / (self.theta * self.into), 0.0, self.upper_kwh
            )
            draw = np.clip(
                self.out_of * (value - p * self.out_of) / self.theta, self.lower_kwh, 0.0
            )
            better = self.gain(p, charge) >= self.gain(p, draw)
            load, eps, reference, least, most = self.elastic
            share = np.clip(1 - eps * (p / reference - 1), least, most)
            at, below, above = self.thresholds
            rows.append(
                np.concatenate(
                    (np.where(better, charge, draw), load * share, np.where(p <= at, below, above))
                )
            )
        return np.array(rows)


def lossy_community(
    random: np.random.Generator, batteries: int, *, others: bool = True, unwanted: bool = False
) -> LossyCommunity:
    """Draw a community; ``unwanted`` lets batteries hold more than they value."""
    theta = random.uniform(0.5, 5.0, batteries)
    lam = random.uniform(20, 80, batteries)
    marginal = random.uniform(-40 if unwanted else 2, 70, batteries)
    loads, jumps = random.integers(0, 3, 2) if others else (0, 0)
    below = random.uniform(-3, 6, jumps)
    return LossyCommunity(
        float(random.choice([0.0, 1.0]) * random.uniform(-10, 30)),
        lam,
        theta,
        (lam - marginal) / theta,
        -random.choice([0.0, 1.0, 1.0], batteries) * random.uniform(0, 9, batteries),
        random.choice([0.0, 1.0, 1.0], batteries) * random.uniform(0, 9, batteries),
        random.choice([0.8, 0.9, 0.97, 1.0], batteries),
        random.choice([0.75, 0.85, 0.95, 1.0], batteries),
        np.array(
            [
                random.uniform(0, 8, loads),
                random.choice([0.0, 0.2, 1.5], loads),
                random.uniform(10, 50, loads),
                random.uniform(0, 1, loads),
                random.uniform(1, 1.5, loads),
            ]
        ),
        np.array([random.uniform(-20, 70, jumps), below, below - random.uniform(0, 5, jumps)]),
    )


@st.composite
def lossy_communities(draw: st.DrawFn, least: int = 1, most: int = 8) -> LossyCommunity:
    """Draw communities of batteries with losses, some of which hold more than they value."""
    random = np.random.default_rng(draw(SEEDS))
    return lossy_community(random, draw(st.integers(least, most)), unwanted=draw(st.booleans()))


@st.composite
def lossy_players(
    draw: st.DrawFn, most_batteries: int = 5, *, others: bool = True, below_zero: bool = True
) -> Players:
    """Draw games of one to three communities with dead bands and jumps."""
    random = np.random.default_rng(draw(SEEDS))
    sizes = draw(st.lists(st.integers(0, most_batteries), min_size=1, max_size=3))
    unwanted = below_zero and draw(st.booleans())
    drawn = tuple(
        lossy_community(random, size, others=others and size > 0, unwanted=unwanted)
        for size in sizes
    )
    low = float(random.choice([-60.0, -20.0])) if unwanted else float(random.choice([0.0, 10.0]))
    high = float(random.choice([40.0, 70.0, 100.0]))
    bounds = PriceBounds(low, high - float(random.choice([0.0, 10.0])), low, high)
    cost = GenerationCost(float(random.choice([0.0, 0.01, 0.3])), float(random.uniform(-15, 30)))
    return Players(drawn, cost, bounds, draw(st.sampled_from(["pass_through", "profit_max"])))


def scaled(community: LossyCommunity, money: float, energy: float) -> LossyCommunity:
    """Return the community in other units of money and of energy."""
    load, eps, reference, least, most = community.elastic
    at, below, above = community.thresholds
    price = money / energy
    return replace(
        community,
        fixed_kwh=community.fixed_kwh * energy,
        lam=community.lam * price,
        theta=community.theta * price / energy,
        usable_kwh=community.usable_kwh * energy,
        lower_kwh=community.lower_kwh * energy,
        upper_kwh=community.upper_kwh * energy,
        elastic=np.array([load * energy, eps, reference * price, least, most]),
        thresholds=np.array([at * price, below * energy, above * energy]),
    )
