import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError
from hmesh.environment.storage_bank import StorageBank
from hmesh.markets.home_day import settle_day, sum_day
from hmesh.markets.home_layout import ASSIGNMENTS, Assignment
from hmesh.markets.load_shifting import shift_loads
from hmesh.markets.storage_capacity import (
    StateOfCharge,
    dynamic_capacity,
    published_capacity,
    serves,
)
from tests.smart_homes import STUDY_LAYOUT, random_homes, study_home, study_window

SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(ASSIGNMENTS)

# Published capacities [kWh], and how far from them the fitted photovoltaics may come [%].
TABLE_3_4 = [
    ("winter", "spfa_s", False, 84.9, 0.67),
    ("winter", "mpfa_sg", False, 80.0, 0.08),
    ("winter", "mpfa_mg", False, 79.1, 0.22),
    ("winter", "mpfa_sg", True, 36.5, 0.08),
    ("winter", "mpfa_mg", True, 36.5, 0.07),
    ("summer", "spfa_s", False, 147.6, 0.30),
    ("summer", "mpfa_sg", False, 121.2, 0.42),
    ("summer", "mpfa_mg", False, 122.1, 1.23),
    ("summer", "mpfa_sg", True, 67.2, 0.44),
    ("summer", "mpfa_mg", True, 74.8, 0.26),
]


def served_day(
    assignment: Assignment, profile: str, shifted: bool
) -> tuple[FloatArray, FloatArray]:
    homes, demand = study_home(assignment, profile)
    if shifted:
        demand = shift_loads(homes, demand, study_window(demand)).demand_kwh
    used = np.where(sum_day(homes, demand).served, demand, 0.0)
    return homes.generation_kwh[:, 0], used[:, 0]


@pytest.mark.parametrize(("profile", "assignment", "shifted", "published", "percent"), TABLE_3_4)
def test_published_capacities(
    profile: str, assignment: Assignment, shifted: bool, published: float, percent: float
) -> None:
    generation, used = served_day(assignment, profile, shifted)
    capacity = published_capacity(assignment, STUDY_LAYOUT, generation, used)
    assert capacity.sum() == pytest.approx(published, rel=percent / 100)


def largest(values: FloatArray, window: int) -> float:
    """The largest sum of up to ``window`` adjacent values, at least 0."""
    return max(
        0.0,
        *(
            float(values[t : t + n].sum())
            for n in range(1, window + 1)
            for t in range(len(values) - n + 1)
        ),
    )


def closed_form(
    assignment: Assignment,
    generation: FloatArray,
    used: FloatArray,
    window: int,
) -> float:
    """The published conditions for two chains, solved by hand."""
    pv, cell = generation.T
    cooling, fan = used.T
    up, down = 0.92 / 0.73, 0.92 / 0.01

    def most(x: FloatArray) -> float:
        return largest(x, window)

    if assignment.startswith("spfa"):
        return max(down * most(cooling - cell), up * most(cell - cooling)) + max(
            down * most(fan - pv), up * most(pv - fan)
        )
    total = max(down * most(cooling + fan - cell - pv), up * most(cell + pv - cooling - fan))
    if assignment == "mpfa_mg":
        return total
    own = max(down * most(cooling - cell - pv), up * most(cell - cooling - fan)) + max(
        down * most(fan - cell - pv), up * most(pv - cooling - fan)
    )
    return max(total, own)


def random_day(seed: int) -> tuple[FloatArray, FloatArray]:
    random = np.random.default_rng(seed)
    generation = random.uniform(0, 1.2, (24, 2)) * (random.random((24, 2)) < 0.6)
    used = random.uniform(0, 1.0, 2) * (random.random((24, 2)) < 0.6)
    return generation, used


@given(SEEDS, KINDS, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_the_programme_is_the_closed_form(seed: int, assignment: Assignment, window: int) -> None:
    generation, used = random_day(seed)
    capacity = published_capacity(assignment, STUDY_LAYOUT, generation, used, window=window)
    expected = closed_form(assignment, generation, used, window)
    assert capacity.sum() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert capacity.min() >= 0


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_published_capacities_are_ordered_and_scale(seed: int) -> None:
    generation, used = random_day(seed)
    total = {
        kind: published_capacity(kind, STUDY_LAYOUT, generation, used).sum() for kind in ASSIGNMENTS
    }
    assert total["spfa_s"] == total["spfa_gs"]
    assert total["spfa_s"] >= total["mpfa_sg"] - 1e-9
    assert total["mpfa_sg"] >= total["mpfa_mg"] - 1e-9
    three = published_capacity("mpfa_sg", STUDY_LAYOUT, 3 * generation, 3 * used).sum()
    assert three == pytest.approx(3 * total["mpfa_sg"], rel=1e-9)
    one = published_capacity("mpfa_sg", STUDY_LAYOUT, generation, used, window=1).sum()
    assert one <= total["mpfa_sg"] + 1e-9


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_published_capacity_goes_with_what_a_store_may_give_first(assignment: Assignment) -> None:
    generation, used = served_day(assignment, "summer", shifted=False)
    one, two = (
        published_capacity(assignment, STUDY_LAYOUT, generation, used, StateOfCharge(start=start))
        for start in (0.21, 0.22)
    )
    # The fan's store is sized by the surplus it must hold, all others by what they must give.
    given_first = slice(0, 1) if assignment != "mpfa_mg" else slice(None)
    assert one[given_first].sum() == pytest.approx(2 * two[given_first].sum(), rel=1e-9)


@given(SEEDS, KINDS)
@settings(max_examples=25, deadline=None)
def test_dynamic_capacities_serve_and_one_percent_less_does_not(
    seed: int, assignment: Assignment
) -> None:
    homes, demand = random_homes(seed, assignment, homes=1, limited=False, efficiency=0.92)
    generation, used = homes.generation_kwh[:, 0], demand[:, 0]
    charge = StateOfCharge(start=0.4)
    capacity = dynamic_capacity(assignment, homes.layout, generation, used, charge)
    assume(capacity.max() > 1e-6)
    assert serves(assignment, homes.layout, generation, used, capacity * (1 + 1e-9), charge)
    needed = capacity > 1e-6
    for s in np.flatnonzero(needed):
        less = capacity * (1 + 1e-9)
        less[s if assignment != "mpfa_mg" else slice(None)] *= 0.99
        assert not serves(assignment, homes.layout, generation, used, less, charge)


@pytest.mark.parametrize(
    ("profile", "assignment"), list(itertools.product(["winter", "summer"], ASSIGNMENTS))
)
def test_dynamic_capacities_of_the_study(profile: str, assignment: Assignment) -> None:
    generation, used = served_day(assignment, profile, shifted=False)
    charge = StateOfCharge()
    capacity = dynamic_capacity(assignment, STUDY_LAYOUT, generation, used)
    assert serves(assignment, STUDY_LAYOUT, generation, used, capacity, charge)
    assert not serves(assignment, STUDY_LAYOUT, generation, used, 0.99 * capacity, charge)
    # The stores start the day with nothing to give, so only the surplus of the day counts.
    assert (
        capacity.sum() < 0.2 * published_capacity(assignment, STUDY_LAYOUT, generation, used).sum()
    )


@given(SEEDS, KINDS)
@settings(max_examples=20, deadline=None)
def test_dynamic_capacity_is_its_closed_form(seed: int, assignment: Assignment) -> None:
    generation, used = random_day(seed)
    charge = StateOfCharge(start=0.5)
    homes, _ = study_home(assignment, "winter")
    capacity = dynamic_capacity(assignment, STUDY_LAYOUT, generation, used, charge)
    bank = StorageBank.of((1, 2), capacity_kwh=1e6)
    vast = replace(homes, generation_kwh=generation[:, None], bank=bank, energy_kwh=bank.at(0.5))
    day = settle_day(vast, used[:, None])
    assert day.served[used[:, None] > 0].all()
    held = day.energy_kwh[:, 0] - 5e5
    brim = held[:-1] + 0.92 * day.charge_kwh[:, 0]
    deepest = np.maximum(-held.min(axis=0), 0.0) / 0.3
    highest = np.maximum(np.maximum(held.max(axis=0), brim.max(axis=0)), 0.0) / 0.44
    if assignment != "spfa_s":
        highest = np.maximum(held.max(axis=0), 0.0) / 0.44
    np.testing.assert_allclose(capacity, np.maximum(deepest, highest), rtol=1e-6, atol=1e-6)


def test_a_day_that_returns_needs_less_or_is_impossible() -> None:
    generation, used = served_day("mpfa_mg", "winter", shifted=False)
    free = dynamic_capacity("mpfa_mg", STUDY_LAYOUT, generation, used, returns=True)
    fixed = dynamic_capacity("mpfa_mg", STUDY_LAYOUT, generation, used)
    assert free.sum() <= fixed.sum()
    with pytest.raises(InputError, match="whatever its size"):
        dynamic_capacity("mpfa_mg", STUDY_LAYOUT, generation, 2 * used, returns=True)


def test_what_cannot_be_sized_is_reported() -> None:
    generation, used = served_day("mpfa_mg", "winter", shifted=False)
    empty = StateOfCharge(start=0.2)
    with pytest.raises(InputError, match="a start above the least"):
        published_capacity("mpfa_mg", STUDY_LAYOUT, generation, used, empty)
    with pytest.raises(InputError, match="no size serves these loads"):
        dynamic_capacity("mpfa_mg", STUDY_LAYOUT, 0.1 * generation, used, empty)
    with pytest.raises(InputError, match="window"):
        published_capacity("mpfa_mg", STUDY_LAYOUT, generation, used, window=0)
    with pytest.raises(InputError) as error:
        StateOfCharge(start=0.1, charge_efficiency=1.2)
    assert len(error.value.problems) == 2
