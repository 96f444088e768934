"""Folders of CityLearn: when they begin, what is left out of them, and what is missing in them."""

import json
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from hmesh.environment.datasets import Dataset
from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.errors import InputError
from hmesh.runs import load_scenario
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.world.dataset_files import import_dataset

HOURS = 60
# A Sunday evening; the month changes within the data.
START = datetime(2016, 7, 31, 22)


def folder_of(
    folder: Path, start: datetime = START, columns: str = "month,hour,day_type", **more: Any
) -> Path:
    """Write a building with devices and its weather, as from a start, and the rest of a schema."""
    folder.mkdir()
    building = {
        "energy_simulation": "b.csv", "weather": "weather.csv", "carbon_intensity": "",
        "pv": {"attributes": {"nominal_power": 4.0}},
        "electrical_storage": {"type": "Battery", "attributes": {"capacity": 6.4}},
        "chargers": {"charger_1": {"charger_simulation": "c.csv"}},
    }  # fmt: skip
    schema = {"buildings": {"b_1": building, "b_2": building}, **more}
    (folder / "schema.json").write_text(json.dumps(schema))
    times = [start + timedelta(hours=n) for n in range(HOURS)]
    reported = {"month": "{t.month}", "hour": "{hour}", "day_type": "{day}"}
    chosen = ",".join(reported[name] for name in columns.split(",") if name)
    rows = [
        f"{chosen.format(t=t, hour=t.hour + 1, day=t.isoweekday())},{1 + n % 5},250".lstrip(",")
        for n, t in enumerate(times)
    ]
    header = f"{columns},non_shiftable_load,solar_generation".lstrip(",")
    (folder / "b.csv").write_text("\n".join((header, *rows)) + "\n")
    temperatures = ["-999" if n in (7, 8) else str(n % 20) for n in range(HOURS)]
    weather = ("outdoor_dry_bulb_temperature", *temperatures)
    (folder / "weather.csv").write_text("\n".join(weather) + "\n")
    return folder


def imported(folder: Path, start: str | None, out: str = "out") -> Dataset:
    options = ImportOptions(start=start, time_zone="America/Los_Angeles")
    return import_dataset("citylearn", folder, folder.parent / out, options)


def reported(dataset: Dataset) -> list[str]:
    return [str(warning) for warning in dataset.warnings]


def test_a_year_is_completed_by_the_columns(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "c")
    dataset = imported(folder, "2016")
    assert dataset.description.start == "2016-07-31T22:00"
    assert not any("day_type" in line for line in reported(dataset))
    assert imported(folder, "2016-07-31T22:00", "b").description.start == "2016-07-31T22:00"


def test_the_schema_may_show_the_start(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "c", start_date="2016-07-31")
    assert imported(folder, None).description.start == "2016-07-31T22:00"
    other = folder_of(tmp_path / "d", start_date="2015-07-31")
    warnings = reported(imported(other, "2016-07-31T22:00", "other"))
    assert any("start_date: 2015-07-31 is not the start 2016-07-31T22:00" in w for w in warnings)
    year = folder_of(tmp_path / "e", start_date=2016)
    assert imported(year, None, "year").description.start == "2016-07-31T22:00"
    wrong = folder_of(tmp_path / "f", start_date="soon")
    with pytest.raises(InputError, match="start_date: 'soon' is no time"):
        imported(wrong, None, "wrong")


@pytest.mark.parametrize(
    ("start", "columns"),
    [
        ("2016-01-01T00:00", ["month: month 7 is not that of", "hour: the hour begins at 22:00"]),
        ("2016-07-30T22:00", ["month: the month ends 2:00:00 after the first row, not the start"]),
        ("2016-07-31T23:00", ["hour: the hour begins at 22:00, which is not that of the start"]),
    ],
)
def test_another_start_than_that_of_the_columns_is_refused(
    start: str, columns: list[str], tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "c")
    with pytest.raises(InputError) as error:
        imported(folder, start)
    lines = dict.fromkeys(str(error.value).splitlines())
    assert len(lines) == len(columns), lines
    for line, text in zip(lines, columns, strict=True):
        assert f"b.csv, line 2, column {text}" in line
    assert not (tmp_path / "out").exists()


def test_a_month_that_never_ends_needs_its_day(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "c", datetime(2016, 7, 4))
    with pytest.raises(InputError, match="does not say on which day of 2016 it begins"):
        imported(folder, "2016")
    assert imported(folder, "2016-07-04T00:00").description.start == "2016-07-04T00:00"
    without = folder_of(tmp_path / "d", columns="")
    assert imported(without, "2016-01-01T00:00", "any").description.start == "2016-01-01T00:00"


def test_special_days_are_taken_over_and_count_in_a_run(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "c")
    lines = (folder / "b.csv").read_text().splitlines()
    # Of the sixty hours from Sunday 22:00 on, those of Tuesday are special.
    marked = [re.sub(r"^(\d+,\d+),2,", r"\1,8,", line) for line in lines]
    (folder / "b.csv").write_text("\n".join(marked) + "\n")
    assert marked != lines
    dataset = imported(folder, "2016")
    assert dataset.description.special_days == (date(2016, 8, 2),)
    text = (
        "name: special\ntime_zone: America/Los_Angeles\nstart: '2016-07-31'\nhours: 72\n"
        "communities: {town: {members: []}}\nholidays: {dataset: out}\n"
    )
    (tmp_path / "s.yaml").write_text(text)
    calendar = calendar_of(load_scenario(tmp_path / "s.yaml"))
    days = [date(2016, 7, 31) + timedelta(days=n) for n in range(4)]
    assert [calendar.is_holiday(day) for day in days] == [False, False, True, False]
    assert calendar.day_kind(days[2]) == "holiday"
    more = ["holidays={country: US, dates: [2016-08-03]}"]
    calendar = calendar_of(load_scenario(tmp_path / "s.yaml", more))
    assert [calendar.is_holiday(day) for day in days] == [False, False, False, True]
    assert calendar.is_holiday(date(2016, 7, 4))
    with pytest.raises(InputError, match="nothing names holidays"):
        load_scenario(tmp_path / "s.yaml", ["holidays={subdivision: null}"])


def test_another_day_of_the_week_is_warned_of(tmp_path: Path) -> None:
    warnings = reported(imported(folder_of(tmp_path / "c"), "2019"))
    line = "b.csv, line 2, column day_type: the first row is a Sunday, 2019-07-31 is a Wednesday"
    assert any(line in warning for warning in warnings), warnings


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    vehicles = {"ev_1": {"include": True}, "ev_2": {"include": True}}
    folder = folder_of(tmp_path / "c", electric_vehicles_def=vehicles)
    line = (
        "schema.json: devices are left out: electrical_storage of b_1 and 1 more buildings, "
        "chargers of b_1 and 1 more buildings, 2 electric_vehicles_def"
    )
    assert any(line in warning for warning in reported(imported(folder, "2016")))
    arguments = ["import", "citylearn", str(folder), "--out", str(tmp_path / "by-command"),
                 "--start", "2016", "--time-zone", "America/Los_Angeles"]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, line in result.stdout) == (0, True), result.output


def test_a_mark_of_missing_values_is_no_temperature(tmp_path: Path) -> None:
    dataset = imported(folder_of(tmp_path / "c"), "2016")
    line = (
        "weather.csv, line 9, column outdoor_dry_bulb_temperature: 2 values of -999 are taken for "
        "missing"
    )
    assert any(line in warning for warning in reported(dataset)), reported(dataset)
    weather = dataset.series["weather"]
    np.testing.assert_allclose(weather.values["temp_air"][6:10, 0], [6, 7, 8, 9])
    assert dataset.filled_share("weather") == {"": pytest.approx(2 / HOURS)}


def test_columns_that_no_table_has_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "c")
    for name, column in (("b.csv", "indoor_dry_bulb_temperature"), ("weather.csv", "forecast_1")):
        lines = (folder / name).read_text().splitlines()
        held = [f"{lines[0]},{column}", *(f"{line},21" for line in lines[1:])]
        (folder / name).write_text("\n".join(held) + "\n")
    plain = reported(imported(folder_of(tmp_path / "plain"), "2019", "other"))
    # The calendar is no such column: the start follows from it.
    assert not [text for text in plain if "columns are left out" in text]
    (warning,) = [
        text for text in reported(imported(folder, "2019")) if "columns are left out" in text
    ]
    assert "indoor_dry_bulb_temperature (2 files), forecast_1" in warning
    assert "b.csv, line 1" in warning
