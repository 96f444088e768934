"""The shared measured data as datasets: they are read, checked, and run for a few days."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from hmesh.runs import audit_run, read_run, start_run
from hmesh.runs.scenarios.check import check_scenario
from hmesh.runs.world.dataset_files import check_dataset
from tests.quick_cases import quick
from tests.shared_datasets import SHARED

# What the notes beside the data state of them, as a check should find it.
REPORTED = {
    "uk_buildings": ("rows outside start to end",),
    "us_houses": ("11 rows at times that the clocks of America/Los_Angeles skip", "'fontana_02'"),
    "au_houses": ("rows at times that the clocks of Australia/Sydney skip",),
    "au_sunny_house": ("2 rows at times that the clocks of Australia/Sydney skip", "'ausgrid_12'"),
    "steel_plant": ("'plant' is 0 in 1 intervals",),
}


@pytest.fixture
def data(shared: Path) -> Path:
    if not (shared / "data").is_dir():
        pytest.skip("the shared data are not here")
    return shared / "data"


@pytest.mark.parametrize("name", SHARED)
def test_it_is_read_and_checked(name: str, data: Path, tmp_path: Path) -> None:
    dataset = check_dataset(SHARED[name](data, tmp_path / name))
    reported = [str(warning) for warning in dataset.warnings]
    expected = REPORTED.get(name, ())
    assert bool(reported) == bool(expected), reported
    for text in expected:
        assert any(text in line for line in reported), (text, reported)
    assert all(share < 0.03 for share in dataset.filled_share().values())


def test_what_is_read_is_what_was_measured(data: Path, tmp_path: Path) -> None:
    dataset = check_dataset(SHARED["uk_buildings"](data, tmp_path / "uk"))
    path = data / "buildings" / "buildings_uk_2013-04_2014-03_hourly.parquet"
    raw = pd.read_parquet(path).astype({"building_id": str})
    wide = raw.pivot(index="timestamp_utc", columns="building_id", values="electricity_kwh")
    profiles = dataset.series["profiles"]
    found = profiles.values["load_kwh"]
    np.testing.assert_array_equal(found, wide[list(profiles.keys)].to_numpy())


def test_noon_of_the_sun_is_where_the_notes_place_it(data: Path, tmp_path: Path) -> None:
    """An hour labelled by its end and taken for its start would move noon by an hour."""
    dataset = check_dataset(SHARED["uk_buildings"](data, tmp_path / "uk"))
    ghi = dataset.series["weather"].values["ghi"][:, 0].reshape(-1, 24).mean(axis=0)
    noon = (ghi * (np.arange(24) + 0.5)).sum() / ghi.sum()
    assert noon == pytest.approx(12.1, abs=0.2)


RUNS: dict[str, dict[str, Any]] = {
    # Four days around the end of summer time, with what the houses' photovoltaics generated.
    "us_houses": {
        "start": "2016-11-05T00:00", "hours": 96, "currency": "USD",
        "kind": "household", "scale": 20.0,
        "prices": {"utility": [0, 2], "aggregator": [0, 2]}, "tariff": "price",
    },
    "uk_buildings": {"start": "2013-11-04T00:00", "hours": 72, "kind": "building", "scale": 0.05},
    "au_houses": {
        "start": "2013-04-06T20:00", "hours": 24, "step_h": 0.5, "kind": "household", "scale": 50.0,
    },
    "steel_plant": {
        "start": "2018-07-02T00:00", "hours": 24, "step_h": 0.25, "kind": "building", "scale": 2.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", quick({"us_houses"}, RUNS))
def test_it_runs_for_a_few_days_and_passes_its_audit(name: str, data: Path, tmp_path: Path) -> None:
    folder = SHARED[name](data, tmp_path / name)
    settings = dict(RUNS[name])
    group = {"kind": settings.pop("kind"), "name": "measured", "dataset": name}
    group["scale"] = scale = settings.pop("scale")
    prices = settings.pop("prices", {})
    if column := settings.pop("tariff", None):
        prices = {**prices, "time_of_use": {"dataset": name, "column": column}}
    time_zone = yaml.safe_load((folder / "dataset.yaml").read_text())["time_zone"]
    houses = {"kind": "household", "name": "h", "profile": "h0", "annual_kwh": 1e5}
    given = {
        "name": name, "time_zone": time_zone, "plots": False, **settings,
        "strategies": ["typical", "two_level"],
        "prices": prices,
        "generation_cost": {"quadratic": 0.005, "linear": 0.1},
        "communities": {
            "homes": {"members": [group]},
            "malls": {"members": [houses]},
            "offices": {"members": [houses]},
        },
        "vehicles": {"count": 10},
    }  # fmt: skip
    path = tmp_path / "scenario.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    start_run(check_scenario(str(path)), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, report
    hours = read_run(tmp_path / "run").table("hours").to_pandas()
    homes = hours[(hours["community"] == "homes") & (hours["strategy"] == "two_level")]
    profiles = check_dataset(folder).series["profiles"]
    zone = pd.Timestamp(settings["start"], tz=time_zone)
    first = (zone.value // 1000 - profiles.start_us) // profiles.interval_us
    count = round(settings["hours"] * 3.6e9 / profiles.interval_us)
    inside = slice(first, first + count)
    load = np.nansum(profiles.values["load_kwh"][inside])
    assert homes["fixed_load_kwh"].sum() == pytest.approx(scale * load)
    if "pv_kwh" in profiles.values:
        sun = profiles.values["pv_kwh"][inside].sum()
        assert homes["generation_kwh"].sum() == pytest.approx(-scale * sun)
