import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.incentive_game import IncentiveGame
from hmesh.markets.school_response import satisfaction, school_response
from hmesh.markets.stored_energy_price import average_price_after
from tests.incentive_games import incentive_games


@given(incentive_games(), st.floats(0, 6))
def test_no_other_energy_within_bounds_serves_a_school_better(
    game: IncentiveGame, price: float
) -> None:
    sold = game.offers(price)
    margin = price - game.average_price

    def payoff(energy: np.ndarray) -> np.ndarray:
        worth = satisfaction(
            game.stored_kwh - energy, game.lam, game.theta, saturates=game.saturates
        )
        return worth + margin * energy

    assert np.all((sold >= 0) & (sold <= game.upper_kwh))
    tried = np.linspace(0.0, 1.0, 501)[:, None] * game.upper_kwh
    best = payoff(tried).max(axis=0, initial=-np.inf)
    own = payoff(sold)
    assert np.all(own >= best - 1e-9 * (1 + np.abs(best)))


def test_satisfaction_rises_to_its_summit_and_stays_there() -> None:
    held = np.linspace(0, 1500, 16)
    worth = satisfaction(held, 1.0, 0.001)
    assert np.all(np.diff(worth) >= 0)
    assert worth[-1] == worth[10] == pytest.approx(500.0)
    printed = satisfaction(held, 1.0, 0.001, saturates=False)
    assert np.all(printed[:11] == worth[:11])
    assert printed[-1] < printed[10]


def test_surplus_is_sold_from_the_average_price_on() -> None:
    prices = np.array([0.5, 1.0, 1.2, 2.0])
    sold = school_response(prices, 1.0, 0.001, 1.0, 1300.0, 1250.0)
    assert sold.tolist() == pytest.approx([0.0, 300.0, 500.0, 1250.0])
    printed = school_response(prices, 1.0, 0.001, 1.0, 1300.0, 1250.0, saturates=False)
    assert printed.tolist() == pytest.approx([0.0, 300.0, 500.0, 1250.0])
    cheap = school_response(0.9, 1.0, 0.001, 1.0, 1300.0, 1250.0, saturates=False)
    assert cheap == pytest.approx(200.0)


@given(
    st.lists(st.tuples(st.floats(0.1, 5), st.floats(0, 100), st.floats(0, 1)), max_size=30),
    st.floats(0, 100),
)
def test_average_price_is_what_was_paid_for_what_is_left(
    charges: list[tuple[float, float, float]], stock: float
) -> None:
    average, value = 1.3, 1.3 * stock
    for price, energy, used in charges:
        average = float(average_price_after(average, stock, price, energy))
        value += price * energy
        stock += energy
        assert average * stock == pytest.approx(value)
        # Driving and selling leave at the average price.
        value *= 1 - used
        stock *= 1 - used


def test_an_empty_store_keeps_its_average_price() -> None:
    nothing = average_price_after(np.array([1.4]), np.zeros(1), 9.0, np.zeros(1))
    assert nothing.tolist() == [1.4]
    first = average_price_after(np.array([1.4]), np.zeros(1), 9.0, np.ones(1))
    assert first.tolist() == [9.0]
