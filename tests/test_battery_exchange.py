"""Who gives what to whom: own load first, lines that lose, and a matrix that adds up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from hmesh.markets.battery_exchange import exchange_matrix, match_exchange, own_load_first

SEEDS = st.integers(0, 2**32 - 1)


def hour(seed: int, buildings: int) -> tuple[np.ndarray, np.ndarray]:
    """Set points and loads, among them buildings without load and without battery."""
    random = np.random.default_rng(seed)
    discharge = random.uniform(0, 10, buildings) * random.choice([0.0, 1.0], buildings)
    load = random.uniform(0, 10, buildings) * random.choice([0.0, 1.0, 1.0], buildings)
    return discharge, load


@pytest.mark.parametrize(
    ("surplus", "need"), [([0.0, 0.0], [1.0, 2.0]), ([3.0, 0.0], [0.0, 0.0]), ([0.0], [0.0])]
)
def test_without_surplus_or_need_nobody_gives(surplus: list[float], need: list[float]) -> None:
    orders = match_exchange(np.array(surplus), np.array(need))
    for column in (orders.giver, orders.taker, orders.sent_kwh, orders.received_kwh):
        assert column.shape == (0,)
    assert orders.lost_kwh == 0.0


@given(SEEDS, st.integers(1, 12), st.sampled_from([0.0, 0.08, 0.5]))
def test_rows_columns_and_losses_add_up(seed: int, buildings: int, rate: float) -> None:
    discharge, load = hour(seed, buildings)
    left = own_load_first(discharge, load)
    orders = match_exchange(left.surplus_kwh, left.need_kwh, rate)
    matrix = exchange_matrix(left.own_kwh, orders)
    assert (matrix >= 0).all()
    away = matrix - np.diag(np.diag(matrix))
    sent = orders.sent_by(buildings)
    np.testing.assert_allclose(matrix.sum(axis=1), left.own_kwh + sent, atol=1e-12)
    assert (sent <= left.surplus_kwh + 1e-9).all()
    received = np.diag(matrix) + (1 - rate) * away.sum(axis=0)
    np.testing.assert_allclose(received, left.own_kwh + orders.received_by(buildings), atol=1e-9)
    # No building is fed back, and none gives away what it needs itself.
    assert (received <= load + 1e-9).all()
    gives = away.sum(axis=1) > 0
    np.testing.assert_allclose(np.diag(matrix)[gives], load[gives])
    assert orders.lost_kwh == pytest.approx(rate * away.sum(), abs=1e-9)
    assert (orders.lost_kwh == 0) == (rate == 0 or not away.any())
    # As much is exchanged as is both there and needed.
    most = min(left.surplus_kwh.sum(), left.need_kwh.sum() / (1 - rate))
    assert sent.sum() == pytest.approx(most, abs=1e-9)


@given(SEEDS, st.integers(2, 10))
def test_numbers_of_buildings_do_not_matter(seed: int, buildings: int) -> None:
    discharge, load = hour(seed, buildings)
    order = np.random.default_rng(seed).permutation(buildings)

    def matrix(discharge: np.ndarray, load: np.ndarray) -> np.ndarray:
        left = own_load_first(discharge, load)
        return exchange_matrix(left.own_kwh, match_exchange(left.surplus_kwh, left.need_kwh))

    one, two = matrix(discharge, load), matrix(discharge[order], load[order])
    np.testing.assert_allclose(two, one[np.ix_(order, order)], atol=1e-9)


@given(SEEDS, st.integers(2, 8))
def test_no_matching_delivers_more(seed: int, buildings: int) -> None:
    """The transport problem over all pairs, by linear programme."""
    discharge, load = hour(seed, buildings)
    left = own_load_first(discharge, load)
    orders = match_exchange(left.surplus_kwh, left.need_kwh)
    pairs = buildings**2
    giver, taker = np.divmod(np.arange(pairs), buildings)
    rows = np.zeros((2 * buildings, pairs))
    rows[giver, np.arange(pairs)] = 1.0
    rows[buildings + taker, np.arange(pairs)] = 0.92
    found = linprog(-np.full(pairs, 0.92), rows, np.concatenate([left.surplus_kwh, left.need_kwh]))
    assert orders.received_kwh.sum() == pytest.approx(-found.fun, abs=1e-7)


def test_a_building_without_load_and_battery_changes_nothing() -> None:
    discharge, load = hour(5, 8)
    left = own_load_first(discharge, load)
    one = match_exchange(left.surplus_kwh, left.need_kwh)
    more = own_load_first(np.append(discharge, 0.0), np.append(load, 0.0))
    two = match_exchange(more.surplus_kwh, more.need_kwh)
    np.testing.assert_array_equal(one.giver, two.giver)
    np.testing.assert_array_equal(one.sent_kwh, two.sent_kwh)


def test_a_building_that_generates_needs_nothing() -> None:
    left = own_load_first(np.array([4.0]), np.array([-3.0]))
    assert left.own_kwh == 0
    assert left.need_kwh == 0
    assert left.surplus_kwh == 4.0
