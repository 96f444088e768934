"""Houses with storages in whole runs: cases, audits, measured houses, faults, resuming."""

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError
from hmesh.environment.house_profiles import house_need
from hmesh.environment.retail_tariff import (
    base_charge,
    feed_in_of,
    feed_in_years,
    rest_day,
    time_of_use,
)
from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.results.result_tables import TABLES, TABLES_OF
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.shared_datasets import us_houses
from tests.test_audit_tampering import edit, otherwise

SHORT = ("years=null", "hours=48", "plots=false")
SECTION = "composite_storage"
GROUP = f"{SECTION}.groups.0"
HOUSES = (f"{GROUP}.count=3", f"{GROUP}.variation=0.2", f"{SECTION}.carbon_tax=4.3")
CASES = ("no_house_storage", "house_battery", "thermal_tank", "hybrid_storage")


@cache
def finished(folder: Path, *changes: str) -> Path:
    start_run(load_scenario("composite-storage", (*SHORT, *changes)), folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("houses") / "run", *HOUSES)


def totals(folder: Path) -> dict[str, dict[str, Any]]:
    summary: dict[str, dict[str, Any]] = json.loads((folder / "summary.json").read_text())
    return summary


def test_a_run_of_the_four_cases_passes_its_audit(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    made = {check.name: check.passed for check in report.checks}
    assert made["houses with storages: managers decide by their rules"]
    assert made["houses with storages: never cheaper than with foresight"]


def test_every_kwh_and_every_yen_of_a_house_stands_in_the_summary(run: Path) -> None:
    for case in CASES:
        t = totals(run)[case]
        used = t["house_appliances_kwh"] + t["house_heat_pump_kwh"] + t["house_charge_kwh"]
        there = t["house_generation_kwh"] + t["house_import_kwh"] + t["house_discharge_kwh"]
        assert used + t["house_export_kwh"] == pytest.approx(there)
        assert t["house_carbon_tax"] == pytest.approx(4.3 * t["house_co2_kg"])
        assert t["house_co2_kg"] == pytest.approx(0.347 * t["house_import_kwh"])
        assert t["money_imbalance"] == 0.0
        assert t["counts"]["houses_without_enough_heat"] == 0


@pytest.mark.quick_every(6)
@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column.name) for table in TABLES_OF[SECTION] for column in TABLES[table]],
)
def test_one_changed_value_of_a_house_fails_though_the_digest_was_mended(
    run: Path, tmp_path: Path, table: str, column: str
) -> None:
    directory = shutil.copytree(run, tmp_path / "run")
    values = pq.read_table(directory / f"{table}.parquet").column(column).to_pylist()
    moving = [row for row, value in enumerate(values) if value] or list(range(len(values)))
    chosen = moving[len(moving) // 2]
    wrong = otherwise(values[chosen], values)
    edit(directory, table, column, lambda row, value: wrong if row == chosen else value)
    assert not audit_run(directory).passed


def test_no_capacity_is_the_house_without_storage(tmp_path: Path) -> None:
    none = [f"{SECTION}.sizes.{case}={{}}" for case in CASES[1:]]
    summary = totals(finished(tmp_path / "run", *none))
    first = summary[CASES[0]]
    for case in CASES[1:]:
        for name, value in summary[case].items():
            if name.startswith("house_"):
                assert value == pytest.approx(first[name])


def test_foresight_follows_its_plan_and_is_audited(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run", f"{SECTION}.manager=foresight")
    report = audit_run(folder)
    assert report.passed, "\n".join(report.lines())
    ruled = totals(finished(tmp_path / "rules"))
    for case, t in totals(folder).items():
        assert t["counts"]["house_plans_missed"] == 0
        assert t["house_running_cost"] <= ruled[case]["house_running_cost"] + 1e-6


def test_lost_messages_and_outages_leave_every_balance_whole(tmp_path: Path) -> None:
    folder = finished(
        tmp_path / "run",
        *HOUSES,
        "messages.loss_rate=0.1",
        "messages.keep=all",
        "chance.feeder_outages={mean_time_between_failures_h: 12, mean_time_to_repair_h: 3}",
    )
    report = audit_run(folder)
    assert report.passed, "\n".join(report.lines())
    for t in totals(folder).values():
        assert t["counts"]["houses_unheard"] > 0
        assert t["house_unserved_kwh"] > 0


def test_a_stopped_run_goes_on_as_if_it_never_was() -> None:
    setting = make_setting(load_scenario("composite-storage", (*SHORT, *HOUSES)))
    whole, stopped = (Simulation(setting, "hybrid_storage") for _ in range(2))
    for _ in range(30):
        whole.step()
        stopped.step()
    resumed = Simulation(setting, "hybrid_storage")
    resumed.restore(json_like(stopped.state()))
    for _ in range(18):
        whole.step()
        resumed.step()
    assert whole.summary() == resumed.summary()


def json_like(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a state that shares nothing with the simulation it comes from."""
    import copy

    return copy.deepcopy(state)


def test_more_houses_do_not_change_the_first() -> None:
    few, many = (
        make_setting(load_scenario("composite-storage", (*SHORT, *HOUSES, f"{GROUP}.count={n}")))
        for n in (2, 5)
    )
    for one, other in zip(
        few.schemes["composite_storage"].series.of_step(20),
        many.schemes["composite_storage"].series.of_step(20),
        strict=True,
    ):
        assert (one == other[:2]).all()


def test_heat_beyond_what_a_house_can_make_is_reported_not_hidden(tmp_path: Path) -> None:
    cold = [f"{GROUP}.heat.annual_kwh=40000"]
    t = totals(finished(tmp_path / "run", *cold))["no_house_storage"]
    assert t["counts"]["houses_without_enough_heat"] > 0
    assert t["house_unmet_heat_kwh"] > 1.0
    with pytest.raises(InputError, match="kWh of heat are needed"):
        finished(tmp_path / "plans", *cold, f"{SECTION}.manager=foresight")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("tariff={feed_in: 7, feed_in_year: 2015}", "feed_in and feed_in_year are given"),
        ("tariff={feed_in_year: 2008}", "2009 to 2021"),
        ("tariff={time_of_use: kyushuu, feed_in: 7}", "kyushu"),
        ("groups.0.community=kitakyushuu", "kitakyushu"),
        ("groups.0.heat={annual_kwh: 1, file: heat.csv}", "annual_kwh|heat.csv"),
        ("devices.soc_max=0.05", "soc_max"),
        ("groups.0.photovoltaics={pv_kw: 5, clearness: 0.95}", "clearness|vary"),
    ],
)
def test_mistakes_are_reported_with_what_is_allowed(change: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        load_scenario("composite-storage", (f"{SECTION}.{change}",))


def test_a_leap_year_has_a_day_more_of_everything() -> None:
    leap, common = (Calendar(f"{year}-01-01", "Asia/Tokyo") for year in (2016, 2017))
    more = house_need("heat", 9300, leap, 8784).sum() - 9300
    february = house_need("heat", 9300, common, 8760)[31 * 24 : 59 * 24].sum() / 28
    assert house_need("heat", 9300, common, 8760).sum() == pytest.approx(9300)
    assert more == pytest.approx(february)
    assert base_charge(leap, 8784, 1650.0).sum() == pytest.approx(12 * 1650.0)


def test_the_last_of_february_of_a_leap_year_is_simulated(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", "start=2016-02-28T00:00", "hours=72")
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    times = pq.read_table(run / "hours.parquet").column("time").to_pylist()
    assert {f"{time:%m-%d}" for time in times} == {"02-28", "02-29", "03-01"}
    leap = load_scenario("composite-storage", ("start=2016-01-01T00:00", "plots=false"))
    assert leap.steps == 8784


def test_days_of_23_and_25_hours_are_simulated_with_foresight(tmp_path: Path) -> None:
    changes = (
        "time_zone=Europe/Berlin",
        "location={latitude: 50, longitude: 10}",
        f"{SECTION}.manager=foresight",
    )
    for start, feed_in in (("2017-03-25T00:00", 30), ("2017-10-28T00:00", 7)):
        change = f"{SECTION}.tariff.feed_in={feed_in}"
        run = finished(tmp_path / start[:7], *changes, f"start={start}", change)
        report = audit_run(run)
        assert report.passed, "\n".join(report.lines())


def test_days_of_23_and_25_hours_bear_their_hours() -> None:
    berlin = Calendar("2017-01-01", "Europe/Berlin")
    assert base_charge(berlin, 8760, 1650.0).sum() == pytest.approx(12 * 1650.0)
    prices = time_of_use("kyushu", berlin, 8760)
    peak_price = prices > 13.21
    days = berlin.days_of(0, 8760)
    assert set(np.bincount(days, peak_price).tolist()) == {14.0}


def test_the_tariff_is_the_utilitys() -> None:
    tokyo = Calendar("2017-04-01", "Asia/Tokyo")
    prices = time_of_use("kyushu", tokyo, 8760)
    at = {
        (4, 3): 23.95, (4, 1): 17.82, (5, 1): 17.82, (8, 1): 26.84, (8, 5): 21.22, (12, 29): 26.84,
    }  # fmt: skip
    for step in range(12, 24 * 280, 24):
        day = tokyo.date_of(step)
        if (price := at.get((day.month, day.day))) is not None:
            assert prices[step] == price
        assert prices[step] == prices[step + 9] > prices[step + 10] == 13.21
    assert rest_day(tokyo, tokyo.date_of(0))
    assert [feed_in_of(year) for year in (2009, 2012, 2021)] == [48, 42, 19]
    falls = np.diff([price for price, _ in feed_in_years().values()])
    assert (falls <= 0).all()
    assert all(source for _, source in feed_in_years().values())


@pytest.mark.slow
def test_measured_prices_below_zero_are_used_as_they_are(tmp_path: Path) -> None:
    times = pd.date_range("2017-04-01", periods=48, freq="h").strftime("%Y-%m-%dT%H:%M")
    folder = tmp_path / "prices"
    folder.mkdir()
    price = np.where(np.arange(48) % 24 == 3, -5.0, 20.0)
    pd.DataFrame({"time": times, "price": price}).to_csv(folder / "market.csv", index=False)
    (folder / "dataset.yaml").write_text(
        "schema: 1\nname: prices\ntime_zone: Asia/Tokyo\nclock: wall\nlabels: start\n"
        "currency: JPY\nresolution: 60\n"
        "start: 2017-04-01T00:00\nend: 2017-04-03T00:00\nlicence: made for a test\n"
        "tables:\n  market: market.csv\n"
    )
    tariff = f"{SECTION}.tariff={{time_of_use: null, dataset: {folder}, feed_in: 7}}"
    for manager in ("rule_based", "foresight"):
        run = finished(tmp_path / manager, tariff, f"{SECTION}.manager={manager}")
        report = audit_run(run)
        assert report.passed, "\n".join(report.lines())


@pytest.mark.slow
def test_the_danish_heat_meter_and_measured_houses_with_photovoltaics_run(
    shared: Path, tmp_path: Path
) -> None:
    data = shared / "data"
    if not data.is_dir():
        pytest.skip("the shared data are not here")
    us_houses(data, tmp_path / "houses")
    meter = pd.read_parquet(data / "households" / "heat_dk_meter660_2018_2020_hourly.parquet")
    # The meter began two years after the houses: the same dates of another winter.
    steps = 96
    begin = meter.index[meter["timestamp_utc"] == pd.Timestamp("2019-01-10T00:00")][0]
    heat = meter["heat_kwh"].to_numpy()[begin : begin + steps]
    times = pd.date_range("2017-01-10", periods=steps, freq="h").strftime("%Y-%m-%dT%H:%M")
    measured = pd.DataFrame({"time": times, "member": "dk660", "load_kwh": heat})
    measured.to_csv(tmp_path / "heat.csv", index=False)
    changes = (
        "start=2017-01-10T00:00",
        "time_zone=America/Los_Angeles",
        f"hours={steps}",
        f"{GROUP}.appliances={{dataset: {tmp_path / 'houses'}}}",
        f"{GROUP}.photovoltaics={{dataset: {tmp_path / 'houses'}}}",
        f"{GROUP}.heat={{file: {tmp_path / 'heat.csv'}}}",
        f"{SECTION}.devices.heat_pump_kw=6",
        "communities.kitakyushu.feeder.rating_kw=1000",
        "record.houses=2",
    )
    run = finished(tmp_path / "run", *changes)
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    summary = totals(run)
    assert summary["no_house_storage"]["house_heat_kwh"] == pytest.approx(11 * heat.sum())
    assert (
        summary["hybrid_storage"]["house_running_cost"]
        < summary["no_house_storage"]["house_running_cost"]
    )


def test_hours_missing_in_a_measurement_are_reported_by_their_time(tmp_path: Path) -> None:
    times = pd.date_range("2017-04-01", periods=48, freq="h").strftime("%Y-%m-%dT%H:%M")
    rows = pd.DataFrame({"time": times, "member": "heat", "load_kwh": 1.0}).drop(index=[7, 8])
    rows.to_csv(tmp_path / "heat.csv", index=False)
    with pytest.raises(InputError, match=r"no row for 2017-04-01 07:00.* and 1 more"):
        finished(tmp_path / "run", f"{GROUP}.heat={{file: {tmp_path / 'heat.csv'}}}")
