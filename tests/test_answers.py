"""Answers with losses, dead bands and jumps, compared with what members want by definition."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.answers import (
    Answers,
    battery_answers,
    inelastic_answer,
    sum_of_answers,
)
from hmesh.markets.demand_bins import demand_bins
from hmesh.markets.demand_curve import bends_of, demand_curve
from hmesh.markets.elastic_answers import elastic_answers
from hmesh.markets.threshold_answers import threshold_answers
from hmesh.markets.vehicle_response import best_response, switching_price
from tests.answer_games import LossyCommunity, lossy_communities, lossy_community, scaled
from tests.games import SEEDS, Community, communities

LOWEST, HIGHEST = -60.0, 90.0
PRICES = st.floats(-200, 200)


def answer(community: LossyCommunity, price: float) -> np.ndarray:
    return best_response(price, *community.batteries())


@given(communities(), PRICES)
def test_without_losses_every_bit_is_that_of_the_plain_formula(
    community: Community, price: float
) -> None:
    columns = (community.lam, community.theta, community.usable_kwh)
    bounds = community.lower_kwh, community.upper_kwh
    wanted = (community.lam - price) / community.theta - community.usable_kwh
    plain = np.minimum(np.maximum(wanted, bounds[0]), bounds[1])
    ones = np.ones(len(community))
    for efficiency in (1.0, ones):
        given_ = best_response(price, *columns, *bounds, efficiency, efficiency)
        np.testing.assert_array_equal(given_, plain)
    found = battery_answers(3.0, *columns, *bounds)
    assert found.dead_bands == 0
    assert found.saturated_kwh == 3.0 + float(bounds[1].sum())
    for line, bound in ((found.full_price, bounds[1]), (found.empty_price, bounds[0])):
        held = (community.usable_kwh + bound) * community.theta
        np.testing.assert_array_equal(line, community.lam - held)
    np.testing.assert_array_equal(found.slope, 1.0 / community.theta)
    as_rows = battery_answers(3.0, *columns, *bounds, ones, ones)
    for name in ("full_price", "empty_price", "slope"):
        np.testing.assert_array_equal(getattr(as_rows, name), getattr(found, name))


@given(lossy_communities(), st.floats(-100, 120))
def test_no_exchange_is_worth_more(community: LossyCommunity, price: float) -> None:
    chosen = answer(community, price)
    assert np.all(community.lower_kwh <= chosen)
    assert np.all(chosen <= community.upper_kwh)
    span = community.upper_kwh - community.lower_kwh
    shares = np.linspace(0.0, 1.0, 2001)[:, None]
    best = community.gain(price, community.lower_kwh + shares * span).max(axis=0)
    best = np.maximum(best, community.gain(price, np.zeros_like(chosen)))
    assert np.all(community.gain(price, chosen) >= best - 1e-9 * (1 + np.abs(best)))


@given(lossy_communities(), PRICES, st.floats(0, 50))
def test_never_rises_with_the_price(community: LossyCommunity, price: float, more: float) -> None:
    dust = 1e-12 * (1 + np.abs(community.usable_kwh) + community.lam / community.theta)
    assert np.all(answer(community, price + more) <= answer(community, price) + dust)


@given(lossy_communities(), st.floats(-100, 120))
def test_each_answers_alone_as_among_all(community: LossyCommunity, price: float) -> None:
    together = answer(community, price)
    for row, energy in enumerate(together.tolist()):
        alone = best_response(price, *(float(column[row]) for column in community.batteries()))
        assert float(alone) == energy


def test_by_hand() -> None:
    # v = 60 - 2 * 10 = 40: charges below 36, discharges above 50.
    battery = (60.0, 2.0, 10.0, -7.0, 7.0, 0.9, 0.8)
    prices = np.array([0.0, 24.66, 30.0, 36.0, 43.0, 50.0, 55.0, 71.875, 90.0])
    expected = [7.0, 7.0, 6.0 / 1.62, 0.0, 0.0, 0.0, -0.8 * 4.0 / 2.0, -7.0, -7.0]
    np.testing.assert_allclose(best_response(prices, *battery), expected, atol=1e-13)
    # Where it holds more than it values, v = -10, it wastes energy either way, and ties charge.
    full = (60.0, 2.0, 35.0, -7.0, 7.0, 0.9, 0.8)
    switch = float(switching_price(-10.0, 2.0, -7.0, 7.0, 0.9, 0.8))
    assert switch == pytest.approx(2 * -10 * 0.9 / (1 + 0.72))
    below, above = best_response(np.array([switch, np.nextafter(switch, 0.0)]), *full)
    assert below == pytest.approx((-10 - switch / 0.9) / 1.8)
    assert above == pytest.approx(0.8 * (-10 - 0.8 * switch) / 2)


@given(lossy_communities())
def test_gains_are_equal_at_the_switching_price(community: LossyCommunity) -> None:
    value = -np.abs(community.lam - community.theta * community.usable_kwh) - 1e-3
    bounds = community.lower_kwh, community.upper_kwh
    switch = switching_price(value, community.theta, *bounds, community.into, community.out_of)
    alike = replace(community, lam=value, usable_kwh=np.zeros_like(value))
    able = (community.upper_kwh > 0) & (community.lower_kwh < 0)
    charge = np.clip(
        (value - switch / community.into) / (community.theta * community.into), 0, bounds[1]
    )
    draw = np.clip(
        community.out_of * (value - switch * community.out_of) / community.theta, bounds[0], 0
    )
    gains = [alike.gain(switch, energy)[able] for energy in (charge, draw)]
    np.testing.assert_allclose(*gains, rtol=1e-9, atol=1e-9)


def around_bends(answers: Answers) -> np.ndarray:
    bends = np.concatenate((answers.full_price, answers.empty_price))
    jumps = answers.jump_price
    near = [bends, bends - 1e-7, bends + 1e-7, jumps, np.nextafter(jumps, np.inf), jumps - 1e-7]
    return np.clip(np.concatenate([*near, [LOWEST, HIGHEST]]), LOWEST, HIGHEST)


def best_answers(community: LossyCommunity, prices: np.ndarray) -> np.ndarray:
    """Return the demand at prices, from the rules of all members."""
    energy = best_response(prices[:, None], *community.batteries()).sum(axis=1)
    load, eps, reference, least, most = community.elastic
    share = np.clip(1 - eps * (prices[:, None] / reference - 1), least, most)
    at, below, above = community.thresholds
    jumps = np.where(prices[:, None] <= at, below, above)
    return community.fixed_kwh + energy + (load * share).sum(axis=1) + jumps.sum(axis=1)


@given(lossy_communities(least=0), st.lists(st.floats(LOWEST, HIGHEST), max_size=20))
def test_curve_is_the_sum_of_all_answers(community: LossyCommunity, drawn: list[float]) -> None:
    answers = community.kinks()
    prices = np.concatenate((around_bends(answers), drawn))
    scale = 1 + np.abs(community.fixed_kwh) + (answers.slope @ np.abs(answers.full_price))
    curve = demand_curve(answers, LOWEST, HIGHEST)
    direct = best_answers(community, prices)
    np.testing.assert_allclose(curve.demand_kwh(prices), direct, rtol=0, atol=1e-11 * scale)
    # Away from jumps it is the best of all exchanges, by definition.
    away = np.abs(prices[:, None] - answers.jump_price).min(axis=1, initial=np.inf) > 1e-6
    wanted = community.demand_kwh(prices[away])
    np.testing.assert_allclose(direct[away], wanted, rtol=0, atol=1e-9 * scale)
    assert np.all(np.diff(curve.demand_kwh(np.sort(prices))) <= 1e-11 * scale)
    assert np.all(np.diff(curve.edges) > 0)


@given(lossy_communities(), st.floats(LOWEST, HIGHEST), st.floats(LOWEST, HIGHEST))
def test_a_part_of_the_curve_is_the_curve_of_a_part(
    community: LossyCommunity, one: float, other: float
) -> None:
    answers = community.kinks()
    low, high = min(one, other), max(one, other)
    prices = np.clip(around_bends(answers), low, high)
    scale = 1 + np.abs(community.fixed_kwh) + (answers.slope @ np.abs(answers.full_price))
    whole = demand_curve(answers, LOWEST, HIGHEST).demand_kwh(prices)
    part = bends_of(answers, LOWEST, HIGHEST).within(low, high).curve()
    np.testing.assert_allclose(part.demand_kwh(prices), whole, rtol=0, atol=1e-11 * scale)


@given(lossy_communities(), st.integers(1, 40), st.data())
def test_bins_hold_the_demand_at_their_edges(
    community: LossyCommunity, bins: int, data: st.DataObject
) -> None:
    answers = community.kinks()
    found = demand_bins(bends_of(answers, LOWEST, HIGHEST), bins)
    scale = 1 + np.abs(community.fixed_kwh) + (answers.slope @ np.abs(answers.full_price))
    direct = best_answers(community, found.edges)
    np.testing.assert_allclose(found.demand_kwh, direct, rtol=0, atol=1e-11 * scale)
    first = data.draw(st.integers(0, bins - 1))
    last = data.draw(st.integers(first + 1, bins))
    part = found.between(first, last).curve()
    prices = np.clip(around_bends(answers), found.edges[first], found.edges[last])
    wanted = best_answers(community, prices)
    np.testing.assert_allclose(part.demand_kwh(prices), wanted, rtol=0, atol=1e-11 * scale)


@given(
    lossy_communities(), st.floats(-50, 80), st.floats(0.01, 100), st.floats(0.01, 100)
)  # fmt: skip
def test_other_units_change_nothing(
    community: LossyCommunity, price: float, money: float, energy: float
) -> None:
    other = scaled(community, money, energy)
    answers, rescaled = community.kinks(), other.kinks()
    for name, factor in (
        ("full_price", money / energy), ("empty_price", money / energy),
        ("slope", energy**2 / money), ("jump_kwh", energy), ("jump_price", money / energy),
    ):  # fmt: skip
        expected = getattr(answers, name) * factor
        if name.startswith("jump") and len(expected) != len(getattr(rescaled, name)):
            continue
        np.testing.assert_allclose(getattr(rescaled, name), expected, rtol=1e-9, atol=1e-9 * factor)


def test_jumps_hold_at_their_price_and_not_above() -> None:
    answers = threshold_answers([20.0, 30.0], [3.0, 5.0], [0.0, -1.0])
    curve = demand_curve(answers, 20.0, 40.0)
    prices = np.array([20.0, np.nextafter(20.0, 30.0), 30.0, np.nextafter(30.0, 40.0), 40.0])
    assert curve.demand_kwh(prices).tolist() == [8.0, 5.0, 5.0, -1.0, -1.0]
    # At the upper end the demand has not fallen, just below it it has.
    assert demand_curve(answers, 20.0, 30.0).demand_kwh(30.0) == 5.0
    last = float(np.nextafter(30.0, 40.0))
    assert demand_curve(answers, 20.0, last).demand_kwh(np.array([30.0, last])).tolist() == [5, -1]


def test_elastic_loads_stay_within_their_shares() -> None:
    answers = elastic_answers(10.0, 0.5, 30.0, 0.8, 1.1)
    prices = np.array([0.0, 24.0, 30.0, 33.0, 42.0, 60.0])
    expected = [11.0, 11.0, 10.0, 9.5, 8.0, 8.0]
    found = demand_curve(answers, 0.0, 60.0).demand_kwh(prices)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    unmoved = elastic_answers([10.0, 0.0], [0.0, 0.5], 30.0, 0.8, 1.1)
    assert unmoved.saturated_kwh == inelastic_answer(10.0).saturated_kwh == 10.0
    assert not unmoved.answering


@given(SEEDS)
def test_a_sum_of_answers_is_that_of_all_together(seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = [lossy_community(random, 3, unwanted=True) for _ in range(3)]
    summed = sum_of_answers([part.kinks() for part in parts])
    prices = np.linspace(LOWEST, HIGHEST, 301)
    together = demand_curve(summed, LOWEST, HIGHEST).demand_kwh(prices)
    one_by_one = sum(part.curve(LOWEST, HIGHEST).demand_kwh(prices) for part in parts)
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=1e-9)
