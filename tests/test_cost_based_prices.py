"""Prices that follow cost, and cartels, against bisection and prices tried one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import battery_answers
from hmesh.markets.cost_based_prices import solve_at_cost
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.leader_learning import price_at_cost
from hmesh.markets.price_game import Game, Outcome, PriceBounds
from hmesh.markets.three_level_game import follow_exact
from tests.answer_games import lossy_players
from tests.games import SEEDS, Players, players


def by_bisection(
    game: Game, factor: float, inside: float, cartel: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the utility's price, and what a cartel earns at a price inside, step by step."""
    mine = follow_exact(game, inside)

    def bought(price: float) -> FloatArray:
        return np.where(cartel, mine.demand_kwh, follow_exact(game, price).demand_kwh)

    def asked(price: float) -> float:
        return factor * game.cost.marginal(float(bought(price).sum()))

    price = price_at_cost(asked, game.bounds.utility_lower, game.bounds.utility_upper)
    pays = np.where(
        game.answering(), mine.community_price, follow_exact(game, price).community_price
    )
    return price, float(((pays - price) * mine.demand_kwh)[cartel].sum())


def earned(outcome: Outcome, cartel: NDArray[np.bool_]) -> float:
    margin = outcome.community_price - outcome.utility_price
    return float((margin * outcome.demand_kwh)[cartel].sum())


def judge(drawn: Players, seed: int, factor: float) -> None:
    game = drawn.game()
    random = np.random.default_rng(seed)
    cartel = random.random(len(game.kinks)) < 0.6
    found = solve_at_cost(game, factor, cartel)
    bounds, q = game.bounds, found.utility_price
    scale = 1.0 + float(np.abs(found.demand_kwh).sum()) * (1.0 + abs(q))
    # No price inside that is tried earns more.
    best = earned(found, cartel)
    ends = bounds.aggregator_lower - 5.0, bounds.aggregator_upper + 5.0
    for inside in random.uniform(*ends, 12):
        assert by_bisection(game, factor, float(inside), cartel)[1] <= best + 1e-7 * scale
    # Outsiders earn what no other price earns them.
    follows = follow_exact(game, q)
    for m in np.flatnonzero(~cartel & game.answering()):
        mine, due = (
            (each.community_price[m] - q) * each.demand_kwh[m] for each in (found, follows)
        )
        assert mine == pytest.approx(due, abs=1e-7 * scale)
    # The price is the cost of the last kWh, or covers it where demand jumps.
    due = factor * game.cost.marginal(float(found.demand_kwh.sum()))
    due = min(max(due, bounds.utility_lower), bounds.utility_upper)
    assert q >= due - 1e-9 * scale
    if not np.isclose(q, due, atol=1e-9 * scale):
        before = float(follow_exact(game, q - 1e-9).demand_kwh[~cartel].sum())
        assert before > float(found.demand_kwh[~cartel].sum()) + 1e-9


@given(players(), SEEDS, st.sampled_from([1.0, 1.3]))
@settings(max_examples=6, deadline=None)
def test_a_cartel_earns_most_at_its_price_inside(drawn: Players, seed: int, factor: float) -> None:
    judge(drawn, seed, factor)


@pytest.mark.slow
@given(lossy_players(), SEEDS, st.sampled_from([1.0, 1.3]))
@settings(max_examples=60, deadline=None)
def test_so_does_one_of_batteries_with_losses(drawn: Players, seed: int, factor: float) -> None:
    judge(drawn, seed, factor)


@given(players(), st.sampled_from([1.0, 1.2]))
@settings(max_examples=10, deadline=None)
def test_without_a_cartel_the_price_is_that_of_bisection(drawn: Players, factor: float) -> None:
    game = drawn.game()
    found = solve_at_cost(game, factor)
    nobody = np.zeros(len(game.kinks), dtype=np.bool_)
    price, _ = by_bisection(game, factor, game.bounds.utility_lower, nobody)
    assert found.utility_price == pytest.approx(price, abs=1e-9 * (1.0 + abs(price)))
    scale = 1.0 + float(np.abs(found.demand_kwh).sum())
    for m, community in enumerate(drawn.communities):
        drawn_kwh = float(community.demand_kwh(float(found.community_price[m]))[0])
        assert found.demand_kwh[m] == pytest.approx(drawn_kwh, abs=1e-9 * scale)


def test_a_cartel_of_one_that_moves_no_price_best_responds() -> None:
    random = np.random.default_rng(3)
    for _ in range(5):
        drawn = _flat_cost(random)
        alone = solve_at_cost(drawn, 1.0, np.array([True, False]))
        assert alone.community_price == pytest.approx(follow_exact(drawn, 20.0).community_price)


def _flat_cost(random: np.random.Generator) -> Game:
    """Return a game in which every kWh costs 20."""
    kinks = tuple(
        battery_answers(
            5.0, random.uniform(30, 80, 6), random.uniform(1, 3, 6), random.uniform(0, 9, 6),
            -random.uniform(0, 5, 6), random.uniform(0, 5, 6),
        )
        for _ in range(2)
    )  # fmt: skip
    return Game(kinks, GenerationCost(0.0, 20.0), PriceBounds(0.0, 90.0, 0.0, 90.0))
