"""How much batteries take as they fill, compared with small steps and with closed forms."""

import numpy as np
import pytest

from hmesh.environment.charging_curve import ChargingCurves, hours_to_charge, most_charged_kwh

TAPER = [(0.0, 1.0), (0.8, 1.0), (1.0, 0.1)]
BUMP = [(0.0, 0.4), (0.2, 1.0), (0.5, 0.7), (0.9, 0.2), (1.0, 0.0)]
CURVES = ChargingCurves.of([TAPER, BUMP])
COUNT = 300


def fleet(seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    which = rng.integers(-1, 2, COUNT)
    capacity, power = rng.uniform(20.0, 90.0, COUNT), rng.uniform(3.0, 60.0, COUNT)
    energy = rng.uniform(0.0, 1.0, COUNT) * capacity
    into, most = rng.uniform(0.8, 1.0, COUNT), rng.uniform(2.0, 80.0, COUNT)
    return which, energy, capacity, power, into, most


def test_it_is_where_many_small_steps_end() -> None:
    which, energy, capacity, power, into, most = fleet(1)
    at_once = most_charged_kwh(CURVES, which, energy, capacity, power, 1.0, into, most)
    held, steps = energy.copy(), 2_000
    for _ in range(steps):
        drawn = np.minimum(power * CURVES.shares(which, held / capacity), most)
        held += into * drawn / steps
    # The first-order error of the small steps is about the change of power over one of them.
    np.testing.assert_allclose(at_once, (held - energy) / into, rtol=0, atol=60.0 / steps)


@pytest.mark.parametrize("parts", [2, 4, 12])
def test_an_hour_is_as_much_as_its_parts(parts: int) -> None:
    which, energy, capacity, power, into, most = fleet(2)
    at_once = most_charged_kwh(CURVES, which, energy, capacity, power, 1.0, into, most)
    held = energy.copy()
    for _ in range(parts):
        held += into * most_charged_kwh(
            CURVES, which, held, capacity, power, 1.0 / parts, into, most
        )
    beyond = (which < 0) | (held < capacity)
    np.testing.assert_allclose(at_once[beyond], ((held - energy) / into)[beyond], atol=1e-9)


def test_a_level_curve_takes_what_the_plug_gives() -> None:
    level = ChargingCurves.of([[(0.0, 1.0), (1.0, 1.0)]])
    _, energy, capacity, power, into, most = fleet(3)
    taken = most_charged_kwh(level, np.zeros(COUNT, int), energy, capacity, power, 0.25, into, most)
    np.testing.assert_allclose(taken, np.minimum(power, most) * 0.25, rtol=1e-12)


def test_a_falling_share_slows_exponentially() -> None:
    falling = ChargingCurves.of([[(0.0, 1.0), (1.0, 0.0)]])
    taken = most_charged_kwh(falling, np.zeros(1, int), np.zeros(1), 40.0, 20.0, 3.0)
    assert taken[0] == pytest.approx(40.0 * (1.0 - np.exp(-20.0 / 40.0 * 3.0)), abs=1e-12)
    full = most_charged_kwh(falling, np.zeros(1, int), np.array([40.0]), 40.0, 20.0, 3.0)
    assert full[0] == 0.0


def test_those_without_a_curve_take_full_power() -> None:
    _, energy, capacity, power, into, most = fleet(4)
    none = np.full(COUNT, -1)
    taken = most_charged_kwh(CURVES, none, energy, capacity, power, 0.5, into, most)
    np.testing.assert_array_equal(taken, np.minimum(power, most) * 0.5)


def test_hours_are_those_after_which_as_much_is_charged() -> None:
    which, energy, capacity, power, into, most = fleet(5)
    which = np.abs(which)
    hours = np.random.default_rng(6).uniform(0.01, 2.0, COUNT)
    taken = most_charged_kwh(CURVES, which, energy, capacity, power, hours, into, most)
    until = energy + into * taken
    # Beyond the end of a curve that falls to 0 no time is defined.
    there = np.flatnonzero((which == 0) | (until < CURVES.fullest()[which] * capacity))
    found = hours_to_charge(
        CURVES, *(each[there] for each in (which, energy, until, capacity, power, into, most))
    )
    assert len(there) > COUNT / 2
    np.testing.assert_allclose(found, hours[there], rtol=1e-9)
    np.testing.assert_allclose(CURVES.fullest(), [np.inf, 1.0 - 0.1 / 20], rtol=1e-12)
