"""School buses under the measured demand of eastern Wisconsin and Michigan."""

from pathlib import Path

import numpy as np
import pytest

from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.quick_cases import quick
from tests.shared_datasets import SHARED

REGION = "MISO-0027"
# Its highest hour of 2022, scaled to the size of the study.
SCALE = 154.0 / 31_000.0


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = shared / "data"
    if not (data / "system_demand").is_dir():
        pytest.skip("the shared data are not here")
    return SHARED["us_demand"](data, tmp_path_factory.mktemp("measured") / "us")


def changes(folder: Path, start: str, hours: int) -> list[str]:
    group = (
        f"{{kind: building, name: system, dataset: {folder}, members: [{REGION}], scale: {SCALE}}}"
    )
    return [
        f"start='{start}'", f"hours={hours}", "plots=false",
        f"communities.rochester.members=[{group}]",
        "school_buses.critical={share_of_peak: 0.97}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "start",
    quick({"2022-04-25T00:00"}, ["2022-01-24T00:00", "2022-04-25T00:00", "2022-10-24T00:00"]),
)
def test_a_school_week_of_each_season_lives_and_passes_its_audit(
    folder: Path, start: str, tmp_path: Path
) -> None:
    scenario = load_scenario("school-buses", changes(folder, start, 168))
    summary = start_run(scenario, tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    typical, valley = summary["charge_after_use"], summary["valley_charging"]
    assert valley["generation_cost"] < typical["generation_cost"]
    assert summary["optimal_energy_price"]["peak_kw"] <= valley["peak_kw"] + 1e-6
    assert summary["optimal_energy_price"]["school_sold_kwh"] > 0
    assert typical["school_driven_kwh"] == pytest.approx(5 * 200 * 140.0)


def test_the_day_of_the_region_is_reported_in_local_time(folder: Path) -> None:
    """People rise, and come home: demand climbs from the local night to the local day."""
    scenario = load_scenario("school-buses", changes(folder, "2022-01-24T00:00", 120))
    simulation = Simulation(make_setting(scenario), "charge_after_use")
    load = []
    for _ in range(120):
        simulation.step()
        load.append(simulation.meters.fixed_kwh.sum())
    day = np.array(load).reshape(5, 24).mean(axis=0)
    assert int(day.argmin()) in (2, 3, 4)
    assert int(day.argmax()) in (9, 10, 11, 17, 18, 19)
    assert np.diff(day)[5:8].min() > 0


def test_no_school_no_rounds_in_summer_and_at_christmas(folder: Path) -> None:
    for start in ("2022-07-11T00:00", "2022-12-26T00:00"):
        scenario = load_scenario("school-buses", changes(folder, start, 72))
        setting = make_setting(scenario)
        assert not setting.schemes["school_buses"].rounds.share.any()


def test_a_run_beyond_the_measurements_is_refused(folder: Path) -> None:
    from hmesh.environment.errors import InputError

    scenario = load_scenario("school-buses", changes(folder, "2023-12-28T00:00", 168))
    with pytest.raises(InputError, match="does not cover the run"):
        make_setting(scenario)
