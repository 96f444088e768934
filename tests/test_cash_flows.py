"""Payback, worth and interest of incomes that differ from year to year, by sums of years."""

import numpy as np
import pytest

from hmesh.markets.cash_flows import (
    capacity_left,
    discount_factors,
    internal_rate_of_return,
    payback_years,
    worth_today,
)
from hmesh.markets.payback import discounted_payback
from hmesh.markets.present_value import net_present_value
from hmesh.runs.investment_rows import investment_rows, worth_of


def test_equal_incomes_give_the_closed_forms() -> None:
    for rate in (0.0, 0.035, 0.2):
        for years in (1.0, 7.5, 15.0):
            incomes = np.full(int(np.ceil(years)), 501.0)
            worth = worth_today(incomes, 1100.0, rate, years)
            assert worth == pytest.approx(net_present_value(501.0, 1100.0, rate, years), rel=1e-12)
            paid = payback_years(incomes, 1100.0, rate, years)
            closed = discounted_payback(501.0, 1100.0, rate)
            assert paid == (pytest.approx(closed, rel=1e-12) if closed <= years else np.inf)


def test_falling_incomes_by_a_sum_of_years() -> None:
    incomes = np.array([400.0, 300.0, 200.0, 100.0])
    by_hand = sum(income / 1.05 ** (n + 1) for n, income in enumerate(incomes)) - 700.0
    assert worth_today(incomes, 700.0, 0.05, 4.0) == pytest.approx(by_hand, rel=1e-12)
    # 400 and 300 of the first two years are worth 653.06: the rest comes in the third.
    years = payback_years(incomes, 700.0, 0.05, 4.0)
    assert 2 < years < 3
    part = (1.05**-2 - 1.05**-years) / 0.05
    assert 400 / 1.05 + 300 / 1.05**2 + 200 * part == pytest.approx(700.0, rel=1e-12)
    assert payback_years(incomes, 1000.0, 0.05, 4.0) == np.inf
    assert payback_years(incomes, 1000.0, 0.0, 4.0) == pytest.approx(4.0)


def test_the_internal_rate_makes_the_worth_nothing() -> None:
    for incomes, price in (([110.0], 100.0), ([50.0] * 4, 150.0), ([90.0, 60.0, 30.0], 200.0)):
        years = float(len(incomes))
        rate = internal_rate_of_return(np.array(incomes), price, years)
        found = sum(income / (1 + rate) ** (n + 1) for n, income in enumerate(incomes))
        assert found == pytest.approx(price, rel=1e-9)
    assert internal_rate_of_return(np.array([110.0]), 100.0, 1.0) == pytest.approx(0.1)
    for incomes, price in (([0.0], 100.0), ([-5.0, 9.0], 1.0), ([5.0], 0.0)):
        assert np.isnan(internal_rate_of_return(np.array(incomes), price, float(len(incomes))))


def test_factors_add_up_to_the_annuity_and_capacity_falls_by_both() -> None:
    assert discount_factors(0.04, 2.5).sum() == pytest.approx((1 - 1.04**-2.5) / 0.04)
    left = capacity_left(3.0, 0.01, 0.0001, 200.0)
    assert left == pytest.approx([1 - 0.03 * t for t in (0.5, 1.5, 2.5)])
    assert capacity_left(4.0, 0.5, 0.0, 0.0).tolist() == pytest.approx([0.75, 0.25, 0.0, 0.0])


def test_rows_compare_with_the_first_strategy_that_invests_nothing() -> None:
    def totals(cost: float, price: float, fade: float) -> dict[str, float]:
        return {
            "x_running_cost": cost, "x_investment": price, "x_years": 2.0, "x_interest_rate": 0.03,
            "x_lifetime_years": 10.0, "x_fade_per_year": fade,
        }  # fmt: skip

    every = [totals(900.0, 0.0, 0.0), totals(500.0, 1000.0, 0.02)]
    rows = {label: value for label, value, *_ in investment_rows(every, "x")}
    incomes = [200.0 * (1 - 0.02 * (n + 0.5)) for n in range(10)]
    worth = sum(income / 1.03 ** (n + 1) for n, income in enumerate(incomes)) - 1000
    assert rows["net present value [{currency}]"](every[1]) == pytest.approx(worth)
    assert rows["payback [a]"](every[0]) is None
    found = rows["internal rate of return [%]"](every[1])
    assert found == pytest.approx(100 * worth_of(200.0, 1000.0, 0.03, 10.0, 0.02).internal_rate)
    assert investment_rows([totals(9.0, 5.0, 0.0)], "x") == []
