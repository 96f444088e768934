"""What is learned of vehicles block by block is what is learned of all of them together."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment import row_blocks
from hmesh.environment.arrays import FloatArray
from hmesh.markets.answer_curves import battery_curves
from hmesh.markets.answers import battery_answers, demand_at, unbounded_line, with_lines
from hmesh.markets.demand_curve import bends_of_block, demand_curve, merged
from hmesh.markets.energy_at_prices import Answer, EnergyAtPrice
from hmesh.markets.learned_blocks import (
    LearnedByBlocks,
    curves_by_blocks,
    learn_by_blocks,
    learned_of_curves,
    widest,
)
from hmesh.markets.learned_demand import learn_demand
from hmesh.markets.price_limits import prices_within
from hmesh.markets.response_of_many import many, response_of_many
from hmesh.markets.vehicle_response import best_response
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.games import LITTLE_LOAD, SEEDS

LOWEST, HIGHEST, FIXED_KWH = 0.0, 70.0, 12.5
PRICES = np.linspace(LOWEST, HIGHEST, 41)


@st.composite
def batteries(draw: st.DrawFn) -> tuple[tuple[FloatArray, ...], list[slice]]:
    """Draw batteries, some without losses, and the places of their blocks, some of nobody."""
    random = np.random.default_rng(draw(SEEDS))
    count = draw(st.integers(1, 40))
    usable_kwh = random.uniform(0, 28, count)
    losses = [np.where(random.random(count) < draw(st.sampled_from((0.0, 0.5, 1.0))), 0.9, 1.0)]
    columns = (
        random.uniform(50, 70, count), np.append(0.4, random.uniform(2, 4, count - 1)), usable_kwh,
        -np.minimum(7.0, usable_kwh), np.minimum(7.0, 28.0 - usable_kwh), *losses, *losses,
    )  # fmt: skip
    ends = sorted(draw(st.lists(st.integers(0, count), min_size=1, max_size=4)))
    blocks = [slice(a, b) for a, b in zip([0, *ends], [*ends, count], strict=True)]
    return columns, blocks


def by_blocks(
    columns: tuple[FloatArray, ...],
    blocks: list[slice],
    answer: Callable[[float], Answer],
) -> LearnedByBlocks:
    return learn_by_blocks(
        lambda price: [answer(price)], FIXED_KWH, LOWEST, HIGHEST, [blocks],
        [(columns[5], columns[6])],
    )  # fmt: skip


def demands(answers: Any) -> FloatArray:
    return demand_curve(answers, LOWEST, HIGHEST).demand_kwh(PRICES)


@given(batteries())
def test_blocks_learn_what_all_together_learn(drawn: Any) -> None:
    columns, blocks = drawn
    count = len(columns[0])
    asked: list[float] = []

    def ask(price: float) -> FloatArray:
        asked.append(price)
        return best_response(price, *columns)

    learned = by_blocks(columns, blocks, ask)
    assert learned.probes == len(asked)
    assert learned.unexplained_count == 0
    true = battery_answers(FIXED_KWH, *columns)
    np.testing.assert_allclose(demands(learned.kinks), demands(true), rtol=1e-9, atol=1e-9)
    together = learn_demand(
        lambda price: best_response(price, *columns), FIXED_KWH, LOWEST, HIGHEST,
        charge_efficiency=columns[5], discharge_efficiency=columns[6],
    )  # fmt: skip
    assert learned.probes == together.probes
    assert learned.kinks.lines == len(together.kinks.slope)
    for price in (20.0, 55.5):
        expected = demand_at(together.kinks, price)
        assert demand_at(learned.kinks, price) == pytest.approx(expected)
        assert unbounded_line(learned.kinks, price) == pytest.approx(
            unbounded_line(together.kinks, price)
        )
    # Answers that are worked out when they are read are the same bits.
    later = by_blocks(columns, blocks, lambda price: EnergyAtPrice(price, columns, count))
    np.testing.assert_array_equal(demands(later.kinks), demands(learned.kinks))


@given(batteries(), st.floats(0.1, 0.9))
def test_limits_are_kept_whether_lines_are_listed_once_or_by_block(
    drawn: Any, share: float
) -> None:
    columns, blocks = drawn
    learned = by_blocks(columns, blocks, lambda price: best_response(price, *columns))
    highest, lowest = (demand_at(learned.kinks, price) for price in (LOWEST, HIGHEST))
    limit = lowest + share * (highest - lowest)
    whole = with_lines(learned.kinks)
    assert len(whole.slope) == learned.kinks.lines
    floor, ceiling = prices_within(learned.kinks, LOWEST, HIGHEST, lowest, limit)
    alone = replace(whole, parts=())
    assert (floor, ceiling) == pytest.approx(prices_within(alone, LOWEST, HIGHEST, lowest, limit))
    assert demand_at(learned.kinks, floor) <= limit + 1e-6


@given(batteries(), SEEDS)
def test_who_is_unexplained_is_revised_in_its_block(drawn: Any, seed: int) -> None:
    columns, blocks = drawn
    count = len(columns[0])
    odd = np.random.default_rng(seed).random(count) < 0.3

    def bent(price: float) -> float:
        return 4.0 - (price / 40.0) ** 2

    def ask(price: float) -> FloatArray:
        return np.where(odd, bent(price), best_response(price, *columns))

    learned = by_blocks(columns, blocks, ask)
    assert learned.unexplained_count == odd.sum()
    revised = learned.revised([ask(33.0)])
    others = [column[~odd] for column in columns]
    load = FIXED_KWH + bent(33.0) * odd.sum()
    expected = battery_answers(load, *others)
    np.testing.assert_allclose(demands(revised.kinks), demands(expected), rtol=1e-9, atol=1e-9)
    again = revised.revised([ask(4.0)])
    change = (bent(4.0) - bent(33.0)) * odd.sum()
    assert again.kinks.saturated_kwh - revised.kinks.saturated_kwh == pytest.approx(change)


@given(batteries(), SEEDS)
def test_curves_are_added_up_by_block(drawn: Any, seed: int) -> None:
    columns, blocks = drawn
    curves = battery_curves(*columns)
    unable = np.random.default_rng(seed).random(len(curves)) < 0.3
    curves[unable] = np.nan
    taken = best_response(40.0, *columns)
    together = learned_of_curves(FIXED_KWH, curves, taken, 2)
    group = curves_by_blocks(curves, blocks, taken, 2)
    learned = LearnedByBlocks(FIXED_KWH, (group,), 2)
    assert learned.unexplained_count == together.unexplained_count == unable.sum()
    np.testing.assert_allclose(
        demands(learned.kinks), demands(together.kinks), rtol=1e-9, atol=1e-9
    )
    # Of those that stated no curve nothing is known where nobody was asked a price.
    unasked = curves_by_blocks(curves, blocks, None, 1)
    assert sum(unasked.saturated_kwh) == pytest.approx(float(columns[4][~unable].sum()))


@pytest.mark.parametrize("heard", [0, 1, 2, 5, 11])
def test_when_time_runs_out_blocks_make_the_same_of_what_was_heard(heard: int) -> None:
    # Lines too narrow for two of the first prices.
    columns = tuple(np.full(5, value) for value in (60.0, 0.2, 0.0, -9.0, 9.0, 1.0, 1.0))

    def asking(asked: list[float]) -> Callable[[float], FloatArray]:
        def ask(price: float) -> FloatArray:
            asked.append(price)
            answered = best_response(price, *columns)
            return answered if len(asked) <= heard else np.full(5, np.nan)

        return ask

    by_block, at_once = list[float](), list[float]()
    learned = by_blocks(columns, [slice(0, 2), slice(2, 5)], asking(by_block))
    together = learn_demand(asking(at_once), FIXED_KWH, LOWEST, HIGHEST)
    assert learned.probes == together.probes == heard
    # After silence nothing more is asked.
    assert by_block == at_once
    assert len(at_once) == 11 + (heard >= 11)
    assert learned.unexplained_count == together.unexplained_count
    np.testing.assert_allclose(demands(learned.kinks), demands(together.kinks))


def test_the_first_of_the_widest_gaps_is_asked() -> None:
    assert widest([(3.0, 4.0), (10.0, 12.0), (20.0, 22.0), (0.0, 0.0)]) == (10.0, 12.0)
    assert widest([]) == (0.0, 0.0)


def test_kinks_that_were_merged_by_block_keep_their_counts() -> None:
    columns = [np.full(30, value) for value in (60.0, 2.0, 10.0, -7.0, 7.0)]
    whole = battery_answers(0.0, *columns)
    bends = bends_of_block(whole)
    assert len(bends.starts) == 1
    assert bends.lines == whole.lines == 30
    assert merged(bends) is bends
    parted = replace(whole, parts=(bends, bends))
    assert parted.lines == 60
    with pytest.raises(NotImplementedError, match="workers hold"):
        with_lines(parted)


def test_many_are_counted_in_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from hmesh.markets import response_of_many as module

    columns = [np.linspace(low, high, 30) for low, high in ((50, 70), (2, 4), (5, 20))]
    bounds = [np.full(30, each) for each in (-7.0, 7.0)]
    learned = by_blocks(
        (*columns, *bounds, np.ones(30), np.ones(30)), [slice(0, 10), slice(10, 30)],
        lambda price: best_response(price, *columns, *bounds),
    )  # fmt: skip
    assert not many(learned.kinks)
    monkeypatch.setattr(module, "MANY_LINES", 29)
    assert many(learned.kinks)
    response = response_of_many(learned.kinks, LOWEST, HIGHEST)
    alone = response_of_many(with_lines(learned.kinks), LOWEST, HIGHEST)
    for price in (10.0, 30.0, 50.0):
        assert response.price(price) == pytest.approx(alone.price(price))


def negotiated(changes: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
    """Return what communities pay and draw in ten hours, some dozen vehicles deciding it."""
    scenario = load_scenario(
        "three-communities",
        {
            "vehicles.count": 50, "strategies": ["three_level"], "plots": False, "hours": 10,
            "game.solver": "negotiate", **LITTLE_LOAD, **changes,
        },
    )  # fmt: skip
    simulation = Simulation(make_setting(scenario), "three_level")
    prices, drawn = [], []
    for _ in range(10):
        simulation.step()
        prices.append(simulation.market.decision.community_price.copy())
        drawn.append(simulation.net_kwh.copy())
    return np.array(prices), np.array(drawn)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"game.bids": "curves"},
        {"messages": {"latency_h": 0.01, "latency": "exponential", "loss_rate": 0.05}},
        # Some curves are lost; who sent them is asked about one price.
        {"game.bids": "curves", "messages.loss_rate": 0.3},
        {"grid.limits": "keep", "communities.homes.feeder.rating_kw": 60},
        {
            "game.solver": "exact",
            "vehicles.behaviour": {"name": "threshold", "charge_below": [20, 40], "sell_above": 45},
        },
    ],
)
def test_prices_do_not_depend_on_blocks(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    whole, _ = negotiated(changes)
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 13)
    by_block, _ = negotiated(changes)
    np.testing.assert_allclose(by_block, whole, rtol=1e-7)
    # No bound sets them.
    assert ((whole > 1.0) & (whole < 69.0)).mean() > 0.8


def test_very_many_lines_keep_the_same_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    from hmesh.markets import response_of_many as module

    limits = {"grid.limits": "keep", "communities.homes.feeder.rating_kw": 60}
    few, drawn = negotiated(limits)
    monkeypatch.setattr(module, "MANY_LINES", 5)
    many_lines, also_drawn = negotiated(limits)
    np.testing.assert_allclose(many_lines, few, rtol=1e-7)
    free, _ = negotiated({})
    assert (few[0] > free[0]).any()
    for kwh in (drawn, also_drawn):
        assert kwh[:, 0].max() == pytest.approx(60.0, abs=1e-4)
