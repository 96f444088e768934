"""Tariffs that a scenario states: bands, fees, tax, charges of a month, against values by hand."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError
from hmesh.environment.tariff_bands import TimeBand, band_prices, read_tariff_file
from hmesh.markets.monthly_charges import demand_charge, tier_charge
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_audit_tampering import edit

TARIFFS = Path(__file__).parents[2] / "shared" / "data" / "formats" / "tariffs"
PGE = TARIFFS / "pge_a10_tou_aug_2019.json"
BERLIN = "Europe/Berlin"
HEAD = """
name: home
time_zone: Europe/Berlin
currency: EUR
strategies: [no_house_storage, house_battery]
holidays: {country: DE}
communities: {street: {members: []}}
plots: false
"""


def test_bands_by_hour_weekday_season_and_holiday() -> None:
    bands = [
        (TimeBand((22.0, 6.0)), 0.2),
        (TimeBand(days=("weekends",)), 0.25),
        (TimeBand(season=((11, 1), (3, 31))), 0.4),
        (TimeBand(), 0.3),
    ]
    # Friday, March 29, 2024 is Good Friday; Saturday follows; Monday is Easter Monday.
    calendar = Calendar("2024-03-28T00:00", BERLIN, holiday_country="DE")
    price = band_prices(bands, calendar, 24 * 7, "bands")
    local = [calendar.time_of(s).astimezone(ZoneInfo(BERLIN)) for s in range(24 * 7)]
    free = {date(2024, 3, d) for d in (29, 30, 31)} | {date(2024, 4, 1)}
    for at, found in zip(local, price.tolist(), strict=True):
        night = at.hour >= 22 or at.hour < 6
        winter = at.date() <= date(2024, 3, 31)
        expected = 0.2 if night else 0.25 if at.date() in free else 0.4 if winter else 0.3
        assert found == expected, at


def test_a_step_across_a_change_pays_the_mean() -> None:
    bands = [(TimeBand((8.5, 12.0)), 0.3), (TimeBand(), 0.1)]
    price = band_prices(bands, Calendar("2024-06-03", BERLIN), 24, "bands")
    np.testing.assert_allclose(price[7:13], [0.1, 0.2, 0.3, 0.3, 0.3, 0.1])
    fine = band_prices(bands, Calendar("2024-06-03", BERLIN, step_h=0.25), 96, "bands")
    assert fine[33] == 0.1
    assert fine[34] == 0.3


def test_a_time_without_a_price_is_named() -> None:
    bands = [(TimeBand(days=("weekdays",)), 0.3)]
    with pytest.raises(InputError, match="no band has a price at Saturday 2024-06-08 00:00"):
        band_prices(bands, Calendar("2024-06-03", BERLIN), 24 * 7, "bands")


@pytest.mark.skipif(not PGE.exists(), reason="the shared tariffs are not there")
def test_three_real_tariffs() -> None:
    held = read_tariff_file(PGE)
    # A summer weekday of PG&E A-10 as the tariff book states it.
    price = band_prices(
        held.bands, Calendar("2019-07-10", "America/Los_Angeles", step_h=0.5), 48, ""
    )
    expected = [(8.5, 0.14903), (12, 0.1771), (18, 0.23223), (21.5, 0.1771), (24, 0.14903)]
    for half, found in enumerate(price.tolist()):
        assert found == next(value for end, value in expected if half / 2 < end)
    assert [charge for _, charge in held.demand] == [19.99, 11.66]
    weekend = band_prices(held.bands, Calendar("2019-07-13", "America/Los_Angeles"), 24, "")
    assert set(weekend.tolist()) == {0.14903}
    # SCE's winter of TOU-EV-8 crosses the new year.
    held = read_tariff_file(TARIFFS / "sce_tou_ev_8_june_2019.json")
    price = band_prices(held.bands, Calendar("2019-12-31", "America/Los_Angeles"), 48, "")
    np.testing.assert_array_equal(price[:24], price[24:])
    assert price[17] == 0.297
    assert held.demand == ()
    held = read_tariff_file(TARIFFS / "sce_tou_ev_4_march_2019.json")
    assert {charge for _, charge in held.demand} == {15.51}


def test_a_file_that_is_no_tariff(tmp_path: Path) -> None:
    path = tmp_path / "tariff.json"
    part = {"id": "s", "effective_start": "01-01", "effective_end": "12-31", "dow_mask": "ALL",
            "times": [0, 8], "tariffs": [0.1, 0.2]}  # fmt: skip
    for change, message in (
        ({"times": [0]}, "each with its tariff"),
        ({"times": [0, 8.1]}, "no quarters"),
        ({"dow_mask": "SOME"}, "is no tariff: 'SOME'"),
        ({"effective_end": "13-45"}, "month must be"),
    ):
        path.write_text(json.dumps({"schedule": [{**part, **change}]}))
        with pytest.raises(InputError, match=message):
            read_tariff_file(path)


def test_charges_of_a_month_by_hand() -> None:
    energy = np.array([100.0, 300.0, 620.0])
    charge = tier_charge(energy, np.array([300.0, 600.0]), np.array([0.05, 0.10]))
    np.testing.assert_allclose(charge, [0.0, 0.0, 320 * 0.05 + 20 * 0.10])
    peaks = np.array([[4.0, 6.0], [2.0, 1.0]])
    np.testing.assert_allclose(demand_charge(peaks, np.array([10.0, 3.0])), [46.0, 63.0])


def scenario(folder: Path, tariff: str, *, hours: int, load: list[float], step_h: float = 1) -> str:
    """Write a house with a measured load and nothing else, and return its scenario."""
    start = datetime(2024, 1, 30, 12)
    times = pd.date_range(start, periods=len(load), freq=f"{60 * step_h:g}min")
    for name, values in (("load", load), ("nothing", [0.0] * len(load))):
        rows = [f"{t:%Y-%m-%d %H:%M},a,{v}" for t, v in zip(times, values, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(("time,member,load_kwh", *rows)) + "\n")
    (folder / "s.yaml").write_text(
        HEAD
        + f'start: "{start:%Y-%m-%dT%H:%M}"\nhours: {hours}\nstep_h: {step_h}\n'
        + "composite_storage:\n  sizes: {house_battery: {battery_kwh: 4}}\n"
        + "  groups: [{name: house, community: street, appliances: {file: load.csv}, "
        + "heat: {file: nothing.csv}, photovoltaics: {file: nothing.csv}}]\n"
        + f"  tariff: {tariff}\n"
    )
    return str(folder / "s.yaml")


LOAD = [round(0.5 + (n % 24) / 10, 2) for n in range(72)]
TARIFF = (
    "{bands: [{hours: [22, 6], price: 0.2}, {price: 0.3}], feed_in: 0.08, "
    "fees: {grid: 0.1, levy: 0.02}, value_added_tax: 0.19, base_charge_per_month: 10, "
    "demand_charges: [{price_per_kw: 5, interval: 60}], tiers: [{above_kwh: 30, surcharge: 0.05}]}"
)


def totals(folder: Path) -> Any:
    return json.loads((folder / "summary.json").read_text())


def test_a_bill_by_part_worked_out_by_hand(tmp_path: Path) -> None:
    source = scenario(tmp_path, TARIFF, hours=72, load=LOAD)
    out = tmp_path / "run"
    start_run(load_scenario(source, ("record.accounts=all",)), out)
    bill = totals(out)["no_house_storage"]
    # From January 30, 12 h on: 36 hours of January and 36 of February.
    night = [(12 + n) % 24 >= 22 or (12 + n) % 24 < 6 for n in range(72)]
    energy = sum(e * (0.2 if cheap else 0.3) for e, cheap in zip(LOAD, night, strict=True))
    fees = {"fee_grid": 0.1 * sum(LOAD), "fee_levy": 0.02 * sum(LOAD)}
    months = (LOAD[:36], LOAD[36:])
    demand = 5 * sum(max(month) for month in months)
    tiers = 0.05 * sum(max(sum(month) - 30, 0.0) for month in months)
    base = 10 * 36 / (31 * 24) + 10 * 36 / (29 * 24)
    net = energy + sum(fees.values()) + demand + tiers + base
    expected = {
        "purchase": energy, "demand_charge": demand, "tier_charge": tiers, "base_charge": base,
        "value_added_tax": 0.19 * net, "feed_in": 0.0, **fees,
    }  # fmt: skip
    for part, amount in expected.items():
        assert bill[f"house_bill_{part}"] == pytest.approx(amount, rel=1e-9, abs=1e-12), part
    assert bill["house_bill"] == pytest.approx(1.19 * net, rel=1e-9)
    assert [check.name for check in audit_run(out).checks if check.passed is False] == []
    # The account of the house is its bill.
    accounts = read_run(out).table("accounts").to_pandas()
    house = accounts[(accounts["strategy"] == "no_house_storage") & (accounts["kind"] == "houses")]
    assert house["paid"].tolist() == pytest.approx([1.19 * net], rel=1e-9)
    ledger = read_run(out).table("ledger").to_pandas()
    ledger = ledger[ledger["strategy"] == "no_house_storage"]
    paid = ledger[ledger["kind"] == "house_demand_charge"]["amount"]
    assert paid[paid > 0].tolist() == pytest.approx([5 * max(month) for month in months])
    # The audit finds a bill that was changed.
    where = set(ledger.index[ledger["kind"] == "house_tier_charge"])
    edit(out, "ledger", "amount", lambda row, value: 2 * value if row in where else value)
    assert [check.name for check in audit_run(out).checks if check.passed is False]


def test_net_metering_of_a_house_by_hand(tmp_path: Path) -> None:
    """Two half months: in the second more is delivered than bought."""
    sun = [0.0] * 20 + [2.0] * 10 + [0.0] * 10 + [4.0] * 30 + [0.0] * 2
    tariff = TARIFF.replace("feed_in: 0.08", "feed_in: 0.08, settlement: net_metering")
    source = scenario(tmp_path, tariff, hours=72, load=LOAD)
    nothing, table = (tmp_path / f"{name}.csv" for name in ("nothing", "sun"))
    head, *rows = nothing.read_text().split()[0], *nothing.read_text().splitlines()[1:]
    reported = [f"{row.rpartition(',')[0]},{kwh}" for row, kwh in zip(rows, sun, strict=True)]
    table.write_text("\n".join((head, *reported)) + "\n")
    changes = ("composite_storage.groups.0.photovoltaics.file=sun.csv", "record.accounts=all")
    out = tmp_path / "run"
    start_run(load_scenario(source, changes), out)
    price = [0.2 if (12 + n) % 24 >= 22 or (12 + n) % 24 < 6 else 0.3 for n in range(72)]
    due = 0.0
    for steps in (range(36), range(36, 72)):
        bought = {n: max(LOAD[n] - sun[n], 0.0) for n in steps}
        sold = {n: max(sun[n] - LOAD[n], 0.0) for n in steps}
        part = min(sum(bought.values()) / sum(sold.values()), 1.0)
        due += part * sum(e * ((price[n] + 0.12) * 1.19 - 0.08) for n, e in sold.items())
    bill = totals(out)["no_house_storage"]
    assert bill["house_bill_net_metering"] == pytest.approx(due, rel=1e-9)
    parts = {n: v for n, v in bill.items() if n.startswith("house_bill_")}
    less = ("house_bill_feed_in", "house_bill_net_metering")
    total = sum(-v if name in less else v for name, v in parts.items())
    assert bill["house_bill"] == pytest.approx(total, rel=1e-9)
    assert [check.name for check in audit_run(out).checks if check.passed is False] == []
    accounts = read_run(out).table("accounts").to_pandas()
    mine = accounts[(accounts["strategy"] == "no_house_storage") & (accounts["kind"] == "houses")]
    assert mine["paid"].item() - mine["received"].item() == pytest.approx(bill["house_bill"])
    ledger = read_run(out).table("ledger").to_pandas()
    where = set(ledger.index[ledger["kind"] == "house_net_metering"])
    edit(out, "ledger", "amount", lambda row, value: 2 * value if row in where else value)
    assert [check.name for check in audit_run(out).checks if check.passed is False]
    setting = make_setting(load_scenario(source, changes))
    first, second = (Simulation(setting, "house_battery") for _ in range(2))
    for _ in range(50):
        first.step()
    second.restore(first.state())
    for _ in range(22):
        second.step()
    assert second.summary()["house_bill"] == totals(out)["house_battery"]["house_bill"]


def test_peaks_of_quarters_and_of_hours(tmp_path: Path) -> None:
    # Quarters of 1, 3, 2, 0 kWh: 12 kW over 15 min, 6 kW over an hour; by night nothing counts.
    load = [1.0, 3.0, 2.0, 0.0] * 8 + [9.0] * 16
    tariff = "{bands: [{price: 0.2}], feed_in: 0.1, demand_charges: [%s]}"
    charges = "{price_per_kw: 1, hours: [8, 20]}, {price_per_kw: 100, interval: 60, hours: [8, 20]}"
    source = scenario(tmp_path, tariff % charges, hours=12, load=load, step_h=0.25)
    start_run(load_scenario(source), tmp_path / "run")
    bill = totals(tmp_path / "run")["no_house_storage"]
    assert bill["house_bill_demand_charge"] == pytest.approx(12 + 600)
    assert [c.name for c in audit_run(tmp_path / "run").checks if c.passed is False] == []
    with pytest.raises(InputError, match="15 min is not known in steps of 30 min"):
        start_run(load_scenario(source, ("step_h=0.5",)), tmp_path / "coarse")


def test_a_month_goes_on_after_an_interruption(tmp_path: Path) -> None:
    source = scenario(tmp_path, TARIFF, hours=72, load=LOAD)
    start_run(load_scenario(source), tmp_path / "whole")
    whole = totals(tmp_path / "whole")
    setting = make_setting(load_scenario(source))
    first = Simulation(setting, "house_battery")
    for _ in range(50):
        first.step()
    second = Simulation(setting, "house_battery")
    second.restore(first.state())
    for _ in range(22):
        second.step()
    assert second.summary()["house_bill"] == whole["house_battery"]["house_bill"]


def test_what_a_battery_does_with_bands(tmp_path: Path) -> None:
    # By rules it charges by night; the bill by part says what it saves.
    source = scenario(tmp_path, TARIFF, hours=72, load=LOAD)
    start_run(load_scenario(source), tmp_path / "run")
    without, battery = (
        totals(tmp_path / "run")[name] for name in ("no_house_storage", "house_battery")
    )
    assert battery["house_bill_purchase"] < without["house_bill_purchase"]
    assert battery["house_bill_fee_grid"] > without["house_bill_fee_grid"]  # it loses energy


@pytest.mark.parametrize(
    ("tariff", "message"),
    [
        ("{bands: [{price: 0.3}]}", "nothing pays for deliveries"),
        ("{bands: [{price: 0.3}], time_of_use: kyushu, feed_in: 0.1}", "are given"),
        ("{bands: [{price: 0.3, hours: [8, 25]}], feed_in: 0.1}", r"bands.0.hours.*25 is no such"),
        ("{bands: [{price: 0.3, hours: [8.1, 9]}], feed_in: 0.1}", "8.1 is no such hour"),
        ("{bands: [{price: 0.3, days: weekday}], feed_in: 0.1}", "did you mean 'weekdays'"),
        ("{bands: [{price: 0.3, season: [05-01, 02-30]}], feed_in: 0.1}", "season"),
        ("{bands: [{price: 0.3}], fees: {Grid fee: 0.1}, feed_in: 0.1}", "no name of a fee"),
        ("{bands: [{price: 0.3}], value_added_tax: 19, feed_in: 0.1}", "value_added_tax"),
        ("{bands: [{price: 0.3}], feed_in_column: price}", "feed_in_column needs a dataset"),
        ("{file: tariff.json, feed_in: 0.1}", "there is no file"),
    ],
)
def test_mistakes_of_a_tariff(tmp_path: Path, tariff: str, message: str) -> None:
    source = scenario(tmp_path, tariff, hours=72, load=LOAD)
    with pytest.raises(InputError, match=message):
        load_scenario(source)


def test_the_price_of_a_community_has_no_further_parts(tmp_path: Path) -> None:
    source = scenario(tmp_path, TARIFF.replace("{bands", "{community: true, bands"), hours=72,
                      load=LOAD)  # fmt: skip
    with pytest.raises(InputError) as caught:
        load_scenario(source)
    named = {problem.place.rpartition(".")[2] for problem in caught.value.problems}
    assert named == {
        "bands", "feed_in", "fees", "value_added_tax", "demand_charges", "tiers"
    }  # fmt: skip


@pytest.mark.skipif(not PGE.exists(), reason="the shared tariffs are not there")
def test_a_run_by_a_tariff_file(tmp_path: Path) -> None:
    (tmp_path / "pge.json").write_text(PGE.read_text())
    source = scenario(tmp_path, "{file: pge.json, feed_in: 0.03}", hours=72, load=LOAD)
    start_run(load_scenario(source), tmp_path / "run")
    bill = totals(tmp_path / "run")["no_house_storage"]
    # January and February have the winter's demand charge, 11.66 for the highest hour of each.
    assert bill["house_bill_demand_charge"] == pytest.approx(11.66 * (max(LOAD) * 2))
    assert [c.name for c in audit_run(tmp_path / "run").checks if c.passed is False] == []
