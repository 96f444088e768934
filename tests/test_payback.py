"""How soon an investment pays, held to the finance library and to its own inverse."""

import math

import numpy_financial
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.payback import (
    discounted_payback,
    investment_paid_back,
    saving_implied_by_tax,
    simple_payback,
)
from hmesh.markets.present_value import net_present_value

SAVING = st.floats(1, 1e4)
RATE = st.floats(0.001, 0.2)


@given(saving=SAVING, investment=st.floats(1, 1e5), rate=RATE)
def test_payback_is_the_number_of_periods_of_the_finance_library(
    saving: float, investment: float, rate: float
) -> None:
    years = discounted_payback(saving, investment, rate)
    if rate * investment >= saving:
        assert years == math.inf
        return
    assert years == pytest.approx(float(numpy_financial.nper(rate, saving, -investment)), rel=1e-6)
    assert years >= simple_payback(saving, investment)
    assert net_present_value(saving, investment, rate, years) == pytest.approx(
        0.0, abs=1e-6 * investment
    )


@given(saving=SAVING, years=st.floats(0.5, 60), rate=RATE)
def test_the_investment_paid_back_is_the_inverse(saving: float, years: float, rate: float) -> None:
    investment = investment_paid_back(saving, years, rate)
    assert discounted_payback(saving, investment, rate) == pytest.approx(years, rel=1e-6)


def test_edges_are_reported_as_they_are() -> None:
    assert discounted_payback(0.0, 100.0, 0.035) == math.inf
    assert discounted_payback(-5.0, 100.0, 0.035) == math.inf
    assert discounted_payback(10.0, 0.0, 0.035) == 0.0
    assert discounted_payback(10.0, 100.0, 0.0) == simple_payback(10.0, 100.0) == 10.0
    assert simple_payback(0.0, 0.0) == 0.0
    assert simple_payback(0.0, 1.0) == math.inf


@given(saving=st.floats(100, 1000), years=st.floats(3, 20), share=st.floats(0.01, 0.3), rate=RATE)
def test_two_paybacks_show_the_saving_behind_them(
    saving: float, years: float, share: float, rate: float
) -> None:
    investment = investment_paid_back(saving, years, rate)
    tax = share * saving
    later = discounted_payback(saving - tax, investment, rate)
    if math.isfinite(later) and later < 200:
        assert saving_implied_by_tax(tax, years, later, rate) == pytest.approx(saving, rel=1e-5)


def test_the_published_carbon_tax_implies_the_investments_used_here() -> None:
    # BESS: 647 kg more, payback 9.32 -> 10.32 years; TESS 1,741 kg, 7.84 -> 12.21.
    for kg, before, after, size, saving, per_kwh in (
        (3361 - 2714, 9.32, 10.32, 8.2, 307, 294), (4455 - 2714, 7.84, 12.21, 4.7, 218, 314),
    ):  # fmt: skip
        found = saving_implied_by_tax(0.039 * kg, before, after, 0.035)
        assert found == pytest.approx(saving, rel=0.01)
        invested = investment_paid_back(found, before, 0.035)
        assert invested / size == pytest.approx(per_kwh, rel=0.01)
