from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from hmesh.environment.arrays import FloatArray
from hmesh.markets import price_windows
from hmesh.markets.closed_form_game import follow_closed_form, solve_closed_form
from hmesh.markets.grid_losses import Feed
from hmesh.markets.price_game import Game, Outcome
from hmesh.markets.search_on_lines import search_price_on_lines
from hmesh.markets.three_level_game import follow_exact, response_maps, solve_exact, solve_grid
from tests.grids import OnGrid, community_of_equals, needed_kwh, on_grids

SOLVERS = (solve_exact, solve_grid, solve_closed_form)


def answers(grid: OnGrid, game: Game, prices: FloatArray) -> FloatArray:
    """Return the demands of the communities at prices of the utility, aggregators responding."""
    return np.array(
        [
            np.full(len(prices), community.fixed_kwh) if held is None else held.demand_kwh(prices)
            for community, held in zip(grid.players.communities, response_maps(game), strict=True)
        ]
    )


def earned_at(grid: OnGrid, demand: FloatArray, prices: FloatArray) -> float:
    """Return the most that the utility earns at some of its prices that keep shared limits."""
    over = grid.over_kwh(demand)[grid.places.own < 0]
    generated = needed_kwh(grid.tree, grid.nodes_kwh(demand))[1]
    earned = prices * demand.sum(axis=0) - grid.players.cost.total(generated)
    kept = over.max(axis=0, initial=0.0) <= 1e-9
    return float(earned[kept].max(initial=-np.inf))


@given(on_grids())
def test_no_price_of_the_utility_beats_the_one_that_knows_the_losses(grid: OnGrid) -> None:
    game, bounds = grid.game(), grid.players.bounds
    outcome = solve_exact(game)
    earned = grid.earned(outcome)
    tried = np.linspace(bounds.utility_lower, bounds.utility_upper, 2000)
    most = earned_at(grid, answers(grid, game, tried), tried)
    assert earned >= most - 1e-9 * (1 + abs(earned))


@given(on_grids(limits="all"))
def test_nobody_gains_by_another_price_within_limits(grid: OnGrid) -> None:
    game, bounds = grid.game(), grid.players.bounds
    assert game.limits_kwh is not None
    outcome = solve_exact(game)
    earned, q = grid.earned(outcome), outcome.utility_price
    tried = np.linspace(bounds.utility_lower, bounds.utility_upper, 2000)
    most = earned_at(grid, answers(grid, game, tried), tried)
    shared = grid.places.own < 0
    if not shared.any() or grid.over_kwh(outcome.demand_kwh)[shared].max() <= 1e-8:
        assert earned >= most - 1e-8 * (1 + abs(earned))
    asked = np.linspace(bounds.aggregator_lower, bounds.aggregator_upper, 2000)
    for m, community in enumerate(grid.players.communities):
        if not len(community):
            continue
        price, demand = float(outcome.community_price[m]), float(outcome.demand_kwh[m])
        least, most_kwh = (float(limit[m]) for limit in game.limits_kwh)
        energies = community.demand_kwh(asked)
        keeps = (energies >= least) & (energies <= most_kwh)
        if keeps.any():
            assert least - 1e-9 <= demand <= most_kwh + 1e-9
            best = float(((asked - q) * energies)[keeps].max())
            assert (price - q) * demand >= best - 1e-8 * (1 + abs(best))
        elif energies[-1] > most_kwh:
            assert community.demand_kwh(price)[0] == pytest.approx(energies[-1], abs=1e-9)


@given(on_grids(limits="all"))
def test_limits_are_kept_wherever_some_prices_keep_them(grid: OnGrid) -> None:
    game, bounds = grid.game(), grid.players.bounds
    tried = np.linspace(bounds.utility_lower, bounds.utility_upper, 300)
    demand = answers(grid, game, tried)
    if (grid.over_kwh(demand).max(axis=0) <= 1e-9).any():
        for solve in SOLVERS[:2]:
            assert grid.over_kwh(solve(game).demand_kwh).max() <= 1e-8


@given(on_grids(continuous=True))
def test_the_grid_finds_what_the_exact_solution_finds(grid: OnGrid) -> None:
    game = grid.game()
    exact, found = solve_exact(game), solve_grid(game, step=0.5, zooms=5)
    assert grid.earned(found) == pytest.approx(grid.earned(exact), rel=1e-3, abs=1.0)
    assert grid.earned(found) <= grid.earned(exact) + 1e-8 * (1 + abs(grid.earned(exact)))


@settings(max_examples=60)
@given(on_grids(limits="all"))
def test_asking_finds_what_the_exact_solution_finds(grid: OnGrid) -> None:
    """The utility hears demands, and knows its lines."""
    game = grid.game()
    exact = solve_exact(game)
    bounds, feed = game.bounds, game.feed
    assert feed is not None
    maps = response_maps(game)

    def ask(price: float) -> FloatArray:
        asked = np.array([price])
        return np.array(
            [
                community.fixed_kwh if held is None else float(held.demand_kwh(asked)[0])
                for community, held in zip(grid.players.communities, maps, strict=True)
            ]
        )

    ends = bounds.utility_lower, bounds.utility_upper
    found = search_price_on_lines(ask, game.cost, *ends, feed)
    if found.gap > 0:
        return
    width = bounds.utility_upper - bounds.utility_lower
    demand = ask(found.price)
    shared = grid.places.own < 0
    profit = found.price * float(demand.sum())
    profit -= game.cost.total(grid.generated_kwh(demand))
    earned = grid.earned(exact)
    # At most what lies between two prices that count as equal.
    steepest = max((float(k.slope.sum()) for k in game.kinks), default=0.0)
    near = 1e-6 * width * (1 + np.abs(demand).sum() + steepest * 400)
    if not shared.any() or grid.over_kwh(exact.demand_kwh)[shared].max() <= 1e-8:
        over = grid.over_kwh(demand)[shared]
        assert over.max(initial=0.0) <= 1e-8
        assert profit >= earned - near
        if exact.attained_lowest:
            assert profit <= earned + 1e-8 * (1 + abs(earned))


@given(on_grids(losses=False))
def test_without_losses_and_limits_that_bind_nothing_changes(grid: OnGrid) -> None:
    plain = grid.players.game()
    least, most = np.full((2, len(plain.kinks)), 1e6)
    game = replace(plain, feed=grid.feed(), limits_kwh=(-least, most))
    q = 0.5 * (plain.bounds.utility_lower + plain.bounds.utility_upper)
    for solve in (
        *SOLVERS, lambda game: follow_exact(game, q), lambda game: follow_closed_form(game, q)
    ):  # fmt: skip
        before, after = solve(plain), solve(game)
        assert same_bits(before, after)


def same_bits(first: Outcome, second: Outcome) -> bool:
    return bool(
        first.utility_price == second.utility_price
        and (first.community_price == second.community_price).all()
        and (first.demand_kwh == second.demand_kwh).all()
    )


@settings(max_examples=20)
@given(on_grids())
def test_narrowing_leaves_the_outcome_with_losses_as_it_is(grid: OnGrid) -> None:
    game, few = grid.game(), price_windows.FEW_KINKS
    whole = solve_exact(game)
    try:
        price_windows.FEW_KINKS = 2
        narrow = solve_exact(game)
    finally:
        price_windows.FEW_KINKS = few
    assert grid.earned(narrow) == pytest.approx(grid.earned(whole), rel=1e-9, abs=1e-8)


def test_a_utility_that_knows_its_losses_earns_more() -> None:
    """10 % lost between the utility and a community of equal vehicles."""
    grid = community_of_equals(100, loss_rate=0.1)
    known = solve_exact(grid.game())
    ignored = solve_exact(grid.players.game())
    assert grid.earned(known) > grid.earned(ignored)
    assert known.utility_price > ignored.utility_price


def test_an_unlimited_price_is_kept_for_the_rent_of_a_shared_line() -> None:
    grid = community_of_equals(100, loss_rate=0.0)
    free = solve_exact(grid.game())
    assert free.unlimited_price is None
    demand = float(free.demand_kwh.sum())
    tree = replace(grid.tree, limit_kwh=np.array([0.5 * demand]))
    # The line to the only community counts as shared where it belongs to none.
    places = replace(grid.places, tree=tree, own=np.array([-1]))
    feed = Feed(places, grid.node_kwh, grid.passive_kwh)
    limited = solve_exact(replace(grid.game(), feed=feed, limits_kwh=None))
    assert limited.unlimited_price == free.utility_price
    assert float(limited.demand_kwh.sum()) == pytest.approx(0.5 * demand, rel=1e-9)
    assert limited.utility_price > free.utility_price
