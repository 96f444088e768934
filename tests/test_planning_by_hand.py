"""Vehicles with foresight, whose plan depends on energies of steps alone, by values by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hmesh.agents.planning_vehicles import PlanningVehicle
from hmesh.markets.departure_value import StoreColumns

EXPECTED = np.array([[0.1], [0.4], [0.2], [0.5], [0.3], [0.3], [0.6], [0.2]])


def vehicles(step_h: float, power_kw: float, v2g_kw: float) -> Any:
    """Return two parked vehicles of 40 kWh in steps of a length."""
    asked: list[int] = []

    def coming(steps: int) -> np.ndarray:
        asked.append(steps)
        return EXPECTED[:steps]

    lam, theta, usable = np.array([0.5, 0.6]), np.array([0.01, 0.02]), np.array([10.0, 4.0])
    ones, nothing = np.ones(2), np.zeros(2)
    lower = -np.minimum(usable, (power_kw if np.isnan(v2g_kw) else v2g_kw) * step_h)
    upper = np.full(2, power_kw * step_h)
    columns = StoreColumns(lam, theta, usable, lower, upper, ones, ones, nothing, nothing)
    return SimpleNamespace(
        step_h=step_h, asked=asked, lam=lam, theta=theta, power_kw=np.full(2, power_kw),
        v2g_kw=np.full(2, v2g_kw), soc_min=np.full(2, 0.2), soc_max=np.full(2, 0.9),
        capacity_kwh=np.full(2, 40.0), charge_efficiency=ones, discharge_efficiency=ones,
        community=np.zeros(2, dtype=np.intp), stores=lambda: columns,
        model=SimpleNamespace(expected_price=SimpleNamespace(coming=coming)),
        once=lambda name, make: make(),
    )  # fmt: skip


@pytest.mark.parametrize("v2g_kw", [np.nan, 2.0])
@pytest.mark.parametrize("step_h", [0.25, 0.5, 2.0])
def test_a_plan_goes_by_the_energies_of_steps(step_h: float, v2g_kw: float) -> None:
    def answers(hours: float, power_kw: float, sells_kw: float) -> tuple[int, np.ndarray]:
        given = SimpleNamespace(horizon_h=6 * hours, levels=9)
        some = vehicles(hours, power_kw, sells_kw)
        kind = PlanningVehicle.with_keys(given)
        energies = [kind.respond_rows(some, price) for price in (0.1, 0.25, 0.35, 0.5)]
        return some.asked[0], np.array(energies)

    # Half the power in steps of twice the length moves the same energies.
    steps, energy = answers(step_h, 7.0 / step_h, v2g_kw / step_h)
    expected_steps, expected = answers(1.0, 7.0, v2g_kw)
    assert steps == expected_steps == 6
    np.testing.assert_allclose(energy, expected, atol=1e-12)
    assert energy.min() < 0 < energy.max()
