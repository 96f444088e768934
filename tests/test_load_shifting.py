import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.storage_bank import StorageBank
from hmesh.markets.home_day import Homes, sum_day
from hmesh.markets.home_layout import ASSIGNMENTS, Assignment
from hmesh.markets.load_shifting import MOST_CANDIDATES, ShiftedDay, shift_loads
from hmesh.markets.load_shifting_bound import least_waste
from hmesh.markets.slot_exchange import _bearable
from tests.smart_homes import random_homes, study_home, study_window

SEEDS = st.integers(0, 2**32 - 1)
MULTIPLE = st.sampled_from(ASSIGNMENTS[2:])
NONE = 0

# Published losses with load shifting [kWh], how far off [%], and the hours of air conditioning.
TABLES_3_2_AND_3_3 = [
    ("winter", "mpfa_sg", 0.551, 0.07, 16),
    ("winter", "mpfa_mg", 0.551, 0.07, 16),
    ("summer", "mpfa_sg", 0.610, 0.78, 17),
    ("summer", "mpfa_mg", 0.613, 0.23, 19),
    ("summer_from_05", "mpfa_sg", 0.610, 0.05, 17),
    ("summer_from_05", "mpfa_mg", 0.613, 0.06, 18),
]


@pytest.mark.parametrize("most_candidates", [MOST_CANDIDATES, NONE])
@pytest.mark.parametrize(
    ("profile", "assignment", "published", "percent", "hours"), TABLES_3_2_AND_3_3
)
def test_published_losses(
    profile: str,
    assignment: Assignment,
    published: float,
    percent: float,
    hours: int,
    most_candidates: int,
) -> None:
    homes, demand = study_home(assignment, profile)
    shifted = shift_loads(homes, demand, study_window(demand), most_candidates)
    assert shifted.after_kwh[0] == pytest.approx(published, rel=percent / 100)
    assert np.count_nonzero(shifted.demand_kwh[:, 0, 0]) == hours
    assert sum_day(homes, shifted.demand_kwh).wasted_kwh[0] == shifted.after_kwh[0]


@pytest.mark.parametrize(
    ("profile", "assignment", "left", "taken"),
    [
        ("winter", "mpfa_sg", {8}, {9, 21}),
        ("winter", "mpfa_mg", {8, 10}, {9, 23}),
        # As published: from early to mid-morning.
        ("summer", "mpfa_sg", {6, 7}, {10, 11}),
        ("summer", "mpfa_mg", {6, 7}, {8, 10}),
    ],
)
def test_which_hours_of_air_conditioning_are_shifted(
    profile: str, assignment: Assignment, left: set[int], taken: set[int]
) -> None:
    homes, demand = study_home(assignment, profile)
    shifted = shift_loads(homes, demand, study_window(demand)).demand_kwh
    before = set(np.flatnonzero(sum_day(homes, demand).served[:, 0, 0]).tolist())
    after = set(np.flatnonzero(shifted[:, 0, 0]).tolist())
    assert (before - after, after - before) == (left, taken)


def rules_of_a_shifted_day(
    homes: Homes,
    demand: FloatArray,
    window: NDArray[np.bool_],
    shifted: ShiftedDay,
) -> None:
    before, after = sum_day(homes, demand), sum_day(homes, shifted.demand_kwh)
    np.testing.assert_allclose(after.wasted_kwh, shifted.after_kwh, rtol=1e-12)
    np.testing.assert_allclose(before.wasted_kwh, shifted.before_kwh, rtol=1e-12)
    assert np.all(shifted.after_kwh <= shifted.before_kwh)
    np.testing.assert_array_equal(
        shifted.demand_kwh[:, ~shifted.improved], demand[:, ~shifted.improved]
    )
    shiftable = window.any(axis=0)
    fixed = np.broadcast_to(~shiftable, demand.shape)
    np.testing.assert_array_equal(shifted.demand_kwh[fixed], demand[fixed])
    for h in np.flatnonzero(shifted.improved):
        loads = np.flatnonzero(shiftable[h])
        new = shifted.demand_kwh[:, h, loads] > 0
        assert after.served[:, h, loads][new].all()
        assert not new[~window[:, h, loads]].any()
        wanted = np.count_nonzero(demand[:, h, loads], axis=0)
        assert np.all(np.count_nonzero(new, axis=0) <= wanted)
        assert np.all(after.served[:, h].sum(axis=0) >= before.served[:, h].sum(axis=0))


def window_of(demand: FloatArray, seed: int, wider: float = 0.0) -> NDArray[np.bool_]:
    """Some loads can be shifted: to the slots they want, and perhaps to others."""
    random = np.random.default_rng(seed + 1)
    shiftable = random.random(demand.shape[1:]) < 0.6
    other = random.random(demand.shape) < wider
    wants = (demand > 0).any(axis=0)
    return ((demand > 0) | other) & shiftable & wants


@given(SEEDS, MULTIPLE, st.sampled_from([0.0, 0.4]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_exchanged_slots_keep_the_rules(
    seed: int, assignment: Assignment, wider: float, limited: bool
) -> None:
    homes, demand = random_homes(seed, assignment, limited=limited)
    window = window_of(demand, seed, wider)
    rules_of_a_shifted_day(homes, demand, window, shift_loads(homes, demand, window, NONE))


def brute_force(homes: Homes, demand: FloatArray, window: NDArray[np.bool_]) -> float:
    """The least that one home wastes, every choice settled by itself."""
    before = sum_day(homes, demand)
    least = before.served.sum(axis=0)[0]
    best = float(before.wasted_kwh[0])
    loads = np.flatnonzero(window[:, 0].any(axis=0))
    choices = []
    for load in loads:
        slots = np.flatnonzero(window[:, 0, load])
        wanted = np.count_nonzero(demand[:, 0, load])
        choices.append(
            [
                chosen
                for n in range(int(least[load]), wanted + 1)
                for chosen in itertools.combinations(slots, n)
            ]
        )
    for picks in itertools.product(*choices):
        trial = demand.copy()
        for load, slots in zip(loads, picks, strict=True):
            trial[:, 0, load] = 0.0
            trial[list(slots), 0, load] = demand[:, 0, load].max()
        day = sum_day(homes, trial)
        kept = (day.served.sum(axis=0)[0] >= least).all()
        if kept and day.served[:, 0, loads].sum() == (trial[:, 0, loads] > 0).sum():
            best = min(best, float(day.wasted_kwh[0]))
    return best


@given(SEEDS, MULTIPLE, st.booleans())
@settings(max_examples=12, deadline=None)
def test_all_choices_are_tried_where_there_are_few(
    seed: int, assignment: Assignment, limited: bool
) -> None:
    homes, demand = random_homes(seed, assignment, homes=1, steps=6, limited=limited)
    window = window_of(demand, seed, 0.3)
    assume(window.sum() <= 9)
    shifted = shift_loads(homes, demand, window)
    assert shifted.exact[0]
    rules_of_a_shifted_day(homes, demand, window, shifted)
    # Less than a milliwatt-hour is no reason to move anything.
    assert shifted.after_kwh[0] == pytest.approx(brute_force(homes, demand, window), abs=1.1e-6)


@given(SEEDS, MULTIPLE, st.booleans())
@settings(max_examples=20, deadline=None)
def test_no_choice_wastes_less_than_the_bound(
    seed: int, assignment: Assignment, limited: bool
) -> None:
    homes, demand = random_homes(seed, assignment, homes=1, steps=7, limited=limited)
    window = window_of(demand, seed, 0.3)
    assume(window.sum() <= 12)
    bound = least_waste(homes, demand, window)
    assert bound <= shift_loads(homes, demand, window).after_kwh[0] + 1e-6


@pytest.mark.parametrize("assignment", ASSIGNMENTS[2:])
def test_exchanging_slots_comes_close_to_the_best_choice(assignment: Assignment) -> None:
    homes, demand = random_homes(11, assignment, homes=40, limited=False, efficiency=0.92)
    window = window_of(demand, 3)
    shifted = shift_loads(homes, demand, window, NONE)
    bounds = [
        least_waste(homes.rows(slice(h, h + 1)), demand[:, h : h + 1], window[:, h : h + 1])
        for h in range(40)
    ]
    gap = shifted.after_kwh - bounds
    assert np.all(gap >= -1e-6)
    assert gap.sum() <= 0.05 * shifted.after_kwh.sum()
    assert shifted.after_kwh.sum() < shifted.before_kwh.sum()


@pytest.mark.slow
@given(SEEDS, MULTIPLE)
@settings(max_examples=15, deadline=None)
def test_one_home_is_shifted_as_among_many(seed: int, assignment: Assignment) -> None:
    homes, demand = random_homes(seed, assignment, homes=6)
    window = window_of(demand, seed)
    together = shift_loads(homes, demand, window, 200)
    for h in range(6):
        rows = slice(h, h + 1)
        alone = shift_loads(homes.rows(rows), demand[:, rows], window[:, rows], 200)
        assert (
            alone.demand_kwh.tobytes()
            == np.ascontiguousarray(together.demand_kwh[:, rows]).tobytes()
        )
        assert alone.after_kwh[0] == together.after_kwh[h]
        assert alone.exact[0] == together.exact[h]


def test_nothing_moves_without_a_window() -> None:
    homes, demand = study_home("mpfa_sg", "winter")
    shifted = shift_loads(homes, demand, np.zeros(demand.shape, dtype=np.bool_))
    np.testing.assert_array_equal(shifted.demand_kwh, demand)
    assert not shifted.improved.any()


def test_a_single_power_flow_cannot_be_shifted() -> None:
    homes, demand = study_home("spfa_gs", "winter")
    with pytest.raises(ValueError, match="not in spfa_gs"):
        shift_loads(homes, demand, study_window(demand))


def test_a_bound_of_too_many_loads_is_zero() -> None:
    homes, _ = study_home("mpfa_mg", "winter")
    loads = 13
    many = replace(
        homes.layout, load_storage=(0,) * loads, load_rank=(0,) * loads, priority=(0,) * loads
    )
    demand = np.full((24, 1, loads), 0.1)
    bank = StorageBank.of((1, 2), capacity_kwh=100.0)
    assert least_waste(replace(homes, layout=many, bank=bank), demand, demand > 0) == 0.0


@given(seed=SEEDS, assignment=MULTIPLE, most_candidates=st.sampled_from([NONE, MOST_CANDIDATES]))
@settings(max_examples=15)
def test_equal_homes_among_others_are_shifted_alike(
    seed: int, assignment: Assignment, most_candidates: int
) -> None:
    homes, demand = random_homes(seed, assignment, homes=3, steps=6)
    window = np.repeat((demand > 0.0).any(axis=0)[None], len(demand), axis=0)
    mixed = np.array([2, 0, 2, 1, 0, 2])
    one_by_one = shift_loads(homes, demand, window, most_candidates)
    together = shift_loads(homes.rows(mixed), demand[:, mixed], window[:, mixed], most_candidates)
    assert np.array_equal(together.demand_kwh, one_by_one.demand_kwh[:, mixed])
    assert np.array_equal(together.after_kwh, one_by_one.after_kwh[mixed])
    assert np.array_equal(together.before_kwh, one_by_one.before_kwh[mixed])
    assert np.array_equal(together.exact, one_by_one.exact[mixed])


@given(SEEDS)
def test_a_storage_bears_a_move_in_every_step(seed: int) -> None:
    """Also between the slot taken and the one left, when the load has run twice so far."""
    random = np.random.default_rng(seed)
    steps = 5
    usable, gained = random.uniform(0, 2, (1, steps)), random.uniform(-1.5, 0, (1, steps))
    found = _bearable(usable, gained)[0]
    for left, taken in itertools.product(range(steps), repeat=2):
        after = usable[0].copy()
        after[taken:] += gained[0, taken]
        if taken < left:
            assert found[left, taken] <= (after[:left] >= -1e-6).all()
        assert found[steps, taken] == (after >= -1e-6).all()
