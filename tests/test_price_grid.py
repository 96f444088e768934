"""How fast enumerating prices approaches the exact equilibrium."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.price_game import PriceBounds
from hmesh.markets.three_level_game import follow_exact, solve_exact, solve_grid
from tests.games import Community, Players, players

BOUNDS = PriceBounds(0.0, 70.0, 0.0, 70.0)


def evening(power_kw: float) -> Players:
    """Return a slot of the vehicle study: 2,000 vehicles at home beside a thousand households."""
    random = np.random.default_rng(7)
    usable_kwh = random.uniform(2, 20, 2000)
    upper_kwh = np.full(2000, power_kw)
    lam, theta = random.uniform(50, 70, 2000), np.full(2000, 2.0)
    drawn = Community(600.0, lam, theta, usable_kwh, -upper_kwh, upper_kwh)
    return Players((drawn,), GenerationCost(5e-4, 10.14), BOUNDS)


def jump() -> Players:
    """Return a game whose best price is where an aggregator changes its mind."""
    zeros = np.zeros(2)
    drawn = Community(0.0, np.array([40.0, 70.0]), zeros + 2, zeros, zeros, np.array([30.0, 1.0]))
    bounds = PriceBounds(0.0, 60.0, 0.0, 100.0)
    return Players((drawn,), GenerationCost(0.0, 5.0), bounds)


def mean_gap(game: Players, step: float, zooms: int = 0) -> float:
    """Return what a grid earns less than the equilibrium, on the average of many offsets."""
    best = game.earned(solve_exact(game.game()))
    gaps = []
    for offset in np.arange(16) / 16 * step:
        bounds = replace(game.bounds, utility_lower=float(offset))
        grid = solve_grid(replace(game, bounds=bounds).game(), step, zooms)
        gaps.append(best - game.earned(grid))
    assert min(gaps) >= -1e-9 * (1 + abs(best))
    return float(np.mean(gaps))


@given(players(), st.sampled_from([0.1, 0.7, 3.0]), st.sampled_from([0, 3]))
def test_no_grid_beats_the_equilibrium(game: Players, step: float, zooms: int) -> None:
    exact, grid = solve_exact(game.game()), solve_grid(game.game(), step, zooms)
    best = game.earned(exact)
    assert game.earned(grid) <= best + 1e-9 * (1 + abs(best))
    assert game.bounds.utility_lower <= grid.utility_price <= game.bounds.utility_upper
    np.testing.assert_allclose(
        game.demand_kwh(grid.community_price), grid.demand_kwh.sum(), atol=1e-9
    )


def test_halving_the_step_quarters_the_gap_at_a_smooth_optimum() -> None:
    game = evening(power_kw=35.0)  # nobody is at a bound
    best = game.earned(solve_exact(game.game()))
    gaps = {step: mean_gap(game, step) for step in (1.0, 0.5, 0.1, 0.05)}
    assert 3e-4 < gaps[1.0] / best < 1e-3
    assert 3e-6 < gaps[0.1] / best < 1e-5
    # Half the curvature of the profit, times the mean squared distance from the nearest price.
    steepness, a = 2000 / 2.0, game.cost.quadratic
    for step, gap in gaps.items():
        assert gap == pytest.approx((steepness / 2 + a * steepness**2 / 4) * step**2 / 12, rel=0.1)


def test_halving_the_step_halves_the_gap_at_a_jump() -> None:
    game = jump()
    assert solve_exact(game.game()).utility_price == pytest.approx(38 - 4 * math.sqrt(14))
    gaps = [mean_gap(game, step) for step in (1.0, 0.5, 0.25)]
    assert all(1.4 < wide / narrow < 2.9 for wide, narrow in pairwise(gaps))


def test_zooming_finds_the_smooth_optimum() -> None:
    game = evening(power_kw=35.0)
    exact, grid = solve_exact(game.game()), solve_grid(game.game())
    assert grid.utility_price == pytest.approx(exact.utility_price, abs=1e-4)
    assert game.earned(grid) == pytest.approx(game.earned(exact), rel=1e-9)


def test_published_aggregators_answer_with_the_closed_form_clipped() -> None:
    smooth = evening(power_kw=35.0).game()
    assert solve_grid(smooth, aggregator="clipped").utility_price == pytest.approx(
        solve_grid(smooth).utility_price, abs=1e-4
    )
    # Vehicles with a real plug are often at a bound: then these answers are no best ones.
    game = evening(power_kw=7.0)
    clipped, exact = solve_grid(game.game(), aggregator="clipped"), solve_exact(game.game())
    demand = game.demand_kwh(clipped.community_price)
    assert clipped.demand_kwh.sum() == pytest.approx(demand)
    margin = clipped.community_price - clipped.utility_price
    best = follow_exact(game.game(), clipped.utility_price)
    assert margin[0] * demand < (best.community_price - best.utility_price)[0] * best.demand_kwh[0]
    assert 0 < abs(clipped.utility_price - exact.utility_price) < 2


@pytest.mark.parametrize("step", [0.0, -0.1])
def test_a_step_is_above_zero(step: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        solve_grid(jump().game(), step)


def test_the_last_price_is_the_bound_itself() -> None:
    drawn = Community(5.0, *(np.empty(0) for _ in range(5)))
    bounds = PriceBounds(1.0, 1.3, 0.0, 2.0)
    game = Players((drawn,), GenerationCost(0.0, 0.5), bounds)
    assert solve_grid(game.game(), 0.1).utility_price == 1.3
