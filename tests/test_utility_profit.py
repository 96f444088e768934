import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.utility_profit import best_on_line, most_profit, utility_profit

PRICES = st.tuples(st.floats(-50, 100), st.floats(-50, 100)).map(sorted)
DEMANDS = st.tuples(st.floats(-40, 40), st.floats(-40, 40)).map(sorted)
COSTS = st.builds(GenerationCost, st.sampled_from([0.0, 0.01, 0.7]), st.floats(-20, 50))


@given(COSTS, PRICES, st.floats(-60, 60), st.sampled_from([0.0, -0.1, -1.3, -20.0]))
def test_no_other_price_on_the_line_earns_more(
    cost: GenerationCost, prices: list[float], offset: float, gain: float
) -> None:
    best = best_on_line(cost, prices[0], prices[1], offset, gain)
    assert prices[0] <= best <= prices[1]
    tried = np.linspace(*prices, 501)
    others = utility_profit(cost, tried, offset + gain * tried)
    earned = utility_profit(cost, best, offset + gain * best)
    assert earned >= others.max() - 1e-9 * (1 + np.abs(others).max())


@given(COSTS, PRICES, DEMANDS)
def test_most_profit_is_reached_and_never_passed(
    cost: GenerationCost, prices: list[float], demands: list[float]
) -> None:
    most = most_profit(cost, *prices, *demands)
    tried = utility_profit(cost, np.linspace(*prices, 41)[:, None], np.linspace(*demands, 401))
    scale = 1 + np.abs(tried).max()
    assert most >= tried.max() - 1e-9 * scale
    step = (demands[1] - demands[0]) / 400
    assert most <= tried.max() + cost.quadratic * step**2 + 1e-9 * scale
    turned = most_profit(cost, *prices, demands[1], demands[0])
    assert turned == most


def test_arrays_give_what_numbers_give() -> None:
    cost = GenerationCost(0.01, 20.0)
    low, high = np.array([0.0, 10.0, 30.0]), np.array([10.0, 30.0, 70.0])
    offset, gain = np.array([50.0, -5.0, 40.0]), np.array([-1.0, 0.0, -0.5])
    together = best_on_line(cost, low, high, offset, gain)
    alone = [float(best_on_line(cost, *row)) for row in zip(low, high, offset, gain, strict=True)]
    assert together.tolist() == alone
    assert together[1] == 10.0  # supply that does not answer is bought as cheaply as it may be
