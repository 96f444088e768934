"""Prosumers with tariffs of their own, part by part: accounts by hand, audits, a battery."""

import json
from pathlib import Path

import pytest

from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.prosumer_runs import scenario_of
from tests.test_member_tariffs import STEPS, TARIFF, due, total

SCENARIO = f"""
name: prosumer-tariffs
time_zone: Europe/Berlin
start: "2024-01-30T12:00"
hours: {STEPS}
strategies: [three_level]
game: {{solver: exact}}
plots: false
record: {{accounts: all}}
location: {{latitude: 52.5, longitude: 13.4}}
communities:
  homes:
    members:
      - kind: prosumer
        name: pioneers
        count: 3
        annual_kwh: 3500
        pv_kw: 4
        connection_kw: 6
        tariff: {TARIFF}
        owns:
          vehicle:
            share: 0.8
            tariff: {{bands: [{{hours: [22, 6], price: 18}}, {{price: 31}}], fees: {{grid: 9}}, feed_in: 12}}
          home:
            share: 0.8
            tariff: {{bands: [{{price: 25}}], feed_in: 10}}
            appliances: [{{name: l, kind: appliance, storage: s, power_kw: 0.6, hours: [[18, 24]]}}]
            storages: [{{name: s, capacity_kwh: 4, soc_start: 0.5}}]
      - {{kind: prosumer, name: plain, count: 2, annual_kwh: 2000, pv_kw: 1, owns: {{vehicle: {{}}}}}}
  malls: {{members: []}}
  offices: {{members: [{{kind: household, name: f, profile: h0, annual_kwh: 2000, count: 4}}]}}
roads: [{{between: [homes, offices], km: 3}}, {{between: [homes, malls], km: 2}}]
vehicles: {{count: 3}}
smart_homes: {{groups: []}}
"""  # noqa: E501


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prosumer-tariffs")
    (folder / "s.yaml").write_text(SCENARIO)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    start_run(load_scenario(folder / "s.yaml"), folder / "run")
    return folder / "run"


def part(run: Path, name: str, prosumer: int) -> tuple[list[float], float]:
    """Return what a part of a prosumer draws in every step, and what it pays in all."""
    rows = read_run(run).table("prosumer_parts").to_pandas()
    rows = rows[(rows["part"] == name) & (rows["prosumer"] == prosumer)].sort_values("step")
    net = (rows["bought_kwh"] - rows["sold_kwh"]).tolist()
    return net, float((rows["paid"] - rows["received"]).sum())


def test_each_part_pays_by_its_own_tariff(run: Path) -> None:
    accounts = read_run(run).table("accounts").to_pandas()
    accounts = accounts[accounts["kind"] == "prosumers"].set_index("member")
    seen = set()
    for prosumer in range(3):
        loads, paid = part(run, "households", prosumer)
        in_all = total(due(loads))
        assert paid == pytest.approx(in_all, rel=1e-9)
        energies, paid = part(run, "vehicles", prosumer)
        if energies:
            night = [(12 + n) % 24 >= 22 or (12 + n) % 24 < 6 for n in range(STEPS)]
            bill = sum(
                ((18 if dark else 31) + 9) * max(e, 0) - 12 * max(-e, 0)
                for dark, e in zip(night, energies, strict=True)
            )
            assert paid == pytest.approx(bill, rel=1e-9)
            in_all += bill
            seen.add("vehicles")
        energies, paid = part(run, "homes", prosumer)
        if energies:
            bill = sum(25 * max(e, 0) - 10 * max(-e, 0) for e in energies)
            assert paid == pytest.approx(bill, rel=1e-9)
            in_all += bill
            seen.add("homes")
        row = accounts.loc[prosumer]
        assert row["paid"] - row["received"] == pytest.approx(in_all, rel=1e-9)
    assert seen == {"vehicles", "homes"}
    figures = json.loads((run / "summary.json").read_text())["three_level"]
    assert figures["money_imbalance"] == 0.0


@pytest.mark.slow
def test_the_audit_agrees(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    checks = {check.name: check for check in report.checks}
    for name in (
        "prosumers: parts trade as their schemes have it",
        "prosumers: account and connection are those of all parts",
        "vehicles with a tariff: best response to their own prices",
    ):
        assert checks[name].passed


@pytest.mark.slow
def test_a_month_goes_on(folder: Path) -> None:
    setting = make_setting(load_scenario(folder / "s.yaml"))
    whole, first, second = (Simulation(setting, "three_level") for _ in range(3))
    for _ in range(STEPS):
        whole.step()
    for _ in range(40):
        first.step()
    second.restore(first.state())
    for _ in range(STEPS - 40):
        second.step()
    assert second.summary() == whole.summary()


@pytest.mark.slow
def test_the_battery_of_a_prosumer_acts_on_the_tariff_of_houses(tmp_path: Path) -> None:
    """In the cheap band it charges, and what it pays passes every check of the audit."""
    tariff = (
        "composite_storage.tariff={bands: [{hours: [0, 4], price: 12}, {price: 40}], feed_in: 10, "
        "demand_charges: [{price_per_kw: 20, interval: 60}]}"
    )
    changes = (tariff, "strategies=[house_battery]", "composite_storage.price_response=null")
    start_run(scenario_of(*changes, "hours=48"), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    rows = read_run(tmp_path / "run").table("house_sums").to_pandas()
    by_step = rows.groupby("step")[["charge_kwh", "discharge_kwh"]].sum()
    # On the first day nothing is known of loads yet.
    assert (by_step["charge_kwh"][24:28] > 0).all()
    assert by_step["discharge_kwh"][28:31].sum() > 0
