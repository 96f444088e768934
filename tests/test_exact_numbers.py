from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.exact_numbers import from_exact, to_exact

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(FLOATS)
def test_there_and_back(value: float) -> None:
    assert from_exact(to_exact(value)) == value


@given(st.lists(st.floats(-1e307, 1e307), max_size=8))
def test_a_sum_is_rounded_once(values: list[float]) -> None:
    assert from_exact(sum(map(to_exact, values))) == float(sum(map(Fraction, values)))


@given(FLOATS, FLOATS)
def test_order_is_kept(a: float, b: float) -> None:
    assert (to_exact(a) < to_exact(b)) == (a < b)


def test_the_smallest_float_is_the_unit() -> None:
    assert to_exact(5e-324) == 1


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_not_finite_has_no_exact_number(value: float) -> None:
    with pytest.raises((OverflowError, ValueError), match="cannot convert"):
        to_exact(value)
