"""Values that can hardly be meant are warned of, in datasets and in scenarios alike."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from hmesh.environment.zone_places import distance_km, far_from_zone, places
from hmesh.runs import load_scenario
from hmesh.runs.command_line import app
from hmesh.runs.scenarios.scenario_warnings import scenario_warnings
from hmesh.runs.world.dataset_files import check_dataset

DAYS = 29
HOURS = 24 * DAYS
START = datetime(2024, 3, 1)


def load(seed: int = 1) -> np.ndarray[Any, Any]:
    """Return a month of a household of about 4,000 kWh a year [kWh]."""
    return np.round(np.random.default_rng(seed).uniform(0.2, 0.7, HOURS), 3)


def rows(values: Any, member: str = "house") -> list[str]:
    times = (START + timedelta(hours=n) for n in range(len(values)))
    return [f"{time:%Y-%m-%dT%H:%M},{member},{v}" for time, v in zip(times, values, strict=True)]


def dataset(folder: Path, values: Any, members: str = "house,household", **more: Any) -> Path:
    """Write a month of one member's loads; it has no photovoltaics unless `members` says so."""
    folder.mkdir()
    cells = (members.split(",") + [""] * 3)[:4]
    (folder / "members.csv").write_text(f"member,kind,annual_kwh,pv_kw\n{','.join(cells)}\n")
    (folder / "profiles.csv").write_text("\n".join(("time,member,load_kwh", *rows(values))))
    described = {
        "schema": 1, "name": "mine", "licence": "CC0", "time_zone": "Europe/Berlin",
        "clock": "wall", "labels": "start", "start": "2024-03-01T00:00",
        "end": f"2024-03-{DAYS + 1}T00:00", "resolution": 60,
        "tables": {"members": "members.csv", "profiles": "profiles.csv"}, **more,
    }  # fmt: skip
    (folder / "dataset.yaml").write_text(yaml.safe_dump(described))
    return folder


def scenario(folder: Path, **changes: Any) -> Path:
    """Write a scenario of one household whose loads stand in a file beside it."""
    member = {"kind": "household", "name": "h", "file": "loads.csv"}
    given = {
        "name": "small", "time_zone": "Europe/Berlin", "start": "2024-03-01T00:00",
        "hours": HOURS, "strategies": ["spfa_s"], "communities": {"homes": {"members": [member]}},
        **changes,
    }  # fmt: skip
    if given["strategies"] == ["spfa_s"]:
        appliance = {"name": "a", "kind": "appliance", "storage": "s", "power_kw": 0.1}
        home = {"name": "x", "community": "homes", "appliances": [appliance | {"hours": [[0, 24]]}],
                "storages": [{"name": "s"}]}  # fmt: skip
        given["smart_homes"] = {"groups": [home]}
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    return path


def of_dataset(folder: Path) -> list[str]:
    return [str(warning) for warning in check_dataset(folder).warnings]


def of_scenario(path: Path, *changes: str) -> list[str]:
    return [str(warning) for warning in scenario_warnings(load_scenario(str(path), changes))]


def in_both(folder: Path, values: Any) -> tuple[list[str], list[str]]:
    """Return the warnings of loads in a dataset, and in a file that a scenario names."""
    (folder / "loads.csv").write_text("\n".join(("time,member,load_kwh", *rows(values))))
    return of_dataset(dataset(folder / "data", values)), of_scenario(scenario(folder))


def test_plausible_loads_are_not_warned_of(tmp_path: Path) -> None:
    assert in_both(tmp_path, load()) == ([], [])


def test_a_load_below_0_without_generation_names_its_hour(tmp_path: Path) -> None:
    values = load()
    values[24 * 12 + 12] = -1400.0
    for (reported,) in in_both(tmp_path, values):
        assert "'house' is below 0 in 1 of 696 intervals, lowest -1,400 kWh at" in reported
        assert "at 2024-03-13 12:00+01:00: plausible only where it generates energy" in reported
    assert of_dataset(dataset(tmp_path / "sun", values, "house,household,,5")) == []


def test_a_register_that_only_rises_is_no_load(tmp_path: Path) -> None:
    readings = np.round(100.0 + np.cumsum(load() / 1000), 4)
    for reported in in_both(tmp_path, readings):
        assert any("'house' only rises, from 100" in line for line in reported), reported
    replaced = readings.copy()
    replaced[400:] -= 100.0  # a new meter begins at 0
    (tmp_path / "again").mkdir()
    for reported in in_both(tmp_path / "again", replaced):
        assert any("only rises" in line for line in reported), reported


def test_a_spike_names_its_time_and_its_neighbours(tmp_path: Path) -> None:
    values = load()
    values[30] = 412.0
    for (reported,) in in_both(tmp_path, values):
        assert "'house' has 412 kWh at 2024-03-02 06:00+01:00, above 100 times" in reported
        assert reported.endswith("the highest of all others, 0.7")


def test_a_decimal_point_left_out_of_six_rows_is_seen(tmp_path: Path) -> None:
    values = [31.0, 28500, 6.2, 4.0, 4.0, 4.1]
    (tmp_path / "loads.csv").write_text("\n".join(("time,member,load_kwh", *rows(values))))
    member = {"kind": "building", "name": "works", "file": "loads.csv"}
    path = scenario(tmp_path, hours=6, communities={"homes": {"members": [member]}})
    (reported,) = of_scenario(path)
    assert (
        "loads.csv: 'house' has 28,500 kWh at 2024-03-01 01:00+01:00, above 100 times" in reported
    )


def test_a_vehicle_that_charges_among_standby_is_no_spike(tmp_path: Path) -> None:
    values = np.full(HOURS, 0.05) + load() / 100
    values[::20] = 11.0
    assert in_both(tmp_path, values) == ([], [])


def test_loads_in_wh_are_seen_in_a_month_with_annual_kwh(tmp_path: Path) -> None:
    reported = of_dataset(dataset(tmp_path / "wh", 1000 * load(), "house,,4000"))
    (line,) = reported
    assert "members.csv, column annual_kwh: the profiles of 1 member amount to another" in line
    assert "kWh in a year, not 4,000; perhaps they are in Wh" in line
    # A month of winter has more than its twelfth.
    assert of_dataset(dataset(tmp_path / "winter", 2.5 * load(), "house,,4000")) == []
    assert len(of_dataset(dataset(tmp_path / "mwh", load() / 1000, "house,,4000"))) == 1


def test_loads_in_wh_are_seen_without_annual_kwh(tmp_path: Path) -> None:
    for (reported,) in in_both(tmp_path, 1000 * load()):
        assert "kWh in a year, outside the 50 to 1,000,000 kWh of a household" in reported
        assert reported.endswith("perhaps it is in Wh")
    (tmp_path / "scenario").mkdir()
    group = {"kind": "household", "name": "h", "dataset": "nameless"}
    dataset(tmp_path / "scenario" / "nameless", 1000 * load(), "house,household")
    members = tmp_path / "scenario" / "nameless" / "members.csv"
    members.write_text("member\nhouse\n")
    path = scenario(tmp_path / "scenario", communities={"homes": {"members": [group]}})
    (reported,) = of_scenario(path)
    assert "'house' amounts to" in reported
    assert reported.endswith("perhaps it is in Wh")


def test_a_scenario_shows_what_was_filled_in_its_dataset(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "data", load())
    profiles = folder / "profiles.csv"
    lines = profiles.read_text().splitlines()
    profiles.write_text("\n".join(line for n, line in enumerate(lines) if n != 50))
    group = {"kind": "household", "name": "h", "dataset": "data"}
    (reported,) = of_scenario(scenario(tmp_path, communities={"homes": {"members": [group]}}))
    assert reported.endswith(
        "profiles.csv: up to 0.14% of the intervals of a member are filled, most those of 'house', "
        "first at 2024-03-03 01:00+01:00"
    )


@pytest.mark.parametrize(
    ("annual_kwh", "unit"), [(3.5e6, "perhaps it is in Wh"), (3.5, "perhaps it is in MWh")]
)
def test_the_energy_of_a_household_is_weighed(annual_kwh: float, unit: str, tmp_path: Path) -> None:
    member = {"kind": "household", "name": "h", "annual_kwh": annual_kwh, "profile": "h0"}
    path = scenario(tmp_path, communities={"homes": {"members": [member]}})
    (reported,) = of_scenario(path)
    assert reported.startswith("communities.homes.members.0.annual_kwh: 3")
    assert reported.endswith(
        f"kWh in a year, outside the 50 to 1,000,000 kWh of a household: {unit}"
    )
    assert of_scenario(path, "communities.homes.members.0.kind=building") == []
    assert of_scenario(path, "communities.homes.members.0.annual_kwh=4000") == []


GAME = {
    "strategies": ["two_level", "three_level"],
    "currency": "EUR",
    "generation_cost": {"quadratic": 0.0004, "linear": 0.1},
    "prices": {"utility": [0, 0.6], "aggregator": [0, 0.6],
               "time_of_use": {"on_peak": 0.26, "off_peak": 0.19}},
    "communities": {name: {"members": []} for name in ("homes", "malls", "offices")},
    "vehicles": {"count": 4, "lam": [0.3, 0.5], "theta": 0.012},
    "hours": 6,
}  # fmt: skip


def test_preferences_are_compared_with_the_price_bounds(tmp_path: Path) -> None:
    path = scenario(tmp_path, **GAME)
    assert of_scenario(path) == []
    assert of_scenario(path, "vehicles.lam=0.08") == []
    for lam in ("[30, 50]", "{distribution: normal, mean: 40, deviation: 3}"):
        (reported,) = of_scenario(path, f"vehicles.lam={lam}")
        assert reported.startswith("vehicles.lam: 3")
        assert reported.endswith("above the highest community price, 0.6: vehicles charge whatever "
                             "the price")  # fmt: skip
    (reported,) = of_scenario(path, "vehicles.lam=0.1", "prices.aggregator=[0.2, 0.6]")
    assert "lies below the lowest community price, 0.2: no vehicle ever charges" in reported
    (tmp_path / "lam.csv").write_text("lam\n" + "40\n" * 4)
    (reported,) = of_scenario(path, "vehicles.lam={distribution: file, file: lam.csv, column: lam}")
    assert reported.startswith("vehicles.lam: 40 EUR/kWh lies far above")
    assert of_scenario(path, "strategies=[typical]", "vehicles.lam=[30, 50]") == []


def test_prices_per_mwh_are_not_taken_for_kwh(tmp_path: Path) -> None:
    path = scenario(tmp_path, **GAME)
    (reported,) = of_scenario(path, "generation_cost.linear=100")
    assert reported.startswith(
        "generation_cost.linear: 100 EUR/kWh is above 5 EUR/kWh: perhaps they"
    )
    high = ["prices.utility=[0, 260]", "prices.aggregator=[0, 260]", "vehicles.lam=[200, 260]"]
    reported = of_scenario(path, *high, "prices.time_of_use.on_peak=260")
    assert [line.split(":")[0] for line in reported] == [
        "prices.utility", "prices.aggregator", "prices.time_of_use.on_peak"
    ]  # fmt: skip
    yen = [*high, "currency=JPY", "prices.time_of_use.on_peak=260"]
    assert of_scenario(path, *yen) == []  # 260 JPY are 2 EUR
    hours = [f"{START + timedelta(hours=n):%Y-%m-%dT%H:%M},{80 + n % 7}" for n in range(HOURS)]
    tables = {"market": "market.csv"}
    for currency, expected in (("EUR", 1), ("JPY", 0), (None, 0)):
        folder = dataset(tmp_path / f"m{currency}", load(), tables=tables, currency=currency)
        (folder / "market.csv").write_text("\n".join(("time,price", *hours)))
        reported = of_dataset(folder)
        assert len(reported) == expected, reported
        assert all(
            "column price: prices are 82.99 EUR/kWh in the mean" in line for line in reported
        ), reported
        assert all("above 5 EUR/kWh: perhaps they are per MWh" in line for line in reported)


@pytest.mark.parametrize(
    ("latitude", "longitude", "zone", "reported"),
    [
        (52.5, 13.4, "Europe/Berlin", ""),
        (-17.5, -149.6, "Europe/Berlin", "h off the standard time"),  # the Pacific
        (13.4, 52.5, "Europe/Berlin", "from the place after which"),  # taken the other way round
        (39.5, 76.0, "Asia/Shanghai", ""),  # the farthest of all that are right
        (42.9, -9.3, "Europe/Madrid", ""),
        (1.9, -157.4, "Pacific/Kiritimati", ""),  # a day ahead of its sun
        (34.1, -117.4, "America/Los_Angeles", ""),
        (34.1, 117.4, "America/Los_Angeles", "h off the standard time"),
        (39.7, -105.2, "Etc/GMT+7", ""),
        (53.3, -6.3, "Europe/Dublin", ""),
    ],
)  # fmt: skip
def test_a_location_lies_in_its_time_zone(
    latitude: float, longitude: float, zone: str, reported: str, tmp_path: Path
) -> None:
    far = far_from_zone(latitude, longitude, zone, 2024)
    assert (reported in far) if reported else far == ""
    where = f"location={{latitude: {latitude}, longitude: {longitude}}}"
    path = scenario(tmp_path, time_zone=zone, hours=24, communities={"homes": {"members": []}})
    warnings = of_scenario(path, where)
    assert [line.startswith("location: latitude") for line in warnings] == [True] * bool(reported)


def test_every_place_of_a_zone_lies_in_it() -> None:
    found = places()
    assert len(found) > 300
    assert found["America/New_York"] == pytest.approx((40.714, -74.006), abs=0.001)
    off = {zone for zone, place in found.items() if far_from_zone(*place, zone, 2024)}
    assert off == set()
    assert distance_km(0.0, 0.0, 0.0, 90.0) == pytest.approx(10_007.5, abs=0.1)


def test_a_check_and_a_run_report_what_is_implausible(tmp_path: Path) -> None:
    member = {"kind": "household", "name": "h", "annual_kwh": 3.5e6, "profile": "h0"}
    path = scenario(tmp_path, hours=2, plots=False, communities={"homes": {"members": [member]}})
    line = "warning: communities.homes.members.0.annual_kwh: 3,500,000 kWh in a year, outside the"
    checked = CliRunner().invoke(app, ["check", str(path)])
    assert (checked.exit_code, line in checked.stdout) == (0, True), checked.output
    arguments = ["run", str(path), "--out", str(tmp_path / "run"), "--no-progress"]
    ran = CliRunner().invoke(app, arguments)
    assert (ran.exit_code, line in ran.stderr) == (0, True), ran.output
