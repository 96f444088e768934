"""Rules of markets on a few numbers whose results are known by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hmesh.markets import leader_learning
from hmesh.markets.answer_curves import school_curves, supply_kwh
from hmesh.markets.answers import demand_at
from hmesh.markets.diffusion import (
    adopts_by_bass,
    adopts_by_threshold,
    share_of_acquaintances,
)
from hmesh.markets.distribution import lorenz_curve, savings, share_of_largest, share_worse_off
from hmesh.markets.emergence import (
    autocorrelation,
    cycle_steps,
    entropy,
    gini,
    herding,
    lorenz_share,
    rebound_peak,
    synchronisation,
)
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.house_sizing import annuity
from hmesh.markets.leader_learning import Bandits, Climbers, price_at_cost
from hmesh.markets.learned_demand import FIRST_PROBES, learn_demand
from hmesh.markets.membership import chance_to_take_part, expected_savings, savings_beside_others
from hmesh.markets.monthly_charges import tier_charge
from hmesh.markets.school_response import school_response
from hmesh.markets.threshold_answers import chosen_threshold_answers, two_threshold_answers
from hmesh.markets.utility_profit import most_profit_with_losses


def nearly(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("saturates", [True, False])
@pytest.mark.parametrize("efficiency", [1.0, 0.8])
def test_schools_sell_by_their_curves_what_they_answer(saturates: bool, efficiency: float) -> None:
    random = np.random.default_rng(5)
    lam, theta, average = random.uniform([[20], [0.5], [10]], [[60], [3], [40]], (3, 30))
    stored, upper = random.uniform([[0], [1]], [[40], [20]], (2, 30))
    columns = (lam, theta, average, stored, upper)
    curves = school_curves(*columns, saturates=saturates, discharge_efficiency=efficiency)
    assert curves.shape == (30, 5)
    for price in np.linspace(0.0, 200.0, 41):
        answer = school_response(
            price, *columns, saturates=saturates, discharge_efficiency=efficiency
        )
        assert supply_kwh(curves, float(price)) == pytest.approx(answer, rel=1e-9, abs=1e-9)


def test_those_that_chose_the_same_thresholds_jump_together() -> None:
    below, above = np.array([10.0, 20.0, 5.0]), np.array([30.0, 25.0, 50.0])
    chosen = np.array([1, 0, 1])
    lower, upper = np.array([-1.0, -2.0, -4.0]), np.array([8.0, 16.0, 32.0])
    found = chosen_threshold_answers(below, above, chosen, lower, upper)
    each = two_threshold_answers(
        below, above, np.array([-2.0, -5.0, 0.0]), np.array([16.0, 40.0, 0.0])
    )
    for price in (4.0, 9.0, 15.0, 22.0, 27.0, 40.0, 60.0):
        assert demand_at(found, price) == nearly(demand_at(each, price))


def network() -> Any:
    """Return four, of whom the first knows two, the second and third one each, the last nobody."""
    first = np.array([0, 2, 3, 4, 4])
    return SimpleNamespace(
        neighbours=np.array([1, 2, 0, 0]), first=first, degree=np.diff(first)
    )  # fmt: skip


def test_the_share_of_acquaintances_that_adopted() -> None:
    adopted = np.array([False, True, False, True])
    assert share_of_acquaintances(network(), adopted).tolist() == [0.5, 0.0, 0.0, 0.0]
    adopted = np.array([True, True, True, False])
    assert share_of_acquaintances(network(), adopted).tolist() == [1.0, 1.0, 1.0, 0.0]


def test_a_hazard_strikes_in_a_month_with_its_chance() -> None:
    share = np.array([0.0, 0.5, 1.0])
    chance = 1.0 - np.exp(-(0.12 + 0.6 * share) / 12.0)
    for beside, adopts in ((-1e-9, True), (1e-9, False)):
        assert (adopts_by_bass(share, 0.12, 0.6, chance + beside) == adopts).all()
    alone = 1.0 - np.exp(-0.12 / 12.0)
    threshold = np.array([0.5, 0.5, 0.5])
    late = np.full(3, alone + 1e-9)
    assert adopts_by_threshold(share, threshold, 0.12, late).tolist() == [False, True, True]
    assert adopts_by_threshold(share, threshold, 0.12, late - 2e-9).all()


def test_what_members_expect_of_taking_part_is_the_mean_of_their_kind() -> None:
    takes, kind = np.array([True, True, False, False, True]), np.array([0, 0, 0, 1, 2])
    saved = np.array([3.0, 5.0, 99.0, 99.0, -1.0])
    assert expected_savings(saved, takes, kind).tolist() == [3.0, 5.0, 4.0, 0.0, -1.0]
    gain = np.array([3.0, 5.0, 1.0, 7.0, 2.0])
    # Two of the first kind take part and one does not; of the others nobody does otherwise.
    assert savings_beside_others(gain, takes, kind).tolist() == [2.0, 4.0, 3.0, 0.0, 0.0]
    nobody = np.zeros(0), np.zeros(0, bool), np.zeros(0, int)
    assert savings_beside_others(*nobody).size == expected_savings(*nobody).size == 0
    chance = chance_to_take_part(np.array([2.0, 5.0]), 2.0, 0.5)
    assert chance == nearly([0.5, 1.0 / (1.0 + np.exp(-1.5))])


def test_synchrony_is_the_length_of_the_mean_hand() -> None:
    assert synchronisation(np.ones(24)) == nearly(0.0)
    at_once = np.zeros(24)
    at_once[7] = 3.0
    assert synchronisation(at_once) == nearly(1.0)
    # A quarter of a day apart: half of the diagonal of a square.
    at_once[13] = 3.0
    assert synchronisation(at_once) == nearly(np.sqrt(0.5))
    assert np.isnan(synchronisation(np.zeros(24)))


def test_herding_is_what_exceeds_independent_draws() -> None:
    charging, plugged = np.array([2.0, 1.0, 9.0]), np.array([10.0, 4.0, 10.0])
    mean = 12.0 / 24.0
    expected = 0.4 - np.sqrt(2 * mean * (1 - mean) / (np.pi * 10.0))
    assert herding(charging, plugged) == nearly(expected)
    assert np.isnan(herding(charging, np.array([1.0, 1.0, 0.0])))


def test_a_rebound_is_the_peak_with_vehicles_over_that_without() -> None:
    net, vehicles = np.array([4.0, 9.0, 5.0]), np.array([1.0, 5.0, -1.0])
    assert rebound_peak(net, vehicles) == nearly(9.0 / 6.0)
    assert np.isnan(rebound_peak(vehicles, vehicles))


def test_autocorrelation_and_the_period_of_a_wave() -> None:
    values = np.array([1.0, 2.0, 4.0, 3.0])
    # Around 2.5: -1.5, -0.5, 1.5, 0.5.
    assert autocorrelation(values, 1) == nearly((0.75 - 0.75 + 0.75) / 5.0)
    assert autocorrelation(values, 2) == nearly((-2.25 - 0.25) / 5.0)
    assert np.isnan(autocorrelation(values, 3))
    assert np.isnan(autocorrelation(np.full(9, 0.1), 1))
    wave = np.sin(2.0 * np.pi * np.arange(96) / 12.0)
    assert cycle_steps(wave) == 12.0
    assert np.isnan(cycle_steps(np.arange(3.0)))
    # The highest after it fell below 0 is no more than noise would have.
    assert np.isnan(cycle_steps(np.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])))


def test_entropy_and_inequality_of_a_few() -> None:
    assert entropy(np.array([5.0, 5.0, 5.0])) == nearly(1.0)
    assert entropy(np.array([7.0, 0.0, 0.0])) == nearly(0.0)
    shares = np.array([0.25, 0.75])
    assert entropy(np.array([1.0, 3.0, 0.0])) == nearly(-(shares @ np.log(shares)) / np.log(3))
    assert np.isnan(entropy(np.array([4.0])))
    assert np.isnan(entropy(np.zeros(3)))
    # The mean difference of 1, 2 and 5 is (1 + 4 + 3) * 2 / 9; twice their mean is 16 / 3.
    assert gini(np.array([5.0, 1.0, 2.0])) == nearly((16.0 / 9.0) / (16.0 / 3.0))
    assert gini(np.full(4, 3.0)) == nearly(0.0)
    assert np.isnan(gini(np.zeros(3)))
    amounts = np.array([1.0, 6.0, 3.0])
    assert lorenz_share(amounts, 1.0 / 3.0) == nearly(0.6)
    assert lorenz_share(amounts, 0.5) == nearly(0.75)
    assert lorenz_share(amounts, 1.0) == nearly(1.0)
    assert np.isnan(lorenz_share(np.zeros(2), 0.5))


def test_curves_of_bills_some_of_which_are_incomes() -> None:
    assert lorenz_curve(np.array([3.0, -1.0, 6.0])).tolist() == [0.0, -0.1, 0.2, 0.8]
    assert share_of_largest(np.array([3.0, -1.0, 6.0]), 0.5) == nearly(0.6 + 0.15)
    assert np.isnan(lorenz_curve(np.zeros(2))).all()
    assert len(lorenz_curve(np.zeros(2))) == 3
    saved = savings(np.array([5.0, 8.0, 1.0 + 1e-15]), np.array([9.0, 6.0, 1.0]))
    assert saved.tolist() == [4.0, -2.0, 0.0]
    assert share_worse_off(saved) == nearly(1.0 / 3.0)
    assert np.isnan(share_worse_off(np.zeros(0)))


def test_an_annuity_repays_a_price_with_its_interest() -> None:
    each = annuity(1000.0, 0.05, 3.0, 1.0)
    left = 1000.0
    for _ in range(3):
        left = left * 1.05 - each
    assert left == pytest.approx(0.0, abs=1e-9)
    assert annuity(1000.0, 0.0, 4.0, 3.0) == nearly(750.0)


def test_a_climber_moves_by_the_slope_between_its_two_trials() -> None:
    climbers = Climbers.of(10.0, 30.0, (2,))
    wide = leader_learning.TRIAL * 20.0
    assert climbers.asked() == nearly([20.0 + wide] * 2)
    heard = np.array([True, False])
    climbers.learn(np.array([5.0, 99.0]), heard)
    assert climbers.plays.tolist() == [1, 0]
    assert climbers.first_profit.tolist() == [5.0, 0.0]
    assert climbers.base.tolist() == [20.0, 20.0]
    assert climbers.asked() == nearly([20.0 - wide, 20.0 + wide])
    climbers.learn(np.array([3.0, 1.0]), np.array([True, True]))
    # The steepest slope so far moves it by a half of its range, here to its end.
    assert climbers.base == nearly([30.0, 20.0])
    assert climbers.steepest == nearly([(5.0 - 3.0) / (2.0 * wide), 0.0])
    assert climbers.first_profit.tolist() == [5.0, 1.0]
    narrower = leader_learning.TRIAL * 20.0 / 2.0**leader_learning.NARROWS
    assert climbers.width() == nearly([narrower, wide])
    # Its next trial is cut off at what it may ask; a quarter of the slope back moves it so far.
    assert climbers.asked() == nearly([30.0, 20.0 - wide])
    climbers.learn(np.array([4.0, 1.0]), np.array([True, False]))
    back = 0.25 * climbers.steepest[0] * 2.0 * narrower
    climbers.learn(np.array([4.0 + back, 1.0]), np.array([True, False]))
    assert climbers.base == nearly([30.0 - 20.0 * 0.25 / 3.0, 20.0])
    assert climbers.plays.tolist() == [4, 1]
    state = climbers.state()
    assert state["base"] is climbers.base
    assert state["plays"] is climbers.plays
    assert state["first_profit"] is climbers.first_profit
    assert state["steepest"] is climbers.steepest


def test_a_bandit_asks_each_price_once_and_then_by_its_upper_bound() -> None:
    bandits = Bandits.of(10.0, 30.0, 3, (2,))
    for price, profit in ((10.0, 1.0), (20.0, 5.0), (30.0, 3.0)):
        assert bandits.asked().tolist() == [price, price]
        bandits.learn(np.array([profit, 0.0]), np.array([True, True]))
    assert bandits.plays.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert bandits.profit.tolist() == [[1.0, 5.0, 3.0], [0.0, 0.0, 0.0]]
    assert (bandits.most.tolist(), bandits.least.tolist()) == ([5.0, 0.0], [1.0, 0.0])
    assert bandits.asked().tolist() == [20.0, 10.0]
    bandits.learn(np.array([-7.0, 9.0]), np.array([True, False]))
    assert bandits.plays.tolist() == [[1, 2, 1], [1, 1, 1]]
    assert bandits.profit[0].tolist() == [1.0, -2.0, 3.0]
    assert (bandits.most[0], bandits.least[0]) == (5.0, -7.0)
    # Means 1, -1 and 3 with the spread of 12 times the root of 2 log 4 over the plays.
    bounds = np.array([1.0, -1.0, 3.0]) + 12.0 * np.sqrt(2 * np.log(4) / np.array([1, 2, 1]))
    assert bandits.arm()[0] == int(np.argmax(bounds)) == 2
    for _ in range(3):
        bandits.learn(np.array([-7.0, 0.0]), np.array([True, False]))
    assert set(bandits.state()) == {"plays", "profit", "most", "least"}
    assert bandits.plays[0].sum() == 7


def test_a_price_at_cost_is_what_the_demand_at_it_costs() -> None:
    assert price_at_cost(lambda price: 40.0 - price, 0.0, 100.0) == nearly(20.0)
    assert price_at_cost(lambda price: 1.0, 5.0, 100.0) == 5.0
    assert price_at_cost(lambda price: 400.0 - price, 5.0, 100.0) == 100.0
    # Demand jumps at 30: the lowest price that covers its cost.
    jumps = price_at_cost(lambda price: 50.0 if price < 30.0 else 10.0, 0.0, 100.0)
    assert jumps == nearly(30.0)


def test_the_first_prices_asked_are_the_ends_and_evenly_between() -> None:
    asked = list[float]()

    def ask(price: float) -> np.ndarray:
        asked.append(price)
        return np.zeros(0)

    learn_demand(ask, 3.0, 10.0, 70.0)
    assert sorted(asked) == nearly(np.linspace(10.0, 70.0, FIRST_PROBES))
    assert set(asked[:2]) == {10.0, 70.0}


@pytest.mark.parametrize(
    ("low_price", "sold", "lost"),
    [
        (20.0, (4.0, 4.0), (2.0, 3.0)),
        (20.0, (1.0, 2.0), (0.5, 1.0)),
        (0.0, (-3.0, 4.0), (0.0, 1.0)),
    ],
)
def test_no_profit_within_bounds_of_losses_passes_the_most_and_one_reaches_it(
    low_price: float, sold: tuple[float, float], lost: tuple[float, float]
) -> None:
    # The cheapest that can be generated is 5 kWh.
    cost = GenerationCost(quadratic=1.0, linear=-10.0, fixed=3.0)
    most = most_profit_with_losses(cost, low_price, 30.0, *sold, *lost)
    prices, sales, losses = np.meshgrid(
        np.linspace(low_price, 30.0, 61), np.linspace(*sold, 141), np.linspace(*lost, 101)
    )
    profit = prices * sales - cost.total(sales + losses)
    assert float(profit.max()) == pytest.approx(float(most), rel=1e-9)


def test_losses_beside_the_cheapest_generation_are_of_use_on_both_sides() -> None:
    cost = GenerationCost(quadratic=1.0, linear=-10.0, fixed=3.0)
    # With losses between 0.5 and 2 the 4 kWh sold are best generated with 1 of them.
    most = most_profit_with_losses(cost, 20.0, 30.0, 4.0, 4.0, 0.5, 2.0)
    assert float(most) == nearly(30.0 * 4.0 - cost.total(5.0))
    # Where losses end at 1 or begin there, an end is as good.
    for lost in ((0.5, 1.0), (1.0, 2.0)):
        assert float(most_profit_with_losses(cost, 20.0, 30.0, 4.0, 4.0, *lost)) == nearly(
            30.0 * 4.0 - cost.total(5.0)
        )
    # With none between 1 and 3 that is small enough, less is earned.
    assert float(most_profit_with_losses(cost, 20.0, 30.0, 4.0, 4.0, 2.0, 3.0)) == nearly(
        30.0 * 4.0 - cost.total(6.0)
    )


def test_tiers_charge_the_months_of_each_member() -> None:
    bought = np.array([[90.0, 130.0, 260.0], [100.0, 220.0, 0.0]])
    charge = tier_charge(bought, np.array([100.0, 200.0]), np.array([5.0, 2.0]))
    assert charge == nearly(np.array([[0.0, 150.0, 920.0], [0.0, 640.0, 0.0]]))
