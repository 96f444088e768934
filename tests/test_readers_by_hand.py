"""What readers of datasets make of small files, number by number, and all that they refuse."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.datasets.readers.citylearn import read_citylearn
from hmesh.environment.datasets.readers.foreign import UNKNOWN_LICENCE
from hmesh.environment.datasets.readers.weather import _typical_year
from hmesh.environment.demand import read_loads
from hmesh.environment.errors import InputError
from hmesh.environment.tariff_bands import month_of_steps
from tests.stated_problems import said


def test_a_weather_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "town.epw"
    path.touch()
    time = pd.date_range("2001-01-01", periods=2, freq="h", tz="Etc/GMT+7")
    held = {"ghi": [9998, 9999], "dni": [9999, 9999], "dhi": [1, 2], "temp_air": [99.8, 99.9],
            "wind_speed": [998, 999], "relative_humidity": [998, 999], "other": [1, 2]}  # fmt: skip
    about: dict[str, Any] = {"latitude": 39.5, "longitude": -105.25, "TZ": -7.0}

    def read(source: Path, coerce_year: int | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
        return pd.DataFrame(held, index=time), {**about, "year": coerce_year}

    nan = math.nan
    for end, names, options, place in (
        (False, {"city": "Golden", "Name": "x"}, {}, "Golden"),
        (True, {"Name": "Sand Point"}, {"licence": "MIT", "time_zone": "America/Denver"},
         "Sand Point"),
        (False, {}, {"start": "2001-05-01T00:00"}, ""),
    ):  # fmt: skip
        about = {"latitude": 39.5, "longitude": -105.25, "TZ": -7.0, **names}
        found = _typical_year(path, ImportOptions(**options), read, label_is_end=end)
        assert (found.name, found.source) == ("town", f"{place}, 39.5 N -105.25 E")
        assert found.licence == options.get("licence", UNKNOWN_LICENCE)
        assert found.time_zone == options.get("time_zone", "Etc/GMT+7")
        first = datetime(2001, 1, 1, 7) - timedelta(hours=int(end))
        assert (found.start, found.end) == (first, first + timedelta(hours=2))
        assert (found.clock, found.labels) == ("utc", "end" if end else "start")
        assert (found.resolution, found.notes) == (60, ("A typical year, as if it were 2001.",))
        weather = found.tables["weather"]
        assert list(found.tables) == ["weather"]
        assert weather["time"].tolist() == [datetime(2001, 1, 1, 7), datetime(2001, 1, 1, 8)]
        numbers = weather.drop(columns="time")
        assert list(numbers) == ["ghi", "dhi", "temp_air", "wind_speed", "relative_humidity"]
        expected = [[9998, 1, 99.8, 998, 998], [nan, 2, nan, nan, nan]]
        assert numbers.to_numpy() == pytest.approx(np.array(expected), nan_ok=True)
    for offset, zone in ((0.0, "UTC"), (5.5, "UTC"), (1.0, "Etc/GMT-1"), (-9.0, "Etc/GMT+9")):
        about = {"latitude": 1.0, "longitude": 2.0, "TZ": offset}
        assert _typical_year(path, ImportOptions(), read, label_is_end=False).time_zone == zone
    about = {}

    def broken(source: Path, coerce_year: int | None = None) -> Any:
        raise KeyError("ghi")

    with pytest.raises(InputError) as raised:
        _typical_year(path, ImportOptions(), broken, label_is_end=False)
    assert said(raised.value) == [
        (str(path), "cannot be read: KeyError 'ghi'", "a weather file of this kind", "")
    ]
    with pytest.raises(InputError) as raised:
        _typical_year(tmp_path / "none", ImportOptions(), read, label_is_end=False)
    assert said(raised.value) == [(str(tmp_path / "none"), "does not exist", "", "")]


OPTIONS = ImportOptions(start="2016-08-01T00:00", time_zone="UTC")


def citylearn(folder: Path, buildings: dict[str, Any], **more: Any) -> Path:
    (folder / "schema.json").write_text(json.dumps({"buildings": buildings, **more}))
    return folder


def test_a_folder_of_citylearn_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "month,hour,non_shiftable_load,heating_demand,cooling_demand,dhw_demand,"
        "solar_generation,extra\n"
        "8,1,1.5,0,2,0.25,500,9\n8,1,-999,0,4,0.75,-100,9\n"
    )
    (tmp_path / "b.csv").write_text(
        "Month,Hour,Equipment Electric Power [kWh],Solar Generation [W/kW]\n8,1,3,7\n8,1,4,-8\n"
    )
    (tmp_path / "c.csv").write_text("month,hour,non_shiftable_load,solar_generation\n8,1,5,6\n"
                                    "8,1,6,7\n")  # fmt: skip
    (tmp_path / "w.csv").write_text("outdoor_dry_bulb_temperature,more\n20,1\n21,1\n")
    (tmp_path / "p.csv").write_text("electricity_pricing\n0.25\n0.5\n")
    pv = {"attributes": {"nominal_power": 4.0}}
    source = citylearn(
        tmp_path,
        {
            "A": {"energy_simulation": "a.csv", "pv": pv, "weather": "w.csv", "pricing": "p.csv",
                  "electrical_storage": {"x": 1}, "carbon_intensity": None},
            "B": {"energy_simulation": "b.csv", "electrical_storage": {"x": 1},
                  "pv": {"attributes": {"generation_mode": "absolute"}}},
            "C": {"energy_simulation": "c.csv", "dhw_storage": {}},
            "D": {"energy_simulation": "none.csv", "include": False},
        },
        seconds_per_time_step=1800,
        electric_vehicles_def={"one": 1, "two": 2},
    )  # fmt: skip
    found = read_citylearn(source / "schema.json", OPTIONS)
    assert found.tables["members"].to_dict("records") == [
        {"member": "A", "kind": "building", "pv_kw": 4.0},
        {"member": "B", "kind": "building", "pv_kw": pytest.approx(math.nan, nan_ok=True)},
        {"member": "C", "kind": "building", "pv_kw": pytest.approx(math.nan, nan_ok=True)},
    ]
    profiles = found.tables["profiles"]
    times = [datetime(2016, 8, 1), datetime(2016, 8, 1, 0, 30)]
    assert profiles["time"].tolist() == times * 3
    assert profiles["member"].tolist() == list("AABBCC")
    nan = math.nan
    for column, values in {
        "load_kwh": [1.5, nan, 3, 4, 5, 6], "cooling_kwh": [2, 4, nan, nan, nan, nan],
        "hot_water_kwh": [0.25, 0.75, nan, nan, nan, nan], "pv_kwh": [1, 0, 7, 0, nan, nan],
    }.items():  # fmt: skip
        assert profiles[column].tolist() == pytest.approx(values, nan_ok=True)
    assert set(profiles) == {
        "time", "member", "load_kwh", "cooling_kwh", "hot_water_kwh", "pv_kwh"
    }  # fmt: skip
    assert found.tables["weather"].to_dict("list") == {"time": times, "temp_air": [20, 21]}
    assert found.tables["market"].to_dict("list") == {"time": times, "price": [0.25, 0.5]}
    assert (found.start, found.end) == (times[0], datetime(2016, 8, 1, 1))
    assert (found.resolution, found.currency, found.clock) == (30, "USD", "standard")
    assert (found.name, found.source) == (tmp_path.name, f"CityLearn, {tmp_path.name}")
    assert (found.labels, found.time_zone, found.special_days) == ("start", "UTC", ())
    assert found.notes == ("Row by row from the start.",)
    assert [(p.place, p.message) for p in found.warnings] == [
        (str(tmp_path / "schema.json"), "devices are left out: electrical_storage of A and "
         "1 more buildings, 2 electric_vehicles_def"),
        (f"{tmp_path / 'a.csv'}, line 3, column non_shiftable_load",
         "1 values of -999 are taken for missing"),
        (f"{tmp_path / 'a.csv'}, column solar_generation", "1 values below 0 are taken for 0"),
        (f"{tmp_path / 'b.csv'}, column Solar Generation [W/kW]",
         "1 values below 0 are taken for 0"),
        (f"{tmp_path / 'a.csv'}, line 1", "columns are left out: extra, more"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "place", "message", "allowed"),
    [
        ("[1]", "schema.json", "names no buildings", "a section buildings"),
        ('{"buildings": {"A": {}, "B": {"energy_simulation": "x"}}}',
         "schema.json: buildings.A", "names no energy_simulation", "a CSV file"),
        ('{"buildings": {}}', "schema.json", "includes no building", ""),
        ('{"buildings": {}, "seconds_per_time_step": 90}', "schema.json: seconds_per_time_step",
         "steps of 90 s are no whole minutes", ""),
        ('{"buildings": {"A": {"energy_simulation": "a.csv"}}}', "a.csv, line 1",
         "has no column non_shiftable_load",
         "non_shiftable_load or Equipment Electric Power [kWh]"),
    ],
)  # fmt: skip
def test_a_folder_that_is_none_of_citylearn_is_refused(
    schema: str, place: str, message: str, allowed: str, tmp_path: Path
) -> None:
    (tmp_path / "schema.json").write_text(schema)
    (tmp_path / "a.csv").write_text("month,hour\n8,1\n")
    with pytest.raises(InputError) as raised:
        read_citylearn(tmp_path, OPTIONS)
    assert said(raised.value) == [(f"{tmp_path}/{place}", message, allowed, "")]


def test_loads_and_months_keep_their_kind_of_number(tmp_path: Path) -> None:
    path = tmp_path / "loads.csv"
    path.write_text("time,member,load_kw\n" + "".join(
        f"2020-01-31T23:{minute:02d},{name},{load}\n"
        for minute, load in ((0, 2), (30, 4)) for name in ("a", "b")
    ))  # fmt: skip
    calendar = Calendar("2020-01-31T23:00", "UTC")
    found = read_loads(path, calendar, 1)
    assert (found.members, found.load_kwh.tolist()) == (("a", "b"), [[3.0, 3.0]])
    assert found.load_kwh.dtype == np.float64
    months = month_of_steps(calendar, 3)
    assert (months.tolist(), months.dtype) == ([0, 1, 1], np.intp)
    late = Calendar(datetime(2020, 12, 31, 23, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M"), "UTC")
    assert month_of_steps(late, 2).tolist() == [0, 1]
