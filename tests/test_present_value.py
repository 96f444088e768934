import numpy_financial
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.present_value import annuity_factor, break_even_income, net_present_value

RATES = st.floats(0.0, 0.5).filter(lambda rate: rate == 0 or rate > 1e-6)
MONEY = st.floats(-1e6, 1e6)


@given(MONEY, st.floats(0, 1e6), RATES, st.integers(1, 40))
def test_it_is_what_a_library_of_finance_finds(
    income: float, investment: float, rate: float, years: int
) -> None:
    flows = [-investment] + [income] * years
    expected = numpy_financial.npv(rate, flows)
    found = net_present_value(income, investment, rate, years)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-3)
    ones = numpy_financial.npv(rate, [0.0] + [1.0] * years)
    assert annuity_factor(rate, years) == pytest.approx(ones)


@given(st.floats(1, 1e6), RATES, st.integers(1, 40))
def test_with_the_break_even_income_it_is_worth_nothing(
    investment: float, rate: float, years: int
) -> None:
    income = break_even_income(investment, rate, years)
    assert net_present_value(income, investment, rate, years) == pytest.approx(
        0.0, abs=1e-6 * investment
    )


def test_what_day_must_pay_more_than_night_for_each_kwh_that_is_stored() -> None:
    """25,000 JPY per kWh of capacity, of which 90 % are cycled every day for 15 years at 4.5 %."""
    per_stored_kwh = break_even_income(25_000.0, 0.045, 15) / (0.9 * 365)
    assert per_stored_kwh == pytest.approx(7.09, abs=0.005)
