"""How bills and savings are spread, against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets.distribution import gini, net_bill, savings, share_worse_off

AMOUNTS = st.lists(
    st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=1, max_size=12
).map(np.array)


def defined(amounts: FloatArray) -> float:
    """Return the sum of all differences over all pairs, as the coefficient is defined."""
    pairs = sum(abs(one - other) for one in amounts for other in amounts)
    size = sum(abs(one) for one in amounts)
    return pairs / (2 * len(amounts) * size) if size else math.nan


@given(AMOUNTS)
def test_the_coefficient_is_its_definition(amounts: FloatArray) -> None:
    found = gini(amounts)
    assert found == pytest.approx(defined(amounts), abs=1e-9, nan_ok=True)
    if not math.isnan(found):
        assert 0.0 <= found <= 1.0


@given(AMOUNTS, st.randoms(use_true_random=False), st.floats(0.01, 100.0))
def test_order_and_currency_do_not_matter(
    amounts: FloatArray, random: "np.random.Generator", rate: float
) -> None:
    mixed = amounts.tolist()
    random.shuffle(mixed)
    assert gini(np.array(mixed)) == pytest.approx(gini(amounts), rel=1e-9, abs=1e-9, nan_ok=True)
    assert gini(rate * amounts) == pytest.approx(gini(amounts), rel=1e-9, abs=1e-9, nan_ok=True)


def test_known_coefficients() -> None:
    assert gini(np.array([7.0, 7.0, 7.0])) == 0.0
    assert gini(np.array([0.0, 0.0, 0.0, 8.0])) == pytest.approx(3 / 4)
    assert gini(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 9)
    # One earns what the other pays: as uneven as amounts of two can be.
    assert gini(np.array([5.0, -5.0])) == pytest.approx(1 / 2)
    assert math.isnan(gini(np.array([])))
    assert math.isnan(gini(np.zeros(3)))


def test_a_battery_that_is_emptied_is_no_saving() -> None:
    paid, received = np.array([10.0, 4.0]), np.array([0.0, 0.0])
    bill = net_bill(paid, received, np.array([0.0, -3.0]), 2.0)
    np.testing.assert_array_equal(bill, [10.0, 10.0])


def test_rounding_makes_nobody_worse_off() -> None:
    first = np.array([100.0, 100.0, 100.0, -5.0])
    bill = np.array([100.0 + 1e-8, 101.0, 99.0, -6.0])
    saved = savings(bill, first)
    np.testing.assert_allclose(saved, [0.0, -1.0, 1.0, 1.0])
    assert share_worse_off(saved) == 1 / 4
    assert math.isnan(share_worse_off(np.empty(0)))
