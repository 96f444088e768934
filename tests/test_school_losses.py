"""Schools whose buses lose energy: satisfaction counts what is held, the utility pays at plugs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.incentive_game import (
    IncentiveGame,
    solve_closed_form,
    solve_exact,
    solve_grid,
)
from hmesh.markets.school_response import satisfaction, school_response
from hmesh.markets.supply_curve import supply_curve
from tests.games import SEEDS
from tests.incentive_games import incentive_games, interior_games


@st.composite
def lossy_games(draw: st.DrawFn) -> IncentiveGame:
    """Draw games of schools with different losses."""
    game = draw(incentive_games())
    random = np.random.default_rng(draw(SEEDS))
    shape = game.lam.shape
    return replace(game, discharge_efficiency=random.choice([0.8, 0.95, 1.0], shape))


def old_response(game: IncentiveGame, price: float) -> np.ndarray:
    """Return the formula for schools without losses, as it has always been computed."""
    wanted = (game.lam + game.average_price - price) / game.theta - game.stored_kwh
    sold = 0.0 - np.minimum(np.maximum(wanted, -game.upper_kwh), 0.0)
    return np.where((price < game.average_price) & game.saturates, 0.0, sold)


@given(incentive_games(), st.floats(0, 8))
def test_without_losses_every_bit_is_that_of_the_plain_formula(
    game: IncentiveGame, price: float
) -> None:
    expected = old_response(game, price)
    np.testing.assert_array_equal(game.offers(price), expected)
    ones = replace(game, discharge_efficiency=np.ones_like(game.lam))
    np.testing.assert_array_equal(ones.offers(price), expected)
    for solve in (solve_exact, solve_closed_form):
        one, other = solve(game), solve(ones)
        assert one.price == other.price
        np.testing.assert_array_equal(one.energy_kwh, other.energy_kwh)


@given(lossy_games(), st.floats(0, 8))
def test_no_sale_is_worth_more_to_a_school(game: IncentiveGame, price: float) -> None:
    out_of = game.discharge_efficiency

    def payoff(sold: np.ndarray) -> np.ndarray:
        taken = sold / out_of
        held = game.stored_kwh - taken
        worth = satisfaction(held, game.lam, game.theta, saturates=game.saturates)
        return price * sold - game.average_price * taken + worth

    chosen = game.offers(price)
    assert np.all((chosen >= 0) & (chosen <= game.upper_kwh))
    best = payoff(np.linspace(0, 1, 2001)[:, None] * game.upper_kwh).max(axis=0, initial=-np.inf)
    assert np.all(payoff(chosen) >= best - 1e-9 * (1 + np.abs(best)))


@given(lossy_games(), st.lists(st.floats(0, 8), max_size=10))
def test_curve_is_the_sum_of_all_offers(game: IncentiveGame, drawn: list[float]) -> None:
    low, high = 0.1, 8.0
    curve = supply_curve(
        game.lam, game.theta, game.average_price, game.stored_kwh, game.upper_kwh, low, high,
        saturates=game.saturates, discharge_efficiency=game.discharge_efficiency,
    )  # fmt: skip
    prices = np.clip(np.array([low, *drawn, high]), low, high)
    away = np.abs(prices[:, None] - game.average_price / game.discharge_efficiency)
    prices = prices[away.min(axis=1, initial=1.0) > 1e-9]
    if len(prices) == 0:
        return
    scale = 1 + game.upper_kwh.sum() + (np.abs(game.stored_kwh) + 1 / game.theta).sum()
    found = np.interp(prices, curve.price, curve.supply_kwh)
    np.testing.assert_allclose(found, game.offers(prices).sum(axis=-1), rtol=0, atol=1e-10 * scale)


@given(lossy_games())
def test_no_price_on_a_grid_costs_the_utility_less(game: IncentiveGame) -> None:
    terms, exact = game.terms, solve_exact(game)
    prices = np.linspace(terms.lowest_price, terms.highest_price, 2001)
    costs = terms.additional_cost(prices, game.bought(prices))
    scale = 1e-9 * (1 + abs(exact.additional_cost)) + 1e-13 * terms.cost.total(terms.peak_kwh)
    assert exact.additional_cost <= costs.min() + scale
    offered = game.offers(exact.price)
    assert np.all(exact.energy_kwh <= offered * (1 + 1e-12))


@given(interior_games(), st.sampled_from([0.8, 0.93]))
def test_closed_form_where_nothing_binds(game: IncentiveGame, out_of: float) -> None:
    # The same schools, whose prices and energies are those of what they hold.
    terms = replace(game.terms, highest_price=100.0)
    lossy = replace(game, terms=terms, discharge_efficiency=out_of)
    closed, exact = solve_closed_form(lossy), solve_exact(lossy)
    if ((closed.energy_kwh > 0) & (closed.energy_kwh < lossy.upper_kwh)).all():
        assert closed.price == pytest.approx(exact.price, rel=1e-9)
        assert closed.additional_cost == pytest.approx(exact.additional_cost, rel=1e-9)
    grid = solve_grid(lossy, 0.05, 3)
    assert exact.additional_cost <= grid.additional_cost + 1e-6


def test_by_hand() -> None:
    # Of 100 kWh taken 80 are delivered; 1 money/kWh held is 1.25 at the plug.
    school = {"lam": 1.0, "theta": 0.01, "average_price": 1.0, "stored_kwh": 90.0}
    prices = np.array([1.0, 1.375, 2.0, 9.0])
    sold = school_response(
        prices, **school, upper_kwh=60.0, discharge_efficiency=0.8, saturates=True
    )
    # 0.8 * (90 + (0.8 p - 2) / 0.01): at 1.375 nothing yet, at 2 it wants 40.
    np.testing.assert_allclose(sold, [0.0, 0.0, 40.0, 60.0], atol=1e-12)
    # Who holds more than it values gives the surplus away at what it has cost.
    surplus = school_response(
        np.array([1.2499, 1.25]), 1.0, 0.01, 1.0, 130.0, 60.0, discharge_efficiency=0.8
    )
    np.testing.assert_allclose(surplus, [0.0, 24.0], atol=1e-12)
    with pytest.raises(ValueError, match="efficiencies must be above 0 and at most 1"):
        IncentiveGame(None, *[np.ones(1)] * 5, discharge_efficiency=1.2)  # type: ignore[arg-type]
