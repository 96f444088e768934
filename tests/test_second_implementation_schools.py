"""The second implementation of the schools' rules, against search and against the first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets.incentive_game import (
    IncentiveGame,
    solve_closed_form,
    solve_exact,
    solve_grid,
)
from hmesh.markets.valley_filling import deal_out, fill_valley, within_steps
from hmesh.runs.audits.reference import valleys
from hmesh.runs.audits.reference.generation import Generation
from hmesh.runs.audits.reference.schools import (
    Purchase,
    Schools,
    closed_form_price,
    grid_cost,
    least_cost,
)
from tests.games import SEEDS
from tests.incentive_games import incentive_games


def schools_of(game: IncentiveGame, discharge_efficiency: float = 1.0) -> Schools:
    return Schools(
        game.lam, game.theta, game.average_price, game.stored_kwh, game.upper_kwh,
        discharge_efficiency, game.saturates,
    )  # fmt: skip


def purchase_of(game: IncentiveGame) -> Purchase:
    terms = game.terms
    cost = Generation(terms.cost.quadratic, terms.cost.linear, terms.cost.fixed)
    return Purchase(
        cost, terms.base_kwh, terms.required_kwh, terms.lowest_price, terms.highest_price,
        terms.capped,
    )  # fmt: skip


EFFICIENCIES = st.sampled_from([1.0, 0.95, 0.8])


@given(incentive_games(), EFFICIENCIES, st.floats(0, 4))
def test_no_school_gains_by_another_sale(game: IncentiveGame, eta: float, price: float) -> None:
    schools = schools_of(game, eta)
    others = np.linspace(np.zeros(len(game.lam)), schools.upper_kwh, 501)
    for offered in (schools.offers(price), schools.offers(price, least=True)):
        assert (offered >= 0).all()
        assert (offered <= schools.upper_kwh).all()
        assert (schools.gain(price, others) <= schools.gain(price, offered) + 1e-8).all()


@given(incentive_games(), st.floats(0, 4))
def test_both_implementations_sell_the_same(game: IncentiveGame, price: float) -> None:
    np.testing.assert_allclose(schools_of(game).offers(price), game.offers(price), atol=1e-9)


@given(incentive_games(), EFFICIENCIES)
def test_no_price_costs_less_and_one_costs_as_little(game: IncentiveGame, eta: float) -> None:
    schools, purchase = schools_of(game, eta), purchase_of(game)
    least = least_cost(schools, purchase)
    costs = [
        purchase.cost(price, min(float(schools.offers(price, least=few).sum()), purchase.most_kwh))
        for price in np.linspace(purchase.lowest_price, purchase.highest_price, 801).tolist()
        for few in (False, True)
    ]
    assert least <= min(costs) + purchase.rounding
    # The cost falls no faster between two prices than all that may be bought and generated does.
    fastest = float(schools.upper_kwh.sum()) + float((eta**2 / schools.theta).sum()) * 20
    width = (purchase.highest_price - purchase.lowest_price) / 800
    jumps = float(schools.upper_kwh.sum()) * 10 if game.saturates else 0.0
    assert least >= min(costs) - width * fastest - jumps


@given(incentive_games())
def test_both_implementations_pay_the_same(game: IncentiveGame) -> None:
    schools, purchase = schools_of(game), purchase_of(game)
    rounding = purchase.rounding
    exact = solve_exact(game).additional_cost
    assert least_cost(schools, purchase) == pytest.approx(exact, abs=rounding)
    formula = solve_closed_form(game).price
    assert closed_form_price(schools, purchase) == pytest.approx(formula, rel=1e-9)
    laid = solve_grid(game, 0.3, 2).additional_cost
    scale = max(abs(laid), 1.0)
    assert grid_cost(schools, purchase, 0.3, 2) == pytest.approx(laid, abs=rounding + 1e-8 * scale)


class Night:
    """Batteries of three groups that need energy within a few steps."""

    def __init__(self, seed: int, steps: int, batteries: int) -> None:
        random = np.random.default_rng(seed)
        self.load: FloatArray = random.uniform(0, 6, steps)
        self.group = np.sort(random.integers(0, 3, batteries))
        self.limit = random.choice([0.0, 0.5, 1.0, 2.0], batteries)
        self.need = np.minimum(random.uniform(0, 5, batteries), steps * self.limit)
        self.first: FloatArray = random.uniform(0, 1, 3)


NIGHTS = st.builds(Night, SEEDS, st.integers(1, 7), st.integers(0, 9))


@given(NIGHTS)
def test_both_implementations_fill_the_same_valley(night: Night) -> None:
    steps = len(night.load)
    curves = within_steps(night.need, night.limit, night.group, 3, steps)
    within = valleys.within_steps(night.need, night.limit, steps)
    np.testing.assert_allclose(within, curves.sum(axis=0), atol=1e-12)
    filled = fill_valley(night.load, curves).sum(axis=0)
    np.testing.assert_allclose(valleys.flattest(night.load, within), filled, atol=1e-9)


@given(NIGHTS)
def test_no_exchange_between_two_steps_is_flatter(night: Night) -> None:
    within = valleys.within_steps(night.need, night.limit, len(night.load))
    energy = valleys.flattest(night.load, within)
    level = night.load + energy
    for high in range(len(energy)):
        for low in range(len(energy)):
            moved = energy.copy()
            step = min(1e-3, energy[high])
            moved[high], moved[low] = moved[high] - step, moved[low] + step
            most = np.cumsum(np.sort(moved)[::-1])
            allowed = (most <= within[1:] + 1e-12).all()
            assert not allowed or step * (level[high] - level[low]) <= step**2 + 1e-9


@given(NIGHTS)
def test_both_implementations_deal_out_the_same(night: Night) -> None:
    most = np.bincount(night.group, np.minimum(night.need, night.limit), 3)
    energy = night.first * most
    dealt = valleys.dealt_out(energy, night.need, night.limit, night.group)
    first = deal_out(energy, night.need, night.limit, night.group)
    np.testing.assert_allclose(dealt, first, atol=1e-9)
    np.testing.assert_allclose(np.bincount(night.group, dealt, 3), energy, atol=1e-9)
    assert (dealt >= 0).all()
    assert (dealt <= np.minimum(night.need, night.limit) + 1e-12).all()
