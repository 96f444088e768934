import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.games import Community, communities

LOWEST, HIGHEST = 10.0, 70.0


def battery(lower_kwh: float, upper_kwh: float, fixed_kwh: float = 3.0) -> Community:
    """One battery that answers between the prices 60 - 2 upper and 60 - 2 lower."""
    columns = (60.0, 2.0, 0.0, lower_kwh, upper_kwh)
    return Community(fixed_kwh, *(np.array([value]) for value in columns))


@given(communities(least=0), st.lists(st.floats(LOWEST, HIGHEST), max_size=20))
def test_curve_is_the_sum_of_all_answers(community: Community, drawn: list[float]) -> None:
    kinks = community.kinks()
    bends = np.concatenate((kinks.full_price, kinks.empty_price, [LOWEST, HIGHEST]))
    around = np.concatenate((bends, np.nextafter(bends, -np.inf), np.nextafter(bends, np.inf)))
    prices = np.clip(np.concatenate((around, drawn)), LOWEST, HIGHEST)
    direct = community.demand_kwh(prices)
    scale = 1 + np.abs(community.fixed_kwh) + np.abs(community.upper_kwh).sum()
    curve = community.curve(LOWEST, HIGHEST)
    np.testing.assert_allclose(curve.demand_kwh(prices), direct, rtol=0, atol=1e-11 * scale)
    assert float(curve.demand_kwh(float(prices[0]))) == curve.demand_kwh(prices)[0]


@given(communities(least=0))
def test_pieces_are_in_order_and_fall(community: Community) -> None:
    curve = community.curve(LOWEST, HIGHEST)
    assert (curve.edges[0], curve.edges[-1]) == (LOWEST, HIGHEST)
    assert len(curve.edges) == len(curve.slope) + 1 == len(curve.intercept) + 1
    assert len(curve.slope) <= 2 * len(community) + 1
    assert np.all(np.diff(curve.edges) > 0)
    assert np.all(curve.slope >= 0)
    # A piece is flat exactly where nobody is strictly between its bounds.
    middle = 0.5 * (curve.edges[1:] + curve.edges[:-1])
    answers = community.answers_kwh(middle)
    moving = (answers > community.lower_kwh) & (answers < community.upper_kwh)
    wide = np.diff(curve.edges) > 1e-9
    np.testing.assert_array_equal(curve.slope[wide] > 0, moving.any(axis=1)[wide])


@pytest.mark.parametrize(
    ("community", "flat_from"),
    [
        (battery(-7.0, 7.0).rows(np.array([], dtype=int)), LOWEST),  # nobody
        (battery(2.0, 2.0), LOWEST),  # no choice
        (battery(0.0, 30.0), 60.0),  # answers below 60 only
        (battery(30.0, 60.0), LOWEST),  # full or empty everywhere within the range
        (battery(-60.0, -30.0), LOWEST),
    ],
)
def test_flat_pieces_have_no_slope_at_all(community: Community, flat_from: float) -> None:
    crowd = community.rows(np.repeat(np.arange(len(community)), 97))
    curve = crowd.curve(LOWEST, HIGHEST)
    assert np.all(curve.slope[curve.edges[:-1] >= flat_from] == 0.0)
    assert np.all(curve.slope[curve.edges[1:] <= flat_from] > 0.0)


def test_demand_that_cancels_is_exactly_zero() -> None:
    random = np.random.default_rng(1)
    upper_kwh = random.uniform(0, 5, 50)
    lam = random.uniform(20, 60, 50)
    still = Community(0.0, lam, np.full(50, 1.7), np.zeros(50), np.zeros(50), upper_kwh)
    curve = still.curve(LOWEST, HIGHEST)
    assert float(curve.demand_kwh(69.0)) == 0.0


def test_range_of_one_price() -> None:
    for price in (20.0, 46.0, 50.0, 74.0):
        community = battery(-7.0, 7.0)
        curve = community.curve(price, price)
        assert len(curve.slope) == 1
        assert curve.edges.tolist() == [price, price]
        assert float(curve.demand_kwh(price)) == pytest.approx(community.demand_kwh(price)[0])
