"""The second implementation of what batteries of buildings exchange against the first."""

import numpy as np
import pytest
from hypothesis import given, settings

from hmesh.markets.battery_exchange import match_exchange, own_load_first
from hmesh.markets.capacity_allocation import SharedDischarge, exchanged_kwh, least_exchange
from hmesh.markets.load_levelling import Equipment
from hmesh.runs.audits.reference import exchange
from tests.games import SEEDS


@given(SEEDS)
def test_both_implementations_match_surplus_and_need_alike(seed: int) -> None:
    random = np.random.default_rng(seed)
    buildings = int(random.integers(1, 8))
    load = random.choice([-2.0, 0.0, 5.0, 5.0, 30.0], buildings) * random.choice([1.0, 1.3])
    wanted = random.choice([0.0, 4.0, 20.0], buildings) * random.uniform(0.5, 1, buildings)
    first = own_load_first(wanted, load)
    orders = match_exchange(first.surplus_kwh, first.need_kwh, 0.08)
    own, sent, received, unplaced = exchange.exchanged(wanted, load, 0.08)
    np.testing.assert_allclose(own, first.own_kwh)
    np.testing.assert_allclose(sent, orders.sent_by(buildings), atol=1e-8)
    np.testing.assert_allclose(received, orders.received_by(buildings), atol=1e-8)
    left = first.surplus_kwh - orders.sent_by(buildings)
    np.testing.assert_allclose(unplaced, left, atol=1e-8)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_both_implementations_find_the_least_exchange(seed: int) -> None:
    random = np.random.default_rng(seed)
    buildings, steps = int(random.integers(2, 5)), int(random.integers(2, 8))
    load = random.uniform(0, 30, (buildings, 1, steps)) * random.choice([0.0, 1.0, 1.0], steps)
    capacity = random.uniform(20, 100, buildings)
    equipment = Equipment(0.16, 0.9, 0.9, 0.9)
    total = 0.16 * capacity.sum() * random.uniform(0, 0.9, steps)
    total *= min(1.0, 0.81 * capacity.sum() / max(float(total.sum()), 1e-9))
    problem = SharedDischarge(load, total[None], equipment)
    first = exchanged_kwh(least_exchange(problem, capacity), problem.load_kwh).sum()
    energy = capacity * total.sum() / capacity.sum()
    least = exchange.least_exchanged(load[:, 0], total, 0.16 * capacity, energy * (1 + 1e-12))
    assert least == pytest.approx(first, abs=1e-6 * max(1.0, float(total.sum())))
