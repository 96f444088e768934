"""The price game with losses, dead bands and jumps: nobody does better at another price."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hmesh.markets.aggregator_response import best_price, response_map
from hmesh.markets.closed_form_game import follow_closed_form, solve_closed_form
from hmesh.markets.demand_curve import demand_curve
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.learned_demand import learn_demand
from hmesh.markets.price_game import Game, Outcome, PriceBounds
from hmesh.markets.price_search import search_price
from hmesh.markets.price_windows import narrowed
from hmesh.markets.three_level_game import follow_exact, solve_exact, solve_grid
from hmesh.markets.utility_profit import utility_profit
from hmesh.markets.vehicle_response import best_response
from tests.answer_games import (
    LossyCommunity,
    lossy_communities,
    lossy_community,
    lossy_players,
    scaled,
)
from tests.games import SEEDS, Players

LOWEST, HIGHEST = -60.0, 90.0


def answering(community: LossyCommunity, price: float) -> np.ndarray:
    """Return what every member answers to a price."""
    load, eps, reference, least, most = community.elastic
    share = np.clip(1 - eps * (price / reference - 1), least, most)
    at, below, above = community.thresholds
    batteries = best_response(price, *community.batteries())
    return np.concatenate((batteries, load * share, np.where(price <= at, below, above)))


def demand(community: LossyCommunity, price: float) -> float:
    return community.fixed_kwh + float(answering(community, price).sum())


@given(lossy_communities(), st.floats(LOWEST, HIGHEST))
def test_no_price_on_a_grid_earns_an_aggregator_more(community: LossyCommunity, q: float) -> None:
    curve = community.curve(LOWEST, HIGHEST)
    price = best_price(curve, q)
    earned = (price - q) * demand(community, price)
    grid = np.linspace(LOWEST, HIGHEST, 2001)
    best = max((p - q) * demand(community, p) for p in grid[::4])
    best = max(best, float(((grid - q) * curve.demand_kwh(grid)).max()))
    assert earned >= best - 1e-8 * (1 + abs(best))


@given(lossy_communities(), st.data())
def test_map_is_the_best_price_everywhere(community: LossyCommunity, data: st.DataObject) -> None:
    curve = community.curve(LOWEST, HIGHEST)
    found = response_map(curve, LOWEST, HIGHEST)
    prices = np.sort(data.draw(st.lists(st.floats(LOWEST, HIGHEST), min_size=1, max_size=8)))
    for q in prices.tolist():
        price = float(found.price(q))
        direct = best_price(curve, q)
        earned, most = ((p - q) * float(curve.demand_kwh(p)) for p in (price, direct))
        # Of prices that earn the same either may stand; what it says of the demand must be so.
        assert earned == pytest.approx(most, rel=1e-7, abs=1e-6)
    assert np.all(np.diff(found.demand_kwh(prices)) <= 1e-8 * (1 + community.upper_kwh.sum()))
    assert np.all(np.diff(found.price(prices)) >= -1e-9)


def follow(players: Players, q: float) -> Outcome:
    return follow_exact(players.game(), q)


@given(lossy_players())
def test_no_price_on_a_grid_earns_the_utility_more(players: Players) -> None:
    exact = solve_exact(players.game())
    profit = float(utility_profit(players.cost, exact.utility_price, exact.demand_kwh.sum()))
    fine = solve_grid(
        players.game(), (players.bounds.utility_upper - players.bounds.utility_lower) / 2000, 0
    )
    earned = float(utility_profit(players.cost, fine.utility_price, fine.demand_kwh.sum()))
    assert profit >= earned - 1e-7 * (1 + abs(earned))
    if exact.attained_lowest:
        # What is said of the demand is what everybody does at these prices.
        for community, price, energy in zip(
            players.communities, exact.community_price, exact.demand_kwh, strict=True
        ):
            if community.kinks().answering:
                scale = 1 + abs(energy) + community.upper_kwh.sum() + abs(community.fixed_kwh)
                assert demand(community, price) == pytest.approx(energy, abs=1e-8 * scale)


@given(lossy_players())
def test_a_grid_in_steps_asks_and_follows_alike(players: Players) -> None:
    found = solve_grid(players.game(), 1.0, 2)
    followed = follow(players, found.utility_price)
    q = found.utility_price
    for m in range(len(players.communities)):
        pair = [
            (p - q) * d
            for p, d in (
                (found.community_price[m], found.demand_kwh[m]),
                (followed.community_price[m], followed.demand_kwh[m]),
            )
        ]
        assert pair[0] == pytest.approx(pair[1], rel=1e-7, abs=1e-6)


def interior(random: np.random.Generator, *, charging: bool) -> Players:
    """Return a game in which all batteries are on one of their lines whatever the price."""
    communities = []
    for _ in range(int(random.integers(1, 4))):
        drawn = lossy_community(random, int(random.integers(1, 6)), others=False)
        # All cease to charge, or begin to discharge, at one price.
        value = 500 / drawn.into if charging else -1000 * drawn.out_of
        far = np.full(len(drawn), 5000.0)
        communities.append(
            replace(
                drawn,
                fixed_kwh=0.0,
                usable_kwh=(drawn.lam - value) / drawn.theta,
                lower_kwh=-far * (not charging),
                upper_kwh=far * charging,
                elastic=np.empty((5, 0)),
                thresholds=np.empty((3, 0)),
            )
        )
    cost = GenerationCost(float(random.uniform(0, 0.01)), float(random.uniform(-5, 30)))
    low, high = (-100.0, 499.0) if charging else (-999.0, 400.0)
    return Players(tuple(communities), cost, PriceBounds(low, high, low, high))


@given(SEEDS, st.booleans())
def test_closed_form_is_the_equilibrium_where_nothing_binds(seed: int, charging: bool) -> None:
    players = interior(np.random.default_rng(seed), charging=charging)
    game = players.game()
    closed, exact = solve_closed_form(game), solve_exact(game)
    for community, price in zip(players.communities, closed.community_price, strict=True):
        answers = answering(community, float(price))
        bounds = community.lower_kwh, community.upper_kwh
        assume(np.all((answers != 0) & (answers > bounds[0]) & (answers < bounds[1])))
        assume(players.bounds.aggregator_lower < price < players.bounds.aggregator_upper)
    assert closed.utility_price == pytest.approx(exact.utility_price, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(closed.community_price, exact.community_price, rtol=1e-9)
    np.testing.assert_allclose(closed.demand_kwh, exact.demand_kwh, rtol=1e-8, atol=1e-7)


def test_closed_form_settles_on_the_line_of_each_battery() -> None:
    # One battery charges, one discharges, whatever the prices at hand.
    base = lossy_community(np.random.default_rng(1), 2, others=False)
    community = replace(
        base,
        fixed_kwh=100.0, lam=np.array([900.0, -200.0]), theta=np.array([2.0, 3.0]),
        usable_kwh=np.zeros(2), lower_kwh=np.array([-1e3, -1e3]), upper_kwh=np.array([1e3, 0.0]),
        into=np.array([0.9, 0.8]), out_of=np.array([0.85, 0.9]),
    )  # fmt: skip
    bounds = PriceBounds(-200.0, 700.0, -200.0, 700.0)
    game = Players((community,), GenerationCost(0.001, 3.0), bounds).game()
    closed, exact = solve_closed_form(game), solve_exact(game)
    answers = answering(community, float(closed.community_price[0]))
    assert answers[0] > 0 > answers[1]
    assert closed.utility_price == pytest.approx(exact.utility_price, rel=1e-9)
    followed = follow_closed_form(game, closed.utility_price)
    np.testing.assert_allclose(followed.community_price, closed.community_price)
    by_grid = solve_grid(game, 0.1, 3, "clipped")
    assert by_grid.utility_price == pytest.approx(closed.utility_price, abs=1e-3)


@given(lossy_players(others=False), st.sampled_from([0.02, 3.0]), st.sampled_from([0.1, 7.0]))
def test_other_units_scale_the_outcome(players: Players, money: float, energy: float) -> None:
    price = money / energy
    cost, bounds = players.cost, players.bounds
    other = Players(
        tuple(scaled(community, money, energy) for community in players.communities),
        GenerationCost(cost.quadratic * price / energy, cost.linear * price),
        PriceBounds(
            bounds.utility_lower * price, bounds.utility_upper * price,
            bounds.aggregator_lower * price, bounds.aggregator_upper * price,
        ),
        players.without_vehicles,
    )  # fmt: skip
    one, two = (
        float(utility_profit(p.cost, o.utility_price, o.demand_kwh.sum()))
        for p, o in ((players, solve_exact(players.game())), (other, solve_exact(other.game())))
    )
    assert two == pytest.approx(one * money, rel=1e-7, abs=1e-6 * money)


@given(lossy_communities(), st.booleans())
def test_two_answers_teach_both_lines(community: LossyCommunity, below_zero: bool) -> None:
    batteries = replace(community, elastic=np.empty((5, 0)), thresholds=np.empty((3, 0)))
    low = LOWEST if below_zero else 5.0
    learned = learn_demand(
        lambda price: best_response(price, *batteries.batteries()),
        batteries.fixed_kwh, low, HIGHEST,
        charge_efficiency=batteries.into, discharge_efficiency=batteries.out_of,
    )  # fmt: skip
    assert not learned.unexplained.any()
    prices = np.linspace(low, HIGHEST, 701)
    found = demand_curve(learned.kinks, low, HIGHEST).demand_kwh(prices)
    wanted = demand_curve(batteries.kinks(), low, HIGHEST).demand_kwh(prices)
    near_jump = np.abs(prices[:, None] - batteries.kinks().jump_price).min(axis=1, initial=1)
    scale = 1 + batteries.upper_kwh.sum() - batteries.lower_kwh.sum() + abs(batteries.fixed_kwh)
    clear = near_jump > 1e-6
    np.testing.assert_allclose(found[clear], wanted[clear], rtol=0, atol=1e-6 * scale)


@given(lossy_players(others=False, below_zero=False))
def test_negotiation_finds_the_exact_prices(players: Players) -> None:
    bounds = players.bounds
    lower, upper = bounds.aggregator_lower, bounds.aggregator_upper
    learned = []
    for community in players.communities:
        columns = community.batteries()

        def ask(price: float, columns: tuple[np.ndarray, ...] = columns) -> np.ndarray:
            return best_response(price, *columns)

        losses = {"charge_efficiency": community.into, "discharge_efficiency": community.out_of}
        found = learn_demand(ask, community.fixed_kwh, lower, upper, **losses)
        learned.append(found.kinks if len(community) else community.kinks())
    game = Game(tuple(learned), players.cost, bounds, players.without_vehicles)
    negotiated = search_price(
        lambda q: float(follow_exact(game, q).demand_kwh.sum()),
        players.cost, bounds.utility_lower, bounds.utility_upper,
    )  # fmt: skip
    exact = solve_exact(players.game())
    most = float(utility_profit(players.cost, exact.utility_price, exact.demand_kwh.sum()))
    width = 1e-6 * (bounds.utility_upper - bounds.utility_lower)
    sold = sum(
        abs(c.fixed_kwh) + c.upper_kwh.sum() - c.lower_kwh.sum() for c in players.communities
    )
    answering_kwh = sum(float((1 / (c.theta * c.into**2)).sum()) for c in players.communities)
    marginal = abs(players.cost.marginal(sold)) + abs(upper)
    assert negotiated.profit >= most - width * (sold + marginal * answering_kwh) - 1e-6
    assert negotiated.profit <= most + 1e-6 * (1 + abs(most))


@given(lossy_players(most_batteries=30), st.data())
def test_narrowing_never_leaves_the_best_price_out(players: Players, data: st.DataObject) -> None:
    import hmesh.markets.price_windows as windows

    before = solve_exact(players.game())
    few = windows.FEW_KINKS
    windows.FEW_KINKS = 1
    try:
        after = solve_exact(players.game())
    finally:
        windows.FEW_KINKS = few
    one, two = (
        float(utility_profit(players.cost, each.utility_price, each.demand_kwh.sum()))
        for each in (before, after)
    )
    assert two == pytest.approx(one, rel=1e-8, abs=1e-7)
    assert narrowed is windows.narrowed
