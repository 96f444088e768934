"""Charging sessions and other tables that are read, number by number, with all they refuse."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hmesh.environment import extras
from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.datasets.readers.charging_session_files import read_acn, read_evcc
from hmesh.environment.datasets.readers.foreign import UNKNOWN_LICENCE, numbers, read_table, times
from hmesh.environment.datasets.readers.weather import read_epw, read_tmy3
from hmesh.environment.datasets.schema import TABLES
from hmesh.environment.errors import InputError
from hmesh.environment.forecasters import RidgeLastDay
from hmesh.environment.rows_of_trips import _DayOfRows
from hmesh.environment.storage_bank import StorageBank
from hmesh.environment.sunshine import ClearSky, _pvlib
from hmesh.environment.trips import DayTrips, TripBatch
from hmesh.markets.genetic_sizing import genetic_minimum
from hmesh.markets.particle_swarm import pymoo_swarm
from hmesh.markets.representative_days import representative_days
from tests.stated_problems import said

TWO = [
    {"created": "2026-05-02T08:00:00+02:00", "finished": "2026-05-02T10:00:00+02:00",
     "loadpoint": "Garage", "vehicle": "Auto", "chargedEnergy": 8},
    {"created": "2026-05-01T20:00:00-02:00", "finished": "2026-05-02T23:30:00Z",
     "loadpoint": None, "vehicle": "", "chargedEnergy": 1.5},
    {"created": "2026-05-04T08:00:00Z", "finished": "0001-01-01T00:00:00Z", "chargedEnergy": 1.5},
    {"created": "2026-05-05T08:00:00Z", "finished": "2026-05-05T08:00:00Z", "chargedEnergy": 1.5},
]  # fmt: skip


def saved(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def rows_of(found: Any) -> list[tuple[Any, ...]]:
    """Return the cells of a table by rows, None where there is nothing."""
    return [
        tuple(None if pd.isna(cell) else cell for cell in row)
        for row in found.itertuples(index=False, name=None)
    ]


def test_sessions_of_evcc_by_hand(tmp_path: Path) -> None:
    for content in (TWO, {"result": TWO}):
        source = saved(tmp_path / "evcc.JSON", content)
        found = read_evcc(source, ImportOptions())
        assert list(found.tables) == ["vehicles", "charging_sessions"]
        sessions = found.tables["charging_sessions"]
        assert list(sessions) == ["plug_in", "plug_out", "energy_kwh", "charge_point", "vehicle"]
        assert rows_of(sessions) == [
            (datetime(2026, 5, 1, 22), datetime(2026, 5, 2, 23, 30), 1.5, None, None),
            (datetime(2026, 5, 2, 6), datetime(2026, 5, 2, 8), 8.0, "Garage", "Auto"),
        ]
        assert rows_of(found.tables["vehicles"]) == [("Auto",)]
        assert (found.name, found.source, found.licence) == ("evcc", "evcc", UNKNOWN_LICENCE)
        assert (found.time_zone, found.clock, found.labels) == ("UTC", "utc", "start")
        assert (found.start, found.end) == (datetime(2026, 5, 1), datetime(2026, 5, 3))
        assert (found.resolution, found.notes) == (15, ("2 charging sessions.",))
        assert [(p.place, p.message) for p in found.warnings] == [
            (str(source), "2 of 4 sessions have no end or no energy, and are left out")
        ]
    given = ImportOptions(time_zone="Europe/Berlin", resolution=5, licence="MIT")
    found = read_evcc(saved(tmp_path / "evcc.json", TWO[1:2]), given)
    assert (found.time_zone, found.resolution, found.licence) == ("Europe/Berlin", 5, "MIT")
    assert list(found.tables) == ["charging_sessions"]
    assert list(found.tables["charging_sessions"]) == ["plug_in", "plug_out", "energy_kwh"]
    assert found.warnings == ()


def test_sessions_of_a_table_of_evcc(tmp_path: Path) -> None:
    path = tmp_path / "sessions.csv"
    given = ImportOptions(time_zone="Europe/Berlin", time_format="%d.%m.%Y %H:%M")
    for point, vehicle in (("Ladepunkt", "Fahrzeug"), ("LoadPoint", "vehicle"),
                           ("Charging point", "Vehicle")):  # fmt: skip
        path.write_text(
            f"Startzeit;Endzeit;{point};{vehicle};Energie (kWh)\n"
            "02.03.2026 18:10;02.03.2026 21:40;G;A;12,5\n02.03.2026 18:00; ;G;A;1,5\n"
        )
        found = read_evcc(path, given)
        assert rows_of(found.tables["charging_sessions"]) == [
            (datetime(2026, 3, 2, 18, 10), datetime(2026, 3, 2, 21, 40), 12.5, "G", "A")
        ]
        assert (found.time_zone, found.clock) == ("Europe/Berlin", "wall")
        assert len(found.warnings) == 1
    path.write_text(
        "created,finished,charged energy (kwh)\n2026-03-02T18:00Z,2026-03-02T19:00Z,1.5\n"
    )
    found = read_evcc(path, ImportOptions(time_zone="UTC"))
    assert found.clock == "utc"
    assert list(found.tables["charging_sessions"]) == ["plug_in", "plug_out", "energy_kwh"]
    with pytest.raises(InputError) as raised:
        read_evcc(path, ImportOptions())
    assert said(raised.value) == [
        ("--time-zone", "is missing; evcc writes local times",
         "such as --time-zone Europe/Berlin", "")
    ]  # fmt: skip


@pytest.mark.parametrize(("begins", "ends", "wrong"), [("x", "2026", "Startzeit"),
                                                      ("2026-03-02", "x", "Endzeit")])  # fmt: skip
def test_times_that_evcc_did_not_write_are_named_with_their_line(
    begins: str, ends: str, wrong: str, tmp_path: Path
) -> None:
    good = "2026-03-02,2026-03-03,1"
    path = tmp_path / "sessions.csv"
    path.write_text(f"Startzeit,Endzeit,Energie (kWh)\n{good}\n{good}\n{begins},{ends},1\n")
    with pytest.raises(InputError) as raised:
        read_evcc(path, ImportOptions(time_zone="UTC"))
    iso = "ISO 8601, or --time-format '%d.%m.%Y %H:%M' as the file writes it"
    assert said(raised.value) == [(f"{path}, line 4, column {wrong}", "'x' is no time", iso, "")]


def acn(**more: Any) -> dict[str, Any]:
    return {
        "connectionTime": "Wed, 25 Apr 2018 11:08:04 GMT", "kWhDelivered": 7.5,
        "disconnectTime": "Wed, 25 Apr 2018 13:20:10 +0200", **more,
    }  # fmt: skip


def test_sessions_of_acn_by_hand(tmp_path: Path) -> None:
    ends = datetime(2018, 4, 25, 11, 20, 10)
    begins = datetime(2018, 4, 25, 11, 8, 4)
    items = [
        acn(stationID="S", spaceID="P", userID=7, timezone="America/Los_Angeles"),
        acn(spaceID="P", userID=None, timezone="America/Los_Angeles"),
    ]
    for content in (items, {"_items": items}):
        found = read_acn(saved(tmp_path / "acn.json", content), ImportOptions())
        assert rows_of(found.tables["charging_sessions"]) == [
            (begins, ends, 7.5, "S", "7"), (begins, ends, 7.5, "P", None)
        ]  # fmt: skip
        assert (found.source, found.clock) == ("ACN-Data", "utc")
        assert found.time_zone == "America/Los_Angeles"
        assert found.warnings == ()
    path = saved(tmp_path / "acn.json", [*items, acn()])
    with pytest.raises(InputError) as raised:
        read_acn(path, ImportOptions())
    assert said(raised.value) == [
        (str(path), "sessions are in America/Los_Angeles, UTC", "--time-zone with one of them", "")
    ]
    assert read_acn(path, ImportOptions(time_zone="UTC")).time_zone == "UTC"
    assert read_acn(saved(path, [acn()]), ImportOptions()).time_zone == "UTC"
    assert read_acn(path, ImportOptions(time_zone="Asia/Tokyo")).time_zone == "Asia/Tokyo"


EVCC, ACN = "a list of sessions, or {result: [...]}", "_items of ACN-Data"


@pytest.mark.parametrize(
    ("read", "content", "place", "message", "allowed"),
    [
        (read_evcc, [], "", "holds no sessions", EVCC),
        (read_evcc, {"x": 1}, "", "holds no sessions", EVCC),
        (read_evcc, [TWO[0], 1], ", session 2", "is no session", EVCC),
        (read_evcc, [TWO[0], {**TWO[0], "created": None}], ", session 2: created",
         "None is no time with an offset from UTC", ""),
        (read_evcc, [{**TWO[0], "finished": "2026-05-01T08:00"}], ", session 1: finished",
         "'2026-05-01T08:00' is no time with an offset from UTC", ""),
        (read_evcc, [{**TWO[0], "chargedEnergy": True}], ", session 1: chargedEnergy",
         "True is no number", "an energy [kWh]"),
        (read_evcc, TWO[2:3], "", "holds no session with an end and an energy", ""),
        (read_acn, {}, "", "holds no sessions", ACN),
        (read_acn, [acn(), None], ", session 2", "is no session", ACN),
        (read_acn, [acn(disconnectTime="x")], ", session 1: disconnectTime", "'x' is no time",
         "such as 'Wed, 25 Apr 2018 11:08:04 GMT'"),
        (read_acn, [acn(), acn(kWhDelivered="1")], ", session 2: kWhDelivered", "'1' is no number",
         "an energy [kWh]"),
    ],
)  # fmt: skip
def test_sessions_that_cannot_be_read_are_refused(
    read: Any, content: Any, place: str, message: str, allowed: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "sessions.json", content)
    with pytest.raises(InputError) as raised:
        read(path, ImportOptions())
    assert said(raised.value) == [(f"{path}{place}", message, allowed, "")]


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(InputError) as raised:
        read_acn(path, ImportOptions())
    ((place, message, allowed, _),) = said(raised.value)
    assert (place, allowed) == (str(path), "")
    assert message.startswith("is not JSON: Expecting")


def test_rows_of_a_fleet_make_their_own_trips() -> None:
    class Whole(DayTrips):
        counts = {"moved": 3}  # noqa: RUF012

        def departing(self, begin_ms: float, end_ms: float) -> list[TripBatch]:
            rows = np.array([0, 2, 3, 4, 5])
            return [TripBatch(rows, 10 * rows, 7, 1, rows + 1, 2.5, rows > 2, begin_ms + end_ms)]

        def first(self) -> list[TripBatch]:
            return self.departing(5.0, 6.0)

    day = _DayOfRows(Whole(), 2, 5)
    assert day.counts == {"moved": 3}
    for (batch,), next_km in ((day.departing(1.0, 2.0), 3.0), (day.first(), 11.0)):
        assert batch.vehicles.tolist() == [0, 1, 2]
        assert batch.departs_ms.tolist() == [20, 30, 40]  # type: ignore[union-attr]
        assert batch.destination.tolist() == [3, 4, 5]  # type: ignore[union-attr]
        assert batch.night_follows.tolist() == [False, True, True]  # type: ignore[union-attr]
        assert (batch.arrives_ms, batch.origin, batch.km, batch.next_km) == (7, 1, 2.5, next_km)


def test_packages_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "installed", lambda package: False)
    day, source = Calendar("2024-01-01T00:00", "UTC"), tmp_path / "a.epw"
    sun, point = "generation of photovoltaics", np.zeros(1)
    for make, use, package, extra in (
        (lambda: ClearSky(day, 1.0, 2.0, 3.0, ()), sun, "pvlib", "sun"),
        (lambda: _pvlib("location"), sun, "pvlib", "sun"),
        (lambda: read_epw(source, ImportOptions()), str(source), "pvlib", "sun"),
        (lambda: read_tmy3(source, ImportOptions()), str(source), "pvlib", "sun"),
        (lambda: RidgeLastDay.fitted(np.zeros((9, 1)), 2), "forecaster ridge", "sklearn",
         "learning"),
        (lambda: representative_days(np.zeros((2, 2)), 1, np.random.default_rng(1)),
         "representative days", "sklearn", "learning"),
        (lambda: pymoo_swarm(lambda x: x[:, 0], point, point, 1), "pymoo's particle swarm",
         "pymoo", "sizing"),
        (lambda: genetic_minimum(lambda x: x[:, 0], point, point, seed=1),
         "sizing by a genetic algorithm", "pymoo", "sizing"),
    ):  # fmt: skip
        with pytest.raises(InputError) as raised:
            make()  # type: ignore[no-untyped-call]
        message, allowed = (
            f"needs {package}, which is not installed",
            f"pip install 'hmesh[{extra}]'",
        )
        assert said(raised.value) == [(use, message, allowed, "")]


def test_units_and_bounds_of_tables_are_stated() -> None:
    ranges = {
        (column.name, column.unit): (column.lowest, column.highest)
        for column in TABLES["weather"].quantities
    }
    light = (0, 2000)
    assert ranges == {
        ("ghi", "W/m2"): light, ("dni", "W/m2"): light, ("dhi", "W/m2"): light,
        ("temp_air", "°C"): (-90, 65), ("wind_speed", "m/s"): (0, 120),
        ("relative_humidity", "%"): (0, 110),
    }  # fmt: skip
    units = {
        (column.name, column.unit)
        for table in TABLES.values() if table.name != "weather"
        for column in table.columns if column.unit
    }  # fmt: skip
    assert units == {
        *((f"{name}_kwh", "kWh") for name in (
            "annual", "load", "pv", "heating", "cooling", "hot_water", "demand", "capacity",
            "energy")),
        ("scale", "1"), ("pv_kw", "kW"), ("floor_area_m2", "m2"), ("price", "money/kWh"),
        ("feed_in", "money/kWh"), ("carbon", "kg/kWh"), ("km", "km"), ("weight", "1"),
        ("power_kw", "kW"), ("consumption_kwh_per_km", "kWh/km"),
    }  # fmt: skip


def test_tables_of_others_are_refused_cell_by_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufeffa ;b\n1;2020\n;x\ny;z\n")
    table = read_table(path, ["a"], ";")
    assert list(table) == ["a", "b"]
    with pytest.raises(InputError) as raised:
        numbers(table, "a", path)
    message = "'y' is no number, and neither are 0 more"
    assert said(raised.value) == [
        (f"{path}, line 4, column a", message, "a number with a point", "")
    ]
    with pytest.raises(InputError) as raised:
        times(table, "b", "%Y", path)
    assert said(raised.value) == [(f"{path}, line 3, column b", "'x' is no time", "%Y", "")]
    assert numbers(table.iloc[:2], "a", path).tolist() == pytest.approx([1.0, np.nan], nan_ok=True)
    assert times(table.iloc[:1], "b", "%Y", path).tolist() == [datetime(2020, 1, 1)]
    assert read_table(tmp_path / "a.csv", ["a"], ";", thousands="2").shape == (3, 2)
    with pytest.raises(InputError) as raised:
        read_table(path, ["c"], ";")
    assert said(raised.value)[0][:2] == (f"{path}, line 1", "column 'c' is missing; there are a, b")
    path.write_text("")
    with pytest.raises(InputError) as raised:
        read_table(path, ())
    assert said(raised.value)[0][1].startswith("cannot be read: ")


def test_storages_out_of_range_are_refused() -> None:
    right = {"capacity_kwh": 1.0, "soc_min": 0.1, "soc_max": 0.9, "power_kw": 1.0,
             "charge_efficiency": 0.9, "discharge_efficiency": 0.9}  # fmt: skip
    for change, place, message, allowed in (
        ({"soc_min": 0.9}, "storages: soc_min", "is not below soc_max", "soc_min < soc_max"),
        ({"capacity_kwh": np.inf}, "storages: capacity_kwh", "the value inf", "a finite size"),
    ):
        with pytest.raises(InputError) as raised:
            StorageBank.of((1, 1), **right | change)
        assert said(raised.value) == [(place, message, allowed, "")]
    with pytest.raises(InputError) as raised:
        StorageBank.of((1, 0), **right)
    assert said(raised.value) == [("storages", "a home has no storage", "at least one", "")]
