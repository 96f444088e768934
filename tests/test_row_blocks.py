"""Fleets are summed in fixed blocks of their rows, and a fleet of one block as it always was."""

import math
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hmesh.environment import row_blocks
from hmesh.environment.row_blocks import (
    PRODUCT_ROWS,
    added,
    parts_by_block,
    sum_by_blocks,
    sum_of_products,
)
from hmesh.markets.answers import Answers, battery_answers, sum_of_answers
from hmesh.markets.demand_curve import bending_prices, bends_of_block, demand_curve
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_kernels import WORLDS

COUNT = 69


def test_rows_belong_to_the_block_that_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 7)
    rng = np.random.default_rng(3)
    rows = np.sort(rng.integers(0, 40, 25))
    parts = parts_by_block(rows, 40)
    assert [rows[part].tolist() for part in parts] == [
        [row for row in rows.tolist() if row // 7 == block] for block in range(6)
    ]
    assert parts_by_block(rows[:0], 0) == [slice(0, 0)]


def test_a_block_is_summed_as_numpy_does_it_and_blocks_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    values, rows = rng.normal(size=1000), np.arange(1000)
    assert sum_by_blocks(values, rows, 1000) == values.sum()
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 300)
    by_hand = 0.0
    for first in (0, 300, 600, 900):
        by_hand += float(values[first : first + 300].sum())
    assert sum_by_blocks(values, rows, 1000) == by_hand


@pytest.mark.parametrize("efficiency", [1.0, 0.9])
def test_a_demand_of_blocks_is_that_of_all_batteries(efficiency: float) -> None:
    rng = np.random.default_rng(5)
    size = 400
    # Many alike, whose kinks are at few prices, and some that differ.
    usable = np.concatenate([np.repeat([5.0, 8.0, 11.0], 100), rng.uniform(0, 20, 100)])
    columns = (
        40.0, np.repeat([1.0, 2.0], 200), usable, np.full(size, -3.0), np.full(size, 2.5),
        efficiency, efficiency,
    )  # fmt: skip

    def some(begin: int, end: int) -> Answers:
        return battery_answers(
            0.0, *(c[begin:end] if isinstance(c, np.ndarray) else c for c in columns)
        )

    whole, parts = some(0, size), tuple(some(k, k + 80) for k in range(0, size, 80))
    blocks = Answers(
        added(part.saturated_kwh for part in parts), whole.full_price, whole.empty_price,
        whole.slope, whole.dead_bands, parts=parts,
    )  # fmt: skip
    # What is known of a block that is held elsewhere makes the same curve, bit for bit.
    elsewhere = Answers(
        blocks.saturated_kwh, *(np.empty(0) for _ in range(3)),
        parts=tuple(bends_of_block(part) for part in parts),
    )  # fmt: skip
    assert elsewhere.answering
    assert bending_prices(elsewhere) == bending_prices(whole)
    prices = np.linspace(-20.0, 60.0, 501)
    curve = demand_curve(blocks, -20.0, 60.0)
    for held, same in (
        (demand_curve(elsewhere, -20.0, 60.0), True),
        (demand_curve(sum_of_answers(parts), -20.0, 60.0), False),
    ):
        if same:
            assert held.edges.tobytes() == curve.edges.tobytes()
            assert held.intercept.tobytes() == curve.intercept.tobytes()
            assert held.slope.tobytes() == curve.slope.tobytes()
        np.testing.assert_allclose(
            held.demand_kwh(prices), curve.demand_kwh(prices), rtol=1e-11, atol=1e-9
        )


def outcome(world: dict[str, Any], hours: int = 6) -> dict[str, Any]:
    """Return the results of two strategies of a world."""
    changes = {"vehicles.count": COUNT, "record.welfare": True} | world | {"hours": hours}
    setting = make_setting(load_scenario("three-communities", changes))
    found = {}
    for strategy in ("three_level", "typical"):
        simulation = Simulation(setting, strategy)
        for _ in range(int(hours / setting.scenario.step_h)):
            simulation.step()
        found[strategy] = dict(simulation.totals.sums)
    return found


@pytest.mark.parametrize(
    "name",
    [
        "with losses",
        pytest.param("published", marks=pytest.mark.slow),
        pytest.param("groups", marks=pytest.mark.slow),
    ],
)
def test_blocks_change_nothing_but_last_digits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = outcome(WORLDS[name])
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 11)
    blocks = outcome(WORLDS[name])
    for strategy, sums in whole.items():
        assert blocks[strategy].keys() == sums.keys()
        for figure, value in sums.items():
            assert blocks[strategy][figure] == pytest.approx(value, rel=1e-9, abs=1e-7), figure


@pytest.mark.parametrize("rows", [0, 1, PRODUCT_ROWS, PRODUCT_ROWS + 1, 200_003])
def test_products_do_not_depend_on_threads_of_blas(rows: int) -> None:
    rng = np.random.default_rng(rows)
    one, other = rng.random(rows), rng.random(rows)
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            found.append(sum_of_products(one, other).hex())
            if rows <= PRODUCT_ROWS:
                assert sum_of_products(one, other) == float(one @ other)
    assert len(set(found)) == 1
    assert float.fromhex(found[0]) == pytest.approx(math.sumprod(one, other), rel=1e-12)
