"""Smart homes with a tariff of their own: bills by hand, and loads that are bought when cheap."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hmesh.runs.schemes.smart_homes.own_tariffs as own_module
from hmesh.environment.errors import InputError
from hmesh.markets.cheap_slots import cheapest_slots
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.smart_homes.audit_cheap_slots import cheapest
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_member_tariffs import STEPS, TARIFF, due, total

HOME = """connected: true
      storages: [{name: cellar, capacity_kwh: 2, power_kw: 1}]
      generators: [{name: roof, kind: photovoltaics, storage: cellar, pv_kw: 0.8}]
      appliances:
        - {name: lights, kind: appliance, storage: cellar, power_kw: 0.6, hours: [[18, 24]]}
        - {name: washer, kind: appliance, storage: cellar, power_kw: 2, hours: [[18, 20]],
           shiftable: true, window: [[14, 24]], priority: 2, refuses: [[23, 24]]}"""
SCENARIO = f"""
name: home-tariffs
time_zone: Europe/Berlin
start: "2024-01-30T12:00"
hours: {STEPS}
strategies: [mpfa_mg, mpfa_mg_shifting]
plots: false
record: {{accounts: all}}
location: {{latitude: 52.5, longitude: 13.4}}
communities: {{homes: {{members: []}}, flats: {{members: []}}}}
roads: [{{between: [homes, flats], km: 3}}]
smart_homes:
  groups:
    - name: terrace
      community: homes
      count: 2
      tariff: {TARIFF}
      {HOME}
    - name: others
      community: flats
      {HOME}
"""
SHIFTING = "mpfa_mg_shifting"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home-tariffs")
    (folder / "s.yaml").write_text(SCENARIO)
    return folder


def made(folder: Path, *changes: str) -> Scenario:
    return load_scenario(folder / "s.yaml", changes)


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    start_run(made(folder), folder / "run")
    return folder / "run"


def loads(run: Path, strategy: str, home: int) -> list[float]:
    """Return what a meter reads in every step, below 0 what it delivers."""
    net = np.zeros(STEPS)
    rows = read_run(run).table("home_appliances").to_pandas()
    mine = rows[(rows["strategy"] == strategy) & (rows["home"] == home)]
    np.add.at(net, mine["step"], mine["imported_kwh"])
    flows = read_run(run).table("home_flows").to_pandas()
    mine = flows[(flows["strategy"] == strategy) & (flows["home"] == home)]
    mine = mine[mine["target"] == "grid"]
    np.subtract.at(net, mine["step"], mine["energy_kwh"])
    return net.tolist()


@pytest.mark.parametrize("strategy", ["mpfa_mg", SHIFTING])
def test_the_bill_of_each_home_is_worked_out_by_hand(run: Path, strategy: str) -> None:
    accounts = read_run(run).table("accounts").to_pandas()
    mine = accounts[(accounts["kind"] == "homes") & (accounts["strategy"] == strategy)]
    figures = json.loads((run / "summary.json").read_text())[strategy]
    in_all = 0.0
    for home in range(2):
        bill = total(due(loads(run, strategy, home)))
        row = mine[mine["member"] == home].iloc[0]
        assert row["paid"] - row["received"] == pytest.approx(bill, rel=1e-9)
        in_all += bill
    assert figures["smart_home_bill"] == pytest.approx(in_all, rel=1e-9)
    other = mine[mine["member"] == 2].iloc[0]
    assert figures["home_bill"] - in_all == pytest.approx(other["paid"] - other["received"])
    assert figures["money_imbalance"] == 0.0


def test_what_is_shifted_is_bought_in_the_cheap_band(run: Path) -> None:
    rows = read_run(run).table("home_appliances").to_pandas()
    rows = rows[(rows["appliance"] == "washer") & (rows["imported_kwh"] > 0)]
    hours = {
        (strategy, home): sorted(set((mine["step"] + 12) % 24))
        for (strategy, home), mine in rows.groupby(["strategy", "home"], observed=True)
    }
    assert 22 in hours[SHIFTING, 0]
    assert not {22, 23}.intersection(hours["mpfa_mg", 0])
    # Who pays the price of the community keeps to the hours that were wanted.
    assert not {22, 23}.intersection(hours[SHIFTING, 2])
    sums = rows.groupby(["strategy", "home"], observed=True)["imported_kwh"].sum()
    assert sums[SHIFTING, 0] == pytest.approx(sums[SHIFTING, 2])


@pytest.mark.slow
def test_the_audit_agrees(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, "\n".join(report.lines())
    unmade = [check.name for check in report.checks if check.passed is None]
    assert not [name for name in unmade if "tariff" in name]


@pytest.mark.slow
def test_homes_that_buy_at_another_time_fail_the_audit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = own_module.cheapest_slots
    monkeypatch.setattr(own_module, "cheapest_slots", lambda *args: right(*args[:3], -args[3]))
    start_run(made(folder), tmp_path / "run")
    failed = {check.name for check in audit_run(tmp_path / "run").checks if check.passed is False}
    assert failed == {"smart homes: what they do not serve is bought where their tariff is lowest"}


def test_money_paid_is_money_received_and_a_month_goes_on(folder: Path) -> None:
    setting = make_setting(made(folder))
    whole, first, second = (Simulation(setting, SHIFTING) for _ in range(3))
    for _ in range(STEPS):
        whole.step()
    for _ in range(31):
        first.step()
    second.restore(first.state())
    for _ in range(STEPS - 31):
        second.step()
    assert second.summary() == whole.summary()


@given(st.integers(0, 2**32 - 1))
def test_no_other_slots_are_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = 7
    wanted = rng.random(steps) < 0.5
    taken = rng.random(steps) < 0.2
    refused = wanted & ~taken
    window = wanted | (rng.random(steps) < 0.4)
    price = rng.integers(1, 4, steps) / 7
    columns: list[Any] = [each[:, None, None] for each in (refused, taken, window)]
    found = cheapest_slots(*columns, price)[:, 0, 0]
    count = int(refused.sum())
    free = [t for t in range(steps) if (window[t] or refused[t]) and not taken[t]]
    least = min(price[list(choice)].sum() for choice in itertools.combinations(free, count))
    assert found.sum() == count
    assert set(np.flatnonzero(found)) <= set(free)
    assert price[found].sum() == pytest.approx(least)
    second = cheapest(
        (1.0 * (wanted | taken)).tolist(), (1.0 * taken).tolist(), window.tolist(), price.tolist()
    )
    assert [kwh > 0 for kwh in second] == found.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("smart_homes.groups.0.connected=false", "have no meter"),
        ("smart_homes.price_response={lam: 60, theta: 2}", "terrace do not pay"),
        ("communities.homes.local_exchange={}", "shares at the price that terrace do not pay"),
        ("smart_homes.groups.0.tariff={}", "nothing sets the price"),
    ],
)
def test_what_does_not_go_with_a_tariff_is_refused(folder: Path, change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(folder, change)
