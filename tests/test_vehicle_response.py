import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.vehicle_response import best_response
from tests.games import Community, communities

PRICES = st.floats(-200, 200)


def answer(community: Community, price: float) -> np.ndarray:
    bounds = community.lower_kwh, community.upper_kwh
    return best_response(price, community.lam, community.theta, community.usable_kwh, *bounds)


@given(communities(), PRICES)
def test_no_energy_within_bounds_is_worth_more(community: Community, price: float) -> None:
    def payoff(energy_kwh: np.ndarray) -> np.ndarray:
        held = community.usable_kwh + energy_kwh
        satisfaction = community.lam * held - community.theta / 2 * held**2
        return satisfaction - price * energy_kwh

    chosen = answer(community, price)
    span = community.upper_kwh - community.lower_kwh
    others = community.lower_kwh + np.linspace(0.0, 1.0, 501)[:, None] * span
    assert np.all(community.lower_kwh <= chosen)
    assert np.all(chosen <= community.upper_kwh)
    best = payoff(others).max(axis=0)
    assert np.all(payoff(chosen) >= best - 1e-9 * (1 + np.abs(best)))


@given(communities(), PRICES, st.floats(0, 50))
def test_answer_is_the_unbounded_one_clipped_and_never_rises_with_the_price(
    community: Community, price: float, more: float
) -> None:
    unbounded = (community.lam - price) / community.theta - community.usable_kwh
    clipped = np.clip(unbounded, community.lower_kwh, community.upper_kwh)
    np.testing.assert_array_equal(answer(community, price), clipped)
    assert np.all(answer(community, price + more) <= clipped)


def test_by_hand() -> None:
    arguments = {"lam": 60.0, "theta": 2.0, "usable_kwh": 10.0, "lower_kwh": -7.0, "upper_kwh": 7.0}
    prices = np.array([0.0, 26.0, 35.0, 40.0, 54.0, 70.0])
    expected = [7.0, 7.0, 2.5, 0.0, -7.0, -7.0]
    assert best_response(prices, **arguments).tolist() == expected
    assert [float(best_response(price, **arguments)) for price in prices] == expected
    assert float(best_response(0.0, 60.0, 2.0, -4.0, 0.0, 0.0)) == 0.0
