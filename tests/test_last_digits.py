import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.last_digits import (
    DUST_KWH,
    FINEST,
    KEPT_BITS,
    anything,
    descending,
    first_highest,
    first_lowest,
    highest,
    lowest,
    settled,
)
from hmesh.markets.battery_exchange import match_exchange, own_load_first
from hmesh.runs.world.totals import Totals

FLOATS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False, max_value=1e300,
                   min_value=-1e300)  # fmt: skip


def test_sums_in_another_order_settle_on_the_same_number() -> None:
    there, back = (0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3)
    assert there != back
    assert settled(there) == settled(back)


@given(FLOATS)
def test_settling_moves_a_number_by_less_than_a_billionth_and_only_once(value: float) -> None:
    rounded = float(settled(value))
    assert abs(rounded - value) <= max(abs(value) * 2.0**-KEPT_BITS, FINEST / 2)
    assert settled(rounded) == rounded
    assert settled(-value) == -rounded


@given(st.integers(-(2**KEPT_BITS), 2**KEPT_BITS), st.integers(-33, 60))
def test_short_numbers_stay_what_they_are(number: int, power: int) -> None:
    value = float(number) * 2.0**power
    assert settled(value) == value


def test_infinite_and_missing_numbers_stay_what_they_are() -> None:
    np.testing.assert_array_equal(settled([np.inf, -np.inf, np.nan]), [np.inf, -np.inf, np.nan])


def test_the_first_of_those_that_only_rounding_shows_apart_counts() -> None:
    values = np.array([0.3, 0.1 + 0.2, 0.0])
    assert values.argmax() == 1
    assert first_highest(values) == 0
    assert first_lowest(-values) == 0
    assert descending(values).tolist() == [0, 1, 2]
    by_name = dict(zip(("one", "other", "nothing"), values.tolist(), strict=True))
    assert highest(by_name, by_name.__getitem__) == "one"
    assert lowest(by_name, lambda name: -by_name[name]) == "one"


def test_what_rounding_leaves_of_nothing_settles_on_nothing() -> None:
    assert settled(0.3 - (0.1 + 0.2)) == 0.0
    assert first_highest([0.0, 5e-17]) == 0


def test_rows_are_sorted_each_for_itself() -> None:
    values = np.array([[1.0, 1.0 + 1e-15], [1.0, 2.0]])
    assert descending(values).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(("energy", "found"), [(0.0, False), (DUST_KWH, False), (2e-9, True)])
def test_dust_is_nothing(energy: float, found: bool) -> None:
    assert anything([0.0, -energy]) is found


def test_a_levelled_peak_is_reported_at_its_first_step() -> None:
    demands = [0.5, 0.3, 0.1 + 0.2, 0.6, 0.1 + 0.2 + 0.3]
    assert demands[4] > demands[3]
    nothing: dict[str, float] = {}
    whole, parts = Totals(), [Totals() for _ in demands]
    for step, demand in enumerate(demands):
        for totals in (whole, parts[step]):
            totals.add(step, demand, nothing, {}, nothing, [])
    together = Totals()
    for part in parts:
        together.merge(part)
    assert whole.peak_step == together.peak_step == 3
    assert whole.peak_kwh == together.peak_kwh == demands[4]


def test_buildings_exchange_no_dust() -> None:
    left = own_load_first(np.array([0.1 + 0.2, 2.0]), np.array([0.3, 2.0 + 4e-16]))
    assert not left.surplus_kwh.any()
    assert not left.need_kwh.any()
    offered, wanted = np.array([0.1 + 0.2, 0.3, 0.0]), np.array([0.0, 0.0, 0.6])
    orders = match_exchange(offered, wanted, line_loss_rate=0.0)
    assert orders.giver.tolist() == [0, 1]
    assert orders.taker.tolist() == [2, 2]
    # The first of two that differ only by rounding gives first, whichever is larger.
    assert match_exchange(offered[[1, 0, 2]], wanted, 0.0).giver.tolist() == [0, 1]
