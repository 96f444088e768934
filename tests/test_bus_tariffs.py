"""Schools with a tariff of their own: bills by hand, and what they remember of its prices."""

import json
from pathlib import Path

import numpy as np
import pytest

from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

HOURS = 48
TARIFF = (
    "school_buses.tariff={bands: [{hours: [22, 2], price: 0.9}, {price: 1.3}], fees: {grid: 0.1}, "
    "value_added_tax: 0.19, base_charge_per_month: 31, "
    "demand_charges: [{price_per_kw: 8, interval: 60}], tiers: [{above_kwh: 300, surcharge: 0.1}]}"
)
STRATEGIES = ("charge_after_use", "optimal_energy_price")


def made(*changes: str) -> Scenario:
    given = (
        TARIFF, f"hours={HOURS}", f"strategies=[{', '.join(STRATEGIES)}]", "plots=false",
        "record.accounts=all", "messages.keep=none", "game.solver=exact",
    )  # fmt: skip
    return load_scenario("school-buses", [*given, *changes])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bus-tariffs") / "run"
    start_run(made(), folder)
    return folder


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_bill_of_each_school_is_worked_out_by_hand(run: Path, strategy: str) -> None:
    held = read_run(run)
    clock = [step.hour for step in held.table("hours").to_pandas()["time"].drop_duplicates()]
    rows = held.table("schools").to_pandas()
    rows = rows[rows["strategy"] == strategy]
    accounts = held.table("accounts").to_pandas()
    accounts = accounts[(accounts["kind"] == "schools") & (accounts["strategy"] == strategy)]
    figures = json.loads((run / "summary.json").read_text())[strategy]
    in_all, demand = 0.0, 0.0
    for school, mine in rows.groupby("school"):
        charged = mine.sort_values("step")["charged_kwh"].to_numpy()
        price = np.array([0.9 if hour >= 22 or hour < 2 else 1.3 for hour in clock])
        due = (price * charged).sum() + 0.1 * charged.sum() + 8 * charged.max()
        due += 0.1 * max(charged.sum() - 300, 0.0)
        days = 30 if held.info["scenario"]["start"][5:7] in ("04", "06", "09", "11") else 31
        due += 31 * HOURS / 24 / days
        due *= 1.19
        row = accounts[accounts["member"] == school].iloc[0]
        assert row["paid"] == pytest.approx(due, rel=1e-9)
        in_all, demand = in_all + due, demand + 8 * charged.max()
    assert figures["bus_bill"] == pytest.approx(in_all, rel=1e-9)
    assert figures["bus_bill_demand_charge"] == pytest.approx(demand, rel=1e-9)
    assert figures["school_charging_bill"] == pytest.approx(in_all, rel=1e-9)
    assert figures["money_imbalance"] == 0.0


@pytest.mark.slow
def test_the_audit_agrees(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())


@pytest.mark.slow
def test_an_audit_that_does_not_know_all_meters_says_so(tmp_path: Path) -> None:
    start_run(
        made("record.schools=2", "hours=24", "strategies=[charge_after_use]"), tmp_path / "run"
    )
    report = audit_run(tmp_path / "run")
    assert report.passed
    checks = {check.name: check for check in report.checks}
    bills = checks["school buses with a tariff: meter by meter"]
    assert bills.passed is None
    whose = "only 2 of 20 schools are written down"
    assert bills.note == f"amounts are those of the ledger: {whose}"
    assert "summary.bus_bill" in report.not_covered
    assert (
        "bus_bill"
        in json.loads((tmp_path / "run" / "summary.json").read_text())["charge_after_use"]
    )


def test_schools_remember_what_their_tariff_costs() -> None:
    """The average price of what buses hold moves towards the price of the night, tax included."""
    world = Simulation(make_setting(made()), "charge_after_use")
    for _ in range(30):
        world.step()
    district = world.schemes["school_buses"].district  # type: ignore[attr-defined]
    average = district.population["average_price"]
    start = made().school_buses.average_price_start  # type: ignore[attr-defined]
    night, day = (0.9 + 0.1) * 1.19, (1.3 + 0.1) * 1.19
    assert (average <= max(start, day) + 1e-12).all()
    assert (average >= min(start, night) - 1e-12).all()
    assert (average != start).any()


@pytest.mark.slow
def test_a_month_goes_on() -> None:
    setting = make_setting(made())
    whole, first, second = (Simulation(setting, STRATEGIES[1]) for _ in range(3))
    for _ in range(HOURS):
        whole.step()
    for _ in range(23):
        first.step()
    second.restore(first.state())
    for _ in range(HOURS - 23):
        second.step()
    assert second.summary() == whole.summary()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("school_buses.tariff.feed_in=0.1", "is paid the incentive"),
        ("school_buses.tariff.settlement=net_metering", "is paid the incentive"),
        ("school_buses.price_response={}", "which schools do not pay"),
        ("school_buses.tariff={}", "nothing sets the price"),
    ],
)
def test_what_does_not_go_with_a_tariff_is_refused(change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(change)
