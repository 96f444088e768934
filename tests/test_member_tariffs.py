"""Households and buildings with a tariff of their own, their bills against values by hand."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import hmesh.runs.world.meter_bills as meter_module
import hmesh.runs.world.stated_bill as bill_module
from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_audit_tampering import edit

START = datetime(2024, 1, 30, 12)
STEPS = 72
# What two members use by the hour; the second feeds in around noon.
LOADS = {
    "a": [round(0.5 + (n % 24) / 10, 2) for n in range(STEPS)],
    "b": [round(0.4 - 1.5 * (n % 24 < 4), 2) for n in range(STEPS)],
}
TARIFF = (
    "{bands: [{hours: [22, 6], price: 20}, {price: 30}], feed_in: 8, settlement: net_metering, "
    "fees: {grid: 10, levy: 2}, value_added_tax: 0.19, base_charge_per_month: 1000, "
    "demand_charges: [{price_per_kw: 500, interval: 60}], "
    "tiers: [{above_kwh: 30, surcharge: 5}]}"
)
SCENARIO = """
name: tariffs
time_zone: Europe/Berlin
start: "2024-01-30T12:00"
hours: 72
strategies: [typical, three_level]
game: {solver: exact}
location: {latitude: 52.5, longitude: 13.4}
plots: false
record: {accounts: all}
communities:
  homes:
    members:
      - {kind: household, name: measured, file: loads.csv, tariff: TARIFF}
      - {kind: household, name: others, profile: h0, annual_kwh: 3500, count: 3, pv_kw: 2}
      - {kind: building, name: shops, profile: g1, annual_kwh: 20000, pv_kw: 10, count: 2,
         tariff: {bands: [{price: 25}], feed_in: 6}}
  malls: {members: []}
  offices: {members: [{kind: household, name: flats, profile: h0, annual_kwh: 2000, count: 4}]}
roads: [{between: [homes, offices], km: 3}, {between: [homes, malls], km: 2}]
vehicles: {count: 4}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tariffs")
    rows = ["time,member,load_kwh"]
    for name, loads in LOADS.items():
        for n, load in enumerate(loads):
            rows.append(f"{START + timedelta(hours=n):%Y-%m-%d %H:%M},{name},{load}")
    (folder / "loads.csv").write_text("\n".join(rows) + "\n")
    (folder / "s.yaml").write_text(SCENARIO.replace("TARIFF", TARIFF))
    return folder


def made(folder: Path, *changes: str) -> Scenario:
    return load_scenario(folder / "s.yaml", changes)


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    start_run(made(folder, "strategies=[typical]"), folder / "run")
    return folder / "run"


def due(loads: list[float]) -> dict[str, float]:
    """Return the parts of a member's bill, by hand: 36 hours of January and 36 of February."""
    price = [20 if (12 + n) % 24 >= 22 or (12 + n) % 24 < 6 else 30 for n in range(STEPS)]
    parts = dict.fromkeys(
        ("purchase", "fee_grid", "fee_levy", "demand_charge", "tier_charge", "net_metering"), 0.0
    )
    parts["base_charge"] = 1000 * (36 / (31 * 24) + 36 / (29 * 24))
    parts["feed_in"] = 8 * sum(max(-load, 0.0) for load in loads)
    for steps in (range(36), range(36, STEPS)):
        bought = {n: max(loads[n], 0.0) for n in steps}
        sold = {n: max(-loads[n], 0.0) for n in steps}
        parts["purchase"] += sum(price[n] * e for n, e in bought.items())
        parts["fee_grid"] += 10 * sum(bought.values())
        parts["fee_levy"] += 2 * sum(bought.values())
        parts["demand_charge"] += 500 * max(bought.values())
        parts["tier_charge"] += 5 * max(sum(bought.values()) - 30, 0.0)
        if sum(sold.values()):
            part = min(sum(bought.values()) / sum(sold.values()), 1.0)
            more = sum(e * ((price[n] + 12) * 1.19 - 8) for n, e in sold.items())
            parts["net_metering"] += part * more
    taxed = sum(v for name, v in parts.items() if name not in ("feed_in", "net_metering"))
    return parts | {"value_added_tax": 0.19 * taxed}


def total(parts: dict[str, float]) -> float:
    return sum(-v if name in ("feed_in", "net_metering") else v for name, v in parts.items())


def test_the_bill_of_each_member_is_worked_out_by_hand(run: Path) -> None:
    accounts = read_run(run).table("accounts").to_pandas()
    mine = accounts[accounts["kind"] == "households"]
    for number, loads in enumerate(LOADS.values()):
        row = mine[mine["member"] == number].iloc[0]
        assert row["paid"] - row["received"] == pytest.approx(total(due(loads)), rel=1e-9)
        assert row["bought_kwh"] == pytest.approx(sum(max(e, 0) for e in loads))
        assert row["sold_kwh"] == pytest.approx(sum(max(-e, 0) for e in loads))


def test_parts_of_bills_are_figures_of_the_run(run: Path) -> None:
    ledger = read_run(run).table("ledger").to_pandas()
    ledger = ledger[ledger["strategy"] == "typical"]
    figures = json.loads((run / "summary.json").read_text())["typical"]
    parts = [due(loads) for loads in LOADS.values()]
    for name in ("demand_charge", "tier_charge", "fee_grid", "net_metering", "value_added_tax"):
        expected = sum(part[name] for part in parts)
        sign = -1.0 if name == "net_metering" else 1.0
        assert figures[f"member_bill_{name}"] == pytest.approx(sign * expected, rel=1e-9)
        paid = ledger[ledger["kind"] == f"member_{name}"]["amount"].sum()
        assert paid == pytest.approx(expected, rel=1e-9)
    named = {n: v for n, v in figures.items() if n.startswith("member_bill_")}
    assert figures["member_bill"] == pytest.approx(sum(named.values()), rel=1e-12)


def test_the_audit_agrees(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    unmade = [check.name for check in report.checks if check.passed is None]
    assert not [name for name in unmade if "tariff" in name or "account" in name]


@pytest.mark.slow
def test_the_audit_finds_what_was_changed(run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "run")
    ledger = read_run(other).table("ledger").to_pandas()
    where = set(ledger.index[ledger["kind"] == "member_tier_charge"])
    edit(other, "ledger", "amount", lambda row, value: 2 * value if row in where else value)
    assert [check.name for check in audit_run(other).checks if check.passed is False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "name"), [(bill_module, "demand_charge"), (meter_module, "net_metering_credit")]
)
def test_a_fault_in_a_rule_fails_the_audit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Any, name: str
) -> None:
    right = getattr(place, name)
    monkeypatch.setattr(place, name, lambda *args: 1.1 * right(*args))
    start_run(made(folder, "strategies=[typical]"), tmp_path / "run")
    monkeypatch.setattr(place, name, right)
    assert audit_run(tmp_path / "run").failed


@pytest.mark.slow
def test_the_game_of_others_changes_no_bill(folder: Path, run: Path) -> None:
    start_run(made(folder), folder / "both")
    assert audit_run(folder / "both").passed
    both = json.loads((folder / "both" / "summary.json").read_text())
    typical = json.loads((run / "summary.json").read_text())["typical"]
    for name, amount in typical.items():
        if name.startswith("member_bill"):
            assert both["three_level"][name] == both["typical"][name] == amount


def test_money_paid_is_money_received_and_a_month_goes_on(folder: Path) -> None:
    setting = make_setting(made(folder))
    whole, first, second = (Simulation(setting, "three_level") for _ in range(3))
    for _ in range(STEPS):
        whole.step()
    for _ in range(50):
        first.step()
    second.restore(first.state())
    for _ in range(STEPS - 50):
        second.step()
    assert second.summary() == whole.summary()
    assert whole.summary()["money_imbalance"] == 0.0


def test_the_meter_of_a_site_pays_as_much(folder: Path) -> None:
    """One rule, two kinds of members: the same load under the same tariff."""
    site = made(
        folder, "strategies=[sites_without_devices]", "vehicles.count=0",
        "communities.homes.members.0.members=[a]",
        "metered_sites={groups: [{name: site, community: offices, "
        "load: {file: loads.csv, members: [a]}}], "
        f"tariff: {TARIFF}}}",
    )  # fmt: skip
    simulation = Simulation(make_setting(site), "sites_without_devices")
    for _ in range(STEPS):
        simulation.step()
    summary = simulation.summary()
    shops = {n: v for n, v in summary.items() if n.startswith("member_bill_")}
    for name in ("demand_charge", "tier_charge", "fee_grid", "fee_levy"):
        assert summary[f"site_bill_{name}"] == pytest.approx(shops[f"member_bill_{name}"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("communities.homes.members.0.elasticity={value: 0.2, reference_price: 30}",
         "their load answers to the price of the community"),
        ("communities.homes.local_exchange={}", "measured, shops have a tariff of their own"),
        ("grid={limits: keep, shed: true}", "whose load is shed"),
        ("communities.homes.members.0.tariff={}", "nothing sets the price"),
        ("battery_sharing={capacity_kwh: 5}", "battery_sharing gives members energy"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_tariff_is_refused(folder: Path, change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(folder, change)


def test_a_time_without_a_price_is_named(folder: Path) -> None:
    change = "communities.homes.members.2.tariff.bands=[{price: 3, days: weekends}]"
    with pytest.raises(InputError, match=r"members.2.tariff.bands.*no band has a price at Tuesday"):
        make_setting(made(folder, change))
