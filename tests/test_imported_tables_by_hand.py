"""Timetables, prices and readings of meters that are imported, with all that is refused."""

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.datasets.readers.column_headings import UNIT_NAMES
from hmesh.environment.datasets.readers.entsoe import read_entsoe
from hmesh.environment.datasets.readers.foreign import UNKNOWN_LICENCE
from hmesh.environment.datasets.readers.gtfs_blocks import read_gtfs
from hmesh.environment.datasets.readers.home_assistant import read_home_assistant
from hmesh.environment.datasets.readers.wide_table import read_wide_csv
from hmesh.environment.errors import InputError
from hmesh.environment.geography import great_circle_km
from tests.stated_problems import said

BERLIN = "Europe/Berlin"


def nearly(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True)


def lines(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


FEED = {
    "trips": ["trip_id,service_id,block_id", "a,S,B", "b,S,B", "c,S,", "d,T,B"],
    "stops": ["stop_id,stop_lat,stop_lon", "1,50.0,8.0", "2,50.1,8.0", "3,50.1,8.2"],
    "stop_times": [
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled",
        "b,09:00:00,09:05:00,3,1,100", "b,09:30:30,09:31:00,1,2,700",
        "a,,,2,5,900", "a,8:00:00,8:01:00,1,3,500", "a,8:20:00,8:21:00,3,9,1500",
        "c,24:10:00,24:11:00,2,1,0", "c,25:00:05,25:01:00,1,2,2000",
        "d,08:00:00,08:00:00,1,1,0", "d,08:10:00,08:10:00,2,2,1000",
    ],
}  # fmt: skip


def feed(folder: Path, **changed: list[str]) -> Path:
    for name, rows in {**FEED, **changed}.items():
        lines(folder / f"{name}.txt", *rows)
    return folder


def test_blocks_of_a_timetable_by_hand(tmp_path: Path) -> None:
    source = feed(
        tmp_path, calendar=["service_id,start_date,end_date", "S,20240203,20240301"],
        calendar_dates=["service_id,date", "T,2024-03-05"],
        agency=["agency_name,agency_timezone", "x,America/Denver"],
    )  # fmt: skip
    one, two, three = [8.0, 50.0], [8.0, 50.1], [8.2, 50.1]

    def far(*places: list[float]) -> float:
        return float(great_circle_km(np.array(places[:-1]), np.array(places[1:])).sum())

    straight = [far(one, two, three) + far(three, one), far(one, two), far(two, one)]
    for options, km in (
        ({}, straight),
        ({"unit": "m"}, [1.0 + 0.6, 1.0, 2.0]),
        ({"unit": "ft"}, [0.3048 * 1.6, 0.3048, 0.6096]),
        ({"unit": "mi"}, [1609.344 * 1.6, 1609.344, 3218.688]),
        ({"unit": "km"}, [1600.0, 1000.0, 2000.0]),
    ):
        found = read_gtfs(source, ImportOptions(**options))
        assert list(found.tables) == ["bus_blocks", "calendar", "calendar_dates"]
        blocks = found.tables["bus_blocks"].to_dict("list")
        assert list(blocks) == ["block", "service_id", "departs", "arrives", "km", "bus"]
        order = [blocks["block"].index(name) for name in ("B/S", "B/T", "c/S")]
        assert blocks["block"] == ["B/T", "B/S", "c/S"]
        assert blocks["service_id"] == ["T", "S", "S"]
        assert blocks["departs"] == ["08:00:00", "08:01:00", "24:11:00"]
        assert [blocks["arrives"][n] for n in order] == ["09:30:30", "08:10:00", "25:00:05"]
        assert [blocks["bus"][n] for n in order] == ["B", "B", "c"]
        assert [blocks["km"][n] for n in order] == nearly(km)
        assert (found.start, found.end) == (datetime(2024, 2, 3), datetime(2024, 3, 6))
        assert (found.time_zone, found.clock, found.labels) == ("America/Denver", "wall", "start")
        assert (found.name, found.source, found.resolution) == (tmp_path.name, "GTFS", 60)
        assert (found.licence, found.notes) == (UNKNOWN_LICENCE, ("3 blocks of 4 trips.",))
        assert [(p.place, p.message, p.allowed) for p in found.warnings] == [
            (f"{source}/stop_times.txt", "lengths are straight from stop to stop",
             "--unit of shape_dist_traveled: m, km, mi or ft")
        ] * (not options)  # fmt: skip
    lines(source / "frequencies.txt", "x")
    (source / "agency.txt").unlink()
    for file in ("calendar.txt", "calendar_dates.txt"):
        (source / file).unlink()
    for start, first in ((None, datetime(2024, 1, 1)), ("2025-05-06T07:00", datetime(2025, 5, 6))):
        found = read_gtfs(source, ImportOptions(start=start, unit="m", licence="MIT"))
        assert (found.start, found.end) == (first, first + timedelta(days=1))
        assert (found.time_zone, found.licence) == ("UTC", "MIT")
        assert [(p.place, p.message) for p in found.warnings] == [
            (f"{source}/frequencies.txt",
             "is not used: every trip runs once, at the times of stop_times.txt")
        ]  # fmt: skip


HEAD = FEED["stop_times"][0]
GOOD = FEED["stop_times"][1:]


@pytest.mark.parametrize(
    ("changed", "unit", "place", "message", "allowed", "near"),
    [
        ({}, "kms", "--unit", "'kms' is no unit of length", "m, km, mi, ft", "km"),
        ({"stop_times": [HEAD, "a,x,8:00:00,1,1,0"]}, None,
         "{0}/stop_times.txt, line 2, column arrival_time", "'x' is no time",
         "such as 07:45:00, past midnight 24:30:00", ""),
        ({"stop_times": [HEAD, "a,8:00:00,8:60:00,1,1,0"]}, None,
         "{0}/stop_times.txt, line 2, column departure_time", "'8:60:00' is no time",
         "such as 07:45:00, past midnight 24:30:00", ""),
        ({"stop_times": [HEAD, *GOOD, "z,8:00:00,8:00:00,1,1,0"]}, None, "{0}/stop_times.txt",
         "no trip of trips.txt is called 'z'", "", ""),
        ({"stop_times": [HEAD, *GOOD, "a,8:30:00,8:30:00,9,10,0"]}, None, "{0}/stop_times.txt",
         "no stop of stops.txt is called '9'", "", ""),
        ({"stop_times": [line.rpartition(",")[0] for line in (HEAD, *GOOD)]}, "m",
         "{0}/stop_times.txt, line 1",
         "has no column shape_dist_traveled, of which --unit is the unit", "", ""),
        ({"stop_times": [HEAD, *GOOD[:1], *GOOD[2:]]}, None, "{0}/stop_times.txt",
         "trip 'b' has no departure, no arrival or a single stop",
         "times at its first and last stop", ""),
        ({"stop_times": [HEAD, "a,,,2,1,0", *GOOD[3:5]]}, None, "{0}/stop_times.txt",
         "trip 'a' has no departure, no arrival or a single stop",
         "times at its first and last stop", ""),
        ({"stop_times": [HEAD, *GOOD[2:], "b,08:19:59,08:19:59,1,1,0", "b,08:30:00,,1,2,0"]}, None,
         "{0}/trips.txt", "block 'B' of service 'S' is in two trips at once", "one after another",
         ""),
    ],
)  # fmt: skip
def test_a_timetable_is_refused_part_by_part(
    changed: Any, unit: str | None, place: str, message: str, allowed: str, near: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(InputError) as raised:
        read_gtfs(feed(tmp_path, **changed), ImportOptions(unit=unit))
    assert said(raised.value) == [(place.format(tmp_path), message, allowed, near)]


def test_a_wide_table_by_hand(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "town.csv", "Datum,Uhrzeit,a [kW],b [kWh],a pv [kW],price [ct/kWh]",
        "2024-06-03,00:00,1,2,3,10", "2024-06-03,00:30,4,,6,20",
    )  # fmt: skip
    found = read_wide_csv(path, ImportOptions(time_zone=BERLIN, currency="EUR"))
    times = [datetime(2024, 6, 3), datetime(2024, 6, 3, 0, 30)]
    assert found.tables["members"].to_dict("list") == {"member": ["a", "b"]}
    assert found.tables["market"].to_dict("list") == {"time": times, "price": nearly([0.1, 0.2])}
    profiles = found.tables["profiles"].to_dict("list")
    nan = math.nan
    assert profiles == {
        "time": times * 2, "member": ["a", "a", "b", "b"], "load_kwh": nearly([0.5, 2, 2, nan]),
        "pv_kw": nearly([3, 6, nan, nan]),
    }  # fmt: skip
    assert (found.start, found.end) == (times[0], datetime(2024, 6, 3, 1))
    assert (found.name, found.source, found.licence) == ("town", "town.csv", UNKNOWN_LICENCE)
    assert (found.time_zone, found.clock, found.labels) == (BERLIN, "wall", "start")
    assert (found.resolution, found.currency) == (30, "EUR")
    assert found.notes == (
        "Columns: 'a [kW]' is load_kwh of a, 'b [kWh]' is load_kwh of b, "
        "'a pv [kW]' is pv_kwh of a, 'price [ct/kWh]' is price.",
    )
    at_end = ImportOptions(
        time_zone=BERLIN, currency="EUR", labels="end", clock="standard", licence="MIT"
    )
    found = read_wide_csv(path, at_end)
    half = timedelta(minutes=30)
    assert (found.start, found.end) == (times[0] - half, times[1])
    assert (found.labels, found.clock, found.licence) == ("end", "standard", "MIT")
    lines(path, "t,a [kW]", "2024-06-03T02:00+02:00,1", "2024-06-03T03:00+02:00,1")
    found = read_wide_csv(path, ImportOptions())
    assert (found.time_zone, found.clock, found.start) == ("UTC", "utc", times[0])
    assert list(found.tables) == ["members", "profiles"]


@pytest.mark.parametrize(
    ("rows", "options", "place", "message", "allowed"),
    [
        (["t,a [kW]", "2024-06-03,1"], {}, "--time-zone",
         "is missing; the times carry no offset from UTC", "such as --time-zone Europe/Berlin"),
        (["t,a [kW]", "2024-06-03,1"], {"time_zone": BERLIN, "labels": "mid"}, "--labels",
         "'mid' is not allowed", "start or end"),
        (["t,a [kW]", "2024-06-03,1"], {"time_zone": BERLIN}, "{0}",
         "one time is there only, so that the length of an interval is not known",
         "--resolution"),
        (["t,a [kW]", "2024-06-03T00:00:00,1", "2024-06-03T00:00:02.5,1"], {"time_zone": BERLIN},
         "{0}", "rows are 2.5 s apart", "--resolution in whole minutes, for powers and registers"),
        (["t,a [kWh]", "2024-06-03T00:00,1", "2024-06-03T01:00,1", "2024-06-03T02:10,1",
          "2024-06-03T03:10,1"], {"time_zone": BERLIN}, "{0}, line 4, column t",
         "2024-06-03 02:10:00 is no start of an interval of 60 min from 2024-06-03 00:00:00: the "
         "energy of an irregular interval is not that of a regular one",
         "powers (--unit kW), or a meter that counts up (--unit kWh-register)"),
        (["t,a [kW]", "2024-06-03T00:00,1", "2024-06-03T01:00,1", "2024-06-03T02:10,1",
          "2024-06-03T03:10,1"], {"time_zone": BERLIN, "labels": "end"}, "--labels",
         "readings at irregular times label no interval", "left out"),
    ],
)  # fmt: skip
def test_a_wide_table_that_says_too_little_is_refused(
    rows: list[str], options: Any, place: str, message: str, allowed: str, tmp_path: Path
) -> None:
    path = lines(tmp_path / "town.csv", *rows)
    with pytest.raises(InputError) as raised:
        read_wide_csv(path, ImportOptions(**options))
    assert said(raised.value) == [(place.format(path), message, allowed, "")]


def test_states_of_sensors_are_refused_or_left_out_by_name(tmp_path: Path) -> None:
    head = "entity_id,state,last_changed"
    path = lines(
        tmp_path / "home.csv", head, "sensor.house_pv_energy_total,5,2024-06-03T00:00Z",
        "sensor.house_pv_energy_total,unknown,2024-06-03T00:20Z",
        "sensor.house_pv_energy_total,6,2024-06-03T01:00Z",
        "sensor.dead,unavailable,2024-06-03T00:00Z",
        "sensor.flat_kw,2,2024-06-03T00:00Z", "sensor.flat_kw,4,2024-06-03T01:00Z",
    )  # fmt: skip
    found = read_home_assistant(path, ImportOptions(unit="kWh", resolution=60))
    assert [(p.place, p.message) for p in found.warnings] == [
        (str(path), "1 states of sensor.house_pv_energy_total are unavailable or unknown"),
        (str(path), "sensor.dead has no state that is a number, and is left out"),
    ]
    assert found.tables["members"]["member"].tolist() == ["house", "flat"]
    assert found.notes == ("States in kWh, each until the next one.",)
    assert (found.resolution, found.source, found.clock) == (60, "Home Assistant", "utc")
    found = read_home_assistant(path, ImportOptions(unit="W"))
    assert found.resolution == 15
    assert found.tables["profiles"].columns.tolist()[2:] == ["pv_kw", "load_kw"]
    assert found.tables["profiles"]["load_kw"].dropna().tolist() == nearly([0.002] * 4)
    export = "as Home Assistant exports them"
    for rows, options, place, message, allowed in (
        (["sensor.a,1,2024-06-03"], {"unit": "kW"}, f"{path}, line 2, column last_changed",
         "times carry no offset from UTC", export),
        (["sensor.a,1,2024-06-03T00:00Z"], {"unit": "J"}, "--unit", "'J' is no unit", UNIT_NAMES),
        (["sensor.a,1,2024-06-03T00:00Z"], {}, "--unit",
         "is missing; the export of Home Assistant names none", "such as --unit kWh"),
        (["s.a_kw,1,2024-06-03T00:00Z", "s.a_w,1,2024-06-03T01:00Z"], {"unit": "kW"}, str(path),
         "two sensors are the load_kw of 'a'", "one of them in the export"),
        (["s.a,unknown,2024-06-03T00:00Z", "s.a,-,2024-06-03T01:00Z"], {"unit": "kW"}, str(path),
         "has no state that is a number", ""),
    ):  # fmt: skip
        lines(path, head, *rows)
        with pytest.raises(InputError) as raised:
            read_home_assistant(path, ImportOptions(**options))
        assert said(raised.value) == [(place, message, allowed, "")]


def test_prices_of_a_zone_are_refused_part_by_part(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    hour = "01.01.2024 00:00 - 01.01.2024 01:00"
    time, price = "MTU (UTC)", "Day-ahead Price (EUR/MWh)"
    for rows, place, message, allowed in (
        ([f"{time},{price},Area", f"{hour},5,A", f"{hour},5,B"], f"{path}, column Area",
         "holds the zones A, B", "one bidding zone"),
        ([f"{time},{price}", f"{hour},5", "01.01.2024 01:00 - 01.01.2024 01:40,5"],
         f"{path}, column {time}", "intervals of 40, 60 min do not fit into each other", ""),
        ([f"{time},{price}", "01.01.2024,5"], f"{path}, line 2, column {time}",
         "'01.01.2024' is no interval", "such as 01.01.2019 00:00 - 01.01.2019 01:00"),
        ([f"{time},x", f"{hour},5"], f"{path}, line 1",
         f"has 0 columns {price}, but {time}, x", price),
        ([f"x,{price}", f"{hour},5"], f"{path}, line 1",
         f"has 0 columns MTU (UTC) or MTU (CET/CEST), but x, {price}",
         "MTU (UTC) or MTU (CET/CEST)"),
        ([f"{time},Day-ahead Price (),Currency", f"{hour},5,EUR", f"{hour},5,CHF"], "--currency",
         "is missing; the prices name none", "such as --currency EUR"),
    ):  # fmt: skip
        lines(path, *rows)
        with pytest.raises(InputError) as raised:
            read_entsoe(path, ImportOptions())
        assert said(raised.value) == [(place, message, allowed, "")]
    lines(path, f"{time},Day-ahead Price (),Currency,BZN|X", f"{hour},5,CHF,",
          "01/01/2024 01:00:00 - 01/01/2024 01:30:00,7,,")  # fmt: skip
    found = read_entsoe(path, ImportOptions())
    starts = [datetime(2024, 1, 1) + n * timedelta(minutes=30) for n in range(3)]
    assert found.tables["market"].to_dict("list") == {
        "time": starts, "price": nearly([0.005, 0.005, 0.007])
    }  # fmt: skip
    assert (found.currency, found.resolution, found.end) == ("CHF", 30, starts[2] + (
        timedelta(minutes=30)))  # fmt: skip
    assert found.notes == (
        "Day-ahead prices of BZN|X.", "Prices of 30 and 60 min, each held over its own."
    )  # fmt: skip
    assert (found.source, found.licence) == (
        "ENTSO-E Transparency Platform", "terms of the ENTSO-E Transparency Platform"
    )  # fmt: skip
    assert (found.time_zone, found.clock, found.labels) == ("Europe/Brussels", "utc", "start")
    for header, cells, note in (("Area", "A", " of A"), ("x", "A", "")):
        lines(path, f"{time},{price},{header}", f"{hour},5,{cells}")
        assert read_entsoe(path, ImportOptions()).notes == (f"Day-ahead prices{note}.",)


@pytest.mark.parametrize(
    ("given", "place", "message", "allowed", "near"),
    [
        (["2024-01-01", "Berln"], "time_zone", "'Berln' is no time zone",
         "a name of the IANA time zone database, such as Europe/Berlin", "Europe/Berlin"),
        (["2024-01-01", "Europa/Berlin"], "time_zone", "'Europa/Berlin' is no time zone",
         "a name of the IANA time zone database, such as Europe/Berlin", "Europe/Berlin"),
        (["1/2/2024", "UTC"], "start", "'1/2/2024' is no time",
         "a date or a time in ISO 8601, such as 2024-01-01 or 2024-01-01 06:00", ""),
        (["2024-03-31T02:30", BERLIN], "start",
         "2024-03-31 02:30 does not exist in Europe/Berlin: the clocks skip it",
         "a time that the clocks there show, such as 2024-03-31 03:30", ""),
        (["2024-01-01", "UTC", 0.0], "step_h", "0.0 is no length of a step",
         "a number of hours above 0, such as 1 or 0.25", ""),
        (["2024-01-01", "UTC", math.inf], "step_h", "inf is no length of a step",
         "a number of hours above 0, such as 1 or 0.25", ""),
        (["2024-01-01", "UTC", 1.0, None, "BY"], "holiday_subdivision",
         "'BY' is part of no country, for none is named", "holiday_country as well", ""),
        (["2024-01-01", "UTC", 1.0, "Germany"], "holiday_country",
         "no public holidays are known for 'Germany'",
         "the two letters of a country in ISO 3166, such as DE", "DE"),
        (["2024-01-01", "UTC", 1.0, "JP", "13"], "holiday_subdivision",
         "'13' is no part of JP with its own holidays",
         "nothing, for its holidays are the same everywhere", ""),
        (["2024-01-01", "UTC", 1.0, "AT", "x"], "holiday_subdivision",
         "'x' is no part of AT with its own holidays", "1, 2, 3, 4, 5, 6, 7, 8, 9", ""),
    ],
)  # fmt: skip
def test_a_calendar_is_refused_part_by_part(
    given: list[Any], place: str, message: str, allowed: str, near: str
) -> None:
    names = ("start", "time_zone", "step_h", "holiday_country", "holiday_subdivision")
    with pytest.raises(InputError) as raised:
        Calendar(**dict(zip(names, given, strict=False)))
    assert said(raised.value) == [(place, message, allowed, near)]
