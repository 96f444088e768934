import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets import price_windows
from hmesh.markets.closed_form_game import solve_closed_form
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.price_game import Outcome, PriceBounds
from hmesh.markets.three_level_game import follow_exact, response_maps, solve_exact, solve_grid
from tests.games import Community, Players, interior_players, players

CONTINUOUS = players(with_ties=False)
BOUNDS = PriceBounds(0.0, 70.0, 0.0, 70.0)


def community(fixed_kwh: float, *vehicles: tuple[float, float, float, float, float]) -> Community:
    """Return a community of vehicles (lam, theta, usable, lower, upper)."""
    columns = np.array(vehicles, dtype=np.float64).reshape(-1, 5).T
    return Community(fixed_kwh, *columns)


def best_of_many(game: Players, prices: FloatArray) -> float:
    """Return the most the utility earns at some of its prices, everybody responding."""
    demand = np.zeros_like(prices)
    for drawn, answers in zip(game.communities, response_maps(game.game()), strict=True):
        demand += drawn.fixed_kwh if answers is None else answers.demand_kwh(prices)
    return float((prices * demand - game.cost.total(demand)).max())


def close(first: float, second: float, tolerance: float = 1e-9) -> bool:
    return abs(first - second) <= tolerance * (1 + abs(first))


def assert_same(
    game: Players, outcome: Outcome, changed: Players, other: Outcome, to_price: float = 1.0,
    to_energy: float = 1.0, shift: float = 0.0,
) -> None:  # fmt: skip
    """Hold two outcomes equal but for a factor of prices and energies and a shift of prices."""
    earned = to_price * to_energy * game.earned(outcome)
    assert close(changed.earned(other), earned, 1e-8)
    demand = to_energy * outcome.demand_kwh
    np.testing.assert_allclose(other.demand_kwh, demand, atol=1e-7 * (1 + np.abs(demand).max()))
    # What somebody would pay for nothing is nobody's concern.
    trades = np.abs(demand) > 1e-7
    if trades.any():
        assert close(other.utility_price, to_price * outcome.utility_price + shift, 1e-7)
    expected = to_price * outcome.community_price + shift
    np.testing.assert_allclose(other.community_price[trades], expected[trades], atol=1e-6)


@given(players())
def test_nobody_gains_by_changing_its_own_decision_alone(game: Players) -> None:
    outcome, bounds = solve_exact(game.game()), game.bounds
    earned, q = game.earned(outcome), outcome.utility_price
    assert bounds.utility_lower <= q <= bounds.utility_upper
    tried = np.linspace(bounds.utility_lower, bounds.utility_upper, 2000)
    assert earned >= best_of_many(game, tried) - 1e-9 * (1 + abs(earned))
    asked = np.linspace(bounds.aggregator_lower, bounds.aggregator_upper, 2000)
    for drawn, price, demand in zip(
        game.communities, outcome.community_price, outcome.demand_kwh, strict=True
    ):
        assert demand == pytest.approx(drawn.demand_kwh(float(price))[0], rel=1e-9, abs=1e-9)
        assert bounds.aggregator_lower <= price <= bounds.aggregator_upper
        if len(drawn):
            best = float(((asked - q) * drawn.demand_kwh(asked)).max())
            assert (price - q) * demand >= best - 1e-9 * (1 + abs(best))


@given(players())
def test_narrowing_the_prices_first_changes_nothing(game: Players) -> None:
    direct = solve_exact(game.game())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(price_windows, "FEW_KINKS", 0)
        narrowed = solve_exact(game.game())
    assert close(game.earned(direct), game.earned(narrowed))
    assert close(direct.utility_price, narrowed.utility_price) or game.earned(direct) == 0.0


@given(interior_players())
def test_closed_form_is_exact_where_nothing_binds(game: Players) -> None:
    closed, exact = solve_closed_form(game.game()), solve_exact(game.game())
    assert_same(game, closed, game, exact)
    q, prices, demand = closed.utility_price, closed.community_price, closed.demand_kwh
    steepness = np.array([(1 / drawn.theta).sum() for drawn in game.communities])
    answers, total = steepness > 0, float(demand.sum())
    assert close(q, game.cost.marginal(total) + 2 * total / steepness.sum())
    margin = demand[answers] / steepness[answers]
    np.testing.assert_allclose(prices[answers], q + margin, rtol=1e-9)
    assert np.all(prices[~answers] == q)


def shifted_load(game: Players, m: int, more_kwh: float) -> Players:
    changed = list(game.communities)
    changed[m] = changed[m].but(fixed_kwh=changed[m].fixed_kwh + more_kwh)
    return replace(game, communities=tuple(changed))


@given(interior_players(), st.data())
def test_which_way_prices_move_where_nothing_binds(game: Players, data: st.DataObject) -> None:
    def prices(changed: Players) -> FloatArray:
        outcome = solve_exact(changed.game())
        answers = [len(drawn) > 0 for drawn in changed.communities]
        return np.append(outcome.community_price[answers], outcome.utility_price)

    before, outcome = prices(game), solve_exact(game.game())
    m = data.draw(st.integers(0, len(game.communities) - 1), label="community")
    assert np.all(prices(shifted_load(game, m, 2.0)) > before)
    alpha = sum((1 / drawn.theta).sum() for drawn in game.communities)
    passed_on = 2 + game.cost.quadratic * alpha
    rise = solve_exact(shifted_load(game, m, 2.0).game()).demand_kwh.sum()
    share = (rise - outcome.demand_kwh.sum()) / 2.0
    active = len(game.communities[m]) > 0
    assert close(share, 1 / (2 * passed_on) if active else 1 / passed_on, 1e-8)
    costlier = replace(game.cost, linear=game.cost.linear + 1.0)
    assert np.all(prices(replace(game, cost=costlier)) > before)
    steeper = replace(game.cost, quadratic=game.cost.quadratic + 0.1)
    rises = prices(replace(game, cost=steeper)) - before
    assert np.all(np.sign(rises) == np.sign(outcome.demand_kwh.sum()))
    first = game.communities[0]
    fuller = first.but(usable_kwh=first.usable_kwh + 1.0)
    changed = replace(game, communities=(fuller, *game.communities[1:]))
    assert np.all(prices(changed) < before)


@given(CONTINUOUS, st.randoms(use_true_random=False))
def test_order_of_vehicles_and_communities_does_not_matter(game: Players, random: object) -> None:
    order = list(range(len(game.communities)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = []
    for m in order:
        rows = list(range(len(game.communities[m])))
        random.shuffle(rows)  # type: ignore[attr-defined]
        shuffled.append(game.communities[m].rows(np.array(rows, dtype=int)))
    outcome = solve_exact(game.game())
    reordered = replace(
        outcome,
        community_price=outcome.community_price[order],
        demand_kwh=outcome.demand_kwh[order],
    )
    changed = replace(game, communities=tuple(shuffled))
    again = replace(game, communities=tuple(game.communities[m] for m in order))
    assert_same(again, reordered, changed, solve_exact(changed.game()))


@given(CONTINUOUS, st.sampled_from([2, 3, 7]))
def test_splitting_vehicles_or_repeating_everything_leaves_prices(game: Players, r: int) -> None:
    outcome = solve_exact(game.game())
    split, repeated = [], []
    for drawn in game.communities:
        many = drawn.rows(np.repeat(np.arange(len(drawn)), r))
        repeated.append(many.but(fixed_kwh=r * many.fixed_kwh))
        split.append(
            many.but(
                theta=many.theta * r,
                usable_kwh=many.usable_kwh / r,
                lower_kwh=many.lower_kwh / r,
                upper_kwh=many.upper_kwh / r,
            )
        )
    changed = replace(game, communities=tuple(split))
    assert_same(game, outcome, changed, solve_exact(changed.game()))
    cost = replace(game.cost, quadratic=game.cost.quadratic / r)
    changed = replace(game, communities=tuple(repeated), cost=cost)
    assert_same(game, outcome, changed, solve_exact(changed.game()), to_energy=r)


def scaled_bounds(bounds: PriceBounds, factor: float, shift: float = 0.0) -> PriceBounds:
    return PriceBounds(*(factor * getattr(bounds, f) + shift for f in bounds.__slots__))


@given(CONTINUOUS, st.sampled_from([0.25, 2.0, 3.7]), st.sampled_from([-30.0, 11.3]))
def test_units_and_origin_of_energy_and_money_do_not_matter(
    game: Players, k: float, shift: float
) -> None:
    outcome, cost = solve_exact(game.game()), replace(game.cost, fixed=5.0)
    game = replace(game, cost=cost)
    energies = [
        c.but(
            fixed_kwh=k * c.fixed_kwh,
            theta=c.theta / k,
            usable_kwh=k * c.usable_kwh,
            lower_kwh=k * c.lower_kwh,
            upper_kwh=k * c.upper_kwh,
        )
        for c in game.communities
    ]
    changed = replace(
        game,
        communities=tuple(energies),
        cost=GenerationCost(cost.quadratic / k, cost.linear, k * cost.fixed),
    )
    assert_same(game, outcome, changed, solve_exact(changed.game()), to_energy=k)
    changed = replace(
        game,
        communities=tuple(c.but(lam=k * c.lam, theta=k * c.theta) for c in game.communities),
        cost=GenerationCost(k * cost.quadratic, k * cost.linear, k * cost.fixed),
        bounds=scaled_bounds(game.bounds, k),
    )
    assert_same(game, outcome, changed, solve_exact(changed.game()), to_price=k)
    changed = replace(
        game,
        communities=tuple(c.but(lam=c.lam + shift) for c in game.communities),
        cost=replace(cost, linear=cost.linear + shift),
        bounds=scaled_bounds(game.bounds, 1.0, shift),
    )
    assert_same(game, outcome, changed, solve_exact(changed.game()), shift=shift)


@given(players())
def test_rule_for_communities_without_vehicles_concerns_nobody_else(game: Players) -> None:
    passed = solve_exact(replace(game, without_vehicles="pass_through").game())
    costliest = solve_exact(replace(game, without_vehicles="profit_max").game())
    assert passed.utility_price == costliest.utility_price
    assert passed.demand_kwh.tolist() == costliest.demand_kwh.tolist()
    answers = game.game().answering()
    assert np.all(passed.community_price[answers] == costliest.community_price[answers])
    assert np.all(costliest.community_price[~answers] == game.bounds.aggregator_upper)
    clipped = max(passed.utility_price, game.bounds.aggregator_lower)
    assert np.all(passed.community_price[~answers] == clipped)


@pytest.mark.parametrize("solve", [solve_exact, solve_closed_form, solve_grid])
@pytest.mark.parametrize("stuck", [False, True])
@pytest.mark.parametrize(("fixed_kwh", "price"), [(30.0, 70.0), (-30.0, 0.0), (0.0, 0.0)])
def test_where_nobody_answers_the_price_goes_to_its_bound(
    solve: object, stuck: bool, fixed_kwh: float, price: float
) -> None:
    vehicles = [(60.0, 2.0, 5.0, 0.0, 0.0)] * 3 if stuck else []
    game = Players((community(fixed_kwh, *vehicles),), GenerationCost(0.01, 20.0), BOUNDS)
    outcome = solve(game.game())  # type: ignore[operator]
    assert outcome.demand_kwh.tolist() == [fixed_kwh]
    if not (stuck and solve is solve_closed_form):  # which knows of no bounds
        assert outcome.utility_price == price
        assert outcome.community_price.tolist() == [price]


def test_a_system_that_exports_is_paid_as_little_as_need_be() -> None:
    game = Players(
        (community(-50.0, (60.0, 2.0, 0.0, -7.0, 7.0)),), GenerationCost(0.01, 20.0), BOUNDS
    )
    outcome = solve_exact(game.game())
    assert outcome.demand_kwh[0] == pytest.approx(-43.0)
    assert outcome.utility_price == 0.0
    seller = community(0.0, (10.0, 1.0, 5.0, -7.0, 7.0))
    cheap = Players((seller,), GenerationCost(0.0, 40.0), BOUNDS)
    sells = solve_exact(cheap.game())
    assert sells.demand_kwh[0] < 0
    assert sells.community_price[0] < sells.utility_price < 40.0


@pytest.mark.parametrize(
    ("bounds", "utility_price", "community_price"),
    [
        ((30.0, 30.0, 0.0, 70.0), 30.0, 51.0),
        ((0.0, 70.0, 70.0, 70.0), 30.0, 70.0),
        ((33.0, 33.0, 33.0, 33.0), 33.0, 33.0),
    ],
)
@pytest.mark.parametrize("count", [1, 3000])
def test_ranges_of_one_price(
    bounds: tuple[float, ...], utility_price: float, community_price: float, count: int
) -> None:
    one = (60.0, 2.0, 0.0, -40.0, 40.0)
    drawn = community(count * 6.0, *[one] * count)
    game = Players((drawn,), GenerationCost(0.0, 10.0), PriceBounds(*bounds))
    for solve in (solve_exact, solve_grid):
        outcome = solve(game.game())
        assert outcome.community_price[0] == pytest.approx(community_price)
        if bounds[0] == bounds[1]:
            assert outcome.utility_price == utility_price
        else:
            # The community's price is given, and so is its demand of 1 kWh a vehicle.
            assert outcome.demand_kwh[0] == pytest.approx(count)
            assert outcome.utility_price == bounds[1]


def test_one_vehicle_and_a_linear_cost_by_hand() -> None:
    game = Players(
        (community(0.0, (60.0, 2.0, 0.0, -99.0, 99.0)),), GenerationCost(0.0, 20.0), BOUNDS
    )
    for solve in (solve_exact, solve_closed_form):
        outcome = solve(game.game())
        assert outcome.utility_price == pytest.approx(40.0)
        assert outcome.community_price.tolist() == pytest.approx([50.0])
        assert outcome.demand_kwh.tolist() == pytest.approx([5.0])


def test_optimum_that_only_willing_aggregators_attain() -> None:
    """The utility is better off just beyond the price at which an aggregator changes its mind."""
    tie = 100 - (38 - 4 * math.sqrt(14))
    drawn = community(0.0, (60.0, 2.0, 0.0, -30.0, 0.0), (30.0, 2.0, 0.0, -1.0, 0.0))
    game = Players((drawn,), GenerationCost(0.0, 90.0), PriceBounds(50.0, 100.0, 0.0, 100.0))
    outcome = solve_exact(game.game())
    assert not outcome.attained_lowest
    assert outcome.utility_price == pytest.approx(tie, abs=1e-9)
    assert outcome.community_price[0] == pytest.approx(100 - 32.5166852, abs=1e-6)
    near = np.linspace(tie - 1e-3, tie + 1e-3, 20_001)
    assert game.earned(outcome) == pytest.approx(best_of_many(game, near), rel=1e-6)
    # An aggregator left to itself asks the lowest of its equally good prices.
    alone = follow_exact(game.game(), tie - 1e-9)
    assert alone.community_price[0] == pytest.approx(32.0)
    assert game.earned(outcome) > game.earned(alone) + 40
    assert solve_exact(
        replace(game, bounds=PriceBounds(0.0, 70.0, 0.0, 100.0)).game()
    ).attained_lowest


@pytest.mark.parametrize("weights", [(-1e-9, 1.0, 0.0), (math.nan, 1.0, 0.0), (0.0, math.inf, 0.0)])
def test_costs_that_cannot_be_are_refused(weights: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="generation cost"):
        GenerationCost(*weights)


@pytest.mark.parametrize(
    ("bounds", "reported"),
    [
        ((0.0, 71.0, 0.0, 70.0), "forced to a loss"),
        ((5.0, 4.0, 0.0, 70.0), "above its upper"),
        ((0.0, 10.0, 71.0, 70.0), "above its upper"),
        ((0.0, math.nan, 0.0, 70.0), "finite"),
        ((0.0, 70.0, -math.inf, 70.0), "finite"),
    ],
)
def test_bounds_that_cannot_be_are_refused(bounds: tuple[float, ...], reported: str) -> None:
    with pytest.raises(ValueError, match=reported):
        PriceBounds(*bounds)


def test_generation_cost_by_hand() -> None:
    cost = GenerationCost(0.5, 10.0, 3.0)
    assert (cost.total(4.0), cost.marginal(4.0), cost.average(4.0)) == (51.0, 14.0, 12.75)
    assert (cost.retail_price(4.0, "marginal"), cost.retail_price(4.0, "average")) == (14.0, 12.75)
    assert cost.total(np.array([-2.0, 0.0])).tolist() == [-15.0, 3.0]
    assert GenerationCost(0.5, 10.0).retail_price(0.0, "average") == 10.0
