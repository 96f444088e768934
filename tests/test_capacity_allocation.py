"""Capacities with which batteries exchange least: bounds, brute force and the published rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from hmesh.markets.capacity_allocation import (
    SharedDischarge,
    allocate_capacity,
    capacity_rule_kwh,
    exchanged_kwh,
    least_exchange,
)
from hmesh.markets.closing_days import closing_day_loss_kwh, given_away_share
from hmesh.markets.genetic_sizing import genetic_minimum
from hmesh.markets.load_levelling import Equipment, Windows, level_load
from tests.test_battery_sizing import loads_of

WINDOWS = Windows.of_clock(np.arange(24.0))
SEEDS = st.integers(0, 2**32 - 1)


def shared(
    loads: np.ndarray, capacity: float, equipment: Equipment | None = None
) -> SharedDischarge:
    equipment = equipment or Equipment()
    schedule = level_load(loads.sum(axis=0), capacity, equipment, WINDOWS, "full")
    inside = WINDOWS.discharge
    return SharedDischarge(loads[:, :, inside], schedule.discharge_kwh[:, inside], equipment)


@settings(max_examples=15)
@given(SEEDS)
def test_the_transport_problem_is_a_maximum_flow(seed: int) -> None:
    """What no flow within the loads can carry must be exchanged; Gale's condition."""
    random = np.random.default_rng(seed)
    loads = loads_of(5, 1, seed)
    capacity = random.uniform(0.1, 8, 5)
    problem = shared(loads, float(capacity.sum()))
    given_ = least_exchange(problem, capacity)
    total = problem.total_kwh[0]
    np.testing.assert_allclose(given_[:, 0].sum(axis=0), total, atol=1e-6)
    # To the last digit within what each holds and its rating, however the solver rounds.
    assert (given_[:, 0] >= 0).all()
    assert (given_[:, 0] <= problem.rated_kwh * capacity[:, None]).all()
    holds = capacity / capacity.sum() * total.sum()
    # Rounding of 5 sums at most, as `_with_sums` counts them, and of the two sums above.
    rounding = (4 * len(total) + 8 + 2 * (5 + len(total))) * np.finfo(np.float64).eps / 2.0
    np.testing.assert_allclose(given_[:, 0].sum(axis=1), holds, rtol=rounding)
    away = float(exchanged_kwh(given_, problem.load_kwh)[0])
    unit, steps = 1e-6, len(total)
    source, sink = 5 + steps, 6 + steps
    graph = np.zeros((7 + steps, 7 + steps), dtype=np.int32)
    energy = capacity / capacity.sum() * total.sum()
    rated = problem.rated_kwh * capacity[:, None]
    graph[source, :5] = energy / unit
    graph[:5, 5 : 5 + steps] = np.minimum(problem.load_kwh[:, 0], rated) / unit
    graph[5 : 5 + steps, sink] = total / unit
    flow = maximum_flow(csr_array(graph), source, sink).flow_value * unit
    assert away >= total.sum() - flow - 1e-4
    if (problem.load_kwh[:, 0] <= rated).all():
        assert away == pytest.approx(total.sum() - flow, abs=1e-4)
    if away < 1e-9:
        assert flow == pytest.approx(total.sum(), abs=1e-4)


def test_row_generation_is_the_programme_of_all_days() -> None:
    loads = loads_of(5, 21, 4)
    problem = shared(loads, 60.0)
    some = allocate_capacity(problem, 60.0, np.array([0]), days_at_once=2)
    whole = allocate_capacity(problem, 60.0, np.arange(21))
    assert whole.rounds == 1
    assert whole.exchanged_kwh == pytest.approx(whole.bound_kwh, abs=1e-6)
    near = 1e-6 * problem.total_kwh.sum()
    assert some.exchanged_kwh == pytest.approx(whole.exchanged_kwh, abs=2 * near)
    assert some.exchanged_kwh >= some.bound_kwh - 1e-6
    assert len(some.days) < 21
    assert some.capacity_kwh.sum() == pytest.approx(60.0)


def test_the_optimum_exchanges_less_than_shares_of_the_load_and_these_less_than_equal_parts() -> (
    None
):
    loads = loads_of(6, 14, 5)
    total = 0.8 * capacity_rule_kwh(shared(loads, 1.0)).sum()
    problem = shared(loads, total)
    mean = loads.mean(axis=(1, 2))
    optimum = allocate_capacity(problem, total, np.arange(14)).exchanged_kwh
    by_load = exchanged_kwh(least_exchange(problem, total * mean / mean.sum()), problem.load_kwh)
    equal = exchanged_kwh(least_exchange(problem, np.full(6, total / 6)), problem.load_kwh)
    assert optimum <= by_load.sum() + 1e-6
    assert by_load.sum() < equal.sum()


@settings(max_examples=10)
@given(SEEDS)
def test_what_is_exchanged_scales_and_does_not_know_numbers(seed: int) -> None:
    random = np.random.default_rng(seed)
    loads, capacity = loads_of(5, 2, seed), random.uniform(0.1, 8, 5)
    problem = shared(loads, float(capacity.sum()))
    away = exchanged_kwh(least_exchange(problem, capacity), problem.load_kwh)
    large = shared(8.0 * loads, 8.0 * float(capacity.sum()))
    more = exchanged_kwh(least_exchange(large, 8.0 * capacity), large.load_kwh)
    np.testing.assert_allclose(more, 8.0 * away, rtol=1e-6, atol=1e-5)
    order = random.permutation(5)
    other = shared(loads[order], float(capacity.sum()))
    same = exchanged_kwh(least_exchange(other, capacity[order]), other.load_kwh)
    np.testing.assert_allclose(same, away, rtol=1e-6, atol=1e-5)
    # One more building that uses nothing and has no battery changes nothing.
    empty = shared(np.concatenate([loads, np.zeros_like(loads[:1])]), float(capacity.sum()))
    still = exchanged_kwh(least_exchange(empty, np.append(capacity, 0.0)), empty.load_kwh)
    np.testing.assert_allclose(still, away, rtol=1e-6, atol=1e-5)


@pytest.mark.slow
def test_the_genetic_algorithm_comes_near_the_optimum_and_never_below() -> None:
    loads = loads_of(3, 4, 6)
    problem = shared(loads, 50.0)
    optimum = allocate_capacity(problem, 50.0, np.arange(4)).exchanged_kwh

    def exchange(points: np.ndarray) -> np.ndarray:
        capacities = 50.0 * points / points.sum(axis=1, keepdims=True)
        given_ = (least_exchange(problem, capacity) for capacity in capacities)
        return np.array([exchanged_kwh(each, problem.load_kwh).sum() for each in given_])

    low, high = np.full(3, 1e-3), np.ones(3)
    _, found = genetic_minimum(exchange, low, high, seed=1, population=12, generations=10)
    assert found >= optimum - 1e-6
    equal = exchange(np.ones((1, 3)))[0]
    assert found - optimum <= 0.1 * (equal - optimum) + 1e-6


@given(SEEDS)
def test_capacities_by_the_rule_give_nothing_away(seed: int) -> None:
    loads = loads_of(4, 7, seed)
    problem = shared(loads, 1.0)
    rule = capacity_rule_kwh(problem)
    usable = 0.81 * rule
    within = np.minimum(problem.load_kwh, 0.16 * rule[:, None, None]).sum(axis=2).min(axis=1)
    np.testing.assert_allclose(usable, within, rtol=1e-9)
    larger = 1.01 * rule
    beyond = np.minimum(problem.load_kwh, 0.16 * larger[:, None, None]).sum(axis=2).min(axis=1)
    assert (0.81 * larger > beyond).all()
    # Not more than the lowest consumption of a day, the efficiency and depth of discharge paid.
    assert (rule <= problem.load_kwh.sum(axis=2).min(axis=1) / 0.81 + 1e-9).all()


def test_the_best_capacities_keep_to_the_rule_where_it_has_room() -> None:
    loads = loads_of(6, 14, 8)
    room = capacity_rule_kwh(shared(loads, 1.0))
    total = 0.5 * room.sum()
    # Each with half the rule gives half of what it could use, but not at any hour: the linear
    # programme finds hours for which nothing is exchanged.
    found = allocate_capacity(shared(loads, total), total, np.arange(14))
    assert found.exchanged_kwh == pytest.approx(0.0, abs=1e-6)


def test_capacity_and_schedule_of_nothing() -> None:
    loads = loads_of(3, 2, 1)
    nothing = SharedDischarge(loads[:, :, 8:22], np.zeros((2, 14)), Equipment())
    given_ = least_exchange(nothing, np.zeros(3))
    assert not given_.any()
    found = allocate_capacity(nothing, 0.0, np.array([0]))
    assert not found.capacity_kwh.any()
    assert found.exchanged_kwh == 0.0
    with pytest.raises(ValueError, match="cannot follow"):
        least_exchange(shared(loads, 30.0), np.array([1.0, 0.0, 0.0]))


@pytest.mark.parametrize("closed_days", [0, 1, 2, 7])
def test_loss_of_closing_days(closed_days: int) -> None:
    """A building that uses nothing when closed and enough when open, simulated day by day."""
    equipment = Equipment()
    capacity, days = 40.0, 364
    load = np.full((1, days, 14), 10.0)
    shut = np.arange(days) % 7 >= 7 - closed_days
    load[0, shut] = 0.0
    schedule = np.full((days, 14), 0.81 * capacity / 14)
    away = exchanged_kwh(schedule[None], load).sum()
    loss = closing_day_loss_kwh(closed_days, capacity, equipment, 0.08, days)
    assert loss == pytest.approx(0.08 * away)
    if 0 < closed_days < 7:
        problem = SharedDischarge(load, schedule, equipment)
        size, share = given_away_share(problem, ~shut)
        assert share[0].mean() == pytest.approx(closed_days / 7)
        assert closing_day_loss_kwh(
            closed_days, float(size[0]), equipment, 0.08, days
        ) == pytest.approx(0.08 * (share * 0.81 * size[:, None]).sum())


def test_two_closing_days_double_the_loss_and_add_a_seventh_of_the_discharge() -> None:
    one, two = (closing_day_loss_kwh(q, 10.0, Equipment(), 0.08) for q in (1, 2))
    assert two == pytest.approx(2 * one)
    assert (two - one) / (0.08 * 0.81 * 10.0 * 365) == pytest.approx(1 / 7)
    assert round(100 / 7, 1) == 14.3  # the figure that was published


def stirred(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return numbers whose last digits are others, as another processor may compute them."""
    return np.asarray(values * (1.0 + 1e-14 * random.uniform(-1.0, 1.0, values.shape)))


@pytest.mark.parametrize(("buildings", "days", "share"), [(8, 2, 1.0), (6, 14, 0.5), (5, 7, 3.0)])
def test_the_last_digits_of_loads_choose_no_capacities(
    buildings: int, days: int, share: float
) -> None:
    """Half the rule leaves a wide choice of capacities that exchange nothing at all."""
    random = np.random.default_rng(1)
    loads = loads_of(buildings, days, 4)
    total = share * float(capacity_rule_kwh(shared(loads, 1.0)).sum())
    first = allocate_capacity(shared(loads, total), total, np.array([0]))
    for _ in range(3):
        again = allocate_capacity(shared(stirred(loads, random), total), total, np.array([0]))
        np.testing.assert_allclose(again.capacity_kwh, first.capacity_kwh, atol=1e-9 * total)
        np.testing.assert_array_equal(again.days, first.days)


@settings(max_examples=10)
@given(SEEDS)
def test_the_last_digits_of_loads_choose_no_schedule(seed: int) -> None:
    random = np.random.default_rng(seed)
    loads, capacity = loads_of(7, 3, seed), random.uniform(0.1, 8, 7)
    total = float(capacity.sum())
    first = least_exchange(shared(loads, total), capacity)
    again = least_exchange(shared(stirred(loads, random), total), capacity)
    np.testing.assert_allclose(again, first, atol=1e-9 * total)
