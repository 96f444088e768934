from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets.demand_curve import demand_curve
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.learned_demand import learn_demand
from hmesh.markets.price_search import search_price
from hmesh.markets.three_level_game import follow_exact, response_maps, solve_exact
from tests.games import SEEDS, Community, Players, players

LOWEST, HIGHEST = 0.0, 70.0
type Ask = Callable[[float], FloatArray]


@st.composite
def parked(draw: st.DrawFn, least: int = 1, most: int = 60) -> Community:
    """Draw parked vehicles as they are: 40 kWh, plugs of 7 kWh an hour; one hardly bargains."""
    random = np.random.default_rng(draw(SEEDS))
    count = draw(st.integers(least, most))
    usable_kwh = random.uniform(0, 28, count)
    return Community(
        float(random.uniform(0, 50)),
        random.uniform(50, 70, count),
        np.append(0.4, random.uniform(2, 4, max(count - 1, 0)))[:count],
        usable_kwh,
        -np.minimum(7.0, np.maximum(usable_kwh, 0.0)),
        np.minimum(7.0, 28.0 - usable_kwh),
    )


def asking(community: Community, asked: list[float]) -> Ask:
    def ask(price: float) -> FloatArray:
        asked.append(price)
        return community.answers_kwh(price)[0]

    return ask


@given(parked())
def test_about_a_dozen_prices_show_the_whole_demand(community: Community) -> None:
    asked: list[float] = []
    learned = learn_demand(asking(community, asked), community.fixed_kwh, LOWEST, HIGHEST)
    assert learned.probes == len(asked) <= 60
    assert not learned.unexplained.any()
    assert not learned.inelastic_kwh.any()
    true, found = community.kinks(), learned.kinks
    wide = np.minimum(true.empty_price, HIGHEST) - np.maximum(true.full_price, LOWEST)
    narrow = wide < 3 * HIGHEST / 10  # too narrow for two of eleven prices
    assert len(asked) == 11 or narrow.any()
    at = (true.empty_price > LOWEST) & (true.full_price < HIGHEST)
    at &= community.upper_kwh > community.lower_kwh
    for kind in ("full_price", "empty_price"):
        expected = np.clip(getattr(true, kind), LOWEST, HIGHEST)
        np.testing.assert_allclose(getattr(found, kind)[at], expected[at], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.slope[at], true.slope[at], rtol=1e-9)


@given(parked(least=0), st.lists(st.floats(LOWEST, HIGHEST), min_size=1, max_size=30))
def test_what_is_learned_predicts_all_answers(community: Community, prices: list[float]) -> None:
    learned = learn_demand(asking(community, []), community.fixed_kwh, LOWEST, HIGHEST)
    curve = demand_curve(learned.kinks, LOWEST, HIGHEST)
    direct = community.demand_kwh(np.array(prices))
    np.testing.assert_allclose(curve.demand_kwh(np.array(prices)), direct, rtol=1e-9, atol=1e-9)


def step_function(seed: int) -> Callable[[float], float]:
    """Return a falling demand with five steps, each somewhere in a fifth of the prices."""
    random = np.random.default_rng(seed)
    prices, heights = 14.0 * (np.arange(5) + random.random(5)), random.uniform(0.5, 2.0, 5)
    return lambda price: 5.0 - float(heights[prices < price].sum())


@given(parked(most=20), SEEDS)
def test_what_no_clipped_line_explains_is_reported_apart(community: Community, seed: int) -> None:
    odd: list[Callable[[float], float]] = [
        step_function(seed),
        lambda price: float(np.sin(price)),
        lambda price: -7.0 if price < 30 else 7.0,
        lambda price: 4.0 - (price / 40.0) ** 2,
    ]
    stubborn_kwh = 2.5

    def ask(price: float) -> FloatArray:
        others = [stubborn_kwh, *(answer(price) for answer in odd)]
        return np.concatenate((community.answers_kwh(price)[0], others))

    learned = learn_demand(ask, 0.0, LOWEST, HIGHEST)
    assert learned.unexplained.tolist() == [False] * (len(community) + 1) + [True] * len(odd)
    assert np.all(learned.inelastic_kwh[: -len(odd)] == 0.0)
    # What is not understood counts as a load, and so does what never changes.
    alone = learn_demand(asking(community, []), 0.0, LOWEST, HIGHEST)
    extra = learned.kinks.saturated_kwh - alone.kinks.saturated_kwh
    assert extra == pytest.approx(stubborn_kwh + learned.inelastic_kwh.sum())
    moves = learned.kinks.full_price < learned.kinks.empty_price
    assert not moves[len(community) :].any()


def test_one_step_is_a_very_steep_line() -> None:
    learned = learn_demand(lambda price: np.array([3.0 if price < 33.3 else -1.0]), 0.0, 0.0, 70.0)
    assert not learned.unexplained.any()
    assert learned.probes < 60
    kinks = learned.kinks
    assert kinks.full_price[0] == pytest.approx(33.3, abs=1e-6)
    assert kinks.empty_price[0] == pytest.approx(33.3, abs=1e-6)


@given(parked(least=3), SEEDS)
def test_answers_that_never_came_leave_a_vehicle_unexplained(
    community: Community, seed: int
) -> None:
    random = np.random.default_rng(seed)
    deaf = random.random(len(community)) < 0.3
    # A price that nobody answers is as one that was never asked, and leaves nobody unexplained.
    deaf[-1] = False

    def ask(price: float) -> FloatArray:
        missing = deaf & (random.random(len(community)) < 0.5)
        missing |= deaf & (price == HIGHEST)
        return np.where(missing, np.nan, community.answers_kwh(price)[0])

    learned = learn_demand(ask, 5.0, LOWEST, HIGHEST)
    assert learned.unexplained.tolist() == deaf.tolist()
    assert np.isfinite(learned.kinks.saturated_kwh)
    assert np.isfinite(learned.inelastic_kwh).all()
    assert np.isfinite(learned.kinks.full_price).all()


@pytest.mark.parametrize("heard", [0, 1, 2, 5])
def test_when_time_runs_out_what_was_heard_must_do(heard: int) -> None:
    columns = (60.0, 2.0, 0.0, -60.0, 60.0)
    community = Community(3.0, *(np.full(4, value) for value in columns))
    asked: list[float] = []
    answers = asking(community, asked)

    def ask(price: float) -> FloatArray:
        return answers(price) if len(asked) < heard else np.full(4, np.nan)

    learned = learn_demand(ask, 3.0, LOWEST, HIGHEST)
    assert learned.probes == heard
    if heard >= 2:  # the ends of the range come first, and between them a line is a good guess
        assert learned.kinks.slope.tolist() == pytest.approx([0.5] * 4)
    else:
        assert learned.kinks.saturated_kwh == pytest.approx(3.0 + heard * 4 * 30.0)
        assert learned.unexplained.all() == (heard == 0)


def test_range_of_one_price_and_no_vehicles() -> None:
    columns = (60.0, 2.0, 0.0, -7.0, 7.0)
    community = Community(3.0, *(np.full(2, value) for value in columns))
    asked: list[float] = []
    learned = learn_demand(asking(community, asked), 3.0, 58.0, 58.0)
    assert asked == [58.0]
    assert learned.kinks.saturated_kwh == pytest.approx(5.0)
    nobody = learn_demand(lambda price: np.empty(0), 3.0, LOWEST, HIGHEST)
    assert nobody.kinks.saturated_kwh == 3.0
    assert len(nobody.unexplained) == 0


def total_demand(game: Players) -> Callable[[float], float]:
    maps = response_maps(game.game())

    def ask(price: float) -> float:
        return sum(
            drawn.fixed_kwh if answers is None else float(answers.demand_kwh(price))
            for drawn, answers in zip(game.communities, maps, strict=True)
        )

    return ask


@given(players())
def test_search_finds_the_equilibrium(game: Players) -> None:
    exact, bounds = solve_exact(game.game()), game.bounds
    best, ask = game.earned(exact), total_demand(game)
    lower, upper = bounds.utility_lower, bounds.utility_upper
    found = search_price(ask, game.cost, lower, upper)
    assert lower <= found.price <= upper
    assert found.gap == 0.0
    demand = ask(found.price)
    assert found.profit == found.price * demand - game.cost.total(demand)
    assert found.profit <= best + 1e-9 * (1 + abs(best))
    near = abs(found.price - exact.utility_price) <= 1e-6 * (upper - lower)
    assert near or found.profit >= best - 1e-9 * (1 + abs(best))
    follow = follow_exact(game.game(), found.price)
    # Close to a kink two prices earn an aggregator the same but for rounding.
    assert demand == pytest.approx(follow.demand_kwh.sum(), rel=1e-6, abs=1e-6)


@given(players(), st.integers(1, 40))
def test_a_search_cut_off_shows_what_it_may_have_missed(game: Players, patience: int) -> None:
    exact, ask, asked = solve_exact(game.game()), total_demand(game), 0

    def go_on() -> bool:
        nonlocal asked
        asked += 1
        return asked < patience

    bounds = game.bounds
    found = search_price(ask, game.cost, bounds.utility_lower, bounds.utility_upper, go_on=go_on)
    missed = game.earned(exact) - found.profit
    assert found.probes <= patience
    assert 0.0 <= found.gap < np.inf
    tolerance = 1e-6 * (bounds.utility_upper - bounds.utility_lower)
    steepest = 1 + sum(1 + (1 / c.theta).sum() for c in game.communities) * 200
    if patience > 1 or ask(bounds.utility_upper) >= 0:
        assert missed <= found.gap + steepest * tolerance
    few = search_price(ask, game.cost, bounds.utility_lower, bounds.utility_upper, most_probes=20)
    assert few.probes <= 20


def test_demand_may_jump() -> None:
    """Demand falls from 10 to 1 above 40: there, or at the highest price, is the optimum."""
    for cost, price in ((20.0, 40.0), (38.0, 70.0)):
        found = search_price(
            lambda price: 10.0 if price <= 40.0 else 1.0, GenerationCost(0.0, cost), 0.0, 70.0
        )
        assert found.price == pytest.approx(price, abs=1e-6 * 70)
        assert found.price <= price
        assert found.gap == 0.0
        assert found.probes < 60


def test_a_kink_is_not_taken_for_another() -> None:
    """Two lines meet on the second after the first has ended: the optimum lies in between."""
    prices = [15.0, 32.051, 42.229, 42.396, 49.132, 52.022, 72.088, 76.202, 84.581, 90.0]
    demand = [37.312, 37.312, 29.123, 29.123, 19.875, 19.875, 5.545, 5.545, 0.782, 0.782]
    found = search_price(
        lambda price: float(np.interp(price, prices, demand)), GenerationCost(0.0, 7.36), 15.0, 90.0
    )
    assert found.price == pytest.approx(42.396, abs=1e-6 * 75)
    assert found.gap == 0.0


def test_a_bump_in_a_line_is_found() -> None:
    """Round numbers invite a bump to hide between three prices asked that lie on a line."""

    def ask(price: float) -> float:
        line = 30.0 - 0.25 * price
        return max(line, min(14.5, line + 1.0)) if 60.0 < price < 62.5 else line

    found = search_price(ask, GenerationCost(0.01, 21.0), 0.0, 100.0)
    tried = np.linspace(0, 100, 20_001)
    demand = np.array([ask(float(price)) for price in tried])
    best = (tried * demand - 0.01 * demand**2 - 21.0 * demand).max()
    assert found.profit >= best - 1e-9


def test_range_of_one_price_is_asked_once() -> None:
    found = search_price(lambda price: 3.0, GenerationCost(0.0, 1.0), 30.0, 30.0)
    assert (found.price, found.profit, found.gap, found.probes) == (30.0, 87.0, 0.0, 1)
