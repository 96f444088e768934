"""The state of every scheme is known again, and a state of another kind is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment import InputError
from hmesh.runs import load_checkpoint, load_scenario, save_checkpoint
from hmesh.runs.results.restored_state import restore_simulation
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.scheme_runs import SHORT

CITY = {"one-city": ("hours=24",)}


@pytest.mark.quick_every(2)
@pytest.mark.parametrize("name", [*SHORT, *CITY])
def test_the_state_of_every_scheme_is_known_again(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name, (SHORT | CITY)[name])
    setting = make_setting(scenario)
    strategy = scenario.strategies[-1]
    simulation = Simulation(setting, strategy)
    for steps in range(3):
        save_checkpoint(tmp_path, steps, simulation.state(), "")
        state = load_checkpoint(tmp_path, "")[1]
        restored = Simulation(setting, strategy)
        restore_simulation(restored, steps, {strategy: state}, tmp_path)
        assert restored.summary() == simulation.summary()
        simulation.step()


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    scenario = load_scenario("three-communities", ["vehicles.count=2", "game.solver=exact"])
    simulation = Simulation(make_setting(scenario), "three_level")
    simulation.step()
    return simulation


@pytest.fixture
def state(simulation: Simulation, tmp_path: Path) -> dict[str, Any]:
    save_checkpoint(tmp_path, 1, simulation.state(), "")
    return load_checkpoint(tmp_path, "")[1]


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ("step_index", 2, r"1 step is done, but \[1, 2\] are counted"),
        ("totals.steps", 0, "are counted"),
        (
            "totals.sums.losses_kwh",
            float("nan"),
            "losses_kwh: Input should be a finite",
        ),
        ("totals.peak_kwh", float("inf"), "has the peak inf"),
        ("ledger.money.utility", "0x1", "money paid and money received differ"),
        ("ledger.money.utility", 1, "ledger.money.utility: Input should be a valid string"),
        ("bus.statistics", [], "bus.statistics"),
        ("pending", [[9.0, 0, 0, "explode", 0]], "explode"),
        ("pending", [[9.0, 0, 0, "day", 10**9]], "day of day 1,000,000,000 is pending"),
        ("heard_prices", [1.0], "heard_prices is no list of 3 values"),
        ("schemes.vehicles", {}, "schemes.vehicles lacks some of fleet"),
        ("schemes.vehicles.fleet.energy_kwh", [1.0, 1.0], "energy_kwh is no array of 1 axes"),
        ("schemes.vehicles.fleet.energy_kwh", np.ones(3), r"shape \(3,\) instead of \(2,\)"),
        ("schemes.vehicles.fleet.energy_kwh", np.ones(2, int), "holds int64 instead of float64"),
        ("schemes.vehicles.fleet.energy_kwh", np.full(2, np.nan), "not finite"),
        ("schemes.vehicles.fleet.community", np.full(2, 9, np.int16), "does not exist"),
        ("chance.sky", "cloudy", "chance.sky"),
        ("utility", None, "utility"),
    ],
)
def test_a_state_of_another_kind_is_refused(
    simulation: Simulation,
    state: dict[str, Any],
    tmp_path: Path,
    keys: str,
    value: Any,
    message: str,
) -> None:
    *above, last = keys.split(".")
    part = state
    for key in above:
        part = part[key]
    assert last in part
    part[last] = value
    new = Simulation(simulation.setting, "three_level")
    with pytest.raises(InputError, match=message) as caught:
        restore_simulation(new, 1, {"three_level": state}, tmp_path)
    assert "start it again in a new folder with hmesh run" in str(caught.value)
