from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.incentive_game import (
    IncentiveGame,
    IncentiveOutcome,
    IncentiveTerms,
    ration,
    search_incentive,
    solve_closed_form,
    solve_exact,
    solve_grid,
)
from hmesh.markets.supply_curve import supply_curve
from hmesh.runs.studies.school_buses.school_day import critical_hour
from tests.games import SEEDS
from tests.incentive_games import COLUMNS, but, incentive_games, interior_games, rows


def close(first: float, second: float, tolerance: float = 1e-9) -> bool:
    return abs(first - second) <= tolerance * (1 + abs(first))


def scale_of(game: IncentiveGame) -> float:
    """Return what money of the game is large: rounding is a share of it."""
    return 1.0 + game.terms.cost.total(game.terms.peak_kwh)


def two_minima() -> IncentiveGame:
    """Return a small cheap school and a large expensive one: either may suit the utility."""
    terms = IncentiveTerms(GenerationCost(1e-6, 1.2), 2000.0, 1000.0, 0.0, 2.0, capped=False)
    nothing = np.zeros(2)
    return IncentiveGame(
        terms, np.array([0.2, 1.0]), np.array([1e-3, 1e-4]), nothing, nothing,
        np.array([500.0, 5000.0]),
    )  # fmt: skip


@given(incentive_games())
def test_exact_price_is_never_beaten_by_two_thousand_others(game: IncentiveGame) -> None:
    found, terms = solve_exact(game), game.terms
    prices = np.linspace(terms.lowest_price, terms.highest_price, 2000)
    best = float(terms.additional_cost(prices, game.bought(prices)).min())
    assert found.additional_cost <= best + 1e-13 * scale_of(game)
    assert terms.lowest_price <= found.price <= terms.highest_price


@given(incentive_games())
def test_outcome_is_what_schools_offer_and_costs_what_it_says(game: IncentiveGame) -> None:
    for solve in (solve_exact, solve_closed_form, solve_grid):
        found = solve(game)
        offered = game.offers(found.price)
        assert np.all(found.energy_kwh >= 0)
        assert np.all(found.energy_kwh <= offered * (1 + 1e-12))
        assert np.all(found.energy_kwh <= game.upper_kwh)
        bought = float(found.energy_kwh.sum())
        assert bought <= game.terms.most_kwh * (1 + 1e-12)
        cost, peak = game.terms.cost, game.terms.peak_kwh
        paid = float((found.price * found.energy_kwh).sum())
        difference = cost.total(peak - bought) - cost.total(game.terms.base_kwh)
        assert abs(found.additional_cost - paid - difference) <= 1e-12 * scale_of(game)
        assert found.rationed == (bought < offered.sum() * (1 - 1e-12))


@given(interior_games())
def test_closed_form_is_exact_where_nothing_binds(game: IncentiveGame) -> None:
    closed, exact = solve_closed_form(game), solve_exact(game)
    if np.all(closed.energy_kwh == 0):
        assert np.all(exact.energy_kwh == 0)
        return
    assume(np.all(closed.energy_kwh > 0))
    assert close(closed.price, exact.price)
    np.testing.assert_allclose(closed.energy_kwh, exact.energy_kwh, rtol=1e-6, atol=1e-6)
    bought, terms = float(closed.energy_kwh.sum()), game.terms
    alpha = float((1 / game.theta).sum())
    # The first-order condition, the energy and the saving, each in its own closed form.
    assert close(closed.price + bought / alpha, terms.cost.marginal(terms.peak_kwh - bought))
    reservation = closed.price - bought / alpha
    gain = terms.cost.marginal(terms.peak_kwh) - reservation
    assert close(bought, alpha * gain / (2 * (1 + terms.cost.quadratic * alpha)), 1e-7)
    saved = alpha * gain**2 / (4 * (1 + terms.cost.quadratic * alpha))
    assert close(terms.cost_without - saved, exact.additional_cost, 1e-8)


def test_the_printed_condition_misses_the_optimum_by_what_the_corrected_one_says() -> None:
    game = critical_hour(40_000.0, lam=1.1, capped=False)
    game = replace(game, upper_kwh=np.full(20, 1e6))
    found, terms = solve_exact(game), game.terms
    a, b, peak = terms.cost.quadratic, terms.cost.linear, terms.peak_kwh
    alpha = 20 / 0.001
    beta = 20 * (700 - (1.1 + game.average_price[0]) / 0.001)
    printed = a * (peak - beta) / (1 + a * alpha)
    wrong_by = (beta - alpha * b) / (2 * alpha * (1 + a * alpha))
    assert close(printed, found.price + wrong_by)
    assert abs(wrong_by) > 0.1


def test_several_local_minima_and_the_global_one_is_found() -> None:
    game = two_minima()
    found = solve_exact(game)
    assert found.price == pytest.approx(0.7, abs=1e-12)
    assert found.additional_cost == pytest.approx(952.25, abs=1e-9)
    prices = np.linspace(0.5, 1.2, 70_001)
    cost = game.terms.additional_cost(prices, game.bought(prices))
    inner = (cost[1:-1] < cost[:-2]) & (cost[1:-1] < cost[2:])
    np.testing.assert_allclose(prices[1:-1][inner], [0.7, 21_750 / 20_200], atol=2e-5)
    np.testing.assert_allclose(cost[1:-1][inner], [952.25, 1042.78], atol=0.05)
    assert solve_grid(game).price == pytest.approx(0.7, abs=1e-3)


class Asked:
    """Answers a searching utility with totals, and counts its questions."""

    def __init__(self, game: IncentiveGame) -> None:
        self.game = game
        self.prices: list[float] = []

    def __call__(self, price: float) -> float:
        self.prices.append(price)
        return float(self.game.offers(price).sum())


def negotiated(game: IncentiveGame, ask: Asked) -> float:
    """Return the additional cost of the price found by asking."""
    found = search_incentive(ask, game.terms)
    assert found.price in ask.prices
    assert found.gap == 0.0
    return float(game.terms.additional_cost(found.price, game.bought(found.price)))


@given(incentive_games())
@example(two_minima())
def test_asking_comes_within_tolerance_of_the_exact_price(game: IncentiveGame) -> None:
    # A school that sells its surplus at one price is no line; it has a test of its own.
    game = replace(game, saturates=False)
    ask, terms = Asked(game), game.terms
    cost, exact = negotiated(game, ask), solve_exact(game).additional_cost
    width = 1e-6 * (terms.highest_price - terms.lowest_price)
    slope = float((1 / game.theta).sum())
    supply = float(game.upper_kwh.sum())
    # What a step of the tolerance can cost: the purchase at it, and what it moves.
    steepest = supply + slope * (terms.highest_price + terms.cost.marginal(terms.peak_kwh))
    assert -1e-13 * scale_of(game) <= cost - exact <= width * steepest + 1e-12 * scale_of(game)
    assert len(ask.prices) < 400


def test_asking_finds_the_global_minimum_of_two() -> None:
    ask = Asked(two_minima())
    assert negotiated(ask.game, ask) == pytest.approx(952.25, abs=1e-2)
    assert len(ask.prices) < 60


@given(incentive_games())
def test_curve_of_the_supply_is_what_schools_offer(game: IncentiveGame) -> None:
    low, high = game.terms.lowest_price, game.terms.highest_price
    columns = [getattr(game, name) for name in COLUMNS]
    curve = supply_curve(*columns, low, high, saturates=game.saturates)
    assert np.all(np.diff(curve.price) >= 0)
    assert np.all(np.diff(curve.supply_kwh) >= 0)
    middle = 0.5 * (curve.price[1:] + curve.price[:-1])
    wide = np.diff(curve.price) > 1e-9
    direct = game.offers(middle[wide]).sum(axis=-1)
    line = 0.5 * (curve.supply_kwh[1:] + curve.supply_kwh[:-1])[wide]
    np.testing.assert_allclose(direct, line, rtol=1e-9, atol=1e-7)
    assert curve.supply_kwh[-1] == pytest.approx(game.offers(high).sum(), rel=1e-9, abs=1e-7)


def test_schools_with_more_than_they_value_sell_as_much_as_suits_the_utility() -> None:
    terms = IncentiveTerms(GenerationCost(1e-4, 0.0), 9_000.0, 1_000.0, 0.5, 5.0, capped=False)
    one = np.ones(1)
    game = IncentiveGame(terms, 0.5 * one, 0.001 * one, 1.9 * one, 1500 * one, 1400 * one)
    found = solve_exact(game)
    # At its average price the school is indifferent to 1,000 kWh; 500 kWh meet C' = 1.9 there.
    assert found.price == 1.9
    assert found.energy_kwh.tolist() == pytest.approx([500.0])
    assert found.rationed
    printed = solve_exact(replace(game, saturates=False))
    assert printed.price < 1.9


def test_more_supply_than_required_at_the_lowest_price_is_rationed_pro_rata() -> None:
    game = critical_hour(1000.0)
    game = but(game, lowest_price=3.0)
    for solve in (solve_exact, solve_closed_form, solve_grid):
        found = solve(game)
        assert found.rationed
        assert found.price == 3.0
        assert found.energy_kwh.sum() == pytest.approx(1000.0)
        np.testing.assert_allclose(np.diff(found.energy_kwh / game.offers(3.0)), 0.0, atol=1e-15)


@given(SEEDS, st.floats(0, 2000))
def test_rationing_takes_what_is_wanted_and_the_firm_part_first(seed: int, wanted: float) -> None:
    random = np.random.default_rng(seed)
    offered = random.uniform(0, 300, 6)
    firm = offered * random.choice([0.0, 0.5, 1.0], 6)
    taken = ration(offered, wanted, firm)
    assert taken.sum() == pytest.approx(min(wanted, offered.sum()))
    assert np.all((taken >= 0) & (taken <= offered * (1 + 1e-12)))
    if wanted >= firm.sum():
        assert np.all(taken >= firm * (1 - 1e-12))


@given(incentive_games(), st.randoms(use_true_random=False))
def test_order_of_schools_does_not_matter(game: IncentiveGame, random: object) -> None:
    order = list(range(len(game.lam)))
    random.shuffle(order)  # type: ignore[attr-defined]
    found, other = solve_exact(game), solve_exact(rows(game, np.array(order, dtype=np.intp)))
    assert close(found.additional_cost, other.additional_cost, 1e-9)
    bought = found.energy_kwh.sum()
    assert close(bought, other.energy_kwh.sum(), 1e-7) or is_tied(game, found, other)


def is_tied(game: IncentiveGame, found: IncentiveOutcome, other: IncentiveOutcome) -> bool:
    """Return whether two trades cost the same to rounding, so that either may be taken."""
    difference = abs(found.additional_cost - other.additional_cost)
    return difference <= 1e-13 * scale_of(game)


@given(incentive_games(), st.sampled_from([2, 3, 7]))
def test_splitting_schools_changes_nothing_and_repeating_them_scales(
    game: IncentiveGame, r: int
) -> None:
    found = solve_exact(game)
    many = rows(game, np.repeat(np.arange(len(game.lam)), r))
    split = replace(
        many, theta=many.theta * r, stored_kwh=many.stored_kwh / r, upper_kwh=many.upper_kwh / r
    )
    terms = game.terms
    repeated = but(
        many, quadratic=terms.cost.quadratic / r, base_kwh=r * terms.base_kwh,
        required_kwh=r * terms.required_kwh,
    )  # fmt: skip
    for other, times in ((solve_exact(split), 1), (solve_exact(repeated), r)):
        scale = 1e-12 * times * scale_of(game)
        assert abs(times * found.additional_cost - other.additional_cost) <= scale


@given(incentive_games(), st.sampled_from([0.25, 2.0, 3.7]), st.sampled_from([-0.3, 0.7]))
def test_units_and_origin_of_energy_and_money_do_not_matter(
    game: IncentiveGame, k: float, shift: float
) -> None:
    found, terms = solve_exact(game), game.terms
    cost = terms.cost
    energies = but(
        game, theta=game.theta / k, stored_kwh=k * game.stored_kwh, upper_kwh=k * game.upper_kwh,
        quadratic=cost.quadratic / k, base_kwh=k * terms.base_kwh,
        required_kwh=k * terms.required_kwh,
    )  # fmt: skip
    money = but(
        game, lam=k * game.lam, theta=k * game.theta, average_price=k * game.average_price,
        quadratic=k * cost.quadratic, linear=k * cost.linear,
        lowest_price=k * terms.lowest_price, highest_price=k * terms.highest_price,
    )  # fmt: skip
    moved = but(
        game, average_price=game.average_price + shift, linear=cost.linear + shift,
        lowest_price=terms.lowest_price + shift, highest_price=terms.highest_price + shift,
    )  # fmt: skip
    extra = shift * terms.required_kwh
    for other, to_money, to_price, to_energy, more in (
        (solve_exact(energies), k, 1.0, k, 0.0),
        (solve_exact(money), k, k, 1.0, 0.0),
        (solve_exact(moved), 1.0, 1.0, 1.0, extra),
    ):
        expected = to_money * found.additional_cost + more
        assert abs(other.additional_cost - expected) <= 1e-11 * (1 + k) * scale_of(game)
        if not close(other.energy_kwh.sum(), to_energy * found.energy_kwh.sum(), 1e-6):
            continue  # another price costs the same to rounding
        if found.energy_kwh.sum() > 1e-6:
            by = shift if more or other.price != to_price * found.price else 0.0
            expected_price = to_price * found.price + (by if to_money == to_price == 1.0 else 0.0)
            assert close(other.price, expected_price, 1e-6)


@given(incentive_games(), st.floats(0, 3000))
def test_price_never_falls_with_the_required_demand(game: IncentiveGame, more: float) -> None:
    # By decreasing differences; the base stays, so only the required demand rises.
    before = solve_exact(game)
    after = solve_exact(but(game, required_kwh=game.terms.required_kwh + more))
    assert after.price >= before.price - 1e-7 or is_worthless(game, more)


def is_worthless(game: IncentiveGame, more: float) -> bool:
    """Return whether rounding decides, because hardly anything can be traded."""
    return float(game.upper_kwh.sum()) < 1e-3 or more < 1e-3


@given(st.sampled_from([0.0, 1000.0, 4000.0]), st.booleans())
def test_nothing_is_bought_where_nothing_is_worth_it(required: float, capped: bool) -> None:
    game = but(critical_hour(required, capped=capped), linear=-1.0, lowest_price=1.438)
    found = solve_exact(game)
    assert found.energy_kwh.tolist() == [0.0] * 20
    assert found.additional_cost == pytest.approx(game.terms.cost_without)
    assert found.price == 1.438


def test_nothing_is_bought_where_nothing_is_required() -> None:
    for solve in (solve_exact, solve_closed_form, solve_grid):
        found = solve(critical_hour(0.0))
        assert found.energy_kwh.sum() == 0.0
        assert found.additional_cost == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("schools", [0, 3])
def test_schools_without_a_bus_sell_nothing(schools: int) -> None:
    game = critical_hour(1000.0, schools=schools)
    game = replace(game, upper_kwh=np.zeros(schools), stored_kwh=np.zeros(schools))
    for solve in (solve_exact, solve_closed_form, solve_grid):
        found = solve(game)
        assert found.energy_kwh.tolist() == [0.0] * schools
        assert found.price == game.terms.lowest_price
        assert found.additional_cost == pytest.approx(game.terms.cost_without)


def test_nonsense_is_refused() -> None:
    game = critical_hour(1000.0)
    with pytest.raises(ValueError, match="above the highest"):
        but(game, lowest_price=11.0)
    with pytest.raises(ValueError, match="required demand"):
        but(game, required_kwh=-1.0)
    with pytest.raises(ValueError, match="finite"):
        but(game, highest_price=np.inf)
    with pytest.raises(ValueError, match="theta"):
        replace(game, theta=np.zeros(20))
    with pytest.raises(ValueError, match="finite"):
        replace(game, lam=np.full(20, np.nan))
    with pytest.raises(ValueError, match="less than nothing"):
        replace(game, upper_kwh=np.full(20, -1.0))
    with pytest.raises(ValueError, match="grid step"):
        solve_grid(game, 0.0)


def test_gap_of_the_grid_falls_fourfold_at_a_smooth_optimum_and_by_half_at_the_cap() -> None:
    steps = [0.08, 0.04, 0.02, 0.01, 0.005]
    offsets = np.arange(40) / 40

    def mean_gap(game: IncentiveGame, step: float) -> float:
        exact = solve_exact(game).additional_cost
        gaps = [
            solve_grid(but(game, lowest_price=1.4 - step * off), step, 0).additional_cost - exact
            for off in offsets
        ]
        assert min(gaps) >= -1e-9
        return float(np.mean(gaps))

    smooth = replace(critical_hour(60_000.0, lam=1.1, capped=False), upper_kwh=np.full(20, 1e6))
    gaps = [mean_gap(smooth, step) for step in steps]
    for before, after in pairwise(gaps):
        assert 2 < before / after < 8
    gaps = [mean_gap(critical_hour(1000.0), step) for step in steps]
    for before, after in pairwise(gaps):
        assert 1.5 < before / after < 3
