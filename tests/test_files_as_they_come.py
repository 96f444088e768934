"""Files as programs of others write them, each with the outcome worked out by hand."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets import Dataset
from hmesh.environment.datasets.readers import ImportOptions, read_foreign
from hmesh.environment.errors import InputError
from hmesh.environment.irregular_series import interval_means, register_energies
from hmesh.runs.command_line import app
from hmesh.runs.world.dataset_files import dataset_report, import_dataset

BERLIN = "Europe/Berlin"


def imported(kind: str, source: Path, **options: object) -> Dataset:
    out = source.parent / f"{source.stem}-dataset"
    return import_dataset(kind, source, out, ImportOptions(**options))  # type: ignore[arg-type]


def lines(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def days(start: str, hours: int, minutes: int = 60) -> list[datetime]:
    first = datetime.fromisoformat(start)
    return [first + n * timedelta(minutes=minutes) for n in range(hours * 60 // minutes)]


def test_a_wide_table_of_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    rows = [
        f"{t:%d.%m.%Y %H:%M};{n % 24},5;1.0{n % 10}0,25;{0 if n % 24 < 12 else 2},0"
        for n, t in enumerate(days("2024-06-03", 48))
    ]
    source = lines(tmp_path / "town.csv", "Zeit;Hall [kWh];Pool (Wh);Hall pv [kW]", *rows)
    reported = {"time_zone": BERLIN, "time_format": "%d.%m.%Y %H:%M"}
    with pytest.raises(InputError, match=r"points and commas.*--decimal"):
        read_foreign("csv", source, ImportOptions(**reported))  # type: ignore[arg-type]
    dataset = imported("csv", source, **reported, decimal=",")
    loads = dataset.loads(Calendar("2024-06-03T00:00", BERLIN), 48)
    assert loads.members == ("Hall", "Pool")
    hours = np.arange(48)
    np.testing.assert_allclose(loads.load_kwh[:, 0], hours % 24 + 0.5)
    np.testing.assert_allclose(loads.load_kwh[:, 1], (1000.25 + 100 * (hours % 10) / 10 * 1) / 1e3)
    assert loads.generation_kwh is not None
    np.testing.assert_allclose(loads.generation_kwh[:, 0], np.where(hours % 24 < 12, 0.0, 2.0))


def test_a_mean_power_is_no_energy(tmp_path: Path) -> None:
    rows = [f"{t:%Y-%m-%dT%H:%M},4,1" for t in days("2024-06-03", 24, 15)]
    source = lines(tmp_path / "power.csv", "time,load [kW],pv [kWh]", *rows)
    loads = imported("csv", source, time_zone=BERLIN).loads(Calendar("2024-06-03", BERLIN), 24)
    np.testing.assert_allclose(loads.load_kwh, 4.0)
    assert loads.generation_kwh is not None
    np.testing.assert_allclose(loads.generation_kwh, 4.0)


def test_no_unit_and_no_format_is_guessed(tmp_path: Path) -> None:
    rows = [f"{t:%d/%m/%Y %H:%M},1,2" for t in days("2024-03-01", 24)]
    source = lines(tmp_path / "loads.csv", "time,a,b", *rows)
    with pytest.raises(InputError, match=r"loads.csv, line 2, column time: '01/03/2024 00:00' is"):
        read_foreign("csv", source, ImportOptions(time_zone=BERLIN))
    reported = {"time_zone": BERLIN, "time_format": "%d/%m/%Y %H:%M"}
    with pytest.raises(InputError) as caught:
        read_foreign("csv", source, ImportOptions(**reported))  # type: ignore[arg-type]
    assert str(caught.value).count("names no unit") == 2  # both at once
    with pytest.raises(InputError, match="'kilowatt' is no unit"):
        read_foreign("csv", source, ImportOptions(**reported, unit="kilowatt"))  # type: ignore[arg-type]
    loads = imported("csv", source, **reported, unit="kWh").loads(
        Calendar("2024-03-01", BERLIN), 24
    )
    np.testing.assert_allclose(loads.load_kwh, [[1.0, 2.0]] * 24)
    with pytest.raises(InputError, match=r"--time-zone: is missing"):
        read_foreign("csv", source, ImportOptions(time_format="%d/%m/%Y %H:%M", unit="kWh"))


def test_labels_of_the_end_of_intervals(tmp_path: Path) -> None:
    rows = [f"{t + timedelta(hours=1):%Y-%m-%d %H:%M},{t.hour}" for t in days("2024-06-03", 24)]
    source = lines(tmp_path / "ends.csv", "time,load [kWh]", *rows)
    dataset = imported("csv", source, time_zone=BERLIN, labels="end")
    assert dataset.description.start == "2024-06-03T00:00"
    loads = dataset.loads(Calendar("2024-06-03", BERLIN), 24)
    np.testing.assert_allclose(loads.load_kwh[:, 0], np.arange(24))


@pytest.mark.parametrize(("encoding", "name"), [("utf-16-le", "little"), ("utf-16-be", "big")])
@pytest.mark.parametrize("mark", [True, False])
def test_utf_16_is_refused_by_name(tmp_path: Path, encoding: str, name: str, mark: bool) -> None:
    text = ("\ufeff" if mark else "") + "time,load [kWh]\n2024-01-01,1\n"
    (tmp_path / "utf16.csv").write_bytes(text.encode(encoding))
    expected = f"is text in UTF-16, {name} endian" if mark else "is text in UTF-16"
    with pytest.raises(InputError, match=expected):
        read_foreign("csv", tmp_path / "utf16.csv", ImportOptions())
    (tmp_path / "latin.csv").write_bytes("time,Bär [kWh]\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin.csv, line 1: is not UTF-8: byte 0xe4"):
        read_foreign("csv", tmp_path / "latin.csv", ImportOptions())


def test_errors_name_line_and_column(tmp_path: Path) -> None:
    rows = [f"{t:%Y-%m-%d %H:%M};1,0;2,0" for t in days("2024-06-03", 24)]
    rows[5] = rows[5].replace("1,0", "one")
    source = lines(tmp_path / "wrong.csv", "time;a [kWh];b [kWh]", *rows)
    with pytest.raises(InputError, match=r"wrong.csv, line 7, column a \[kWh\]: 'one' is no"):
        read_foreign("csv", source, ImportOptions(time_zone=BERLIN))
    rows[5] = "2024-06-03 05:00;1,0"
    lines(source, "time;a [kWh];b [kWh]", *rows)
    with pytest.raises(InputError, match=r"wrong.csv, line 7: there are 2 cells \(allowed: 3\)"):
        read_foreign("csv", source, ImportOptions(time_zone=BERLIN))
    lines(source, "time;a [kWh];a load [kW]", *rows[:5])
    with pytest.raises(InputError, match=r"is the load_kwh of 'a' as 'a \[kWh\]' is"):
        read_foreign("csv", source, ImportOptions(time_zone=BERLIN))


def test_gaps_are_reported_and_nothing_finer_is_made(tmp_path: Path) -> None:
    times = days("2024-06-03", 14 * 24)
    cells = ["" if n in (30, 31) else "n/a" if n == 100 else "3,5" for n in range(len(times))]
    rows = [f"{t:%Y-%m-%d %H:%M};{cell}" for t, cell in zip(times, cells, strict=True)]
    source = lines(tmp_path / "gaps.csv", "time;house [kWh]", *rows)
    dataset = imported("csv", source, time_zone=BERLIN)
    assert dataset.filled_share() == {"house": pytest.approx(3 / 336)}
    assert "filled: house  0.89%" in dataset_report(dataset)
    with pytest.raises(InputError, match="nothing finer can be made up"):
        dataset.loads(Calendar("2024-06-03", BERLIN, step_h=0.25), 96)


def test_a_day_of_both_clock_changes(tmp_path: Path) -> None:
    # Wall-clock rows of October 27: the hour from 2 is there twice, and holds 2 and 20 kWh.
    hours = [0, 1, 2, 2, *range(3, 24)]
    energies = [0, 1, 2, 20, *range(3, 24)]
    rows = [f"2024-10-27 {h:02d}:00,{e}" for h, e in zip(hours, energies, strict=True)]
    source = lines(tmp_path / "autumn.csv", "time,load [kWh]", *rows)
    loads = imported("csv", source, time_zone=BERLIN).loads(Calendar("2024-10-27", BERLIN), 25)
    np.testing.assert_allclose(loads.load_kwh[:, 0], energies)


def test_means_and_energies_of_irregular_readings() -> None:
    # By hand: 2 kW for 5 min, 8 kW for 10 min; then unknown for 10 of 15 min, 6 kW for the rest.
    minute = 60_000_000
    at = np.array([0, 5, 15, 25, 30, 45]) * minute
    value = np.array([2.0, 8.0, np.nan, 6.0, 3.0, 3.0])
    edges = np.array([0, 15, 30, 45]) * minute
    np.testing.assert_allclose(interval_means(at, value, edges), [(10 + 80) / 15, np.nan, 3.0])
    held = interval_means(at, value, edges, longest_us=10 * minute)
    np.testing.assert_allclose(held, [6.0, np.nan, np.nan])
    # A register: 100 at the start, 101.5 from minute 10, gone at 20, set back at 40.
    at = np.array([0, 10, 20, 28, 40, 61]) * minute
    reading = np.array([100.0, 101.5, np.nan, 103.0, 1.0, 2.0])
    edges = np.array([0, 15, 30, 45, 60]) * minute
    np.testing.assert_allclose(
        register_energies(at, reading, edges), [1.5, 1.5, np.nan, 0.0], equal_nan=True
    )
    gone = register_energies(at, reading, np.array([0, 15, 25, 30]) * minute)
    np.testing.assert_allclose(gone, [1.5, np.nan, np.nan], equal_nan=True)


def test_irregular_powers_and_registers_of_a_table(tmp_path: Path) -> None:
    # Every quarter of an hour, but some seconds late: by hours 3 kW and 0.75 kWh a quarter.
    times = [t + timedelta(seconds=n % 7) for n, t in enumerate(days("2024-06-03", 49, 15))]
    rows = [f"{t:%Y-%m-%d %H:%M:%S},3000" for t in times]
    source = lines(tmp_path / "late.csv", "time,load [W]", *rows)
    loads = imported("csv", source, time_zone=BERLIN, resolution=60).loads(
        Calendar("2024-06-03T02:00", BERLIN), 24
    )
    np.testing.assert_allclose(loads.load_kwh, 3.0)
    rows = [f"{t:%Y-%m-%d %H:%M:%S},{1000 + 0.75 * n}" for n, t in enumerate(times)]
    source = lines(tmp_path / "meter.csv", "time,load", *rows)
    with pytest.raises(InputError, match=r"an irregular interval is not that of a regular"):
        read_foreign("csv", source, ImportOptions(time_zone=BERLIN, unit="kWh", resolution=15))
    dataset = imported("csv", source, time_zone=BERLIN, unit="kWh-register", resolution=60)
    loads = dataset.loads(Calendar("2024-06-03T02:00", BERLIN), 24)
    # A reading some seconds after the hour is that of the quarter before.
    assert loads.load_kwh.sum() == pytest.approx(24 * 3.0, abs=0.75)
    assert set(np.round(loads.load_kwh.ravel() / 0.75)) <= {3.0, 4.0, 5.0}


def test_prices_beside_loads(tmp_path: Path) -> None:
    rows = [f"{t:%Y-%m-%d %H:%M};1,0;{100 + t.hour},5" for t in days("2024-06-03", 24)]
    source = lines(tmp_path / "home.csv", "time;load [kWh];price [EUR/MWh]", *rows)
    dataset = imported("csv", source, time_zone=BERLIN)
    assert dataset.description.currency == "EUR"
    price = dataset.series["market"].over("price", Calendar("2024-06-03", BERLIN), 24)[:, 0]
    np.testing.assert_allclose(price, (100.5 + np.arange(24)) / 1000)


def test_home_assistant_with_states_that_are_unavailable(tmp_path: Path) -> None:
    # One day: the register rises by 0.5 kWh at 10 min past each hour; from 12 to 14 h it is gone.
    rows = ["entity_id,state,last_changed"]
    for hour in range(26):
        stamp = datetime(2024, 6, 3) + timedelta(hours=hour, minutes=10)
        state = "unavailable" if hour == 12 else f"{200 + 0.5 * hour}"
        if hour != 13:
            rows.append(f"sensor.home_energy,{state},{stamp:%Y-%m-%dT%H:%M:%S}.123Z")
        rows.append(f"sensor.home_pv_energy,{50 + 0.1 * hour},{stamp:%Y-%m-%dT%H:%M:%S}.500Z")
    rows.append("sensor.mode,unknown,2024-06-03T00:10:00.000Z")
    source = lines(tmp_path / "history.csv", *rows)
    with pytest.raises(InputError, match=r"--unit: is missing"):
        read_foreign("home_assistant", source, ImportOptions())
    dataset = imported("home_assistant", source, unit="kWh", resolution=60, time_zone=BERLIN)
    profiles = dataset.series["profiles"]
    assert profiles.keys == ("home",)
    measured = profiles.measured["load_kwh"][:, 0]
    # By UTC from 1 h on; the hours that touch the outage (12:10 to 14:10) are gaps, not zeros.
    assert np.flatnonzero(np.isnan(measured)).tolist() == [11, 12, 13]
    np.testing.assert_allclose(measured[~np.isnan(measured)], 0.5)
    np.testing.assert_allclose(profiles.measured["pv_kwh"], 0.1)
    assert dataset.filled_share() == {"home": pytest.approx(3 / 24)}
    reported = " ".join(map(str, dataset.warnings))
    assert "1 states of sensor.home_energy are unavailable" in reported
    assert "sensor.mode has no state that is a number" in reported


def test_sessions_of_evcc(tmp_path: Path) -> None:
    english = (
        "Created,Finished,Charging point,Identifier,Vehicle,Odometer (km),Meter start (kWh),"
        "Meter stop (kWh),Energy (kWh),Charge duration,Solar (%),Cost,Price/kWh"
    )
    source = lines(
        tmp_path / "sessions.csv",
        english,
        "2026-04-05 10:00:00,2026-04-05 12:00:00,Carport,,Car,,,,6.0,2h0m0s,0.0,1.80,0.300",
        "2026-04-01 10:00:00,2026-04-01 12:30:00,Carport,,Car,,,,10.25,2h0m0s,50.0,1.50,0.150",
        "2026-04-06 10:00:00,,Carport,,Car,,,,1.0,,,,",
    )
    dataset = imported("evcc", source, time_zone=BERLIN)
    sessions = dataset.records["charging_sessions"].columns
    np.testing.assert_allclose(sessions["energy_kwh"], [10.25, 6.0])
    assert sessions["charge_point"].tolist() == ["Carport", "Carport"]
    assert "1 of 3 sessions have no end" in str(dataset.warnings[0])
    german = (
        "\ufeffStartzeit;Endzeit;Ladepunkt;Kennung;Fahrzeug;Energie (kWh)",
        "2026-03-02 18:10:00;2026-03-02 21:40:00;Garage;;Auto;12,500",
    )
    dataset = imported("evcc", lines(tmp_path / "de.csv", *german), time_zone=BERLIN)
    np.testing.assert_allclose(dataset.records["charging_sessions"].columns["energy_kwh"], [12.5])
    api = [
        {"created": "2026-05-01T08:00:00+02:00", "finished": "2026-05-01T10:00:00+02:00",
         "loadpoint": "Garage", "vehicle": "Auto", "chargedEnergy": 8.0},
        {"created": "2026-05-02T08:00:00+02:00", "finished": "0001-01-01T00:00:00Z",
         "loadpoint": "Garage", "chargedEnergy": 1.2},
    ]  # fmt: skip
    (tmp_path / "api.json").write_text(json.dumps({"result": api}))
    dataset = imported("evcc", tmp_path / "api.json")
    assert dataset.records["charging_sessions"].columns["energy_kwh"].tolist() == [8.0]
    (tmp_path / "api.json").write_text(json.dumps([{**api[0], "chargedEnergy": "8"}]))
    with pytest.raises(InputError, match=r"session 1: chargedEnergy: '8' is no number"):
        read_foreign("evcc", tmp_path / "api.json", ImportOptions())


def test_sessions_of_acn(tmp_path: Path) -> None:
    item = {
        "connectionTime": "Wed, 25 Apr 2018 11:08:04 GMT", "kWhDelivered": 7.932,
        "disconnectTime": "Wed, 25 Apr 2018 13:20:10 GMT", "stationID": "2-39-79-380",
        "timezone": "America/Los_Angeles", "userID": None, "userInputs": None,
    }  # fmt: skip
    (tmp_path / "acn.json").write_text(json.dumps({"_meta": {}, "_items": [item]}))
    dataset = imported("acn", tmp_path / "acn.json")
    sessions = dataset.records["charging_sessions"].columns
    assert sessions["energy_kwh"].tolist() == [7.932]
    assert sessions["charge_point"].tolist() == ["2-39-79-380"]
    assert dataset.description.time_zone == "America/Los_Angeles"
    (tmp_path / "acn.json").write_text(json.dumps({"_items": [{**item, "connectionTime": None}]}))
    with pytest.raises(InputError, match="session 1: connectionTime: None is no time"):
        read_foreign("acn", tmp_path / "acn.json", ImportOptions())


def mtu(start: datetime, minutes: int) -> str:
    return f"{start:%d/%m/%Y %H:%M:%S} - {start + timedelta(minutes=minutes):%d/%m/%Y %H:%M:%S}"


def test_prices_of_entsoe_by_hours_and_quarters(tmp_path: Path) -> None:
    header = '"MTU (CET/CEST)","Area","Sequence","Day-ahead Price (EUR/MWh)"'
    hours = [f'"{mtu(t, 60)}","BZN|NL","",{t.hour}' for t in days("2025-09-30", 24)]
    quarters = [
        f'"{mtu(t, 15)}","BZN|NL","Sequence 1",{100 + n}'
        for n, t in enumerate(days("2025-10-01", 24, 15))
    ]
    others = [line.replace("Sequence 1", "Sequence 2") for line in quarters]
    source = lines(tmp_path / "nl.csv", header, *hours, *quarters, *others)
    dataset = imported("entsoe", source)
    assert (dataset.description.resolution, dataset.description.currency) == (15, "EUR")
    run = Calendar("2025-09-30", "Europe/Amsterdam", step_h=0.25)
    price = dataset.series["market"].over("price", run, 192)[:, 0]
    expected = [*np.repeat(np.arange(24), 4), *(100 + np.arange(96))]
    np.testing.assert_allclose(price, np.array(expected) / 1000)
    assert dataset.filled_share("market") == {"": 0.0}


@pytest.mark.parametrize(("day", "hours"), [("31.03.2019", 23), ("27.10.2019", 25)])
def test_prices_of_entsoe_at_clock_changes(tmp_path: Path, day: str, hours: int) -> None:
    # As the platform wrote them: 24 rows in spring, one of them empty; 25 in autumn.
    shown = [0, 1, 2, 2, *range(3, 24)] if hours == 25 else list(range(24))
    rows = []
    for n, hour in enumerate(shown):
        value = "" if hours == 23 and hour == 2 else f"{10 * n}"
        rows.append(f'"{day} {hour:02d}:00 - {day} {hour + 1:02d}:00","{value}","EUR",""')
    rows = [row.replace("24:00", "00:00") for row in rows]
    header = '"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]","Currency","BZN|DE-LU"'
    dataset = imported("entsoe", lines(tmp_path / "de.csv", header, *rows))
    start = f"{day[6:]}-{day[3:5]}-{day[:2]}"
    price = dataset.series["market"].over("price", Calendar(start, BERLIN), hours)[:, 0]
    values = [10 * n for n in range(25)] if hours == 25 else [0, 10, *range(30, 240, 10)]
    np.testing.assert_allclose(price, np.array(values) / 1000)
    assert dataset.filled_share("market") == {"": 0.0}


def test_renewables_ninja(tmp_path: Path) -> None:
    comments = (
        "# Renewables.ninja PV (Point API)  -  48.1, 11.5 (lat, lon)",
        '# {"units": {"time": "UTC", "electricity": "kW"}, "params": {"capacity": 4.0}}',
    )
    rows = [
        f"{t:%Y-%m-%d %H:%M},{t:%Y-%m-%d %H:%M},{t.hour / 10},0.1,0.2,{t.hour}"
        for t in days("2019-06-03", 48)
    ]
    header = "time,local_time,electricity,irradiance_direct,irradiance_diffuse,temperature"
    source = lines(tmp_path / "roof.csv", *comments, header, *rows)
    dataset = imported("renewables_ninja", source, time_zone=BERLIN)
    run = Calendar("2019-06-03T02:00", BERLIN)
    np.testing.assert_allclose(dataset.generation(run, 24).energy_kwh[:, 0], np.arange(24) / 10)
    np.testing.assert_allclose(
        dataset.series["weather"].over("temp_air", run, 24)[:, 0], np.arange(24)
    )
    assert dataset.records["members"].columns["pv_kw"].tolist() == [4.0]
    lines(source, header, *rows)
    with pytest.raises(InputError) as error:
        read_foreign("renewables_ninja", source, ImportOptions())
    assert str(error.value) == (
        f"{source}: names no capacity in a comment (allowed: the file with its lines of comments)"
    )


def test_a_spreadsheet(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="spreadsheets need openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["time", "Hall [kWh]", "Pool [kWh]"])
    for t in days("2024-06-03", 24):
        sheet.append([t, t.hour + 0.5, None if t.hour == 3 else 2])
    book.create_sheet("empty")
    book.save(tmp_path / "town.xlsx")
    dataset = imported("csv", tmp_path / "town.xlsx", time_zone=BERLIN)
    loads = dataset.loads(Calendar("2024-06-03", BERLIN), 24)
    np.testing.assert_allclose(loads.load_kwh[:, 0], np.arange(24) + 0.5)
    assert dataset.filled_share() == {"Pool": pytest.approx(1 / 24), "Hall": 0.0}
    sheet.cell(5, 2).value = "x"
    book.save(tmp_path / "town.xlsx")
    with pytest.raises(InputError, match=r"town.xlsx, line 5, column Hall \[kWh\]: 'x' is no"):
        read_foreign("csv", tmp_path / "town.xlsx", ImportOptions(time_zone=BERLIN))


def test_the_command_reads_a_wide_table(tmp_path: Path) -> None:
    rows = [f"{t:%d.%m.%Y %H:%M};1,5;2,5" for t in days("2024-06-03", 24)]
    source = lines(tmp_path / "town.csv", "Zeit;a;b", *rows)
    words = ["import", "csv", str(source), "--out", str(tmp_path / "town"), "--unit", "kWh"]
    words += ["--time-zone", BERLIN, "--time-format", "%d.%m.%Y %H:%M", "--licence", "CC0"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "profiles: 2 members, load_kwh" in result.stdout
    assert "filled: nothing, no member lacks a value" in result.stdout
