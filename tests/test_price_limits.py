import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.answers import battery_answers, demand_at
from hmesh.markets.demand_curve import demand_curve
from hmesh.markets.price_limits import price_limits, prices_within
from tests.answer_games import LossyCommunity, lossy_communities

LOWEST, HIGHEST = -30.0, 90.0

price_limits_module = sys.modules[prices_within.__module__]


@given(lossy_communities(), st.floats(LOWEST, HIGHEST))
def test_demand_at_a_price_is_that_of_the_curve(community: LossyCommunity, price: float) -> None:
    answers = community.kinks()
    demand = float(demand_curve(answers, LOWEST, HIGHEST).demand_kwh(price))
    assert demand_at(answers, price) == pytest.approx(demand, rel=1e-9, abs=1e-9)


@given(community=lossy_communities(), share=st.floats(-0.2, 1.2), width=st.floats(0.0, 1.0))
def test_limits_are_kept_and_no_price_that_keeps_them_is_left_out(
    community: LossyCommunity, share: float, width: float
) -> None:
    answers = community.kinks()
    low, high = float(demand_at(answers, HIGHEST)), float(demand_at(answers, LOWEST))
    least = low + share * (high - low)
    most = least + width * (high - low) + 1e-6
    dust = 1e-9 * (1 + abs(low) + abs(high))
    for many in (0, 5000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(price_limits_module, "MANY_LINES", many)
            floor, ceiling = prices_within(answers, LOWEST, HIGHEST, least, most)
        assert LOWEST <= floor <= ceiling <= HIGHEST
        assert floor == HIGHEST or demand_at(answers, floor) <= most + dust
        before = floor - 1e-6
        assert floor == LOWEST or demand_at(answers, before) > most - dust
        after = ceiling + 1e-6
        assert ceiling in (floor, HIGHEST) or demand_at(answers, after) < least + dust
        if low < least and high >= most and floor < ceiling < HIGHEST:
            assert demand_at(answers, ceiling) >= least - dust


def test_many_lines_give_the_prices_that_sorting_gives() -> None:
    random = np.random.default_rng(3)
    count = 4000
    lam, theta, usable = random.uniform([[30], [1], [0]], [[80], [3], [9]], (3, count))
    lower, upper = -random.uniform(0, 7, count), random.uniform(0, 7, count)
    answers = battery_answers(500.0, lam, theta, usable, lower, upper, 0.9, 0.85)
    assert len(answers.slope) > price_limits_module.MANY_LINES
    low, high = demand_at(answers, HIGHEST), demand_at(answers, LOWEST)
    limits = low + 0.3 * (high - low), low + 0.6 * (high - low)
    expected = price_limits(demand_curve(answers, LOWEST, HIGHEST), *limits)
    found = prices_within(answers, LOWEST, HIGHEST, *limits)
    assert found == pytest.approx(expected, rel=1e-11)
    assert demand_at(answers, found[0]) == pytest.approx(limits[1], rel=1e-9)
    assert demand_at(answers, found[1]) == pytest.approx(limits[0], rel=1e-9)
