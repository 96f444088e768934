"""Whether school buses that sell pay: against sums of the tables, and a year in closed form."""

from pathlib import Path

import numpy as np
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.schemes.school_buses import step
from hmesh.runs.schemes.school_buses.words import rows
from tests.interrupted_runs import interrupted_run

SCENARIO = """
name: buses-pay
time_zone: America/Detroit
start: "2023-10-02T00:00"
hours: 36
currency: USD
school_terms: {built_in: michigan}
strategies: [charge_after_use, valley_charging, centralised, optimal_energy_price]
generation_cost: {quadratic: 4.0e-4, linear: 0.08, fixed: 0}
prices: {retail: average}
communities:
  town:
    members:
      - {kind: building, name: halls, annual_kwh: 1500000, profile: g1}
      - {kind: household, name: homes, count: 300, annual_kwh: 4000, profile: h0}
school_buses:
  groups: [{name: school, community: town, schools: 2, buses: 3}]
  critical: {share_of_peak: 0.9}
  round_km: 20
  lam: 0.1
  theta: 0.0001
  average_price_start: 0.1
  incentive_price: [0.05, 2.0]
  centralised_margin: 0.05
  economics:
    charger_price: 3000
    charger_price_per_kw: 20
    battery_price_per_kwh: 5
    wear: 0.02
    tariff: {bands: [{hours: [22, 6], price: 0.1}, {price: 0.3}]}
plots: false
"""
SELLING = ("centralised", "optimal_energy_price")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day and a half of six buses at two schools."""
    folder = tmp_path_factory.mktemp("buses")
    (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    start_run(load_scenario(folder / "s.yaml"), folder / "run")
    return folder / "run"


def test_cost_and_price_are_those_of_the_tables(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    opened = read_run(run)
    schools = opened.table("schools").to_pandas()
    for strategy, totals in opened.summary.items():
        mine = schools[schools["strategy"] == strategy]
        clock = mine["step"] % 24
        price = np.where((clock >= 22) | (clock < 6), 0.1, 0.3)
        earned = (mine["sold_kwh"] * mine["incentive_price"].fillna(0.0)).sum()
        due = (price * mine["charged_kwh"]).sum() - earned + 0.02 * mine["sold_kwh"].sum()
        assert totals["school_running_cost"] == pytest.approx(due, rel=1e-9)
        sells = strategy in SELLING
        assert (mine["sold_kwh"].sum() > 10) == sells
        each = 3000 + 20 * 60 + 5 * 200
        assert totals["school_investment"] == (6 * each if sells else 0)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["cost_of_step", "cost_of_chargers"])
def test_the_audit_finds_another_cost(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    """A fault in what the simulation states does not pass."""
    right = getattr(step, rule)
    monkeypatch.setattr(
        step, rule, lambda buses: {k: 1.01 * value for k, value in right(buses).items()}
    )
    start_run(load_scenario(run.parent / "s.yaml"), tmp_path / "wrong")
    assert not audit_run(tmp_path / "wrong").passed


@pytest.mark.slow
def test_buses_that_answer_to_prices_sell_under_valley_charging_too(
    run: Path, tmp_path: Path
) -> None:
    """Energy delivered by an answer wears, and needs the charger; nobody answers unscheduled."""
    changes = [
        "school_buses.price_response={}",
        "strategies=[charge_after_use, valley_charging+two_level]",
        "prices={utility: [0.05, 0.6], aggregator: [0.05, 0.6], time_of_use: {on_peak: 0.42, "
        "off_peak: 0.12, from_hour: 9, to_hour: 21}}",
        "vehicles={count: 0}", "game.solver=exact",
        "school_buses.economics.tariff=null",
    ]  # fmt: skip
    start_run(load_scenario(run.parent / "s.yaml", changes), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    opened = read_run(tmp_path / "run")
    totals = opened.summary["valley_charging+two_level"]
    assert totals["school_buses_response_discharged_kwh"] > 1
    due = totals["school_bill"] + totals["school_buses_response_bill"]
    due += 0.02 * (totals["school_sold_kwh"] + totals["school_buses_response_discharged_kwh"])
    assert totals["school_running_cost"] == pytest.approx(due, rel=1e-9)
    assert totals["school_investment"] == 6 * 5200
    assert opened.summary["charge_after_use"]["school_investment"] == 0


def test_a_year_in_closed_form() -> None:
    def totals(cost: float, investment: float) -> dict[str, float]:
        return {
            "school_running_cost": cost, "school_investment": investment, "school_years": 1.0,
            "school_interest_rate": 0.04, "school_lifetime_years": 12.0,
        }  # fmt: skip

    every = [totals(9000.0, 0.0), totals(8900.0, 0.0), totals(8000.0, 6000.0)]
    of = {label: value for label, value, *_ in rows(every)}
    years = of["buses' payback [a]"](every[2])
    assert years is not None
    assert 1000 * (1 - 1.04**-years) / 0.04 == pytest.approx(6000)
    worth = of["buses' net present value [{currency}]"](every[2])
    assert worth == pytest.approx(sum(1000 / 1.04**year for year in range(1, 13)) - 6000)
    rate = of["buses' internal rate of return [%]"](every[2])
    assert rate is not None
    assert sum(1000 / (1 + rate / 100) ** year for year in range(1, 13)) == pytest.approx(6000)


def test_a_price_that_is_missing_is_named(run: Path) -> None:
    with pytest.raises(InputError, match=r"school_buses\.economics\.charger_price"):
        load_scenario(run.parent / "s.yaml", ["school_buses.economics={wear: 1}"])


@pytest.mark.slow
def test_an_interrupted_run_gives_the_same(run: Path, tmp_path: Path) -> None:
    resume_run(interrupted_run(tmp_path / "parts", 20, load_scenario(run.parent / "s.yaml")))
    assert read_run(tmp_path / "parts").summary == read_run(run).summary
