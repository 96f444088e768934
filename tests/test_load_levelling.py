"""The schedule that levels a day: closed form against quadratic programmes, and its properties."""

import numpy as np
import piqp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix

from hmesh.environment.arrays import FloatArray
from hmesh.markets.load_levelling import Cycle, Equipment, Windows, answer_to_prices, level_load
from hmesh.markets.valley_filling import fill_valley, within_steps
from hmesh.markets.water_filling import basin

HOURS = np.arange(24.0)
WINDOWS = Windows.of_clock(HOURS)
SEEDS = st.integers(0, 2**32 - 1)
CYCLES = st.sampled_from(["full", "free"])


def some_equipment(random: np.random.Generator) -> Equipment:
    power = random.choice([0.03, 0.16, 1.0])
    charge, discharge = random.choice([0.8, 0.9, 1.0], 2)
    return Equipment(float(power), 0.9, float(charge), float(discharge))


def solved(
    load: FloatArray,
    capacity: FloatArray,
    equipment: Equipment,
    cycle: Cycle,
    most: FloatArray | None = None,
) -> FloatArray:
    """Net load of a day by quadratic programme over every battery, stored energy step by step.

    Variables: charge, discharge and stored energy of each battery and step, the net load of each
    step, and its mean.
    """
    batteries, steps = len(capacity), len(load)
    n = batteries * steps
    count = 3 * n + steps + 1
    scale = float(np.abs(load).max()) or 1.0
    off = np.zeros((steps, count))
    off[:, 3 * n : -1], off[:, -1] = np.eye(steps), -1.0
    # The net load is the load, what is charged and what is not discharged.
    sums = np.tile(np.eye(steps), batteries)
    drawn = np.hstack([-sums, sums, np.zeros((steps, n)), np.eye(steps), np.zeros((steps, 1))])
    # Stored: s_t = s_(t-1) + eta_c ch_t - dis_t / eta_d, the first after the last.
    before = np.kron(np.eye(batteries), np.roll(np.eye(steps), -1, axis=1))
    store = np.hstack(
        [
            -equipment.charge_efficiency * np.eye(n), np.eye(n) / equipment.discharge_efficiency,
            np.eye(n) - before, np.zeros((n, steps + 1)),
        ]
    )  # fmt: skip
    usable = equipment.depth_of_discharge * capacity / scale
    rated = equipment.power_per_capacity * np.repeat(capacity, steps) / scale
    charge = np.where(np.tile(WINDOWS.charge, batteries), rated, 0.0)
    discharge = np.where(np.tile(WINDOWS.discharge, batteries), rated, 0.0)
    if most is not None:
        discharge = np.minimum(discharge, np.tile(most, batteries) / scale)
    equal, right = np.vstack([drawn, store]), np.concatenate([load / scale, np.zeros(n)])
    if cycle == "full":
        each = np.kron(np.eye(batteries), np.ones(steps))
        cycles = np.zeros((batteries, count))
        cycles[:, :n] = equipment.charge_efficiency * each
        room = np.minimum(
            each @ charge * equipment.charge_efficiency,
            each @ discharge / equipment.discharge_efficiency,
        )
        equal = np.vstack([equal, cycles])
        right = np.concatenate([right, np.minimum(usable, room)])
    upper = np.concatenate([charge, discharge, np.repeat(usable, steps), np.full(steps + 1, 10.0)])
    lower = np.concatenate([np.zeros(3 * n), np.full(steps + 1, -10.0)])
    solver = piqp.SparseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = 1e-13
    solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = 1e-13
    solver.settings.max_iter = 500
    solver.setup(
        csc_matrix(2.0 * off.T @ off + 1e-13 * np.eye(count)), np.zeros(count),
        csc_matrix(equal), right, x_l=lower, x_u=upper,
    )  # fmt: skip
    solver.solve()
    return np.asarray(scale * solver.result.x[3 * n : -1])


def unevenness(net: FloatArray) -> float:
    return float(((net - net.mean()) ** 2).sum())


@pytest.mark.parametrize("cycle", ["full", "free"])
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_water_filling_is_the_quadratic_programme(cycle: Cycle, bounded: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    load = random.uniform(0.0, 100.0, 24)
    capacity = float(random.choice([5.0, 50.0, 300.0, 3000.0]))
    equipment = some_equipment(random)
    most = random.uniform(0.0, 30.0, 24) if bounded else None
    levelled = level_load(load, capacity, equipment, WINDOWS, cycle, most)
    net = load + levelled.exchange_kwh[0]
    exact = solved(load, np.array([capacity]), equipment, cycle, most)
    assert unevenness(net) == pytest.approx(unevenness(exact), rel=1e-8, abs=1e-7)
    # The squares are strictly convex in the net load, so that it is the same, not only as good.
    np.testing.assert_allclose(net, exact, atol=1e-3)


@pytest.mark.parametrize("cycle", ["full", "free"])
def test_many_batteries_do_what_one_does(cycle: Cycle) -> None:
    """Batteries of one kind sum up to one of their total capacity; the split is proportional."""
    random = np.random.default_rng(7)
    load = random.uniform(0.0, 100.0, 24)
    capacity = random.uniform(0.2, 8.0, 39)
    equipment = Equipment()
    levelled = level_load(load, float(capacity.sum()), equipment, WINDOWS, cycle)
    net = load + levelled.exchange_kwh[0]
    exact = solved(load, capacity, equipment, cycle)
    assert unevenness(net) == pytest.approx(unevenness(exact), rel=1e-8)
    np.testing.assert_allclose(net, exact, atol=1e-4)
    # Each part obeys the limits of its own battery.
    part = capacity[:, None] / capacity.sum() * levelled.exchange_kwh
    rated = equipment.power_per_capacity * capacity
    assert (np.abs(part) <= rated[:, None] * (1 + 1e-12)).all()
    stored = np.cumsum(np.where(part > 0, part * 0.9, part / 0.9), axis=1)
    assert (stored <= 0.9 * capacity[:, None] * (1 + 1e-12)).all()
    assert (stored >= -1e-9).all()


@given(SEEDS, CYCLES)
def test_answers_to_two_prices_add_up_to_the_schedule(seed: int, cycle: Cycle) -> None:
    random = np.random.default_rng(seed)
    load = random.uniform(0.0, 100.0, 24)
    capacity = random.uniform(0.0, 40.0, 9)
    equipment = some_equipment(random)
    levelled = level_load(load, float(capacity.sum()), equipment, WINDOWS, cycle)
    share = capacity / capacity.sum()
    answers = np.array(
        [
            answer_to_prices(
                float(load[t]),
                float(levelled.valley_kwh[0]),
                float(levelled.peak_kwh[0]),
                share,
                equipment.power_per_capacity * capacity,
                bool(WINDOWS.charge[t]),
                bool(WINDOWS.discharge[t]),
            )
            for t in range(24)
        ]
    )
    np.testing.assert_allclose(answers.sum(axis=1), levelled.exchange_kwh[0], atol=1e-10)


@given(SEEDS, CYCLES, st.floats(1e-3, 1e6))
def test_energy_limits_and_scale(seed: int, cycle: Cycle, scale: float) -> None:
    random = np.random.default_rng(seed)
    load = random.uniform(0.0, 100.0, (5, 24)) * random.choice([0.0, 1.0], (5, 1))
    capacity = random.choice([0.0, 10.0, 200.0, 5000.0], 5)
    equipment = some_equipment(random)
    most = random.uniform(0.0, 30.0, (5, 24)) if seed % 2 else None
    one = level_load(load, capacity, equipment, WINDOWS, cycle, most)
    charge, discharge = one.charge_kwh, one.discharge_kwh
    stored = charge.sum(axis=1) * equipment.charge_efficiency
    given_up = discharge.sum(axis=1) / equipment.discharge_efficiency
    np.testing.assert_allclose(stored, given_up, atol=1e-9)
    np.testing.assert_allclose(stored, one.stored_kwh, atol=1e-9)
    assert (one.stored_kwh <= equipment.depth_of_discharge * capacity * (1 + 1e-12)).all()
    rated = equipment.power_per_capacity * capacity[:, None]
    assert (charge >= 0).all()
    assert (discharge >= 0).all()
    assert (charge <= rated).all()
    assert (discharge <= rated).all()
    assert not (charge[:, ~WINDOWS.charge]).any()
    assert not (discharge[:, ~WINDOWS.discharge]).any()
    assert not ((charge > 0) & (discharge > 0)).any()
    if most is not None:
        assert (discharge <= most).all()
    peak, cut = load.max(axis=1), (load + one.exchange_kwh).max(axis=1)
    assert (peak - cut <= rated[:, 0] + 1e-9).all()
    if cycle == "free":
        after = (load + one.exchange_kwh).std(axis=1)
        assert (after <= load.std(axis=1) + 1e-9).all()
    limit = None if most is None else scale * most
    many = level_load(scale * load, scale * capacity, equipment, WINDOWS, cycle, limit)
    np.testing.assert_allclose(
        many.exchange_kwh, scale * one.exchange_kwh, atol=1e-9 * scale, rtol=1e-9
    )


@given(SEEDS, CYCLES)
def test_days_do_not_touch_each_other(seed: int, cycle: Cycle) -> None:
    random = np.random.default_rng(seed)
    load, capacity = random.uniform(0, 100, (4, 24)), random.uniform(0, 500, 4)
    together = level_load(load, capacity, Equipment(), WINDOWS, cycle).exchange_kwh
    for day in range(4):
        alone = level_load(load[day], capacity[day], Equipment(), WINDOWS, cycle).exchange_kwh
        np.testing.assert_array_equal(alone[0], together[day])


@settings(max_examples=30)
@given(SEEDS)
def test_charging_is_the_valley_filling_of_one_battery(seed: int) -> None:
    """Another rule of the house fills valleys under other limits; where both hold they agree."""
    random = np.random.default_rng(seed)
    load, capacity = random.uniform(0, 100, 24), float(random.choice([50.0, 500.0]))
    equipment = Equipment()
    charge = level_load(load, capacity, equipment, WINDOWS, "full").charge_kwh[0, :8]
    need, rated = np.array([charge.sum()]), np.array([0.16 * capacity])
    within = within_steps(need, rated, np.zeros(1, dtype=np.intp), 1, 8)
    np.testing.assert_allclose(charge, fill_valley(load[:8], within)[0], atol=1e-9)


@pytest.mark.parametrize("cycle", ["full", "free"])
def test_a_flat_load_and_no_battery(cycle: Cycle) -> None:
    flat = np.full((1, 24), 7.0)
    nothing = level_load(flat, 0.0, Equipment(), WINDOWS, cycle)
    assert not nothing.exchange_kwh.any()
    assert nothing.stored_kwh[0] == 0.0
    levelled = level_load(flat, 10.0, Equipment(), WINDOWS, cycle)
    # A free cycle leaves a flat load alone; a full one must move energy and makes it worse.
    assert bool(levelled.exchange_kwh.any()) == (cycle == "full")


def test_windows_of_other_days_and_steps() -> None:
    quarters = np.arange(96) / 4
    windows = Windows.of_clock(quarters, step_h=0.25)
    assert windows.charge.sum() == 32
    assert windows.discharge.sum() == 56
    load = 5 + 3 * np.sin(2 * np.pi * (quarters - 9) / 24)
    levelled = level_load(load, 20.0, Equipment(), windows, "full")
    assert levelled.charge_kwh.max() <= 0.16 * 20 * 0.25
    # What is left of a day in which a run begins has no time to charge.
    evening = Windows.of_clock(np.arange(18.0, 24.0))
    assert not level_load(np.ones(6), 9.0, Equipment(), evening, "full").exchange_kwh.any()
    with pytest.raises(ValueError, match="charged before"):
        Windows.of_clock(HOURS, (12, 20), (8, 12))


@pytest.mark.parametrize(
    ("energy_kwh", "level_kwh", "per_kwh"),
    [
        (0.0, 0.0, 1.0),  # the lowest hour alone
        (0.5, 0.5, 1.0),
        (1.0, 1.0, 0.5),  # where the second one begins
        (2.0, 1.5, 0.5),
        (3.5, 2.5, 1.0),  # the lowest hour is full
        (4.0, 7.0, 1.0),  # two hours are full: the highest level that holds as much
        (5.0, 8.0, 1.0),
        (6.0, 9.0, 0.0),  # all are
    ],
)
def test_levels_by_hand(energy_kwh: float, level_kwh: float, per_kwh: float) -> None:
    filled = basin(np.array([[7.0, 0.0, 1.0]]), np.array([[2.0, 2.0, 2.0]]))
    assert filled.room_kwh.tolist() == [6.0]
    found = [float(value[0]) for value in filled.piece(np.array([energy_kwh]))]
    assert found == [level_kwh, per_kwh]
