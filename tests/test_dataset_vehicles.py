"""Batteries, powers and consumptions of a dataset's vehicles, beside the trips that they drive."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.scenarios.check import check_scenario
from tests.placed_runs import scenario

TRIPS = """vehicle,departs,arrives,km,origin,destination
late,08:00,08:30,20,homes,works
late,17:00,17:30,20,works,homes
early,06:00,06:30,10,homes,shop
early,12:00,12:30,10,shop,homes
"""
VEHICLES = """vehicle,community,capacity_kwh,power_kw,consumption_kwh_per_km
parked,homes,20,3,0.1
early,homes,40,,0.15
late,homes,75,22,0.2
"""


def write(folder: Path, vehicles: str = VEHICLES, **changes: Any) -> Path:
    data = folder / "survey"
    data.mkdir()
    (data / "trips.csv").write_text(TRIPS)
    (data / "vehicles.csv").write_text(vehicles)
    described = {
        "schema": 1, "name": "survey", "licence": "none", "time_zone": "Europe/Berlin",
        "clock": "wall", "labels": "start", "start": "2024-06-01T00:00", "end": "2024-07-01T00:00",
        "resolution": 60, "tables": {"trips": "trips.csv", "vehicles": "vehicles.csv"},
    }  # fmt: skip
    (data / "dataset.yaml").write_text(yaml.safe_dump(described))
    given = scenario(
        roads=[],
        vehicles={
            "count": 5, "power_kw": 11, "lam": 0.5, "theta": 0.012,
            "model": {"dataset": "survey"},
        },
        travel={"kind": "trips", "dataset": "survey"},
    ) | changes  # fmt: skip
    path = folder / "given.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    return path


def test_each_vehicle_is_the_one_whose_trips_it_drives(tmp_path: Path) -> None:
    start_run(load_scenario(write(tmp_path)), tmp_path / "run")
    run = read_run(tmp_path / "run")
    fleet = run.table("fleet").to_pandas()
    assert fleet["model"].tolist() == ["late", "early", "late", "early", "late"]
    assert fleet["capacity_kwh"].tolist() == [75, 40, 75, 40, 75]
    # What the dataset does not know is as the key says.
    assert fleet["power_kw"].tolist() == [22, 11, 22, 11, 22]
    trips = run.table("trips").to_pandas()
    used = trips.groupby("vehicle")["energy_kwh"].sum()
    assert used.tolist() == pytest.approx([8.0, 3.0, 8.0, 3.0, 8.0])
    assert audit_run(tmp_path / "run").passed


def test_vehicles_that_drive_otherwise_come_in_the_order_of_their_table(tmp_path: Path) -> None:
    path = write(tmp_path, travel={"kind": "diaries", "dataset": "survey"}, hours=1)
    start_run(load_scenario(path), tmp_path / "run")
    fleet = read_run(tmp_path / "run").table("fleet").to_pandas()
    assert fleet["model"].tolist() == ["parked", "early", "late", "parked", "early"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({}, "neither file nor dataset is given"),
        ({"dataset": "survey", "name": "late"}, "its vehicles are assigned in turn"),
        ({"dataset": "surveys"}, "holds no dataset"),
    ],
)
def test_what_does_not_fit_is_reported(tmp_path: Path, model: dict[str, str], message: str) -> None:
    path = write(tmp_path)
    given = yaml.safe_load(path.read_text())
    given["vehicles"]["model"] = model
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match=message):
        load_scenario(path)


def test_a_dataset_that_says_nothing_about_its_vehicles_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "vehicle,community\nlate,homes\nearly,homes\n")
    with pytest.raises(InputError, match="says nothing about its vehicles"):
        check_scenario(path)
