"""Datasets of a person: what stands in them, every mistake at once, gaps, clocks and warnings."""

import importlib.util
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyarrow import parquet
from typer.testing import CliRunner

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets import (
    TABLES,
    Dataset,
    Description,
    fill_gaps,
    resampled,
    service_days,
)
from hmesh.environment.datasets.flaws import scaled_copies
from hmesh.environment.errors import InputError
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.yaml_reader import read_yaml
from hmesh.runs.world.dataset_files import check_dataset, load_dataset

DAY = 24


def describe(folder: Path, **changes: Any) -> None:
    """Write the description of one day of hours of Berlin in UTC, with some changes."""
    described = {
        "schema": 1,
        "name": "mine",
        "licence": "CC0",
        "time_zone": "Europe/Berlin",
        "clock": "utc",
        "labels": "start",
        "start": "2024-01-01T00:00",
        "end": "2024-01-02T00:00",
        "resolution": 60,
        "tables": {"profiles": "profiles.csv"},
        **changes,
    }
    given = {key: value for key, value in described.items() if value is not None}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(given, sort_keys=False))


def times(count: int, minutes: int = 60, start: str = "2024-01-01T00:00") -> list[str]:
    first = datetime.fromisoformat(start)
    return [
        (first + n * timedelta(minutes=minutes)).isoformat(" ", "minutes") for n in range(count)
    ]


def write(folder: Path, name: str, header: str, rows: list[str]) -> None:
    (folder / name).write_text("\n".join((header, *rows)) + "\n")


def profiles(folder: Path, loads: dict[str, NDArray[Any]], start: str = "2024-01-01") -> None:
    """Write hourly profiles as Parquet, without the rows of values that are NaN."""
    first = np.datetime64(start, "us")
    columns: dict[str, list[Any]] = {"time": [], "member": [], "load_kwh": []}
    for member, load in loads.items():
        there = np.flatnonzero(~np.isnan(load))
        columns["time"].append(first + there * np.timedelta64(1, "h"))
        columns["member"].append(np.full(there.size, member))
        columns["load_kwh"].append(load[there])
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    parquet.write_table(pa.table(joined), folder / "profiles.parquet")


def days(
    folder: Path, loads: dict[str, NDArray[Any]], start: str = "2024-01-01", **more: Any
) -> None:
    """Write a dataset of hourly profiles in UTC from the first hour to the last."""
    hours = len(next(iter(loads.values())))
    end = datetime.fromisoformat(start) + timedelta(hours=hours)
    described = {"start": f"{start}T00:00", "end": end.isoformat(), **more}
    describe(folder, **{"tables": {"profiles": "profiles.parquet"}, **described})
    profiles(folder, loads, start)


def problems(folder: Path) -> list[str]:
    with pytest.raises(InputError) as error:
        check_dataset(folder)
    return str(error.value).replace(f"{folder}{os.sep}", "").splitlines()


def warnings(dataset: Dataset) -> list[str]:
    return [str(warning).replace(f"{dataset.folder}{os.sep}", "") for warning in dataset.warnings]


def noisy(hours: int, seed: int = 1) -> FloatArray:
    return np.random.default_rng(seed).uniform(0.5, 2.0, hours)


def test_a_folder_becomes_a_dataset(tmp_path: Path) -> None:
    describe(
        tmp_path,
        tables={"members": "members.csv", "profiles": ["a.csv", "b.csv"], "weather": "weather.csv"},
    )
    write(tmp_path, "members.csv", "member,kind,scale", ["a,household,", "b,building,2"])
    write(tmp_path, "a.csv", "time,member,load_kwh", [f"{t},a,1" for t in times(DAY)])
    write(tmp_path, "b.csv", "time,member,load_kw,pv_kw", [f"{t},b,3,0.5" for t in times(DAY)])
    write(tmp_path, "weather.csv", "time,ghi,temp_air", [f"{t},100,-3" for t in times(DAY)])
    dataset = check_dataset(tmp_path)
    assert warnings(dataset) == []
    found = dataset.loads(Calendar("2024-01-01T03:00", "Europe/Berlin", 2.0), 5)
    assert found.members == ("a", "b")
    np.testing.assert_array_equal(found.load_kwh, [[2.0, 12.0]] * 5)
    series = dataset.series["profiles"]
    np.testing.assert_array_equal(np.isnan(series.values["pv_kwh"]).all(axis=0), [True, False])
    run = Calendar("2024-01-01T03:00", "Europe/Berlin", 2.0)
    weather = dataset.series["weather"].over("temp_air", run, 3)
    np.testing.assert_array_equal(weather, np.full((3, 1), -3.0))  # a mean, not a sum


def test_every_mistake_of_a_description_is_reported_at_once(tmp_path: Path) -> None:
    describe(
        tmp_path, time_zone="Europe/Berln", clock="local", resolution=7, licence=None,
        tables={"profile": "x.csv"},
    )  # fmt: skip
    reported = problems(tmp_path)
    for text in (
        "dataset.yaml: licence: is missing",
        "dataset.yaml: time_zone: no time zone is called 'Europe/Berln' (allowed: ",
        "did you mean 'Europe/Berlin'?",
        "dataset.yaml: clock: 'local' is not allowed (allowed: utc, wall, standard",
        "dataset.yaml: resolution: 7 min is no whole part of a day",
        "dataset.yaml: tables.profile: there is no table 'profile'",
        "did you mean 'profiles'?",
    ):
        assert any(text in line for line in reported), (text, reported)


def test_every_mistake_of_the_tables_is_reported_at_once(tmp_path: Path) -> None:
    describe(
        tmp_path,
        tables={
            "members": "members.csv", "profiles": "profiles.csv", "market": "market.csv",
            "trips": "trips.csv", "weather": "wether.csv",
        },
    )  # fmt: skip
    (tmp_path / "weather.csv").write_text("time,ghi\n")
    write(tmp_path, "members.csv", "member,kind,annual_kwh", ["a,houshold,5", "a,building,-1"])
    rows = [f"{t},a,1" for t in times(DAY)]
    rows[3] = rows[3].replace(",1", ",much")
    rows[5] = rows[5].replace(",a", ",aa")
    rows[7] = rows[7].replace(":00,", ":07,")
    rows[9] = "2024-13-01,a,1"
    write(tmp_path, "profiles.csv", "time,member,load_kwh", [*rows, rows[0]])
    write(tmp_path, "market.csv", "time,prise", [f"{t},1" for t in times(DAY)])
    write(tmp_path, "trips.csv", "vehicle,departs,arrives,km", ["v,8:00,7:59,3", "v,9:61,10:00,x"])
    reported = problems(tmp_path)
    for text in (
        "wether.csv: does not exist (did you mean",
        "members.csv, line 2, column kind: 'houshold' is not allowed "
        "(allowed: household, building; did you mean 'household'?)",
        "members.csv, line 3, column annual_kwh: '-1' is not allowed (allowed: a number above 0",
        "members.csv, line 3, column member: 'a' stands there before",
        "profiles.csv, line 5, column load_kwh: 'much' is not allowed",
        "profiles.csv, line 9, column time: 2024-01-01 07:07+00:00 is no interval",
        "profiles.csv, line 11, column time: '2024-13-01' is no time",
        "profiles.csv, line 26: 'a' has another row for 2024-01-01 01:00+01:00",
        "market.csv, line 1: no quantity is there, but time, prise "
        "(allowed: at least one of price, feed_in, carbon; did you mean 'price'?)",
        "trips.csv, line 2, column arrives: '7:59' is not after departs",
        "trips.csv, line 3, column departs: '9:61' is not allowed (allowed: a clock time such as",
        "trips.csv, line 3, column km: 'x' is not allowed (allowed: a number above 0 [km])",
    ):
        assert any(text in line for line in reported), (text, reported)


def test_names_must_stand_where_they_refer_to(tmp_path: Path) -> None:
    tables = {
        "members": "m.csv", "profiles": "p.csv", "vehicles": "v.csv", "trips": "t.csv",
        "bus_blocks": "b.csv", "calendar": "calendar.txt",
    }  # fmt: skip
    describe(tmp_path, tables=tables)
    write(tmp_path, "m.csv", "member", ["house-1"])
    write(tmp_path, "p.csv", "time,member,load_kw", [f"{t},house1,1" for t in times(DAY)])
    write(tmp_path, "v.csv", "vehicle", ["car"])
    write(tmp_path, "t.csv", "vehicle,departs,arrives,km", ["kar,23:30,24:15,4"])
    write(tmp_path, "b.csv", "block,service_id,departs,arrives,km", ["1,weekdays,7:00,8:00,9"])
    week = "monday,tuesday,wednesday,thursday,friday,saturday,sunday"
    header = f"service_id,{week},start_date,end_date"
    write(tmp_path, "calendar.txt", header, ["weekday,1,1,1,1,1,0,0,20240101,20240131"])
    assert problems(tmp_path) == [
        "t.csv, column vehicle: 'kar' does not stand in the table vehicles (did you mean 'car'?)",
        "b.csv, column service_id: 'weekdays' does not stand in the table calendar or "
        "calendar_dates (did you mean 'weekday'?)",
        "p.csv, column member: 'house1' does not stand in the table members "
        "(did you mean 'house-1'?)",
    ]


def test_services_run_on_the_days_of_gtfs(tmp_path: Path) -> None:
    describe(
        tmp_path,
        tables={"calendar": "calendar.txt", "calendar_dates": "calendar_dates.txt"},
    )
    week = "monday,tuesday,wednesday,thursday,friday,saturday,sunday"
    header = f"service_id,{week},start_date,end_date"
    write(tmp_path, "calendar.txt", header, ["school,1,1,1,1,1,0,0,20240105,20240110"])
    dates = ["school,20240108,2", "school,20240106,1", "trip,2024-02-29,1"]
    write(tmp_path, "calendar_dates.txt", "service_id,date,exception_type", dates)
    records = load_dataset(tmp_path).records
    days = service_days(records["calendar"], records["calendar_dates"])
    assert {service: found.astype(str).tolist() for service, found in days.items()} == {
        "school": ["2024-01-05", "2024-01-06", "2024-01-09", "2024-01-10"],
        "trip": ["2024-02-29"],
    }


def test_gaps_are_filled_by_their_length() -> None:
    week = 168
    hours = np.arange(4 * week, dtype=np.float64)
    values = np.stack([hours, hours % week, np.full(hours.size, np.nan)], axis=1)
    values[10:13, 0] = np.nan  # three hours: a line
    values[400:404, 1] = np.nan  # four: the week before
    values[20:188, 1] = np.nan  # seven days: the week after, for there is none before
    values[0, 0] = np.nan  # at the beginning: the week after
    gaps = fill_gaps(values, 1.0)
    np.testing.assert_allclose(gaps.values[10:13, 0], [10, 11, 12])
    assert gaps.values[0, 0] == week
    np.testing.assert_array_equal(gaps.values[20:404, 1], hours[20:404] % week)
    assert np.isnan(gaps.values[:, 2]).all()
    np.testing.assert_allclose(gaps.filled_share * hours.size, [4, 172, 0])
    assert gaps.left.size == 0
    assert np.isnan(values[10, 0])


def test_longer_gaps_stay_unless_they_are_allowed() -> None:
    week = 168
    values = (np.arange(6 * week) % week).astype(np.float64)[:, None]
    values[week : 3 * week] = np.nan
    kept = fill_gaps(values, 1.0)
    np.testing.assert_array_equal(kept.left, [[0, week, 2 * week]])
    filled = fill_gaps(values, 1.0, allow_long=True)
    assert filled.left.size == 0
    np.testing.assert_array_equal(filled.values[:, 0], np.arange(6 * week) % week)


@given(st.data())
def test_what_was_measured_stays(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 400))
    values = np.arange(3.0 * size).reshape(size, 3)
    empty = data.draw(st.lists(st.integers(0, 3 * size - 1), max_size=2 * size))
    values.flat[empty] = np.nan
    there = ~np.isnan(values)
    gaps = fill_gaps(values, data.draw(st.sampled_from([0.25, 0.5, 1.0])))
    np.testing.assert_array_equal(gaps.values[there], values[there])
    partly = there.any(axis=0)
    left = np.isnan(gaps.values)[:, partly].sum()
    assert left == (gaps.left[:, 2].sum() if gaps.left.size else 0)


def test_a_week_away_is_the_same_clock_hour_when_the_clocks_change(tmp_path: Path) -> None:
    zone = Calendar("2024-03-20", "Europe/Berlin").zone
    first = datetime(2024, 3, 20, tzinfo=UTC)
    clock = [(first + timedelta(hours=n)).astimezone(zone).hour for n in range(21 * DAY)]
    load = np.array(clock, dtype=np.float64)
    missing = load.copy()
    missing[14 * DAY : 14 * DAY + 5] = np.nan  # 3 April, a week after summer time began
    missing[11 * DAY + 3 : 11 * DAY + 9] = np.nan  # 31 March, the day on which it did
    days(tmp_path, {"a": missing}, "2024-03-20")
    found = check_dataset(tmp_path).series["profiles"]
    np.testing.assert_array_equal(found.values["load_kwh"][:, 0], load)


def test_a_gap_too_long_is_refused_and_may_be_allowed(tmp_path: Path) -> None:
    load = np.tile(noisy(168), 6)
    load[100:400] = np.nan
    days(tmp_path, {"a": load, "b": noisy(load.size, 2)})
    (reported,) = problems(tmp_path)
    assert reported.startswith(
        "profiles.parquet: 'a' has no load_kwh for 300 h, from 2024-01-05 05:00"
    )
    assert reported.endswith("(allowed: gaps of up to 7 days, or gaps: allow in dataset.yaml)")
    days(tmp_path, {"a": load, "b": noisy(load.size, 2)}, gaps="allow")
    dataset = check_dataset(tmp_path)
    assert dataset.filled_share() == {"a": pytest.approx(300 / load.size), "b": 0.0}
    assert any("more than 10% of their intervals filled" in line for line in warnings(dataset))


@pytest.mark.parametrize(
    ("clock", "first"),
    [("utc", "2024-07-01T00:00"), ("wall", "2024-07-01T02:00"), ("standard", "2024-07-01T01:00")],
)
@pytest.mark.parametrize("labels", ["start", "end"])
def test_clocks_and_labels_name_the_same_instants(
    tmp_path: Path, clock: str, first: str, labels: str
) -> None:
    begin = datetime.fromisoformat(first)
    end = (begin + timedelta(days=1)).isoformat()
    describe(tmp_path, clock=clock, labels=labels, start=first, end=end)
    shift = timedelta(hours=1 if labels == "end" else 0)
    labelled = times(DAY, start=(begin + shift).isoformat())
    rows = [f"{label},a,{n}" for n, label in enumerate(labelled)]
    write(tmp_path, "profiles.csv", "time,member,load_kwh", rows)
    table = load_dataset(tmp_path).loads(Calendar("2024-07-01T05:00", "Europe/Berlin"), 3)
    np.testing.assert_array_equal(table.load_kwh[:, 0], [3, 4, 5])


def test_a_wall_clock_that_knows_no_change_is_mended_and_reported(tmp_path: Path) -> None:
    days_ = 300
    labelled = times(days_ * DAY)  # 24 hours on every day, also on the 31st of March
    end = datetime(2024, 1, 1) + timedelta(days=days_)  # 27 October
    describe(tmp_path, clock="wall", end=(end + timedelta(hours=0)).isoformat())
    rows = [f"{label},a,{n % 7 + 1}" for n, label in enumerate(labelled)]
    write(tmp_path, "profiles.csv", "time,member,load_kwh", rows)
    dataset = check_dataset(tmp_path)
    assert warnings(dataset) == [
        "profiles.csv: not used: 1 row at times that the clocks of Europe/Berlin skip"
    ]
    series = dataset.series["profiles"].values["load_kwh"]
    assert len(series) == days_ * DAY - 1


def test_energy_is_summed_and_power_averaged() -> None:
    values = np.arange(8.0)
    quarter, hour = 15 * 60_000_000, 3_600_000_000
    np.testing.assert_array_equal(resampled(values, quarter, hour, "kWh", ""), [6, 22])
    np.testing.assert_array_equal(resampled(values, quarter, hour, "kW", ""), [1.5, 5.5])
    with pytest.raises(InputError, match="intervals of 60 min are longer than the step of 15 min"):
        resampled(values, hour, quarter, "kWh", "loads")


def test_quarter_hours_of_power_become_hours_of_energy(tmp_path: Path) -> None:
    describe(tmp_path, resolution=15)
    rows = [f"{t},a,{4 * (n % 4)}" for n, t in enumerate(times(4 * DAY, 15))]
    write(tmp_path, "profiles.csv", "time,member,load_kw", rows)
    dataset = load_dataset(tmp_path)
    run = Calendar("2024-01-01T01:00", "Europe/Berlin")
    np.testing.assert_array_equal(dataset.loads(run, DAY).load_kwh, np.full((DAY, 1), 6.0))
    with pytest.raises(InputError, match="does not cover the run, 2024-01-01 00:00"):
        dataset.loads(Calendar("2024-01-01", "Europe/Berlin"), DAY)
    late = Calendar("2024-01-01T02:05", "Europe/Berlin")
    with pytest.raises(InputError, match="no interval starts with the run"):
        dataset.loads(late, 2)


def test_another_distance_of_rows_than_reported_is_one_mistake(tmp_path: Path) -> None:
    describe(tmp_path, resolution=30)
    write(tmp_path, "profiles.csv", "time,member,load_kwh", [f"{t},a,1" for t in times(DAY)])
    (reported,) = problems(tmp_path)
    assert reported.startswith("profiles.csv, column time: rows are 60 min apart, not 30 min")


def test_a_table_may_differ_from_the_rest(tmp_path: Path) -> None:
    market = {"files": ["market.csv"], "resolution": 60, "labels": "end", "clock": "wall"}
    describe(tmp_path, resolution=15, tables={"profiles": "profiles.csv", "market": market})
    rows = [f"{t},a,1" for t in times(4 * DAY, 15)]
    write(tmp_path, "profiles.csv", "time,member,load_kwh", rows)
    labelled = times(DAY, start="2024-01-01T02:00")
    rows = [f"{label},{n}" for n, label in enumerate(labelled)]
    write(tmp_path, "market.csv", "time,price", rows)
    market_prices = check_dataset(tmp_path).series["market"]
    found = market_prices.over("price", Calendar("2024-01-01T04:00", "Europe/Berlin"), 2)
    np.testing.assert_array_equal(found[:, 0], [3, 4])


def test_flaws_of_meters_are_warned_of(tmp_path: Path) -> None:
    hours = 60 * DAY
    base = 5 + np.sin(np.arange(hours)) + noisy(hours)
    zeros, flat = base[::-1] + noisy(hours, 3), noisy(hours, 4)
    zeros[[40, 41, 700]] = 0
    flat[500:560] = 1.5
    days(tmp_path, {"a": base, "b": 3.4 * base, "c": zeros, "d": flat, "e": noisy(hours, 5)})
    reported = warnings(check_dataset(tmp_path))
    assert len(reported) == 3, reported
    assert "'b' looks like 3.4 times 'a': their correlation is above 0.999" in reported[0]
    assert "'c' is 0 in 3 intervals and far above it in all others" in reported[1]
    assert "'d' stays at 1.5 for 60 h from 2024-01-21 21:00+01:00" in reported[2]


def test_copies_are_found_among_constant_series() -> None:
    values = np.stack([np.ones(100), noisy(100), 2 * noisy(100), np.full(100, 3.3)], axis=1)
    np.testing.assert_array_equal(scaled_copies(values), [[1, 2]])


def test_swapped_days_and_months_are_warned_of(tmp_path: Path) -> None:
    describe(tmp_path, start="2024-01-01", end="2025-01-01", tables={"charging_sessions": "s.csv"})
    begin = [datetime(2024, 1, 1, 8) + timedelta(hours=31 * n) for n in range(280)]

    def swapped(at: datetime) -> datetime:
        return at.replace(month=at.day, day=at.month) if at.day <= 12 else at

    for misread, reported in ((False, 0), (True, 1)):
        rows = []
        for at in begin:
            start = swapped(at) if misread else at
            rows.append(f"{start},{start + timedelta(hours=1)},7.5")
        write(tmp_path, "s.csv", "plug_in,plug_out,energy_kwh", rows)
        found = warnings(check_dataset(tmp_path))
        assert len(found) == reported, found
        assert all("would not with day and month swapped" in line for line in found)
    begin = [datetime(2023, 7, 1, 8) + timedelta(hours=31 * n) for n in range(280)]
    described = {"start": "2023-07-01", "tables": {"charging_sessions": "s.csv"}}
    for end, misread, reported in (("2024-07-01", True, 1), ("2024-07-01", False, 0)):
        describe(tmp_path, end=end, **described)
        read_so = sorted(swapped(at) if misread else at for at in begin)
        rows = [f"{at},{at + timedelta(hours=1)},7.5" for at in read_so]
        write(tmp_path, "s.csv", "plug_in,plug_out,energy_kwh", rows)
        found = [line for line in warnings(check_dataset(tmp_path)) if "swapped" in line]
        assert len(found) == reported, found
        assert all("outside start to end, but inside with day and month" in line for line in found)


def test_unused_columns_and_rows_are_reported(tmp_path: Path) -> None:
    describe(tmp_path)
    rows = [f"{t},a,1,2" for t in times(DAY + 2)]
    write(tmp_path, "profiles.csv", "time,member,load_kwh,pvkwh", rows)
    assert warnings(check_dataset(tmp_path)) == [
        "profiles.csv: not used: 2 rows outside start to end, such as 2024-01-02 00:00+00:00",
        "profiles.csv, line 1: column 'pvkwh' is not used (did you mean 'pv_kwh'?)",
    ]


def test_overlapping_trips_and_another_consumption_are_warned_of(tmp_path: Path) -> None:
    describe(tmp_path, tables={"trips": "t.csv"})
    rows = ["v,8:00,9:00,3", "v,8:30,10:00,3", "w,8:30,10:00,3"]
    write(tmp_path, "t.csv", "vehicle,departs,arrives,km", rows)
    (reported,) = warnings(check_dataset(tmp_path))
    assert reported.startswith(
        "t.csv, line 3, column departs: 1 trip begins before the vehicle's last"
    )
    loads = {"a": noisy(366 * DAY), "b": noisy(366 * DAY, 2)}
    tables = {"members": "m.csv", "profiles": "profiles.parquet"}
    days(tmp_path, loads, tables=tables)
    write(tmp_path, "m.csv", "member,annual_kwh", ["a,99000", f"b,{loads['b'].mean() * 8760}"])
    (reported,) = warnings(check_dataset(tmp_path))
    assert "the profiles of 1 member amount to another consumption than annual_kwh: 'a'" in reported


def test_the_command_checks_folders(tmp_path: Path) -> None:
    load = noisy(10 * DAY)
    load[5] = np.nan
    days(tmp_path, {"a": load, "b": noisy(10 * DAY, 2)})
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "mine is fine: 2024-01-01T00:00 to 2024-01-11T00:00:00, 60 min, Europe/Berlin",
        "profiles: 2 members, load_kwh",
        "filled: a  0.42%",
        "filled: b  0.00%",
    ]
    describe(tmp_path, labels="middle")
    result = CliRunner().invoke(app, ["check", str(tmp_path / "dataset.yaml")])
    assert result.exit_code == 2
    assert "labels: 'middle' is not allowed (allowed: start, end" in result.stderr
    (tmp_path / "dataset.yaml").rename(tmp_path / "dataset.yml")
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 2
    assert "did you mean 'dataset.yml'?" in result.stderr


@pytest.mark.slow
def test_a_year_of_a_thousand_members_is_checked(tmp_path: Path) -> None:
    hours, members, start = 8760, 1000, np.datetime64("2023-01-01", "us")
    load = np.random.default_rng(1).uniform(0.1, 3.0, (hours, members))
    table = {
        "time": np.repeat(start + np.arange(hours) * np.timedelta64(1, "h"), members),
        "member": pa.DictionaryArray.from_arrays(
            np.tile(np.arange(members, dtype=np.int32), hours), [f"m{n}" for n in range(members)]
        ),
        "load_kwh": load.ravel(),
    }  # fmt: skip
    describe(
        tmp_path, start="2023-01-01T00:00", end="2024-01-01T00:00",
        tables={"profiles": "profiles.parquet"},
    )  # fmt: skip
    parquet.write_table(pa.table(table), tmp_path / "profiles.parquet", compression="none")
    dataset = check_dataset(tmp_path)
    np.testing.assert_array_equal(dataset.series["profiles"].values["load_kwh"], load)


def test_attributes_are_named_once_and_described() -> None:
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert all(column.description and column.allowed for column in table.columns)
        assert not table.series or table.columns[0].name == "time"


def test_importing_datasets_is_light() -> None:
    heavy = "pandas", "pyarrow", "pydantic"
    code = (
        f"import hmesh.environment.datasets, sys; print([m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_page_shows_what_the_code_goes_by() -> None:
    docs = Path(__file__).parents[1] / "docs"
    spec = importlib.util.spec_from_file_location("data_tables", docs / "data_tables.py")
    assert spec is not None
    assert spec.loader is not None
    data_tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data_tables)
    page = (docs / "data.md").read_text(encoding="utf-8")
    assert page == data_tables.renewed(page), "run: python docs/data_tables.py"
    assert set(re.findall(r"<!-- dataset: (\w+) -->", page)) == {
        *TABLES, *data_tables.SECTIONS, "kinds",
    }  # fmt: skip
    example = page.partition("```yaml\n")[2].partition("```")[0]
    Description.model_validate(read_yaml(example, "example"))
