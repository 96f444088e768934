"""The most level load of a store without limits: quadratic programme, bounds and properties."""

import numpy as np
import piqp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.markets.battery_sizing import range_of_deviation_kwh
from hmesh.markets.load_levelling import Cycle, Equipment, Windows, level_load
from hmesh.markets.taut_string import most_level_load

SEEDS = st.integers(0, 2**32 - 1)


def some_load(seed: int) -> FloatArray:
    """A load of 2 to 30 steps, some of it flat or in equal strides, so that walls tie."""
    random = np.random.default_rng(seed)
    load = random.uniform(0.0, 100.0, int(random.integers(2, 31)))
    return np.round(load, -1) if seed % 3 == 0 else load


def solved(load: FloatArray, capacity: float) -> FloatArray:
    """Net load by quadratic programme over net load and stored energy, the first after the last."""
    steps, scale = len(load), float(load.max()) or 1.0
    square = np.diag(np.repeat([2.0, 1e-14], steps))
    stored = np.eye(steps) - np.roll(np.eye(steps), -1, axis=1).T
    solver = piqp.DenseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = 1e-13
    solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = 1e-13
    solver.settings.max_iter = 500
    solver.setup(
        square, np.zeros(2 * steps), np.hstack([np.eye(steps), -stored]), load / scale,
        x_l=np.repeat([-10.0, 0.0], steps), x_u=np.repeat([10.0, capacity / scale], steps),
    )  # fmt: skip
    solver.solve()
    return np.asarray(scale * solver.result.x[:steps])


@pytest.mark.parametrize("capacity", [0.0, 3.0, 30.0, 100.0, 400.0, 3000.0])
@pytest.mark.parametrize("seed", range(10))
def test_the_string_is_the_quadratic_programme(seed: int, capacity: float) -> None:
    load = some_load(seed)
    level = most_level_load(load, capacity)[0]
    exact = solved(load, capacity)
    np.testing.assert_allclose(level, exact, atol=1e-3)
    assert level.var() == pytest.approx(exact.var(), rel=1e-8, abs=1e-8)


@given(SEEDS, st.floats(0.0, 300.0))
def test_the_store_holds_what_it_can_and_all_is_drawn(seed: int, capacity: float) -> None:
    load = some_load(seed)
    level = most_level_load(load, capacity)[0]
    assert level.sum() == pytest.approx(load.sum(), abs=1e-8)
    stored = np.concatenate([[0.0], np.cumsum(level - load)])
    assert np.ptp(stored) <= capacity + 1e-8
    assert level.var() <= load.var() + 1e-9


@given(SEEDS)
def test_it_is_flat_from_the_range_of_the_deviation_on(seed: int) -> None:
    load = some_load(seed)
    enough = float(range_of_deviation_kwh(load))
    flat = most_level_load(load, enough * (1 + 1e-9))[0]
    np.testing.assert_allclose(flat, load.mean(), atol=1e-6)
    if enough > 1.0:
        assert np.ptp(most_level_load(load, 0.99 * enough)[0]) > 1e-6


@given(SEEDS, st.floats(0.0, 300.0))
def test_scale_rows_and_where_a_day_begins(seed: int, capacity: float) -> None:
    load = some_load(seed)
    level = most_level_load(load, capacity)[0]
    bigger = most_level_load(8.0 * load, 8.0 * capacity)[0]
    np.testing.assert_allclose(bigger, 8.0 * level, atol=1e-6)
    later = np.roll(load, 5)
    both = most_level_load(np.stack([load, later]), np.full(2, capacity))
    np.testing.assert_allclose(both, [level, np.roll(level, 5)], atol=1e-7)
    larger = most_level_load(load, capacity + 10.0)[0]
    assert larger.var() <= level.var() + 1e-9


@given(SEEDS, st.sampled_from(["full", "free"]), st.floats(0.0, 400.0))
def test_no_battery_without_losses_levels_more(seed: int, cycle: Cycle, capacity: float) -> None:
    """One with windows and a rating has only more limits."""
    load = np.random.default_rng(seed).uniform(0.0, 100.0, (3, 24))
    equipment = Equipment(charge_efficiency=1.0, discharge_efficiency=1.0)
    windows = Windows.of_clock(np.arange(24.0))
    net = load + level_load(load, capacity, equipment, windows, cycle).exchange_kwh
    least = most_level_load(load, equipment.depth_of_discharge * capacity)
    assert (least.var(axis=1) <= net.var(axis=1) + 1e-9).all()


def test_a_long_straight_stretch_is_looked_over_as_a_whole() -> None:
    """Longer than what is looked ahead at first: one step above a year that is flat otherwise."""
    load = np.full(500, 2.0)
    load[100] = 12.0
    level = most_level_load(load, 1e9)[0]
    np.testing.assert_allclose(level, load.mean())
    # What 5 kWh can take off the step is spread evenly over all others.
    level = most_level_load(load, 5.0)[0]
    assert level[100] == pytest.approx(7.0)
    np.testing.assert_allclose(np.delete(level, 100), 2.0 + 5.0 / 499)
