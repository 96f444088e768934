"""The second implementation of games with losses and limits, and of the planner, on trees."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hmesh.markets.planner import solve_planner
from hmesh.markets.three_level_game import solve_exact
from hmesh.runs.audits.reference.aggregator import best_prices
from hmesh.runs.audits.reference.demand import Demand, demand_of
from hmesh.runs.audits.reference.generation import Generation, PriceRange
from hmesh.runs.audits.reference.lines import Tree
from hmesh.runs.audits.reference.planner import PlannedStep
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.reference.utility import PriceGame, allowed_prices, best_utility_price
from tests.games import SEEDS
from tests.grids import OnGrid, on_grids


def tree_of(drawn: OnGrid) -> Tree:
    """Return the tree in the terms of the second implementation; line i feeds node i + 1."""
    places, fixed = drawn.places, drawn.node_kwh.copy()
    np.subtract.at(fixed, places.answering, drawn.passive_kwh)
    return Tree(
        parent=(places.tree.parents - 1).tolist(),
        loss_rate=places.tree.loss_rate.tolist(),
        rating_kwh=places.tree.limit_kwh.tolist(),
        place=(places.answering - 1).tolist(),
        fixed_kwh=fixed[1:].tolist(),
        fixed_at_utility_kwh=float(fixed[0]),
        owner=places.own.tolist(),
    )


def demands_of(drawn: OnGrid, lowest: float, highest: float) -> list[Demand | float]:
    """Return what each community draws at every price."""
    demands: list[Demand | float] = []
    for each in drawn.players.communities:
        stores = AnsweringStores(
            each.lam, each.theta, each.usable_kwh, each.lower_kwh, each.upper_kwh
        )
        demand = demand_of(each.fixed_kwh, [stores.answer()], lowest, highest)
        demands.append(demand if len(each) else each.fixed_kwh)
    return demands


def game_of(drawn: OnGrid) -> PriceGame:
    players, tree = drawn.players, tree_of(drawn)
    cost, bounds = players.cost, players.bounds
    demands = [
        demand if isinstance(demand, float) else demand.within(*tree.kept_by(m))
        for m, demand in enumerate(
            demands_of(drawn, bounds.aggregator_lower, bounds.aggregator_upper)
        )
    ]
    prices = PriceRange(
        bounds.utility_lower, bounds.utility_upper, bounds.aggregator_lower, bounds.aggregator_upper
    )
    generation = Generation(cost.quadratic, cost.linear, cost.fixed)
    return PriceGame(demands, generation, prices, tree, players.without_vehicles)


def planned_of(drawn: OnGrid, *, limited: bool) -> PlannedStep:
    """Return what a planner decides on, own limits kept as far as aggregators' prices can."""
    players, tree = drawn.players, tree_of(drawn)
    generation = Generation(players.cost.quadratic, players.cost.linear, players.cost.fixed)
    demands = demands_of(drawn, -1e5, 1e5)
    limits = []
    for m, demand in enumerate(demands):
        least, most = tree.kept_by(m)
        if isinstance(demand, Demand):
            bounds = players.bounds
            least = min(least, demand.at(bounds.aggregator_lower)[1])
            most = max(most, demand.at(bounds.aggregator_upper)[1])
        # Own lines at odds with each other leave no demand that keeps them all.
        assume(least <= most)
        limits.append((least, most))
    tree = replace(tree, rating_kwh=[np.inf] * len(tree.parent))
    return PlannedStep(demands, generation, tree, limits if limited else ())


@given(on_grids(limits="own"))
def test_both_implementations_earn_the_same_with_losses_and_limits(drawn: OnGrid) -> None:
    game, first = game_of(drawn), solve_exact(drawn.game())
    second = best_utility_price(game)
    earned = game.profit(first.utility_price, first.demand_kwh.tolist())
    assert earned == pytest.approx(drawn.earned(first), rel=1e-9, abs=1e-7)
    assert second.profit == pytest.approx(earned, rel=1e-8, abs=1e-7)
    q = first.utility_price
    for m, demand in enumerate(game.demands):
        if isinstance(demand, Demand):
            price = first.community_price[m]
            assert demand.lowest - 1e-7 <= price <= demand.highest + 1e-7
            profit = (price - q) * float(drawn.demand_kwh(first.community_price)[m])
            assert best_prices(demand, q).profit == pytest.approx(profit, rel=1e-8, abs=1e-6)


@given(on_grids(limits="all", continuous=True))
def test_shared_lines_are_kept_by_the_utilitys_price(drawn: OnGrid) -> None:
    game = game_of(drawn)
    floor, ceiling = allowed_prices(game)
    best = best_utility_price(game)
    assert (
        floor - 1e-9 <= best.price <= ceiling + 1e-9
        or max(game.tree.over(best.demand_kwh, -1)) <= 1e-9
    )
    first = solve_exact(drawn.game())
    earned = game.profit(first.utility_price, first.demand_kwh.tolist())
    assert best.profit == pytest.approx(earned, rel=1e-6, abs=1e-5)
    lowest, highest = game.prices.utility_lower, game.prices.utility_upper
    for price in np.linspace(lowest, highest, 41).tolist():
        answers = game.answers(price)
        if max(game.tree.over(answers.least_kwh, -1)) <= 0:
            assert game.profit(price, answers.least_kwh) <= best.profit + 1e-6


@given(on_grids(limits="own"), st.booleans(), SEEDS)
def test_the_planners_prices_are_reported_from_others(
    drawn: OnGrid, limited: bool, seed: int
) -> None:
    step = planned_of(drawn, limited=limited)
    game = drawn.game()
    plan = solve_planner(game if limited else replace(game, limits_kwh=None))
    # Where a kWh costs less than nothing losses are welcome, and prices alone do not settle them.
    assume(plan.utility_price > 0)
    scale = max(1.0, abs(plan.utility_price), float(np.abs(plan.community_price).max()))
    utility, off = step.wrong_by(plan.utility_price, plan.community_price.tolist())
    assert max(utility, off.max()) <= 1e-7 * scale
    # Any other prices that are worth less are stated.
    random = np.random.default_rng(seed)
    best = drawn.welfare(plan.community_price)
    others = plan.community_price + random.normal(0, 5, len(off))
    worth = drawn.welfare(others)
    if not limited:
        assert worth <= best + 1e-6 * scale
    if worth < best - 1e-3 * scale:
        made = float(drawn.players.cost.marginal(drawn.generated_kwh(drawn.demand_kwh(others))))
        utility, off = step.wrong_by(made, others.tolist())
        assert max(utility, off.max()) > 1e-6


@given(on_grids(limits="own"), st.booleans())
def test_both_planners_reach_the_same_welfare(drawn: OnGrid, limited: bool) -> None:
    step, game = planned_of(drawn, limited=limited), drawn.game()
    first = solve_planner(game if limited else replace(game, limits_kwh=None))
    second = step.best()
    assume(first.utility_price > 0)
    assert second.marginal_cost == pytest.approx(first.utility_price, rel=1e-9, abs=1e-9)
    worth = drawn.welfare(np.array(second.price))
    assert worth == pytest.approx(drawn.welfare(first.community_price), rel=1e-9, abs=1e-7)
    assert max(step.wrong_by(second.marginal_cost, second.price)[1]) <= 1e-7
