"""Files of others become datasets: hand-made samples of each kind, with their oddities."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets import Dataset
from hmesh.environment.datasets.readers import KINDS, ImportOptions, read_foreign
from hmesh.environment.errors import InputError
from hmesh.runs.command_line import app
from hmesh.runs.world.dataset_files import import_dataset

HOURS = 48


def imported(kind: str, source: Path, **options: str) -> Dataset:
    return import_dataset(kind, source, source.parent / f"{kind}-dataset", ImportOptions(**options))


def lines(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def citylearn(folder: Path) -> Path:
    """Write two buildings, one by the names of the first releases, and one that is left out."""
    folder.mkdir()
    buildings = {
        name: {
            "include": name != "Building_3",
            "energy_simulation": f"{name}.csv",
            "weather": "weather.csv",
            "carbon_intensity": "carbon.csv",
            "pricing": "pricing.csv",
            "pv": {"attributes": {"nominal_power": 4.0}},
        }
        for name in ("Building_1", "Building_2", "Building_3")
    }
    (folder / "schema.json").write_text(json.dumps({"buildings": buildings}))
    hours = range(HOURS)
    new = "month,hour,day_type,non_shiftable_load,cooling_demand,heating_demand,solar_generation"
    lines(folder / "Building_1.csv", new, *(f"8,{h % 24 + 1},1,{1 + h % 5},0,2,250" for h in hours))
    old = "Month,Hour,Equipment Electric Power [kWh],Solar Generation [W/kW]"
    lines(folder / "Building_2.csv", old, *(f"8,{h % 24 + 1},{1 + h % 7},500" for h in hours))
    weather = "outdoor_dry_bulb_temperature,diffuse_solar_irradiance,direct_solar_irradiance"
    lines(folder / "weather.csv", weather, *(f"{h},10,20" for h in hours))
    lines(folder / "carbon.csv", "carbon_intensity", *("0.2" for _ in hours))
    lines(folder / "pricing.csv", "electricity_pricing", *(f"{0.2 + h / 100}" for h in hours))
    return folder


def test_citylearn(tmp_path: Path) -> None:
    folder = citylearn(tmp_path / "challenge")
    dataset = imported(
        "citylearn", folder, start="2016-08-01T00:00", time_zone="America/Los_Angeles"
    )
    profiles = dataset.series["profiles"]
    assert profiles.keys == ("Building_1", "Building_2")
    assert set(profiles.values) == {"load_kwh", "heating_kwh", "pv_kwh"}  # nobody is cooled
    np.testing.assert_allclose(profiles.values["pv_kwh"], [[1.0, 2.0]] * HOURS)
    # Standard time is an hour behind the clocks of summer.
    run = Calendar("2016-08-01T01:00", "America/Los_Angeles")
    np.testing.assert_allclose(dataset.loads(run, 2).load_kwh, [[1, 1], [2, 2]])
    np.testing.assert_allclose(dataset.series["market"].over("price", run, 1), [[0.2]])
    np.testing.assert_allclose(dataset.series["weather"].over("dni", run, 1), [[20]])
    assert dataset.description.currency == "USD"


def test_citylearn_needs_a_year_and_names_what_is_missing(tmp_path: Path) -> None:
    folder = citylearn(tmp_path / "challenge")
    with pytest.raises(InputError, match="--start: is missing; the files of CityLearn state no"):
        read_foreign("citylearn", folder, ImportOptions())
    reported = ImportOptions(time_zone="UTC", start="2016-08-01T00:00")
    lines(folder / "Building_2.csv", "Month,Hour", "8,1")
    with pytest.raises(InputError, match="has no column non_shiftable_load"):
        read_foreign("citylearn", folder, reported)
    (folder / "Building_2.csv").unlink()
    with pytest.raises(InputError, match=r"Building_2.csv: does not exist"):
        read_foreign("citylearn", folder, reported)
    (folder / "schema.json").write_text("{}")
    with pytest.raises(InputError, match="names no buildings"):
        read_foreign("citylearn", folder, reported)


def test_eia930(tmp_path: Path) -> None:
    header = (
        '"Balancing Authority","Data Date","UTC Time at End of Hour","Demand (MW)",'
        '"Demand (MW) (Adjusted)"'
    )
    rows = []
    for hour in range(1, HOURS + 1):
        end = datetime(2021, 1, 1) + timedelta(hours=hour)
        text = f"{end:%m/%d/%Y} {end.hour % 12 or 12}:00:00 {end:%p}"
        for region, raw, adjusted in (("MISO", "", f"{1000 + hour:,}"), ("AVRN", "", "")):
            rows.append(f'"{region}","{end:%m/%d/%Y}","{text}","{raw}","{adjusted}"')
    source = lines(tmp_path / "EIA930_BALANCE_2021_Jan_Jun.csv", header, *rows)
    dataset = imported("eia930", source)
    demand = dataset.series["system_demand"]
    assert demand.keys == ("MISO",)
    found = demand.over("demand_kwh", Calendar("2021-01-01T00:00", "UTC"), HOURS)[:, 0]
    np.testing.assert_allclose(found, 1000 * (1000 + np.arange(1, HOURS + 1)))
    assert "left out: AVRN" in dataset.description.description
    source.write_text(source.read_text().replace("1,001", "many"))
    with pytest.raises(
        InputError, match=r"line 2, column Demand \(MW\) \(Adjusted\): 'many' is no"
    ):
        read_foreign("eia930", source, ImportOptions())


def test_nhts(tmp_path: Path) -> None:
    header = (
        "HOUSEID,PERSONID,VEHID,STRTTIME,ENDTIME,TRPMILES,WHYFROM,WHYTO,DRVR_FLG,TRAVDAY,"
        "TDAYDATE,WTTRDFIN"
    )
    source = lines(
        tmp_path / "trippub.csv",
        header,
        "30000007,1,3,0730,815,10,1,3,01,2,201608,75.5",
        "30000007,1,3,1745,1830,10,3,1,01,2,201608,75.5",
        "30000007,2,3,1745,1830,10,3,1,02,2,201608,75.5",  # a passenger
        "30000007,2,-1,1000,1015,1,1,14,-1,2,201608,75.5",  # on foot
        "30000008,1,1,2330,15,5.5,15,1,01,7,201609,9",  # past midnight
        "30000008,1,1,-9,15,5.5,15,1,01,7,201609,9",
    )
    dataset = imported("nhts", source)
    trips = dataset.records["trips"].columns
    assert trips["vehicle"].tolist() == ["30000007-3", "30000007-3", "30000008-1"]
    np.testing.assert_allclose(trips["departs"], [7.5, 17.75, 23.5])
    np.testing.assert_allclose(trips["arrives"], [8.25, 18.5, 24.25])
    np.testing.assert_allclose(trips["km"], [16.09344, 16.09344, 8.851392])
    assert trips["destination"].tolist() == ["work", "home", "home"]
    assert trips["day"].tolist() == ["monday", "monday", "saturday"]
    assert (dataset.description.start, dataset.description.end) == (
        "2016-08-01T00:00", "2016-10-01T00:00"
    )  # fmt: skip


def test_epw(tmp_path: Path) -> None:
    place = "LOCATION,Golden,CO,USA,TMY,724666,39.74,-105.18,-7.0,1829.0"
    header = [place, *(f"COMMENTS {n}" for n in range(7))]
    rows = []
    for n in range(HOURS):
        year = 1995 if n < 24 else 2003
        cells = [year, 1, n // 24 + 1, n % 24 + 1, 0, "?", -5.0, -9.0, 60, 81000, 0, 0, 300]
        cells += [100 + n, 9999, 30, 0, 0, 0, 0, 180, 2.5, *[0] * 13]
        rows.append(",".join(map(str, cells)))
    dataset = imported("epw", lines(tmp_path / "golden.epw", *header, *rows))
    weather = dataset.series["weather"]
    run = Calendar("1995-01-01T00:00", "Etc/GMT+7")
    np.testing.assert_allclose(weather.over("ghi", run, HOURS)[:, 0], 100 + np.arange(HOURS))
    assert dataset.description.time_zone == "Etc/GMT+7"
    assert "dni" not in weather.values


def test_tmy3(tmp_path: Path) -> None:
    days = pd.date_range("1988-12-30", "1988-12-31", freq="D")
    rows = [
        f"{day:%m/%d/%Y},{hour:02d}:00,{10 * hour},0,{hour},-2.0,55,3.1"
        for day in days
        for hour in range(1, 25)
    ]
    header = (
        "Date (MM/DD/YYYY),Time (HH:MM),GHI (W/m^2),DNI (W/m^2),DHI (W/m^2),"
        "Dry-bulb (C),RHum (%),Wspd (m/s)"
    )
    place = '703165,"SAND POINT",AK,-9.0,55.317,-160.517,7'
    source = lines(tmp_path / "sand-point.csv", place, header, *rows)
    dataset = imported("tmy3", source, start="1990-12-30T00:00")
    run = Calendar("1990-12-30T00:00", "Etc/GMT+9")
    ghi = dataset.series["weather"].over("ghi", run, HOURS)[:, 0]
    np.testing.assert_allclose(
        ghi, 10 * np.tile(np.arange(1, 25), 2)
    )  # hours are named by their end
    with pytest.raises(InputError, match="cannot be read"):
        read_foreign("epw", source, ImportOptions())


def test_simbench(tmp_path: Path) -> None:
    start = datetime(2016, 1, 1)
    times = [start + n * timedelta(minutes=15) for n in range(4 * HOURS)]
    rows = [f"{t:%d.%m.%Y %H:%M};0.{n % 4 + 1};0.1;0.5;0.2" for n, t in enumerate(times)]
    header = "time;H0-A_pload;H0-A_qload;G1-B_pload;G1-B_qload"
    source = lines(tmp_path / "LoadProfile.csv", header, *rows)
    dataset = imported("simbench", source)
    loads = dataset.loads(Calendar("2016-01-01T00:00", "Europe/Berlin"), HOURS)
    assert loads.members == ("H0-A", "G1-B")
    np.testing.assert_allclose(loads.load_kwh, [[0.25, 0.5]] * HOURS)
    lines(source, "time;H0-A_qload", "01.01.2016 00:00;0.1")
    with pytest.raises(InputError) as refused:
        read_foreign("simbench", source, ImportOptions())
    assert str(refused.value) == (
        f"{source}, line 1: has no column that ends in _pload (allowed: such as H0-A_pload)"
    )


def test_the_command_imports_and_checks(tmp_path: Path) -> None:
    folder = citylearn(tmp_path / "challenge")
    words = ["import", "citylearn", str(folder), "--out", str(tmp_path / "mine")]
    words += ["--start", "2016-08-01T00:00", "--time-zone", "America/Los_Angeles"]
    result = CliRunner().invoke(app, [*words, "--licence", "MIT"])
    assert result.exit_code == 0, result.output
    assert "profiles: 2 members, load_kwh, pv_kwh, heating_kwh" in result.stdout
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "mine: holds something already (allowed: a new folder)" in result.stderr
    result = CliRunner().invoke(app, ["import", "citylern", "x", "--out", "y"])
    assert result.exit_code == 2
    assert "did you mean 'citylearn'?" in result.stderr
    result = CliRunner().invoke(app, ["check", str(tmp_path / "mine")])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_is_not_there_is_reported(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_foreign(kind, tmp_path / "nothing.csv", ImportOptions())


def test_a_folder_in_place_of_a_file_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    folder = tmp_path / "survey"
    folder.mkdir()
    with pytest.raises(InputError) as raised:
        read_foreign("nhts", folder, ImportOptions())
    (problem,) = raised.value.problems
    assert problem.place == str(folder)
    assert problem.message == "is a folder without files, and nhts is one file"
    assert "trippub.csv" in problem.allowed
    for name in ("hhpub.csv", "trippub.csv"):
        (folder / name).touch()
    with pytest.raises(InputError, match=r"did you mean '.*trippub\.csv'"):
        read_foreign("nhts", folder, ImportOptions())
