"""At fixed prices vehicles do the same whatever the length of a step, but for what steps decide."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

# A price that leaves aggregators no choice, and loads that no vehicle moves.
FIXED = {
    "vehicles": {"groups": [
        {"name": "own", "count": 8, "lam": 60.0, "capacity_kwh": 50.0},
        {"name": "vans", "count": 4, "power_kw": 11.0, "charge_efficiency": 0.9, "v2g_kw": 0.0},
    ]},
    "travel": {
        "kind": "drawn", "home": {"homes": 1}, "speed_km_h": 40.0,
        "days": {"every": {"stops": [0.6, 0.4], "departs_h": {"distribution": "uniform",
                 "low": 6.0, "high": 11.0}, "trip_km": 12.0,
                 "purposes": {"work": {"stay_h": 5.3, "to": {"offices": 1, "malls": 1}}}}},
    },
    "prices.utility": [20, 20], "prices.aggregator": [20, 20], "game.solver": "exact",
    "start": "2023-01-16T04:00", "hours": 24, "plots": False,
    "strategies": ["typical", "three_level"],
}  # fmt: skip
STEPS_H = (1.0, 0.5, 0.25, 1 / 12)


@cache
def day(step_h: float, strategy: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Return trips, driven energy, what each vehicle charges and sells, and what it holds."""
    setting = make_setting(load_scenario("three-communities", FIXED | {"step_h": step_h}))
    trips: list[pd.DataFrame] = []
    fleet_size = 12
    driven, charged, sold = (np.zeros(fleet_size) for _ in range(3))

    def look(simulation: Simulation) -> None:
        vehicles = simulation.schemes["vehicles"]
        for batch in vehicles.traffic.departed:
            size = batch.vehicles.shape
            names = ("departs_ms", "arrives_ms", "origin", "destination", "km")
            columns = {name: np.broadcast_to(getattr(batch, name), size) for name in names}
            trips.append(pd.DataFrame({"vehicle": batch.vehicles, **columns}))
        exchange = vehicles.exchange_kwh()
        fleet = vehicles.fleet.population
        driven[:] += fleet["driven_km"] * fleet["consumption_kwh_per_km"]
        charged[:] += np.maximum(exchange, 0.0)
        sold[:] += np.maximum(-exchange, 0.0)

    simulation = Simulation(setting, strategy, look)
    for _ in range(setting.scenario.steps):
        simulation.step()
    order = ["vehicle", "departs_ms"]
    table = pd.concat(trips).sort_values(order, ignore_index=True)
    return (
        table,
        driven,
        charged - sold,
        simulation.schemes["vehicles"].fleet.population["energy_kwh"],
    )


@pytest.mark.parametrize("step_h", [pytest.param(s, marks=pytest.mark.slow) for s in STEPS_H[1:]])
@pytest.mark.parametrize("strategy", ["typical", "three_level"])
def test_trips_driving_and_charging_are_those_of_whole_hours(step_h: float, strategy: str) -> None:
    trips, driven, charged, held = day(1.0, strategy)
    same_trips, same_driven, same_charged, same_held = day(step_h, strategy)
    pd.testing.assert_frame_equal(trips, same_trips)
    np.testing.assert_allclose(driven, same_driven, rtol=0, atol=1e-9)
    # Home again by night, all have charged what they want at that price.
    np.testing.assert_allclose(held, same_held, rtol=0, atol=1e-6)
    np.testing.assert_allclose(charged, same_charged, rtol=0, atol=1e-6)
    assert charged.max() > 1.0
