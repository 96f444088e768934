"""Vehicles with a tariff of their own: bills by hand, what suits them, and what is refused."""

import json
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hmesh.runs.schemes.vehicles.own_tariffs as own_module
from hmesh.environment.datasets.readers import ImportOptions
from hmesh.environment.errors import InputError
from hmesh.markets.departure_value import StoreColumns, gain_of_exchange
from hmesh.markets.tariff_response import TariffTerms, best_under_tariff
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.audits.reference.known_tariff import wrong_under_tariff
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.dataset_files import import_dataset
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_member_tariffs import STEPS, TARIFF, due, total
from tests.test_stated_tariffs import TARIFFS

SCENARIO = f"""
name: vehicle-tariffs
time_zone: Europe/Berlin
start: "2024-01-30T12:00"
hours: {STEPS}
strategies: [typical, three_level]
game: {{solver: exact}}
plots: false
record: {{accounts: all}}
communities:
  homes: {{members: [{{kind: household, name: h, profile: h0, annual_kwh: 3500, count: 3}}]}}
  malls: {{members: []}}
  offices: {{members: [{{kind: household, name: f, profile: h0, annual_kwh: 2000, count: 4}}]}}
roads: [{{between: [homes, offices], km: 3}}, {{between: [homes, malls], km: 2}}]
vehicles:
  charge_efficiency: 0.9
  groups:
    - {{name: own, count: 4, tariff: {TARIFF}}}
    - {{name: flat, count: 3, tariff: {{bands: [{{price: 25}}], feed_in: 22}}}}
    - {{name: others, count: 5}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vehicle-tariffs")
    (folder / "s.yaml").write_text(SCENARIO)
    return folder


def made(folder: Path, *changes: str) -> Scenario:
    return load_scenario(folder / "s.yaml", changes)


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    start_run(made(folder), folder / "run")
    return folder / "run"


def exchanges(run: Path, strategy: str) -> dict[int, list[float]]:
    """Return what each vehicle exchanges in every step."""
    rows = read_run(run).table("vehicles").to_pandas()
    rows = rows[rows["strategy"] == strategy].sort_values("step")
    return {int(n): mine["energy_kwh"].tolist() for n, mine in rows.groupby("vehicle")}


@pytest.mark.parametrize("strategy", ["typical", "three_level"])
def test_the_bill_of_each_vehicle_is_worked_out_by_hand(run: Path, strategy: str) -> None:
    accounts = read_run(run).table("accounts").to_pandas()
    mine = accounts[(accounts["kind"] == "vehicles") & (accounts["strategy"] == strategy)]
    figures = json.loads((run / "summary.json").read_text())[strategy]
    own, in_all = exchanges(run, strategy), 0.0
    for number in range(7):
        row = mine[mine["member"] == number].iloc[0]
        loads = own[number]
        if number < 4:
            bill = total(due(loads))
        else:
            bill = 25 * sum(max(e, 0) for e in loads) - 22 * sum(max(-e, 0) for e in loads)
        in_all += bill
        assert row["paid"] - row["received"] == pytest.approx(bill, rel=1e-9)
        assert row["bought_kwh"] == pytest.approx(sum(max(e, 0) for e in loads))
    assert figures["vehicle_bill"] == pytest.approx(in_all, rel=1e-9)
    by_group = [figures[f"ev_bill@{name}"] for name in ("own", "flat", "others")]
    assert figures["ev_bill"] == pytest.approx(sum(by_group), rel=1e-9)
    assert by_group[0] + by_group[1] == pytest.approx(in_all, rel=1e-9)
    parts = [due(own[number])["demand_charge"] for number in range(4)]
    assert figures["vehicle_bill_demand_charge"] == pytest.approx(sum(parts), rel=1e-9)


@pytest.mark.slow
def test_the_audit_agrees(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    checks = {check.name: check for check in report.checks}
    assert checks["vehicles with a tariff: best response to their own prices"].passed
    unmade = [check.name for check in report.checks if check.passed is None]
    assert not [name for name in unmade if "tariff" in name or "account" in name]


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        lambda best: lambda stores, terms: 0.9 * best(stores, terms),
        lambda best: (
            lambda stores, terms: best(
                stores,
                TariffTerms(terms.purchase, terms.feed_in, terms.room_kwh + 1, terms.surcharge),
            )
        ),
    ],
)
def test_a_vehicle_that_does_not_act_on_its_tariff_fails_the_audit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Any], Any]
) -> None:
    right = own_module.best_under_tariff
    monkeypatch.setattr(own_module, "best_under_tariff", wrong(right))
    start_run(made(folder), tmp_path / "run")
    failed = {check.name for check in audit_run(tmp_path / "run").checks if check.passed is False}
    assert failed == {"vehicles with a tariff: best response to their own prices"}


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


@pytest.mark.slow
def test_one_vehicle_does_what_the_fleet_does(folder: Path) -> None:
    """At its own prices, whatever its community asks."""
    world = Simulation(make_setting(made(folder)), "three_level")
    vehicles: Any = world.schemes["vehicles"]
    move = vehicles.move
    moved = 0

    def alone() -> None:
        nonlocal moved
        columns = vehicles.fleet.population
        before = columns["energy_kwh"].copy()
        move()
        after = columns["energy_kwh"].copy()
        for row in range(7):
            columns["energy_kwh"][:] = before
            vehicles.fleet[row].step()
            assert columns["energy_kwh"][row] == pytest.approx(after[row], abs=1e-12)
            moved += after[row] != before[row]
        columns["energy_kwh"][:] = after

    for _ in range(STEPS):
        vehicles.move = alone
        world.step()
    assert moved > 50


def test_a_flat_tariff_fills_a_battery_to_where_a_kwh_is_worth_its_price(run: Path) -> None:
    rows = read_run(run).table("vehicles").to_pandas()
    rows = rows[(rows["strategy"] == "three_level") & rows["vehicle"].between(4, 6)]
    inside = (rows["energy_kwh"] > 0) & (rows["energy_kwh"] < rows["max_kwh"] - 1e-9)
    assert inside.sum() > 3
    chosen = rows[inside]
    held = chosen["usable_kwh"] + 0.9 * chosen["energy_kwh"]
    np.testing.assert_allclose(chosen["lam"] - chosen["theta"] * held, 25 / 0.9, rtol=1e-9)


def charged_by_day(folder: Path, tariff: str, *changes: str) -> tuple[float, float]:
    """Return what a vehicle charges by day and the highest power that all of them take [kWh]."""
    changes = (
        "vehicles={count: 6, theta: 1.2}", f"vehicles.tariff={tariff}", "record.accounts=none",
        "strategies=[three_level]", *changes,
    )  # fmt: skip
    world = Simulation(make_setting(made(folder, *changes)), "three_level")
    by_day, highest = 0.0, 0.0
    for step in range(STEPS):
        world.step()
        vehicles: Any = world.schemes["vehicles"]
        bought = vehicles.own_tariffs.meters.bought_kwh
        by_day += bought.sum() if 6 <= (12 + step) % 24 < 22 else 0.0
        highest = max(highest, bought.max())
    return float(by_day), float(highest)


@pytest.mark.slow
def test_vehicles_shift_into_bands_and_shave_a_demand_charge(folder: Path) -> None:
    flat, flat_peak = charged_by_day(folder, "{bands: [{price: 25}]}")
    banded, _ = charged_by_day(folder, "{bands: [{hours: [22, 6], price: 10}, {price: 58}]}")
    assert banded < 0.25 * flat
    _, peak = charged_by_day(
        folder, "{bands: [{price: 25}], demand_charges: [{price_per_kw: 900, interval: 60}]}"
    )
    assert flat_peak == 7.0
    assert peak < 0.5 * flat_peak
    taxed, _ = charged_by_day(folder, "{bands: [{price: 25}], value_added_tax: 0.6}")
    tiered, _ = charged_by_day(
        folder, "{bands: [{price: 25}], tiers: [{above_kwh: 0, surcharge: 30}]}"
    )
    assert taxed < flat
    assert tiered < flat


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_the_best_exchange_is_the_best_of_a_fine_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, charges = 4, int(rng.integers(0, 3))
    stores = StoreColumns(
        rng.uniform(-5, 60, n), rng.uniform(0.5, 3, n), rng.uniform(0, 20, n),
        -rng.uniform(0, 5, n), rng.uniform(0, 7, n), rng.uniform(0.7, 1, n), rng.uniform(0.7, 1, n),
        rng.uniform(0, 20, n), rng.integers(0, 2, n) * rng.uniform(0, 30, n),
    )  # fmt: skip
    room = rng.uniform(0, 6, (charges, n))
    room[rng.random(room.shape) < 0.2] = np.inf
    terms = TariffTerms(
        rng.uniform(-5, 40, n), rng.uniform(-5, 50, n), room, rng.uniform(1, 20, charges)
    )
    found = best_under_tariff(stores, terms)
    assert (found >= stores.lower_kwh).all()
    assert (found <= stores.upper_kwh).all()

    def gains(energy: Any) -> Any:
        return gain_of_exchange(stores, energy, 0.0) - terms.cost(energy)

    best = gains(found)
    for share in np.linspace(0.0, 1.0, 401):
        other = stores.lower_kwh + share * (stores.upper_kwh - stores.lower_kwh)
        assert (gains(other) <= best + 1e-9 * (1 + np.abs(best))).all()
    second = AnsweringStores(*(getattr(stores, name) for name in StoreColumns.__slots__))
    off = wrong_under_tariff(
        second, terms.purchase, terms.feed_in, room, terms.surcharge.tolist(), found
    )
    np.testing.assert_allclose(off, 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["vehicles.groups.0.behaviour=habit"], "habit answers to the price of a community"),
        (["behaviours=[{behaviour: typical, share: 0.5}]"], "typical answers to the price of"),
        (["growth.vehicles_per_year=5"], "vehicles join in the run"),
        (["vehicles.groups.0.tariff={}"], "nothing sets the price"),
        (["vehicles.groups.0.tariff={bands: [{price: 3}], file: none.json}"], "none.json"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_tariff_is_refused(
    folder: Path, changes: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        made(folder, *changes)


def test_a_time_without_a_price_is_named(folder: Path) -> None:
    change = "vehicles.groups.1.tariff.bands=[{price: 3, days: weekends}]"
    with pytest.raises(InputError, match=r"groups.1.tariff.bands.*no band has a price at Tuesday"):
        make_setting(made(folder, change))


@pytest.mark.slow
def test_a_group_pays_the_price_of_each_hour_of_a_market(folder: Path, tmp_path: Path) -> None:
    first = datetime.fromisoformat("2024-01-30T12:00")
    price = [-3.5 if k == 20 else 12.5 + (7 * k) % 24 for k in range(STEPS)]
    rows = [
        f"{first + timedelta(hours=k):%d.%m.%Y %H:%M};{round(1000 * p)},0"
        for k, p in enumerate(price)
    ]
    source = tmp_path / "prices.csv"
    source.write_text("\n".join(["time;price [JPY/MWh]", *rows]) + "\n", encoding="utf-8")
    options = ImportOptions(time_zone="Europe/Berlin", time_format="%d.%m.%Y %H:%M")
    import_dataset("csv", source, folder / "market", options)
    tariff = "{dataset: market, feed_in_column: price, fees: {grid: 8}}"
    start_run(made(folder, f"vehicles.groups.0.tariff={tariff}"), tmp_path / "run")
    accounts = read_run(tmp_path / "run").table("accounts").to_pandas()
    mine = accounts[accounts["kind"] == "vehicles"]
    for strategy in ("typical", "three_level"):
        own = exchanges(tmp_path / "run", strategy)
        by_member = mine[mine["strategy"] == strategy].groupby("member")
        paid = (by_member["paid"].sum() - by_member["received"].sum()).to_dict()
        for number in range(4):
            steps = zip(own[number], price, strict=True)
            bill = sum(e * p + 8 * max(e, 0.0) for e, p in steps)
            assert paid[number] == pytest.approx(bill, rel=1e-9)
    assert any(e < 0 for number in range(4) for e in own[number])
    assert audit_run(tmp_path / "run").passed


@pytest.mark.slow
@pytest.mark.skipif(not TARIFFS.exists(), reason="the shared tariffs are not there")
@pytest.mark.parametrize(
    ("name", "demand_charge"),
    [
        ("pge_a10_tou_aug_2019", 11.66),
        ("sce_tou_ev_4_march_2019", 15.51),
        ("sce_tou_ev_8_june_2019", 0.0),
    ],
)
def test_a_group_pays_by_a_real_tariff(
    name: str, demand_charge: float, folder: Path, tmp_path: Path
) -> None:
    given = json.loads((TARIFFS / f"{name}.json").read_text())
    (folder / f"{name}.json").write_text(json.dumps(given))
    change = f"vehicles.groups.0.tariff={{file: {name}.json}}"
    start_run(made(folder, change, "hours=36"), tmp_path / "run")
    # From Tuesday noon to Wednesday in winter.
    winter = [s for s in given["schedule"] if s["effective_end"] in ("4-30", "5-31", "05-31")]
    band = next(s for s in winter if s["dow_mask"] != "WEEKENDS")
    figures = json.loads((tmp_path / "run" / "summary.json").read_text())
    for strategy in ("typical", "three_level"):
        own = exchanges(tmp_path / "run", strategy)
        energy, peaks = 0.0, 0.0
        for number in range(4):
            loads = [max(e, 0.0) for e in own[number]]
            for k, load in enumerate(loads):
                # A band may begin within the hour.
                halves = ((12 + k) % 24, (12 + k) % 24 + 0.5)
                ats = [bisect_right(band["times"], half) - 1 for half in halves]
                energy += load * sum(band["tariffs"][at] for at in ats) / 2
            peaks += max(loads)
        assert figures[strategy].get("vehicle_bill_demand_charge", 0.0) == pytest.approx(
            demand_charge * peaks, rel=1e-9
        )
        assert figures[strategy]["ev_bill@own"] == pytest.approx(
            energy + demand_charge * peaks, rel=1e-9
        )
    assert audit_run(tmp_path / "run").passed
