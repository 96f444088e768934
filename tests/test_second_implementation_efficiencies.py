"""Both implementations of answers with efficiencies below 1, dead bands and jumps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.price_game import Game, PriceBounds
from hmesh.markets.three_level_game import follow_exact, solve_exact
from hmesh.markets.vehicle_response import best_response
from hmesh.runs.audits.reference.aggregator import best_prices
from hmesh.runs.audits.reference.demand import Demand, demand_of
from hmesh.runs.audits.reference.generation import Generation, PriceRange
from hmesh.runs.audits.reference.lines import Tree
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.reference.utility import PriceGame, best_utility_price
from tests.test_second_implementation import SEEDS, draw_stores

answers = pytest.importorskip("hmesh.markets.answers", reason="answers know no efficiencies")


def columns(stores: AnsweringStores) -> tuple[object, ...]:
    """Return what decides the answers of stores, as the markets take it."""
    own = (stores.lam, stores.theta, stores.usable_kwh, stores.lower_kwh, stores.upper_kwh)
    return (*own, stores.charge_efficiency, stores.discharge_efficiency)


@given(SEEDS, st.floats(-80, 120))
def test_both_implementations_exchange_the_same(seed: int, price: float) -> None:
    stores = draw_stores(np.random.default_rng(seed), 6)
    assert stores.wrong_by(price, best_response(price, *columns(stores))).max() <= 1e-9


@given(SEEDS)
def test_both_implementations_find_prices_that_earn_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    low, high = float(random.choice([-40.0, 0.0, 10.0])), float(random.choice([40.0, 70.0]))
    curves, demands = [], list[Demand | float]()
    for _ in range(int(random.integers(1, 4))):
        stores = draw_stores(random, int(random.integers(0, 6)))
        fixed = float(random.uniform(-10, 40))
        curves.append(answers.battery_answers(fixed, *columns(stores)))
        demand = demand_of(fixed, [stores.answer()], low, high)
        demands.append(demand if len(stores.lam) else fixed)
    weights = float(random.choice([0.0, 0.01, 0.3])), float(random.uniform(-5, 30))
    first = Game(tuple(curves), GenerationCost(*weights), PriceBounds(low, high, low, high))
    tree = Tree.star([0.0] * len(demands), [np.inf] * len(demands))
    second = PriceGame(demands, Generation(*weights), PriceRange(low, high, low, high), tree)
    outcome, best = solve_exact(first), best_utility_price(second)
    earned = second.profit(outcome.utility_price, outcome.demand_kwh.tolist())
    assert best.profit == pytest.approx(earned, rel=1e-9, abs=1e-7)
    for q in (low, 0.5 * (low + high), high):
        followed = follow_exact(first, q)
        for m, demand in enumerate(demands):
            if isinstance(demand, Demand):
                profit = (followed.community_price[m] - q) * followed.demand_kwh[m]
                assert best_prices(demand, q).profit == pytest.approx(profit, rel=1e-9, abs=1e-7)
