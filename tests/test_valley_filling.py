import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from hmesh.environment.arrays import FloatArray
from hmesh.markets.critical_hours import base_demand, required_demand
from hmesh.markets.valley_filling import (
    deal_out,
    fill_valley,
    shave_peak,
    water_level,
    within_steps,
)
from tests.games import SEEDS


class Night:
    """Batteries of three groups that need energy within a few steps."""

    def __init__(self, seed: int, steps: int, batteries: int) -> None:
        random = np.random.default_rng(seed)
        self.load = random.uniform(0, 6, steps)
        self.group = np.sort(random.integers(0, 3, batteries))
        self.limit = random.choice([0.0, 0.5, 1.0, 2.0], batteries)
        self.need = np.minimum(random.uniform(0, 5, batteries), steps * self.limit)
        self.within = within_steps(self.need, self.limit, self.group, 3, steps)
        self.filled = fill_valley(self.load, self.within)


NIGHTS = st.builds(Night, SEEDS, st.integers(1, 7), st.integers(0, 9))


def steepest_descent(night: Night, total: FloatArray) -> float:
    """Return by how much the squares can fall at best in any direction (Frank and Wolfe's gap).

    The least squares are reached exactly where no other schedule lies downhill.
    """
    steps, batteries = len(night.load), len(night.need)
    slope = 2 * (night.load + total)
    if batteries == 0:
        return 0.0
    found = linprog(
        np.tile(slope, batteries),
        A_eq=np.kron(np.eye(batteries), np.ones(steps)),
        b_eq=night.need,
        bounds=[(0, limit) for limit in np.repeat(night.limit, steps)],
    )
    return float(slope @ total - found.fun)


@given(NIGHTS)
def test_no_schedule_makes_the_load_flatter(night: Night) -> None:
    total = night.filled.sum(axis=0)
    needs = np.bincount(night.group, night.need, 3)
    np.testing.assert_allclose(night.filled.sum(axis=1), needs, atol=1e-12)
    assert np.all(night.filled >= 0)
    assert steepest_descent(night, total) <= 1e-6


@given(NIGHTS)
def test_every_group_can_deal_its_part_out_to_its_batteries(night: Night) -> None:
    left = night.need.copy()
    # The earliest steps need not be the lowest ones: any order of the steps must do.
    for step in np.random.default_rng(1).permutation(len(night.load)):
        dealt = deal_out(night.filled[:, step], left, night.limit, night.group)
        assert np.all(dealt >= 0)
        assert np.all(dealt <= np.minimum(left, night.limit) + 1e-12)
        given_kwh = np.bincount(night.group, dealt, 3)
        np.testing.assert_allclose(given_kwh, night.filled[:, step], atol=1e-9)
        left = left - dealt
    np.testing.assert_allclose(left, 0.0, atol=1e-9)


@given(SEEDS, st.integers(1, 24), st.floats(0, 100))
def test_without_limits_the_valley_fills_to_the_water_level(
    seed: int, steps: int, energy: float
) -> None:
    load = np.random.default_rng(seed).uniform(0, 10, steps)
    one = np.array([energy])
    within = within_steps(one, one, np.zeros(1, dtype=np.intp), 1, steps)
    level = water_level(load, energy)
    np.testing.assert_allclose(
        fill_valley(load, within)[0], np.maximum(level - load, 0.0), atol=1e-9
    )
    assert np.maximum(level - load, 0.0).sum() == pytest.approx(energy, abs=1e-9)


@given(NIGHTS)
def test_shaving_a_peak_is_filling_the_load_upside_down(night: Night) -> None:
    shaved = shave_peak(night.load, night.within)
    total = shaved.sum(axis=0)
    np.testing.assert_allclose(total.sum(), night.need.sum(), atol=1e-12)
    # What is taken off a step never leaves it below one from which less could be taken.
    after = night.load - total
    assert after.max(initial=0.0) <= night.load.max(initial=0.0) + 1e-12
    upside_down = Night.__new__(Night)
    upside_down.__dict__ |= night.__dict__ | {"load": -night.load}
    assert steepest_descent(upside_down, total) <= 1e-6


def test_ratings_keep_the_lowest_step_from_taking_everything() -> None:
    load = np.array([5.0, 0.0, 4.0, 4.0])
    need, limit, group = np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([0, 1])
    within = within_steps(need, limit, group, 2, 4)
    assert within.tolist() == [[0, 1, 2, 3, 3], [0, 1, 1, 1, 1]]
    filled = fill_valley(load, within)
    assert filled.sum(axis=0).tolist() == pytest.approx([0.0, 2.0, 1.0, 1.0])
    assert filled[0].tolist() == pytest.approx([0.0, 1.0, 1.0, 1.0])


def test_equal_steps_share_and_nothing_needed_is_nothing_filled() -> None:
    within = within_steps(np.array([6.0]), np.array([9.0]), np.array([0]), 1, 3)
    assert fill_valley(np.full(3, 7.0), within).tolist() == [[2.0, 2.0, 2.0]]
    assert fill_valley(np.array([1.0, 2.0]), np.zeros((2, 3))).tolist() == [[0.0, 0.0]] * 2
    assert fill_valley(np.array([1.0, 2.0]), np.zeros((0, 3))).shape == (0, 2)


@given(SEEDS, st.integers(2, 32))
def test_a_step_above_the_level_gets_nothing_at_all(seed: int, steps: int) -> None:
    """Not even what sums of loads of a whole region round away."""
    random = np.random.default_rng(seed)
    load = random.uniform(1.3e5, 1.6e5, steps)
    within = within_steps(np.array([200.0]), np.array([60.0]), np.array([0]), 1, steps)
    filled = fill_valley(load, within)[0]
    lowest = np.argsort(load)[:4]
    level = (load + filled)[lowest].max()
    above = load > level + 1e-6
    above[lowest] = False
    assert filled[above].tolist() == [0.0] * int(above.sum())
    assert filled.sum() == pytest.approx(min(200.0, 60.0 * steps), rel=1e-9)


def test_no_group_gives_what_rounding_leaves_of_the_turn_of_another() -> None:
    """Three schools of two buses shave a peak; whose turn has not come gives nothing at all."""
    group, limit = np.repeat(np.arange(3), 2), np.full(6, 60.0)
    for seed in range(100):
        random = np.random.default_rng(seed)
        load = random.uniform(1.5e5, 1.51e5, 3)
        shaved = shave_peak(load, within_steps(random.uniform(20, 160, 6), limit, group, 3, 3))
        assert not ((shaved > 0) & (shaved < 1e-9)).any()


def test_critical_hours_are_those_above_the_base() -> None:
    forecast = np.array([100.0, 151.0, 154.0, 150.0])
    base = base_demand(forecast, "energy", 150.0)
    assert required_demand(forecast, base).tolist() == [0.0, 1.0, 4.0, 0.0]
    assert base_demand(forecast, "share_of_peak", 0.5) == 77.0
