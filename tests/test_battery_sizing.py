"""How large a shared battery should be: searches against each other, curves and bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize_scalar

from hmesh.markets.battery_sizing import Sizing, range_of_deviation_kwh
from hmesh.markets.genetic_sizing import genetic_minimum
from hmesh.markets.golden_section import golden_section
from hmesh.markets.load_deviation import load_deviation
from hmesh.markets.load_levelling import Cycle, Equipment, Windows
from hmesh.markets.particle_swarm import Swarm, pymoo_swarm

WINDOWS = Windows.of_clock(np.arange(24.0))
SEEDS = st.integers(0, 2**32 - 1)


def loads_of(buildings: int, days: int, seed: int) -> np.ndarray:
    """Loads with a hump by day at hours of their own, some of them closed at weekends."""
    random = np.random.default_rng(seed)
    hours = np.arange(24.0)
    middle = random.uniform(10, 19, (buildings, 1, 1))
    size = random.lognormal(0, 0.7, (buildings, 1, 1))
    hump = np.exp(-(((hours - middle) / random.uniform(2, 6, (buildings, 1, 1))) ** 2))
    open_ = np.ones((buildings, days, 1))
    open_[: buildings // 2, 5::7] = open_[: buildings // 2, 6::7] = 0.0
    season = 1 + 0.5 * np.cos(2 * np.pi * np.arange(days) / days)[:, None]
    return size * (1.0 + 3.0 * hump * open_ * season) * random.uniform(0.9, 1.1, open_.shape)


def sizing(cycle: Cycle, **settings: object) -> Sizing:
    return Sizing(Equipment(), WINDOWS, cycle, **settings)  # type: ignore[arg-type]


def test_golden_section_finds_the_valleys_of_many_functions() -> None:
    centre = np.array([-3.0, 0.0, 4.0, 9.9])
    found = golden_section(
        lambda x: np.abs(x - centre) ** 1.5, np.full(4, -10.0), np.full(4, 10.0), 1e-9
    )
    np.testing.assert_allclose(found, centre, atol=1e-7)


def test_golden_section_genetic_algorithm_and_particle_swarm_agree_on_the_capacity() -> None:
    total = loads_of(9, 28, 1).sum(axis=0)[None]
    rule = sizing("full")
    best = rule.best_capacity_kwh(total)
    largest = rule.largest_useful_kwh(total)

    def deviation(points: np.ndarray) -> np.ndarray:
        return rule.deviation_kwh(np.repeat(total, len(points), axis=0), points[:, 0])

    genetic, value = genetic_minimum(deviation, np.zeros(1), largest, seed=3)
    least = float(rule.deviation_kwh(total, best)[0])
    assert value == pytest.approx(least, rel=1e-4)
    assert value >= least * (1 - 1e-9)
    assert genetic[0] == pytest.approx(best[0], rel=0.02)
    swarm = pymoo_swarm(deviation, np.zeros(1), largest, 3, Swarm(particles=20, iterations=19))
    assert swarm.evaluations == 400
    assert swarm.cost == pytest.approx(least, rel=1e-6)
    assert swarm.cost >= least * (1 - 1e-9)
    assert swarm.point[0] == pytest.approx(best[0], rel=2e-3)
    # And one of a library that closes in as golden section does.
    bounded = minimize_scalar(
        lambda c: rule.deviation_kwh(total, np.array([c]))[0], bounds=(0, largest[0]),
        method="bounded", options={"xatol": 1e-6},
    )  # fmt: skip
    assert best[0] == pytest.approx(bounded.x, rel=1e-3)


def test_the_curve_is_u_shaped_where_cycles_are_full_and_never_rises_where_they_are_free() -> None:
    total = loads_of(9, 28, 2).sum(axis=0)
    capacity = np.linspace(0, 2.5 * sizing("full").best_capacity_kwh(total[None])[0], 41)
    many = np.repeat(total[None], len(capacity), axis=0)
    full = sizing("full", measure="daily_rms").deviation_kwh(many, capacity)
    lowest = int(full.argmin())
    assert 0 < lowest < len(capacity) - 1
    assert (np.diff(full[: lowest + 1]) < 0).all()
    assert (np.diff(full[lowest:]) >= 0).all()
    free = sizing("free", measure="daily_rms").deviation_kwh(many, capacity)
    assert (np.diff(free) <= 1e-9).all()
    assert (np.diff(free, 2) >= -1e-9 * free[0]).all()
    assert (free <= full + 1e-9).all()


def test_the_free_capacity_is_the_smallest_within_a_hundredth_of_the_best() -> None:
    total = loads_of(9, 28, 3).sum(axis=0)[None]
    rule = sizing("free")
    best = rule.best_capacity_kwh(total)
    least = rule.deviation_kwh(total, rule.largest_useful_kwh(total))
    assert rule.deviation_kwh(total, best)[0] <= 1.01 * least[0]
    assert rule.deviation_kwh(total, 0.999 * best)[0] > 1.01 * least[0]


@settings(max_examples=10)
@given(SEEDS)
def test_sharing_levels_at_least_as_well_as_each_alone(seed: int) -> None:
    """Only where cycles are free: a forced cycle may level the sum worse than its parts do."""
    loads = loads_of(6, 14, seed)
    alone = sizing("free", exports=False)
    capacity = np.random.default_rng(seed).uniform(0, 20, 6)
    shared = sizing("free", measure="daily_rms")
    apart = load_deviation(alone.levelled_kwh(loads, capacity).sum(axis=0)).daily_rms_kwh
    together = shared.deviation_kwh(loads.sum(axis=0)[None], np.array([capacity.sum()]))[0]
    assert together <= apart * (1 + 1e-9)


@settings(max_examples=10)
@given(SEEDS, st.sampled_from(["full", "free"]))
def test_scale_order_and_weights(seed: int, cycle: Cycle) -> None:
    loads = loads_of(5, 14, seed)
    rule = sizing(cycle, exports=False)
    capacity = rule.best_capacity_kwh(loads, 1e-4)
    np.testing.assert_allclose(rule.best_capacity_kwh(8.0 * loads, 1e-4), 8.0 * capacity)
    order = np.random.default_rng(seed).permutation(5)
    np.testing.assert_allclose(rule.best_capacity_kwh(loads[order], 1e-4), capacity[order])
    # Two equal halves of a year are one of them that stands for twice as many days.
    twice = np.concatenate([loads, loads], axis=1)
    weighted = sizing(cycle, exports=False, weight=np.full(14, 2.0))
    np.testing.assert_allclose(
        weighted.deviation_kwh(loads, capacity), rule.deviation_kwh(twice, capacity)
    )


@pytest.mark.parametrize("cycle", ["full", "free"])
def test_flat_meters_and_empty_buildings_need_no_battery(cycle: Cycle) -> None:
    loads = np.stack([np.full((7, 24), 5.0), np.zeros((7, 24)), loads_of(1, 7, 1)[0]])
    capacity = sizing(cycle, exports=False).best_capacity_kwh(loads)
    assert capacity[0] == capacity[1] == 0.0
    assert capacity[2] > 0.0


@given(SEEDS)
def test_the_smallest_store_that_makes_a_load_flat(seed: int) -> None:
    random = np.random.default_rng(seed)
    loads = random.uniform(0, 10, (4, 24))
    assert range_of_deviation_kwh(loads.sum(axis=0)) <= range_of_deviation_kwh(loads).sum() + 1e-9
    # Smallest capacity, over the first and the highest level, whose store follows the deviation.
    load = loads[0]
    stored = -np.cumsum(load - load.mean())
    rows = np.concatenate([[0.0], stored])
    ones = np.ones_like(rows)
    # stored + first >= 0 and stored + first <= capacity
    found = linprog(
        [1.0, 0.0],
        A_ub=np.concatenate([np.stack([0 * ones, -ones], 1), np.stack([-ones, ones], 1)]),
        b_ub=np.concatenate([rows, -rows]),
        bounds=[(0, None), (None, None)],
    )
    assert range_of_deviation_kwh(load) == pytest.approx(found.fun, abs=1e-9)


def test_three_deviations_of_one_load() -> None:
    load = np.array([[1.0, 3.0], [5.0, 5.0]])
    found = load_deviation(load)
    assert found.annual_kwh == pytest.approx(np.std([1, 3, 5, 5]))
    assert found.daily_mean_kwh == pytest.approx(0.5)
    assert found.daily_rms_kwh == pytest.approx(np.sqrt(0.5))
    twice = load_deviation(load, np.array([1.0, 3.0]))
    assert twice.annual_kwh == pytest.approx(np.std([1, 3, 5, 5, 5, 5, 5, 5]))
