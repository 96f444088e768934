"""The second implementation of smart homes against the first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.markets.home_day import Homes, settle_day
from hmesh.markets.home_layout import ASSIGNMENTS, Assignment
from hmesh.markets.load_shifting import shift_loads
from hmesh.markets.slot_choices import count_choices
from hmesh.markets.storage_capacity import (
    StateOfCharge,
    dynamic_capacity,
    published_capacity,
)
from hmesh.runs.audits.reference import home_capacity, homes
from tests.games import SEEDS
from tests.smart_homes import random_homes, study_home

MULTIPLE: tuple[Assignment, ...] = ("mpfa_sg", "mpfa_mg")


def home_of(many: Homes, h: int) -> homes.Home:
    layout, bank = many.layout, many.bank
    return homes.Home(
        many.assignment, layout.generator_storage, layout.load_storage,
        tuple(layout.generators_in_order), tuple(layout.loads_in_order),
        tuple(layout.loads_by_priority),
        *(tuple(getattr(bank, name)[h].tolist()) for name in bank.__dataclass_fields__),
        many.step_h,
    )  # fmt: skip


@given(SEEDS, st.sampled_from(ASSIGNMENTS), st.booleans())
@settings(max_examples=60, deadline=None)
def test_both_implementations_settle_the_same_flows(
    seed: int, assignment: Assignment, limited: bool
) -> None:
    many, demand = random_homes(seed, assignment, homes=2, steps=12, limited=limited)
    flows = settle_day(many, demand)
    for h in range(2):
        home, held = home_of(many, h), many.energy_kwh[h].tolist()
        wasted = 0.0
        for t in range(12):
            step = homes.settle(
                home, many.generation_kwh[t, h].tolist(), demand[t, h].tolist(), held
            )
            held = step.after
            assert step.on == set(np.flatnonzero(flows.served[t, h]).tolist())
            for found, due in (
                (step.direct, flows.direct_kwh), (step.drawn, flows.drawn_kwh),
                (step.stored, flows.stored_kwh), (step.curtailed, flows.curtailed_kwh),
                (step.charge, flows.charge_kwh), (step.discharge, flows.discharge_kwh),
                (held, flows.energy_kwh[1:]),
            ):  # fmt: skip
                np.testing.assert_allclose(found, due[t, h], atol=1e-9)
            for s in range(len(held)):
                lost = home.loses(s, step.charge[s], step.discharge[s])
                assert lost == pytest.approx(flows.losses_kwh[t, h, s], abs=1e-12)
                wasted += lost
            wasted += sum(step.curtailed)
        day = homes.settle_day(
            home, many.generation_kwh[:, h].tolist(), demand[:, h].tolist(),
            many.energy_kwh[h].tolist(),
        )  # fmt: skip
        assert day.wasted == pytest.approx(wasted)


@given(SEEDS, st.sampled_from(MULTIPLE))
@settings(max_examples=15, deadline=None)
def test_both_implementations_shift_as_well(seed: int, assignment: Assignment) -> None:
    many, demand = random_homes(seed, assignment, homes=1, steps=6)
    window = demand > 0.0
    window[:, :, 1:] = False
    window[:, 0, 0] |= demand[:, 0, 0].any()
    found = shift_loads(many, demand, window, 1000)
    shifting = homes.Shifting(
        home_of(many, 0), many.generation_kwh[:, 0].tolist(), demand[:, 0].tolist(),
        many.energy_kwh[0].tolist(), window[:, 0].tolist(),
    )  # fmt: skip
    before = homes.settle_day(shifting.home, shifting.generation, shifting.demand, shifting.energy)
    served = np.zeros(demand.shape, dtype=np.bool_)
    for t, on in enumerate(before.on):
        served[t, 0, sorted(on)] = True
    count = count_choices(served, demand, window)[0]
    assert shifting.choices(before) == count
    every = [shifting.wasted(choice, before) for choice in shifting.every_choice(before)]
    assert len(every) == count
    assert found.before_kwh[0] == pytest.approx(before.wasted, abs=1e-9)
    assert found.after_kwh[0] == pytest.approx(min(*every, before.wasted), abs=2e-6)
    near = [
        shifting.wasted(c, before) for c in shifting.neighbours(found.demand_kwh[:, 0].tolist())
    ]
    assert min(near, default=np.inf) >= found.after_kwh[0] - 2e-6


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
@pytest.mark.parametrize("profile", ["winter", "summer"])
def test_both_implementations_size_storages_alike(assignment: Assignment, profile: str) -> None:
    many, demand = study_home(assignment, profile)
    served = np.where(settle_day(many, demand).served, demand, 0.0)[:, 0]
    made, home = many.generation_kwh[:, 0], home_of(many, 0)
    charge, second = StateOfCharge(), home_capacity.Charge(0.21, 0.20, 0.94, 0.92, 0.92)
    for window in (1, 2):
        first = published_capacity(assignment, many.layout, made, served, charge, window).sum()
        total = home_capacity.published_total(home, made.tolist(), served.tolist(), second, window)
        assert total == pytest.approx(first, rel=1e-7)
    first_each = dynamic_capacity(assignment, many.layout, made, served, charge)
    each = home_capacity.needed(home, made.tolist(), served.tolist(), second)
    assert each == pytest.approx(first_each.tolist(), rel=1e-7, abs=1e-9)
