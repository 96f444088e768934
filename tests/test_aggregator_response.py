import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets.aggregator_response import best_price, response_map
from hmesh.markets.response_on_demand import ResponseOnDemand
from tests.games import Community, communities

LOWEST, HIGHEST = 0.0, 80.0
UTILITY_PRICES = st.lists(st.floats(LOWEST, HIGHEST), min_size=1, max_size=12)


def alike(count: int, fixed_kwh: float, **columns: float) -> Community:
    """Return a community of vehicles that are all alike."""
    given = {"lam": 60.0, "theta": 2.0, "usable_kwh": 0.0, "lower_kwh": -7.0, "upper_kwh": 7.0}
    return Community(fixed_kwh, *(np.full(count, value) for value in (given | columns).values()))


def several_maxima() -> Community:
    """Return the example of an aggregator that is indifferent between two prices."""
    zeros = np.zeros(2)
    return Community(0.0, np.array([40.0, 70.0]), zeros + 2, zeros, zeros, np.array([30.0, 1.0]))


def profits(community: Community, prices: FloatArray, q: float) -> FloatArray:
    return (prices - q) * community.demand_kwh(prices)


@given(communities(), UTILITY_PRICES)
def test_no_other_price_earns_more(community: Community, asked: list[float]) -> None:
    curve = community.curve(LOWEST, HIGHEST)
    answers = response_map(curve, LOWEST, HIGHEST)
    tried = np.linspace(LOWEST, HIGHEST, 2000)
    q = np.unique(np.concatenate((asked, answers.starts, [HIGHEST])))
    mapped = answers.price(q)
    direct = np.array([best_price(curve, float(price)) for price in q])
    demand = community.demand_kwh(tried)
    brute = ((tried - q[:, None]) * demand).max(axis=1)
    from_map = (mapped - q) * community.demand_kwh(mapped)
    from_search = (direct - q) * community.demand_kwh(direct)
    tolerance = 1e-9 * (1 + np.abs(brute))
    assert np.all(np.abs(from_map - from_search) <= tolerance)
    assert np.all(from_map >= brute - tolerance)
    np.testing.assert_allclose(
        answers.demand_kwh(q), community.demand_kwh(mapped), rtol=1e-9, atol=1e-9
    )
    assert np.all((mapped >= LOWEST - 1e-12) & (mapped <= HIGHEST + 1e-12))


@given(communities(), UTILITY_PRICES)
def test_answers_on_demand_are_those_of_the_map_in_any_order(
    community: Community, asked: list[float]
) -> None:
    curve = community.curve(LOWEST, HIGHEST)
    answers, on_demand = response_map(curve, LOWEST, HIGHEST), ResponseOnDemand(curve)
    demands = {}
    for q in [*asked, *answers.starts.tolist(), *asked]:
        price = on_demand.price(q)
        demands[q] = on_demand.demand_kwh(q)
        assert LOWEST <= price <= HIGHEST
        earned, best = ((p - q) * float(curve.demand_kwh(p)) for p in (price, answers.price(q)))
        scale = 1 + abs(float(best))
        assert abs(earned - best) <= 1e-9 * scale
        assert math.isclose(demands[q], float(curve.demand_kwh(price)), rel_tol=1e-9, abs_tol=1e-9)
    falling = np.array([demands[q] for q in sorted(demands)])
    assert np.all(np.diff(falling) <= 1e-9 * (1 + np.abs(falling[:-1])))


@given(communities(), UTILITY_PRICES)
def test_dearer_purchase_means_dearer_sale_and_less_of_it(
    community: Community, asked: list[float]
) -> None:
    answers = response_map(community.curve(LOWEST, HIGHEST), LOWEST, HIGHEST)
    assert answers.starts[0] == LOWEST
    assert np.all(np.diff(answers.starts) > 0)
    around = [np.nextafter(answers.starts, -np.inf), np.nextafter(answers.starts, np.inf)]
    q = np.unique(np.clip(np.concatenate((asked, answers.starts, *around)), LOWEST, HIGHEST))
    assert np.all(np.diff(answers.price(q)) >= -1e-9)
    assert np.all(np.diff(answers.demand_kwh(q)) <= 1e-9)


@given(communities(), st.floats(LOWEST, HIGHEST), st.floats(0.1, 30))
def test_more_fixed_load_never_makes_it_cheaper(
    community: Community, q: float, more_kwh: float
) -> None:
    columns = (getattr(community, name) for name in community.__dataclass_fields__)
    fixed_kwh, *rest = columns
    busier = Community(fixed_kwh + more_kwh, *rest)
    before = best_price(community.curve(LOWEST, HIGHEST), q)
    assert best_price(busier.curve(LOWEST, HIGHEST), q) >= before - 1e-9


@given(communities(), st.floats(LOWEST, HIGHEST))
def test_what_it_buys_it_sells_at_a_margin_and_the_other_way_round(
    community: Community, q: float
) -> None:
    price = best_price(community.curve(LOWEST, HIGHEST), q)
    assert (price - q) * community.demand_kwh(q)[0] >= -1e-9


@given(communities(), st.floats(LOWEST, HIGHEST), st.floats(LOWEST, HIGHEST))
def test_ranges_of_one_price(community: Community, q: float, price: float) -> None:
    curve = community.curve(LOWEST, HIGHEST)
    answers = response_map(curve, q, q)
    assert float(answers.price(q)) == best_price(curve, q)
    assert answers.demand_kwh(q) == pytest.approx(community.demand_kwh(answers.price(q))[0])
    forced = response_map(community.curve(price, price), LOWEST, HIGHEST)
    assert forced.price(np.array([LOWEST, q, HIGHEST])).tolist() == [price] * 3
    assert forced.demand_kwh(q) == pytest.approx(community.demand_kwh(price)[0])


def test_indifferent_aggregator_asks_the_lowest_price() -> None:
    community, tie = several_maxima(), 38 - 4 * math.sqrt(14)
    curve = community.curve(0.0, 100.0)
    answers = response_map(curve, 0.0, 100.0)
    low = (42 + tie) / 2
    assert profits(community, np.array([low, 68.0]), tie) == pytest.approx([44.9666] * 2, abs=1e-4)
    start = answers.starts[np.argmin(np.abs(answers.starts - tie))]
    assert start == pytest.approx(tie, abs=1e-12)
    assert float(answers.price(start)) == pytest.approx(low, abs=1e-9)
    assert float(answers.demand_kwh(start)) == pytest.approx(4.7416573868, abs=1e-9)
    for aside, price in ((-1e-9, low), (1e-9, 68.0)):
        assert float(answers.price(tie + aside)) == pytest.approx(price, abs=1e-8)
        assert best_price(curve, tie + aside) == pytest.approx(price, abs=1e-8)
    flat = alike(3, -3.0, upper_kwh=1.0, lower_kwh=1.0).curve(0.0, 100.0)
    assert best_price(flat, 40.0) == 40.0  # nothing is bought: sold at cost


def test_a_price_may_jump_several_times() -> None:
    lam = np.array([30.0, 60.0, 90.0, 120.0])
    zeros = np.zeros(4)
    community = Community(0.0, lam, zeros + 2, zeros, zeros, np.array([40.0, 4.0, 1.0, 0.5]))
    answers = response_map(community.curve(-70.0, 130.0), -70.0, 130.0)
    q = np.linspace(-70, 130, 1301)
    tried = np.linspace(-70, 130, 2000)
    best = ((tried - q[:, None]) * community.demand_kwh(tried)).max(axis=1)
    price = answers.price(q)
    earned = (price - q) * community.demand_kwh(price)
    assert np.all(earned >= best - 1e-9 * (1 + best))
    assert np.all(earned <= best + 200 / 1999 * (1 + community.demand_kwh(price)))
    assert np.count_nonzero(np.diff(price) > 5.0) == 3


@pytest.mark.parametrize(("lower_kwh", "captive_kwh"), [(-7.0, 10.0), (-3.0, 50.0)])
def test_captive_load_is_exploited_once_the_price_may_be_high_enough(
    lower_kwh: float, captive_kwh: float
) -> None:
    """What cannot leave is worth more at the highest price, if that is above a threshold."""
    community, q = alike(10, 80.0, lower_kwh=lower_kwh), 30.0
    steepness, choke = 10 / 2.0, (10 * 60 / 2.0 + 80) / 5
    interior = (q + choke) / 2
    threshold = q + steepness * (choke - q) ** 2 / 4 / captive_kwh
    assert community.demand_kwh(threshold)[0] == pytest.approx(captive_kwh)
    below, above = 0.999 * threshold, 1.001 * threshold
    for highest, price in ((below, interior), (above, above)):
        curve = community.curve(0.0, highest)
        assert best_price(curve, q) == pytest.approx(price, rel=1e-12)
        answers = response_map(curve, 0.0, highest)
        assert float(answers.price(q)) == pytest.approx(price, rel=1e-12)


def test_everybody_saturated_means_a_price_at_a_bound() -> None:
    for fixed_kwh, price in ((5.0, HIGHEST), (-5.0, LOWEST), (0.0, 35.0)):
        stuck = alike(4, fixed_kwh, lower_kwh=0.0, upper_kwh=0.0)
        curve = stuck.curve(LOWEST, HIGHEST)
        assert best_price(curve, 35.0) == price
        answers = response_map(curve, LOWEST, HIGHEST)
        assert float(answers.price(35.0)) == price
        assert float(answers.demand_kwh(35.0)) == fixed_kwh
