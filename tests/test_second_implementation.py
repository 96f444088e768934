"""The second implementation, by which an audit judges, against search and against the first."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets.aggregator_response import best_price
from hmesh.markets.three_level_game import follow_exact, solve_exact
from hmesh.runs.audits.reference.aggregator import best_prices
from hmesh.runs.audits.reference.demand import Demand, demand_of
from hmesh.runs.audits.reference.generation import Generation, PriceRange
from hmesh.runs.audits.reference.lines import Tree
from hmesh.runs.audits.reference.stores import AnsweringStores, elastic_load
from hmesh.runs.audits.reference.utility import PriceGame, best_utility_price
from tests.games import Players, players

SEEDS = st.integers(0, 2**32 - 1)
LOWEST, HIGHEST = -20.0, 90.0


@dataclass(frozen=True)
class World:
    """Communities of stores and elastic loads below the lines of a tree."""

    fixed_kwh: list[float]
    stores: list[AnsweringStores]
    loads: list[tuple[FloatArray, ...]]
    game: PriceGame

    def demand_kwh(self, m: int, price: float) -> float:
        """Return what a community draws by definition: the sum of what suits each best."""
        load, elasticity, reference, least, most = self.loads[m]
        share = np.clip(1 - elasticity * (price / reference - 1), least, most)
        drawn = self.fixed_kwh[m] + float((load * share).sum())
        return drawn + float(self.stores[m].best_exchange(price).sum())


def draw_stores(random: np.random.Generator, count: int) -> AnsweringStores:
    """Draw stores, some empty, some full, some of which hold more than they value."""
    lam, theta = random.uniform(10, 70, count), random.uniform(0.5, 4, count)
    usable = random.uniform(-3, 40, count)
    lower = -np.maximum(random.uniform(-3, 8, count), 0)
    upper = np.maximum(random.uniform(-3, 8, count), 0)
    efficiencies = random.choice([1.0, 0.95, 0.9, 0.7], 2)
    return AnsweringStores(lam, theta, usable, lower, upper, *efficiencies.tolist())


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw one to three communities with losses on their lines."""
    random = np.random.default_rng(draw(SEEDS))
    count = draw(st.integers(1, 3))
    low, high = float(random.choice([LOWEST, 0.0])), float(random.choice([60.0, HIGHEST]))
    fixed, stores, loads = [], [], []
    demands: list[Demand | float] = []
    for _ in range(count):
        fixed.append(float(random.uniform(-20, 30)))
        stores.append(draw_stores(random, int(random.integers(0, 6))))
        n = int(random.integers(0, 2))
        load = (
            random.uniform(0, 20, n), random.choice([0.0, 0.3, 1.5], n), random.uniform(20, 40, n),
            random.uniform(0.5, 1, n), random.uniform(1, 1.3, n),
        )  # fmt: skip
        loads.append(load)
        answers = [stores[-1].answer(), elastic_load(*load)]
        whole = len(stores[-1].lam) + n
        demands.append(demand_of(fixed[-1], answers, low, high) if whole else fixed[-1])
    rates = random.choice([0.0, 0.05, 0.2], count).tolist()
    tree = Tree.star(rates, [1e9] * count)
    if count == 3 and random.random() < 0.5:
        # Two communities share a line.
        tree = Tree([-1, 0, 0, -1], [0.1, *rates], [1e9] * 4, [1, 2, 3])
    cost = Generation(float(random.choice([0.0, 0.05, 0.5])), float(random.uniform(-5, 30)), 3.0)
    prices = PriceRange(low, high - float(random.choice([0.0, 10.0])), low, high)
    return World(fixed, stores, loads, PriceGame(demands, cost, prices, tree))


@given(SEEDS)
def test_no_store_gains_by_another_exchange(seed: int) -> None:
    random = np.random.default_rng(seed)
    stores = draw_stores(random, 5)
    for price in random.uniform(-60, 100, 3).tolist():
        best = stores.best_exchange(price)
        assert ((stores.lower_kwh <= best) & (best <= stores.upper_kwh)).all()
        others = np.linspace(stores.lower_kwh, stores.upper_kwh, 2_001)
        gains = stores.gain(price, others)
        assert (gains.max(axis=0) <= stores.gain(price, best) + 1e-10).all()
        assert (stores.wrong_by(price, best) == 0).all()
        off = np.where(best > stores.lower_kwh, best - 1e-6, best)
        wrong = stores.wrong_by(price, off)
        assert np.allclose(wrong, best - off, atol=1e-12)


@given(SEEDS)
def test_lines_of_an_answer_are_the_best_exchange_at_every_price(seed: int) -> None:
    random = np.random.default_rng(seed)
    stores = draw_stores(random, 6)
    demand = demand_of(2.5, [stores.answer()], -200.0, 200.0)
    low, high = demand.ends()
    assert (np.diff(demand.cuts) >= 0).all()
    assert (low >= high - 1e-9).all()
    assert (high[:-1] >= low[1:] - 1e-9).all()
    for price in random.uniform(-100, 150, 20).tolist():
        least, most = demand.at(price)
        exact = 2.5 + float(stores.best_exchange(price).sum())
        assert least - 1e-9 <= exact <= most + 1e-9


@given(worlds())
def test_a_demand_is_the_sum_of_all_answers(world: World) -> None:
    for m, demand in enumerate(world.game.demands):
        if isinstance(demand, float):
            assert demand == world.fixed_kwh[m]
            continue
        for price in np.linspace(demand.lowest, demand.highest, 37).tolist():
            least, most = demand.at(price)
            assert least - 1e-9 <= world.demand_kwh(m, price) <= most + 1e-9


@given(worlds(), st.floats(0, 1))
def test_a_demand_is_cut_where_a_line_is_kept(world: World, share: float) -> None:
    for demand in world.game.demands:
        if isinstance(demand, float):
            continue
        low, high = demand.ends()
        rating = max(abs(low[0]), abs(high[-1])) * share
        kept = demand.within(-rating, rating)
        for price in np.linspace(demand.lowest, demand.highest, 101).tolist():
            least, most = demand.at(price)
            inside = kept.lowest <= price <= kept.highest
            if most > rating + 1e-9 and least > rating:
                assert not inside or price == demand.highest
            elif -rating <= least and most <= rating:
                assert inside or min(abs(price - kept.lowest), abs(price - kept.highest)) < 1e-9


@given(worlds(), SEEDS)
def test_no_price_earns_an_aggregator_more(world: World, seed: int) -> None:
    prices = world.game.prices
    q = float(np.random.default_rng(seed).uniform(prices.utility_lower, prices.utility_upper))
    for m, demand in enumerate(world.game.demands):
        if isinstance(demand, float):
            continue
        best = best_prices(demand, q)
        for price in np.linspace(demand.lowest, demand.highest, 401).tolist():
            assert (price - q) * world.demand_kwh(m, price) <= best.profit + 1e-7
        for price, energy in zip(best.price, best.demand_kwh, strict=True):
            assert (price - q) * energy == pytest.approx(best.profit, abs=1e-7)
            least, most = demand.at(float(price))
            assert least - 1e-9 <= energy <= most + 1e-9


@given(worlds())
def test_no_price_earns_the_utility_more(world: World) -> None:
    game = world.game
    best = best_utility_price(game)
    assert game.profit(best.price, best.demand_kwh) == pytest.approx(best.profit, abs=1e-9)
    lowest, highest = game.prices.utility_lower, game.prices.utility_upper
    for price in np.linspace(lowest, highest, 301).tolist():
        answers = game.answers(price)
        for energies in (answers.least_kwh, answers.most_kwh):
            assert game.profit(price, energies) <= best.profit + 1e-7
    assert best.price == pytest.approx(best_utility_price(game, best.price).price, abs=1e-6)


@given(players())
def test_both_implementations_find_the_same_prices(drawn: Players) -> None:
    cost, bounds = drawn.cost, drawn.bounds
    demands: list[Demand | float] = []
    for each in drawn.communities:
        stores = AnsweringStores(
            each.lam, each.theta, each.usable_kwh, each.lower_kwh, each.upper_kwh
        )
        lowest, highest = bounds.aggregator_lower, bounds.aggregator_upper
        answers = [stores.answer()]
        demand = demand_of(each.fixed_kwh, answers, lowest, highest)
        demands.append(demand if len(each) else each.fixed_kwh)
    game = PriceGame(
        demands,
        Generation(cost.quadratic, cost.linear, cost.fixed),
        PriceRange(lowest, bounds.utility_upper, lowest, highest)
        if bounds.utility_lower == lowest
        else PriceRange(bounds.utility_lower, bounds.utility_upper, lowest, highest),
        Tree.star([0.0] * len(demands), [1e9] * len(demands)),
        drawn.without_vehicles,
    )
    first, second = solve_exact(drawn.game()), best_utility_price(game)
    earned = game.profit(first.utility_price, first.demand_kwh.tolist())
    scale = max(abs(earned), 1.0)
    assert second.profit == pytest.approx(earned, abs=1e-9 * scale)
    for q in (first.utility_price, bounds.utility_lower, bounds.utility_upper):
        followed = follow_exact(drawn.game(), q)
        for m, each in enumerate(drawn.communities):
            demand = demands[m]
            if isinstance(demand, float):
                assert game.captive_price(q) == followed.community_price[m]
                continue
            price = best_price(each.curve(demand.lowest, demand.highest), q)
            earns = (price - q) * float(each.demand_kwh(price)[0])
            assert best_prices(demand, q).profit == pytest.approx(earns, abs=1e-8)


def test_losses_lower_what_the_utility_earns_and_are_seen_in_its_price() -> None:
    stores = AnsweringStores(*(np.full(4, value) for value in (60.0, 2.0, 5.0, -7.0, 7.0)))
    demand = demand_of(10.0, [stores.answer()], 0.0, 70.0)
    cost, prices = Generation(0.2, 10.0), PriceRange(0.0, 70.0, 0.0, 70.0)
    found = [
        best_utility_price(PriceGame([demand], cost, prices, Tree.star([rate], [1e9])))
        for rate in (0.0, 0.1)
    ]
    assert found[1].profit < found[0].profit
    assert found[1].price > found[0].price
    # With one line the lossy game is that of a utility whose generation costs more.
    costlier = Generation(0.2 * 1.1**2, 10.0 * 1.1)
    same = best_utility_price(PriceGame([demand], costlier, prices, Tree.star([0.0], [1e9])))
    assert same.price == pytest.approx(found[1].price, abs=1e-9)


def test_a_tree_generates_what_is_drawn_and_lost() -> None:
    tree = Tree([-1, 0, 0], [0.1, 0.0, 0.5], [30.0, 20.0, 20.0], [1, 2], owner=[-1, 0, 1])
    arriving, generated = tree.arriving([10.0, -4.0])
    assert arriving == [10.0 - 4.0 + 2.0, 10.0, -4.0]
    assert generated == pytest.approx(8.0 * 1.1)
    assert tree.over([10.0, -4.0]) == (-10.0, -16.0)
    assert replace(tree, rating_kwh=[7.0, 20.0, 20.0]).over([10.0, -4.0], -1) == (1.0, -15.0)
    assert tree.kept_by(1) == pytest.approx((-20.0, 20.0))
    fixed = replace(tree, fixed_kwh=[0.0, 3.0, -1.0])
    assert fixed.kept_by(0) == pytest.approx((-23.0, 17.0))
