"""Trips of datasets, dealt to vehicles."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from hmesh.environment.calendar import Calendar
from hmesh.environment.diary_trips import DiaryTrips
from hmesh.environment.errors import InputError
from hmesh.environment.streams import Streams
from hmesh.environment.survey_diaries import PlacesOfSurvey, Survey, read_survey
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.check import check_scenario
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings

MONDAY = Calendar("2024-06-03T00:00", "Europe/Berlin", 1.0)
PLACES = PlacesOfSurvey(("home", "work", "hut"), {}, None)
COLUMNS = ("vehicle", "day", "departs", "arrives", "km", "origin", "destination")


def columns(*rows: tuple[Any, ...]) -> dict[str, np.ndarray[Any, Any]]:
    return {
        name: np.array(held) for name, held in zip(COLUMNS, zip(*rows, strict=True), strict=True)
    }


def survey(*rows: tuple[Any, ...], **settings: Any) -> Survey:
    settings = {"each_vehicle": False, "refuse": False} | settings
    places = settings.pop("places", PLACES)
    vehicles = settings.pop("vehicles", None)
    return read_survey("trips.csv", columns(*rows), vehicles, places, MONDAY, **settings)


def commute(vehicle: str, day: str, out: float, back: float, last: float) -> list[tuple[Any, ...]]:
    return [
        (vehicle, day, out, out + 0.5, 20.0, "home", "work"),
        (vehicle, day, back, last, 20.0, "work", "home"),
    ]


def test_days_that_cannot_be_driven_are_left_out_and_counted() -> None:
    found = survey(
        *commute("a", "monday", 7.0, 16.0, 16.5),
        ("b", "monday", 8.0, 8.5, 5.0, "home", "work"),
        ("c", "tuesday", 9.0, 10.0, 5.0, "home", "work"),
        ("c", "tuesday", 9.5, 11.0, 5.0, "work", "home"),
        *commute("d", "monday", 7.0, 23.0, 34.0),
    )
    assert (found.days, len(found.diaries.person)) == (4, 1)
    assert found.left_out == {
        "trips that overlap or begin elsewhere": 1,
        "days that end elsewhere than they begin": 1,
        "days that end after others begin": 1,
    }
    with pytest.raises(InputError, match=r"1 of 2 days cannot be driven day after day"):
        survey(
            *commute("a", "monday", 7.0, 16.0, 16.5),
            ("b", "monday", 8.0, 8.5, 5.0, "home", "work"),
            refuse=True,
        )


def test_different_vehicles_may_have_different_starts_of_day() -> None:
    rows = [
        *commute("early", "monday", 5.0, 14.0, 14.5),
        *commute("late", "monday", 21.5, 30.0, 30.5),
    ]
    both = survey(*rows, each_vehicle=True)
    assert both.left_out == {}
    assert both.diaries.begins_h.tolist() == [5.0, 21.5]
    # A day that begins for all at one hour leaves one of the two out.
    assert sum(survey(*rows).left_out.values()) == 1


def test_a_weekend_away_is_one_diary_also_past_sunday() -> None:
    found = survey(
        ("a", "friday", 16.0, 19.0, 250.0, "home", "hut"),
        ("a", "sunday", 17.0, 20.0, 250.0, "hut", "home"),
        ("b", "sunday", 10.0, 13.0, 250.0, "home", "hut"),
        ("b", "monday", 9.0, 12.0, 250.0, "hut", "home"),
        each_vehicle=True,
    )
    assert found.left_out == {}
    assert found.diaries.days.tolist() == [3, 2]
    assert found.diaries.departs_h.tolist() == [16.0, 65.0, 10.0, 33.0]
    settings: dict[str, Any] = {"once": True, "in_turn": True}
    # Friday is day 4, Sunday 6 and 13, Monday 7; vehicle 0 drives like a, vehicle 1 like b.
    trips = DiaryTrips(found.diaries, 2, MONDAY, Streams(1), **settings)
    dealt = [np.flatnonzero(trips._dealt(day) >= 0).tolist() for day in range(9)]
    assert dealt == [[], [], [], [], [0], [], [1], [], []]


def test_days_of_the_week_are_kept_by_vehicles_in_turn() -> None:
    found = survey(
        *commute("a", "monday", 7.0, 16.0, 16.5),
        *commute("a", "tuesday", 9.0, 18.0, 18.5),
        *commute("b", "saturday", 10.0, 12.0, 12.5),
        each_vehicle=True,
    )
    trips = DiaryTrips(found.diaries, 4, MONDAY, Streams(1), once=True, in_turn=True)
    monday, tuesday, saturday = (trips._dealt(day).tolist() for day in (0, 1, 5))
    assert monday == [0, -1, 0, -1]
    assert tuesday == [1, -1, 1, -1]
    assert saturday == [-1, 2, -1, 2]


def test_places_of_a_survey_become_communities() -> None:
    rows = commute("a", "monday", 7.0, 16.0, 16.5)
    two = PlacesOfSurvey(("north", "south", "city"), {"work": "city"}, None)
    homes = {"vehicle": np.array(["a"]), "community": np.array(["south"])}
    found = survey(*rows, places=two, vehicles=homes)
    assert (found.diaries.home.tolist(), found.diaries.destination.tolist()) == ([1], [2, 1])
    with pytest.raises(InputError, match=r"the place 'home' of 2 trips is no community"):
        survey(*rows, places=two)
    other = PlacesOfSurvey(("north", "city"), {"home": "north"}, "city")
    assert survey(*rows, places=other).diaries.destination.tolist() == [1, 0]


def test_the_survey_of_the_nhts_is_imported_and_used(shared: Path, tmp_path: Path) -> None:
    for name in ("s.yaml", "trippub.csv"):
        shutil.copy(shared / "cases" / "nhts_layout" / name, tmp_path)
    given = yaml.safe_load((tmp_path / "s.yaml").read_text())
    given |= {"plots": False, "prices": {"utility": [0.0, 0.6], "aggregator": [0.0, 0.6]}}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(given))
    asked = ["import", "nhts", str(tmp_path / "trippub.csv"), "--out", str(tmp_path / "ds")]
    assert CliRunner().invoke(app, asked).exit_code == 0
    start_run(load_scenario(tmp_path / "s.yaml"), tmp_path / "run")
    trips = read_run(tmp_path / "run").table("trips").to_pandas()
    assert len(trips) == 6 * 2 * 2
    source = pd.read_csv(tmp_path / "trippub.csv")
    miles = np.unique((trips["km"] / 1.609344).round(6))
    assert set(miles) <= set(source["TRPMILES"])
    assert set(trips["origin"]) <= {"home", "work", "shop"}
    assert audit_run(tmp_path / "run").passed


def test_trips_past_midnight_of_the_nhts_stay_on_their_day(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "HOUSEID,PERSONID,VEHID,TDTRPNUM,STRTTIME,ENDTIME,TRPMILES,WHYFROM,WHYTO,TRAVDAY\n"
        "1,1,1,1,1900,1930,5,1,15,6\n1,1,1,2,0030,0100,5,15,1,6\n"
    )
    asked = ["import", "nhts", str(tmp_path / "t.csv"), "--out", str(tmp_path / "ds")]
    assert CliRunner().invoke(app, asked).exit_code == 0
    trips = pd.read_parquet(tmp_path / "ds" / "trips.parquet")
    assert trips["departs"].tolist() == ["19:00", "24:30"]
    assert trips["arrives"].tolist() == ["19:30", "25:00"]


def test_what_is_left_out_of_a_dataset_is_warned_of(tmp_path: Path) -> None:
    folder = tmp_path / "ds"
    folder.mkdir()
    rows = columns(
        *commute("a", "monday", 7.0, 16.0, 16.5), ("b", "monday", 8.0, 8.5, 5.0, "home", "work")
    )
    table = pd.DataFrame(rows)
    for name in ("departs", "arrives"):
        hours = table[name].astype(float)
        table[name] = [f"{int(h):02d}:{round(h % 1 * 60):02d}" for h in hours]
    table.to_csv(folder / "trips.csv", index=False)
    described = {
        "schema": 1, "name": "ds", "source": "made", "licence": "CC0-1.0", "time_zone": "UTC",
        "clock": "wall", "labels": "start", "start": "2024-01-01", "end": "2025-01-01",
        "resolution": 60, "tables": {"trips": "trips.csv"},
    }  # fmt: skip
    (folder / "dataset.yaml").write_text(yaml.safe_dump(described))
    members = [{"kind": "household", "name": "h", "count": 9, "annual_kwh": 3500, "profile": "h0"}]
    given = {
        "name": "s", "time_zone": "Europe/Berlin", "start": "2024-06-03T00:00", "hours": 24.0,
        "currency": "EUR", "strategies": ["typical"], "vehicles": {"count": 2},
        "communities": {"home": {"members": members}, "work": {"members": members}},
        "travel": {"kind": "trips", "dataset": "ds"},
    }  # fmt: skip
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    warnings = [str(warning) for warning in scenario_warnings(check_scenario(path))]
    expected = "1 of 2 days are left out: days that end elsewhere than they begin"
    assert any(expected in warning for warning in warnings)
    given["travel"] = {"kind": "diaries"}
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match="neither file nor dataset is given"):
        check_scenario(path)
