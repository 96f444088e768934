"""Whether chargers for both directions pay: against sums of the tables, and sizes of a year."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.command_line import app

SCENARIO = """
name: v2g
time_zone: Europe/Berlin
start: "2023-05-02T00:00"
hours: 48
currency: EUR
communities:
  homes: {members: [{kind: household, name: h, count: 30, annual_kwh: 3500, profile: h0}]}
  offices: {members: [{kind: building, name: o, annual_kwh: 200000, profile: g1}]}
  malls: {members: [{kind: building, name: m, annual_kwh: 300000, profile: g4}]}
prices: {time_of_use: {off_peak: 0.2, on_peak: 0.4, from_hour: 8, to_hour: 22}}
strategies: [typical, two_level]
plots: false
vehicles:
  count: 12
  groups:
    - {name: one_way, count: 5, v2g_kw: 0}
    - {name: both_ways, count: 7, v2g_kw: 6}
  lam: 0.3
  theta: 0.01
  economics: {charger_price: 900, charger_price_per_kw: 40, wear: 0.03, interest_rate: 0.02}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of twelve vehicles, seven of which may discharge."""
    folder = tmp_path_factory.mktemp("v2g")
    (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    start_run(load_scenario(folder / "s.yaml"), folder / "run")
    return folder / "run"


def test_cost_and_price_are_those_of_the_tables(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, report.failed
    totals = json.loads((run / "summary.json").read_text())
    ledger = read_run(run).table("ledger").to_pandas()
    paid = ledger[ledger["strategy"] == "two_level"].groupby("kind")[["amount", "energy_kwh"]].sum()
    sold = paid.loc["vehicle_discharging"]
    assert sold["energy_kwh"] > 1
    due = paid.loc["vehicle_charging", "amount"] - sold["amount"] + 0.03 * sold["energy_kwh"]
    assert totals["two_level"]["ev_running_cost"] == pytest.approx(due, rel=1e-9)
    assert totals["two_level"]["ev_investment"] == pytest.approx(7 * (900 + 40 * 6))
    assert totals["typical"]["ev_investment"] == 0
    assert totals["typical"]["vehicle_discharged_kwh"] == 0


def test_energy_is_valued_at_stated_prices(run: Path) -> None:
    tariff = "{bands: [{hours: [8, 20], price: 0.5}, {price: 0.1}]}"
    made = load_scenario(run.parent / "s.yaml", [f"vehicles.economics.tariff={tariff}"])
    start_run(made, run.parent / "valued")
    assert audit_run(run.parent / "valued").passed
    hours = read_run(run.parent / "valued").table("hours").to_pandas()
    mine = hours[hours["strategy"] == "two_level"]
    clock = mine["step"] % 24
    price = clock.between(8, 19).map({True: 0.5, False: 0.1})
    totals = json.loads((run.parent / "valued" / "summary.json").read_text())["two_level"]
    due = (price * mine["ev_kwh"]).sum() + 0.03 * totals["vehicle_discharged_kwh"]
    assert totals["ev_running_cost"] == pytest.approx(due, rel=1e-9)


def test_a_price_that_is_missing_is_named(run: Path) -> None:
    with pytest.raises(InputError, match=r"vehicles\.economics\.charger_price"):
        load_scenario(run.parent / "s.yaml", ["vehicles.economics={wear: 1}"])


@pytest.mark.slow
def test_a_power_of_discharging_is_chosen(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    words = ["size", "s.yaml", "--out", "sizes", "--vary", "vehicles.groups.1.v2g_kw=0,4,8"]
    year = ["hours=8760", "record.vehicles=none", "plots=false"]
    words += [word for change in year for word in ("--set", change)]
    result = CliRunner().invoke(
        app, [*words, "--workers", "1", "--no-progress"], env={"COLUMNS": "110"}
    )
    assert result.exit_code == 0, result.output
    worth = {}
    for folder in (run.parent / "sizes" / "runs").iterdir():
        info = json.loads((folder / "run.json").read_text())
        power = info["scenario"]["vehicles"]["groups"][1]["v2g_kw"]
        totals = json.loads((folder / "summary.json").read_text())
        saved = totals["typical"]["ev_running_cost"] - totals["two_level"]["ev_running_cost"]
        price = 7 * (900 + 40 * power) if power else 0.0
        worth[power] = sum(saved / 1.02**n for n in range(1, 16)) - price
    if max(worth[4], worth[8]) > 0:
        assert f"v2g_kw {4 if worth[4] > worth[8] else 8}" in result.output
    else:
        assert "no size pays for itself" in result.output
    assert re.search(r"economics\.wear +0\.03 +EUR/kWh", result.output)
