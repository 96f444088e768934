from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment import Calendar
from hmesh.environment.smart_home_profiles import smart_home_profile
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.schemes.smart_homes.sources import in_hours, published_source, scheduled_source
from hmesh.runs.world.setting import make_setting
from tests.shared_datasets import us_weather
from tests.smart_home_runs import write_scenario

ONE = np.ones(1)


def test_a_published_day_is_the_same_on_any_date_and_in_any_step() -> None:
    for device, energies in smart_home_profile("winter").items():
        hourly = published_source(Calendar("2024-07-01", "Asia/Tokyo"), "winter", device, ONE)
        np.testing.assert_array_equal(hourly.steps_kwh(0, 24)[:, 0], energies)
        np.testing.assert_array_equal(hourly.steps_kwh(24, 24)[:, 0], energies)
        quarters = published_source(
            Calendar("2024-07-01", "Asia/Tokyo", 0.25), "winter", device, ONE
        )
        sums = quarters.steps_kwh(0, 96)[:, 0].reshape(24, 4).sum(axis=1)
        np.testing.assert_allclose(sums, energies, rtol=1e-12)


def test_published_energies_are_those_of_the_source() -> None:
    winter, summer = smart_home_profile("winter"), smart_home_profile("summer")
    assert winter["photovoltaics"].sum() == pytest.approx(4.528)
    assert summer["photovoltaics"].sum() == pytest.approx(6.785)
    assert winter["fuel_cell"].sum() == pytest.approx(11.2)
    assert np.count_nonzero(winter["air_conditioner"]) == 20
    assert np.count_nonzero(smart_home_profile("summer_from_05")["air_conditioner"]) == 23
    assert np.flatnonzero(summer["ventilation_fan"]).tolist() == [5, 12, 17]


@pytest.mark.parametrize("step_h", [0.25, 0.5, 1.0, 3.0, 24.0])
def test_a_schedule_has_its_energy_whatever_the_step(step_h: float) -> None:
    calendar = Calendar("2024-07-01", "Europe/Berlin", step_h)
    source = scheduled_source(calendar, 0.8, ((1.0, 2.5), (22.0, 24.0)), np.array([1.0, 2.0]))
    day = source.steps_kwh(0, round(24 / step_h))
    np.testing.assert_allclose(day.sum(axis=0), [0.8 * 3.5, 1.6 * 3.5], rtol=1e-12)


def test_the_hour_that_clocks_skip_is_not_run() -> None:
    calendar = Calendar("2024-03-31", "Europe/Berlin")
    source = scheduled_source(calendar, 1.0, ((0.0, 5.0),), ONE)
    assert source.steps_kwh(0, 23).sum() == 4.0


def test_hours_begin_and_end_as_reported() -> None:
    assert in_hours(np.array([0.0, 6.9, 7.0, 9.0]), ((7.0, 9.0),)).tolist() == [
        False, False, True, False,
    ]  # fmt: skip


def home_in_weather(dataset: Path) -> dict[str, Any]:
    return {
        "weather": str(dataset),
        "groups": [
            {
                "name": "ranch", "community": "homes",
                "generators": [
                    {"name": "modules", "kind": "photovoltaics", "storage": "battery",
                     "pv_kw": 4.0, "tilt": 40.0}
                ],
                "appliances": [
                    {"name": "conditioner", "kind": "air_conditioner", "storage": "battery",
                     "power_kw": 0.8, "comfort": {"category": "C"}, "shiftable": True}
                ],
                "storages": [{"name": "battery", "capacity_kwh": 15.0}],
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(("start", "wants"), [("2018-01-10", "heating"), ("2018-07-10", "cooling")])
def test_sun_and_comfort_follow_measured_weather(
    shared: Path, tmp_path: Path, start: str, wants: str
) -> None:
    dataset = us_weather(shared / "data", tmp_path / "weather")
    path = write_scenario(
        tmp_path, name="ranch", start=f"{start}T00:00", time_zone="America/Denver", hours=72,
        location={"latitude": 40.53, "longitude": -105.06, "altitude_m": 1525.0},
        communities={"homes": {"members": []}}, smart_homes=home_in_weather(dataset),
        strategies=["mpfa_sg", "mpfa_mg_shifting"],
    )  # fmt: skip
    scenario = load_scenario(str(path))
    setting = make_setting(scenario).schemes["smart_homes"]
    assert setting is not None
    (group,) = setting.groups
    sun, needed = (
        source.steps_kwh(0, 72)[:, 0] for source in (group.generators[0], group.appliances[0])
    )
    assert 5.0 < sun.sum() < 90.0
    clock = np.arange(72) % 24
    assert sun[clock < 4].sum() == 0.0
    # In winter it is needed all day, in summer not in the cool of the morning.
    share = np.count_nonzero(needed) / 72
    assert share == 1.0 if wants == "heating" else 0.1 < share < 0.9
    start_run(scenario, tmp_path / "run")
    assert audit_run(tmp_path / "run").failed == ()
    served = read_run(tmp_path / "run").summary["mpfa_sg"]["home_served_kwh"]
    assert served > 0
