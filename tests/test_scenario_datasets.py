"""Scenarios whose members and tariff stand in datasets."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.check import check_scenario
from hmesh.runs.scenarios.member_groups import DatasetMembers

HOURS = 48


def dataset(folder: Path, price: float = 0.30, currency: str | None = "EUR") -> Path:
    """Write two measured houses, one with photovoltaics, and a market with a price that rises."""
    folder.mkdir(parents=True)
    description = {
        "schema": 1, "name": "street", "licence": "CC0", "time_zone": "Europe/Berlin",
        "clock": "wall", "labels": "start", "start": "2024-01-01T00:00", "end": "2024-01-03T00:00",
        "resolution": 30, "currency": currency,
        "tables": {
            "members": "members.csv", "profiles": "profiles.parquet",
            "market": {"files": ["market.csv"], "resolution": 60},
        },
    }  # fmt: skip
    given = {key: value for key, value in description.items() if value is not None}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
    (folder / "members.csv").write_text("member,scale\nwith,\nwithout,3\n")
    start, count = np.datetime64("2024-01-01", "us"), 2 * HOURS
    times = start + np.arange(count) * np.timedelta64(30, "m")
    columns = {
        "time": np.tile(times, 2),
        "member": np.repeat(["with", "without"], count),
        "load_kwh": np.concatenate([np.full(count, 0.5), np.full(count, 0.25)]),
        "pv_kwh": pa.array([0.75] * count + [None] * count),
    }
    parquet.write_table(pa.table(columns), folder / "profiles.parquet")
    prices = [f"{t},{price + n / 100:.2f}" for n, t in enumerate(times[::2])]
    (folder / "market.csv").write_text("\n".join(("time,price", *prices)) + "\n")
    return folder


def scenario(folder: Path, **changes: Any) -> Path:
    """Write a scenario that uses the dataset `data/street` beside it."""
    group = {"kind": "household", "name": "street", "dataset": "data/street", "scale": 100}
    given = {
        "name": "measured", "start": "2024-01-01T12:00", "time_zone": "Europe/Berlin",
        "hours": 24, "currency": "EUR", "strategies": ["two_level"], "plots": False,
        "communities": {name: {"members": [group]} for name in ("homes", "malls", "offices")},
        "vehicles": {"count": 20},
        "prices": {"utility": [0, 0.7], "aggregator": [0, 0.7],
                   "time_of_use": {"dataset": "data/street"}},
        "generation_cost": {"quadratic": 0.005},
        **changes,
    }  # fmt: skip
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    return path


def test_measured_loads_generation_and_prices_are_what_a_run_sees(tmp_path: Path) -> None:
    dataset(tmp_path / "data" / "street")
    loaded = check_scenario(str(scenario(tmp_path)))
    assert loaded.files() == [
        "data/street/dataset.yaml",
        "data/street/members.csv",
        "data/street/profiles.parquet",
        "data/street/market.csv",
    ]
    start_run(loaded, tmp_path / "run")
    hours = read_run(tmp_path / "run").table("hours").to_pandas()
    np.testing.assert_allclose(hours["fixed_load_kwh"], 100 * (2 * 0.5 + 3 * 2 * 0.25))
    np.testing.assert_allclose(hours["generation_kwh"], -100 * 2 * 0.75)
    homes = hours[hours["community"] == "homes"].sort_values("step")
    np.testing.assert_allclose(homes["utility_price"], 0.30 + (12 + np.arange(24)) / 100)
    report = audit_run(tmp_path / "run")
    assert report.passed
    made = {check.name: check.passed for check in report.checks}
    assert made["prices: the utility's tariff (two_level)"]
    assert made["energy: members use and generate what they should"]
    (tmp_path / "data" / "street" / "dataset.yaml").unlink()
    made = {check.name: check.passed for check in audit_run(tmp_path / "run").checks}
    assert made["prices: the utility's tariff (two_level)"] is None
    assert made["energy: members use and generate what they should"] is None


def test_some_members_may_be_chosen(tmp_path: Path) -> None:
    dataset(tmp_path / "data" / "street")
    groups = [
        {"kind": "household", "name": "a", "dataset": "data/street", "members": ["without"]},
        {"kind": "building", "name": "b", "profile": "g0", "annual_kwh": 1e5},
    ]
    empty = {n: {"members": []} for n in ("malls", "offices")}
    path = scenario(tmp_path, communities={"homes": {"members": groups}, **empty})
    loaded = check_scenario(str(path))
    group = loaded.communities["homes"].members[0]
    assert isinstance(group, DatasetMembers)
    assert loaded.from_resolved(loaded.resolved()) == loaded
    start_run(loaded, tmp_path / "run")
    assert (read_run(tmp_path / "run").table("hours").to_pandas()["generation_kwh"] == 0).all()


def problems(path: Path) -> list[str]:
    with pytest.raises(InputError) as error:
        check_scenario(str(path))
    return str(error.value).splitlines()


def test_every_mistake_is_reported_with_its_place(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "data" / "street")
    group = {"kind": "household", "name": "a", "dataset": "data/stret"}
    path = scenario(tmp_path, communities={"homes": {"members": [group]}})
    (reported,) = problems(path)
    assert reported.startswith("scenario.yaml: communities.homes.members.0.dataset: ")
    assert reported.endswith("did you mean 'data/street'?; line 14)")
    group = {"kind": "household", "name": "a", "dataset": "data/street", "members": ["wiht"]}
    path = scenario(
        tmp_path, communities={n: {"members": [group]} for n in ("homes", "malls", "offices")}
    )
    assert problems(path) == [
        "data/street: member: there is no member 'wiht' "
        "(allowed: with, without; did you mean 'with'?)"
    ]
    reported = problems(scenario(tmp_path, start="2024-01-02T12:00", currency="JPY"))
    assert any("profiles.parquet: does not cover the run" in line for line in reported), reported
    assert any("dataset.yaml: currency: prices are in EUR, not" in line for line in reported), (
        reported
    )
    (reported,) = problems(scenario(tmp_path, step_h=0.5))
    assert "market.csv: intervals of 60 min are longer than the step of 30 min" in reported
    (folder / "market.csv").write_text((folder / "market.csv").read_text().replace("0.47", "0.71"))
    (reported,) = problems(scenario(tmp_path))
    assert "price rises to 0.71, above the highest community price" in reported
    (folder / "members.csv").write_text("member,scale\nwith,0\nwithot,3\n")
    reported = problems(scenario(tmp_path))
    assert any("members.csv, line 2, column scale: '0' is not allowed" in line for line in reported)
    assert any("'without' does not stand in the table members" in line for line in reported), (
        reported
    )


def test_another_content_is_another_scenario(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "data" / "street")
    path = scenario(tmp_path)
    before = load_scenario(str(path)).resolved()["files"]["sha256"]
    (folder / "market.csv").write_text((folder / "market.csv").read_text().replace("0.47", "0.48"))
    after = load_scenario(str(path)).resolved()["files"]["sha256"]
    assert {name for name in before if before[name] != after[name]} == {"data/street/market.csv"}


def test_the_command_checks_a_scenario_with_its_datasets(tmp_path: Path) -> None:
    dataset(tmp_path / "data" / "street", currency=None)
    result = CliRunner().invoke(app, ["check", str(scenario(tmp_path))])
    assert result.exit_code == 2
    assert "prices are in no currency, not in the scenario's (allowed: EUR)" in result.stderr
