from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hmesh.markets.closed_form_game import solve_closed_form
from hmesh.markets.planner import solve_planner
from hmesh.markets.three_level_game import follow_exact, solve_exact, solve_grid
from hmesh.markets.welfare import price_of_anarchy, satisfaction
from tests.grids import OnGrid, community_of_equals, on_grids

SEED = st.integers(0, 2**32 - 1)


@given(on_grids(limits="all"), SEED)
def test_no_exchange_within_limits_is_worth_more_than_the_planners(grid: OnGrid, seed: int) -> None:
    """Whatever vehicles exchange, within their bounds and those of the lines."""
    outcome = solve_planner(grid.game())
    assume(outcome.utility_price >= 0)
    most = grid.welfare(outcome.community_price)
    demand = grid.demand_kwh(outcome.community_price)
    assume(grid.over_kwh(demand).max() <= 1e-9)
    random = np.random.default_rng(seed)
    communities = grid.players.communities
    best = [
        community.answers_kwh(float(price))[0]
        for community, price in zip(communities, outcome.community_price, strict=True)
    ]
    for trial in range(80):
        near = random.choice([1.0, 0.1, 0.01])
        exchange = [
            answer + near * random.uniform(0, 1) * (
                random.uniform(c.lower_kwh, c.upper_kwh) - answer
            )
            for c, answer in zip(communities, best, strict=True)
        ]  # fmt: skip
        if trial % 3 == 0:
            # One vehicle alone changes what it does.
            m = int(random.integers(len(communities)))
            exchange = [
                e if k == m else b for k, (e, b) in enumerate(zip(exchange, best, strict=True))
            ]
        total = grid.passive_kwh + np.array([float(each.sum()) for each in exchange])
        if grid.over_kwh(total).max() > 1e-9:
            continue
        worth = sum(
            float(satisfaction(c.lam, c.theta, c.usable_kwh + each).sum())
            for c, each in zip(communities, exchange, strict=True)
        )
        welfare = worth - grid.players.cost.total(grid.generated_kwh(total))
        assert welfare <= most + 1e-8 * (1 + abs(most))


@given(on_grids(limits="all"))
def test_no_strategy_is_worth_more_from_the_same_state(grid: OnGrid) -> None:
    game, bounds = grid.game(), grid.players.bounds
    outcome = solve_planner(game)
    assume(outcome.utility_price >= 0)
    most = grid.welfare(outcome.community_price)
    others = [solve(game) for solve in (solve_exact, solve_grid, solve_closed_form)]
    others += [
        follow_exact(game, q) for q in np.linspace(bounds.utility_lower, bounds.utility_upper, 7)
    ]
    for other in others:
        # A price that leaves a line over its limit is no choice of the planner's.
        if grid.over_kwh(grid.demand_kwh(other.community_price)).max() <= 1e-9:
            assert grid.welfare(other.community_price) <= most + 1e-8 * (1 + abs(most))


@given(on_grids(limits="all"))
def test_prices_are_the_marginal_cost_delivered(grid: OnGrid) -> None:
    game = grid.game()
    assert game.limits_kwh is not None
    outcome = solve_planner(game)
    cost = outcome.utility_price
    demand = grid.demand_kwh(outcome.community_price)
    assume(grid.over_kwh(demand).max() <= 1e-7)
    marginal = grid.players.cost.marginal(grid.generated_kwh(demand))
    received = grid.tree.received_kwh(grid.nodes_kwh(demand))
    assume(cost >= 0 and len(received) > 0)
    assert cost == pytest.approx(marginal, rel=1e-7, abs=1e-7)
    for m, node in enumerate(grid.places.answering.tolist()):
        low = high = cost
        for line in reversed(grid.tree.path(node)):
            rate, flow = float(grid.tree.loss_rate[line]), float(received[line])
            limit = float(grid.tree.limit_kwh[line])
            low *= 1 - rate if flow < 1e-7 else 1 + rate
            high *= 1 + rate if flow > -1e-7 else 1 - rate
            if flow >= limit - 1e-7:
                high = np.inf
            if flow <= -limit + 1e-7:
                low = -np.inf
        price = float(outcome.community_price[m])
        assert low - 1e-6 * (1 + abs(low)) <= price <= high + 1e-6 * (1 + abs(high))


@given(on_grids(limits="own"))
def test_the_planner_keeps_limits_wherever_prices_can(grid: OnGrid) -> None:
    game = grid.game()
    assert game.limits_kwh is not None
    least, most = game.limits_kwh
    bounds = grid.players.bounds
    ends = bounds.aggregator_lower, bounds.aggregator_upper
    cheapest, costliest = (grid.demand_kwh(np.full(len(least), price)) for price in ends)
    demand = grid.demand_kwh(solve_planner(game).community_price)
    can = (least <= most) & (costliest <= most) & (cheapest >= least)
    assert (demand[can] <= most[can] + 1e-7).all()
    assert (demand[can] >= least[can] - 1e-7).all()
    # Where the most expensive price leaves more than the limit, no more than that is drawn.
    over = costliest > most
    assert (demand[over] <= costliest[over] + 1e-7).all()


@pytest.mark.parametrize("vehicles", [1, 10, 200])
@pytest.mark.parametrize("fixed_kwh", [0.0, 300.0])
def test_closed_form_of_equal_stores(vehicles: int, fixed_kwh: float) -> None:
    """No bound, no losses, quadratic cost: every margin is known."""
    grid = community_of_equals(vehicles, 0.0, fixed_kwh)
    alpha, cost = vehicles / 2.0, grid.players.cost
    planner = solve_planner(grid.game())
    drawn = float(planner.demand_kwh[0])
    assert planner.utility_price == pytest.approx(cost.marginal(drawn), rel=1e-12)
    assert planner.community_price[0] == pytest.approx(planner.utility_price, rel=1e-12)
    # alpha (lam - p) - n E + L of n equal stores
    assert drawn == pytest.approx(
        alpha * (60 - planner.utility_price) - 5 * vehicles + fixed_kwh, rel=1e-12
    )
    game = solve_exact(grid.game())
    drawn = float(game.demand_kwh[0])
    assert game.utility_price == pytest.approx(cost.marginal(drawn) + 2 * drawn / alpha, rel=1e-9)
    assert game.community_price[0] == pytest.approx(game.utility_price + drawn / alpha, rel=1e-9)
    assert planner.demand_kwh[0] > drawn
    assert grid.welfare(planner.community_price) > grid.welfare(game.community_price)


def test_losses_raise_the_price_of_who_draws_and_lower_that_of_who_feeds_in() -> None:
    for fixed_kwh, factor in ((0.0, 1.1), (-9000.0, 0.9)):
        grid = community_of_equals(100, 0.1, fixed_kwh)
        outcome = solve_planner(grid.game())
        assert outcome.community_price[0] == pytest.approx(factor * outcome.utility_price)


def test_a_limit_that_binds_raises_the_price_until_it_is_kept() -> None:
    grid = community_of_equals(100, 0.1)
    free = solve_planner(grid.game())
    limit = 0.5 * float(free.demand_kwh[0])
    places = replace(grid.places, tree=replace(grid.tree, limit_kwh=np.array([limit])))
    outcome = solve_planner(replace(grid, places=places).game())
    assert outcome.demand_kwh[0] == pytest.approx(limit, rel=1e-9)
    assert outcome.utility_price < free.utility_price
    assert outcome.community_price[0] > 1.1 * outcome.utility_price


@settings(max_examples=30)
@given(on_grids())
def test_nobody_with_market_power_means_equality(grid: OnGrid) -> None:
    """Where nobody answers to a price, every strategy is worth what the planner's is."""
    communities = tuple(
        community.but(upper_kwh=community.lower_kwh) for community in grid.players.communities
    )
    still = replace(grid, players=replace(grid.players, communities=communities))
    game = still.game()
    planner, exact = solve_planner(game), solve_exact(game)
    welfare = still.welfare(planner.community_price)
    assert still.welfare(exact.community_price) == pytest.approx(welfare, rel=1e-12, abs=1e-9)


def test_a_ratio_means_nothing_of_a_loss() -> None:
    assert price_of_anarchy(12.0, 10.0) == pytest.approx(1.2)
    assert np.isnan(price_of_anarchy(12.0, 0.0))
    assert np.isnan(price_of_anarchy(-2.0, -4.0))
