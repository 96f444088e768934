"""Batteries that want energy by their departure, compared with search, sums and limits."""

import numpy as np
import pytest

from hmesh.markets.answer_curves import sum_of_curves
from hmesh.markets.answers import battery_answers, demand_at
from hmesh.markets.departure_value import (
    StoreColumns,
    answers_before_departure,
    best_response_before_departure,
    curves_before_departure,
    wanted_usable_kwh,
    worth_before_departure,
)
from hmesh.markets.vehicle_response import best_response
from hmesh.runs.audits.reference.stores import AnsweringStores as PlainStores

STORES = 150
SEARCHED = 2001


def stores(seed: int, *, losses: bool = True, surplus: bool = False) -> StoreColumns:
    """Return random batteries; with a surplus many hold more than they value."""
    rng = np.random.default_rng(seed)
    usable = rng.uniform(-4.0, 30.0, STORES)
    theta = rng.uniform(0.3, 3.0, STORES)
    lam = rng.uniform(-40.0, 30.0, STORES) if surplus else rng.uniform(30.0, 120.0, STORES)
    wanted = rng.uniform(-6.0, 36.0, STORES)
    # Some stand exactly at what they want, and some want nothing.
    wanted[::9] = usable[::9]
    weight = rng.uniform(0.0, 60.0, STORES) * (rng.random(STORES) > 0.15)
    into = rng.uniform(0.6, 1.0, STORES) if losses else 1.0
    out_of = rng.uniform(0.6, 1.0, STORES) if losses else 1.0
    lower = -rng.uniform(0.0, 9.0, STORES) * (rng.random(STORES) > 0.1)
    upper = rng.uniform(0.0, 9.0, STORES) * (rng.random(STORES) > 0.1)
    return StoreColumns(lam, theta, usable, lower, upper, into, out_of, wanted, weight)


def payoff(some: StoreColumns, price: float, exchange: np.ndarray) -> np.ndarray:
    return worth_before_departure(some, exchange) - price * exchange


CASES = [(True, False), (False, False), (True, True), (False, True)]


@pytest.mark.parametrize(("losses", "surplus"), CASES)
def test_no_exchange_of_a_search_is_worth_more(losses: bool, surplus: bool) -> None:
    some = stores(1, losses=losses, surplus=surplus)
    shares = np.linspace(0.0, 1.0, SEARCHED)[:, None]
    searched = some.lower_kwh + shares * (some.upper_kwh - some.lower_kwh)
    for price in (-60.0, -17.0, -2.0, 0.0, 11.0, 35.0, 80.0):
        chosen = best_response_before_departure(price, some)
        assert np.all((some.lower_kwh <= chosen) & (chosen <= some.upper_kwh))
        best = payoff(some, price, chosen)
        assert np.all(payoff(some, price, searched) <= best + 1e-9)


@pytest.mark.parametrize(("losses", "surplus"), CASES)
def test_answers_never_rise_and_their_sum_is_the_demand(losses: bool, surplus: bool) -> None:
    some = stores(2, losses=losses, surplus=surplus)
    answers = answers_before_departure(7.5, some)
    reported = sum_of_curves(7.5, curves_before_departure(some))
    before = np.full(STORES, np.inf)
    for price in np.linspace(-150.0, 250.0, 161):
        each = best_response_before_departure(float(price), some)
        assert np.all(each <= before + 1e-9)
        before = each
        assert demand_at(answers, float(price)) == pytest.approx(7.5 + each.sum(), abs=1e-8)
        assert demand_at(reported, float(price)) == pytest.approx(7.5 + each.sum(), abs=1e-8)


@pytest.mark.parametrize("surplus", [False, True])
def test_no_weight_is_a_battery_that_wants_nothing(surplus: bool) -> None:
    some = stores(3, surplus=surplus)
    nothing = StoreColumns(
        *(getattr(some, name) for name in StoreColumns.__slots__[:-1]), np.zeros(STORES)
    )
    columns = [getattr(some, name) for name in StoreColumns.__slots__[:7]]
    for price in (-50.0, -3.0, 4.0, 50.0):
        plain = best_response(price, *columns)
        np.testing.assert_array_equal(best_response_before_departure(price, nothing), plain)
        assert demand_at(answers_before_departure(0.0, nothing), price) == pytest.approx(
            demand_at(battery_answers(0.0, *columns), price), abs=1e-8
        )


def test_a_high_weight_buys_what_is_wanted_before_anything_else() -> None:
    wanted = wanted_usable_kwh(0.8, 0.2, 40.0)
    assert wanted == pytest.approx(24.0)
    one = StoreColumns(
        60.0, 2.0, np.array([20.0]), np.array([-7.0]), np.array([7.0]), 1.0, 1.0,
        np.array([24.0]), np.array([1000.0]),
    )  # fmt: skip
    # Without a weight it values the 20th kWh at 20 and the 24th at 12.
    assert best_response_before_departure(500.0, one) == pytest.approx(4.0)
    assert best_response_before_departure(13.0, one) == pytest.approx(4.0)
    assert best_response_before_departure(8.0, one) == pytest.approx(6.0)
    assert best_response_before_departure(1021.0, one) == pytest.approx(-0.5)


@pytest.mark.parametrize(("losses", "surplus"), CASES)
def test_the_second_implementation_answers_alike(losses: bool, surplus: bool) -> None:
    some = stores(4, losses=losses, surplus=surplus)
    plain = PlainStores(
        some.lam, some.theta, some.usable_kwh, some.lower_kwh, some.upper_kwh,
        some.charge_efficiency, some.discharge_efficiency, some.wanted_kwh, some.miss_weight,
    )  # fmt: skip
    answer = plain.answer()
    assert np.all(np.diff(answer.cuts, axis=0) >= -1e-9)
    for price in (-80.0, -21.0, -4.0, 0.0, 3.0, 17.0, 44.0, 90.0, 170.0):
        mine = best_response_before_departure(price, some)
        assert np.all(plain.wrong_by(price, mine) <= 1e-9)
        line = np.sum(answer.cuts < price, axis=0)
        column = np.arange(STORES)
        read = answer.offset[line, column] + answer.gain[line, column] * price
        np.testing.assert_allclose(read, mine, rtol=0, atol=1e-8)
