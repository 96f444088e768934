"""Sites with one meter: bills by hand, limits, curtailment, net metering, pools, resuming."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hmesh.agents.metered_sites as sites_module
import hmesh.runs.schemes.metered_sites.setting as setting_module
import hmesh.runs.world.meter_bills as meter_module
import hmesh.runs.world.stated_bill as bill_module
from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.schemes.metered_sites.warnings import site_warnings
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.test_audit_tampering import edit, otherwise

DAYS = 10
HEAD = """
name: meters
time_zone: Europe/Berlin
currency: EUR
start: "2023-03-25T00:00"
communities: {works: {members: []}}
plots: false
"""
TARIFF = (
    "bands: [{hours: [22, 6], price: 0.2}, {price: 0.3}], feed_in: 0.08, "
    "fees: {grid: 0.05}, value_added_tax: 0.19, base_charge_per_month: 31, "
    "demand_charges: [{price_per_kw: 9, interval: 60}], tiers: [{above_kwh: 300, surcharge: 0.02}]"
)


def energies() -> pd.DataFrame:
    """Return load and sun of three halls, hour by hour [kWh]."""
    hours = np.arange(DAYS * 24 + 1)
    rows = []
    for n, name in enumerate(("saw", "press", "paint")):
        at = hours % 24
        bell = np.exp(-(((at - 9 - 2 * n) / 2.5) ** 2))
        load = 2 + n + (12 + 3 * n) * bell * (0.8 + 0.4 * ((hours // 24 * 7 + n) % 5) / 4)
        sun = 14 * np.clip(np.sin((at - 6) / 12 * np.pi), 0, None) * (0.5 + 0.5 * (hours % 3) / 2)
        rows.append(pd.DataFrame({"member": name, "load": load.round(3), "sun": sun.round(3),
                                  "step": hours}))  # fmt: skip
    return pd.concat(rows)


def write(folder: Path) -> None:
    """Write the loads and the generation of the halls."""
    table = energies()
    begins = pd.Timestamp("2023-03-25", tz="Europe/Berlin")
    table["time"] = (begins + pd.to_timedelta(table["step"], unit="h")).map(str)
    for name, column in (("loads", "load"), ("suns", "sun")):
        out = table[["time", "member", column]].rename(columns={column: "load_kwh"})
        out.to_csv(folder / f"{name}.csv", index=False)


def scenario(folder: Path, *changes: str, strategies: str, sites: str, hours: int) -> Any:
    """Return a scenario with three halls."""
    text = f"{HEAD}strategies: [{strategies}]\nhours: {hours}\nmetered_sites: {{{sites}}}\n"
    path = folder / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path, changes)


def group(more: str = "", load: str = "file: loads.csv") -> str:
    return f"groups: [{{name: halls, community: works, load: {{{load}}}{more}}}]"


FULL = (
    group(", battery_kwh: 15, photovoltaics: {file: suns.csv, pv_kw: 16}")
    + f", tariff: {{{TARIFF}}}, economics: {{battery_price_per_kwh: 300, pv_price_per_kw: 900}}, "
    "connection: {export_share_of_pv: 0.5, import_kw: 30, inverter_kw: 12}, "
    "battery: {wear: 0.01, cycle_fade: 0.002, calendar_fade: 0.05}"
)
ALL = "sites_without_devices, sites_with_sun, self_consuming_sites, sites_on_tariff, pooled_sites"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the halls."""
    folder = tmp_path_factory.mktemp("meters")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def run(files: Path) -> Path:
    """A run of all strategies with every key in use, over the end of a month."""
    made = scenario(files, "record.accounts=all", strategies=ALL, sites=FULL, hours=DAYS * 24)
    start_run(made, files / "run")
    return files / "run"


def steps_of(run: Path, strategy: str) -> pd.DataFrame:
    rows = read_run(run).table("site_steps").to_pandas()
    return rows[rows["strategy"] == strategy]


def test_an_audit_finds_the_run_right(run: Path) -> None:
    report = audit_run(run)
    assert report.passed, report.failed
    names = [check.name for check in report.checks if check.passed is not None]
    assert "metered sites: no exchange costs less" in names
    assert "metered sites: lowest power that can be kept" in names


def test_an_audit_takes_charges_of_months_from_the_ledger_where_no_site_is_written_down(
    files: Path,
) -> None:
    made = scenario(files, "record.sites=1", strategies="sites_with_sun", sites=FULL, hours=48)
    start_run(made, files / "few")
    report = audit_run(files / "few")
    assert report.passed, "\n".join(report.lines())


def test_the_bill_is_worked_out_by_hand(run: Path) -> None:
    totals = json.loads((run / "summary.json").read_text())["sites_on_tariff"]
    steps = steps_of(run, "sites_on_tariff")
    begins = pd.Timestamp("2023-03-25", tz="Europe/Berlin")
    local = (begins + pd.to_timedelta(steps["step"], unit="h")).dt.tz_convert("Europe/Berlin")
    night = (local.dt.hour >= 22) | (local.dt.hour < 6)
    purchase = (steps["import_kwh"] * np.where(night, 0.2, 0.3)).sum()
    grid = 0.05 * steps["import_kwh"].sum()
    by_month = steps.groupby([local.dt.month, "site"])["import_kwh"]
    demand = 9 * by_month.max().sum()
    tier = 0.02 * (by_month.sum() - 300).clip(lower=0).sum()
    assert demand > 0
    assert tier > 0
    # 31 a month: 7 days of March, of 31 days with an hour less, and 3 of 30 in April.
    hours = local.dt.month.value_counts() / 3
    base = 3 * 31 * (hours[3] / (31 * 24 - 1) + hours[4] / (30 * 24))
    tax = 0.19 * (purchase + grid + demand + tier + base)
    parts = {"purchase": purchase, "fee_grid": grid, "demand_charge": demand, "tier_charge": tier,
             "base_charge": base, "value_added_tax": tax,
             "feed_in": -0.08 * steps["export_kwh"].sum()}  # fmt: skip
    for name, amount in parts.items():
        assert totals[f"site_bill_{name}"] == pytest.approx(amount, rel=1e-9), name
    assert totals["site_bill"] == pytest.approx(sum(parts.values()), rel=1e-9)
    wear = 0.01 * steps["discharge_kwh"].sum()
    assert totals["site_running_cost"] == pytest.approx(totals["site_bill"] + wear, rel=1e-9)


def test_a_battery_that_knows_its_tariff_costs_least(run: Path) -> None:
    totals = json.loads((run / "summary.json").read_text())
    cost = [totals[name]["site_running_cost"] for name in ALL.split(", ")]
    assert cost[0] > cost[1] > cost[2] > cost[3] > cost[4]
    demand = [totals[name]["site_bill_demand_charge"] for name in ALL.split(", ")]
    assert demand[3] < demand[2]
    assert demand[4] < demand[3]
    assert totals["pooled_sites"]["site_bill_base_charge"] == pytest.approx(
        totals["sites_on_tariff"]["site_bill_base_charge"] / 3
    )


def test_limits_by_hand_where_nothing_stores(run: Path) -> None:
    steps = steps_of(run, "sites_with_sun").reset_index()
    known = energies()
    known = known[known["step"] < DAYS * 24].sort_values(["step", "member"])
    load, sun = (np.stack([known[known["member"] == m][c] for m in ("saw", "press", "paint")])
                 for c in ("load", "sun"))  # fmt: skip
    carried = np.minimum(sun, 12)
    left = np.maximum(carried - load - 8, 0)
    table = steps.pivot_table(index="site", columns="step", values="curtailed_kwh").to_numpy()
    np.testing.assert_allclose(table, sun - carried + left, atol=1e-9)
    assert (sun - carried).max() > 0
    assert left.max() > 0


def simulated(made: Any, strategy: str) -> Any:
    """Return the world of a strategy after its last step."""
    simulation = Simulation(make_setting(made), strategy)
    for _ in range(made.steps):
        simulation.step()
    return simulation


def test_net_metering_is_the_lower_bill_of_a_month(files: Path) -> None:
    """By hand: 0.3 a kWh for what is bought and not delivered, 0.05 for what is beyond."""
    sites = group(", photovoltaics: {file: suns.csv, scale: 2}") + (
        ", tariff: {bands: [{price: 0.3}], feed_in: 0.05, settlement: %s}"
    )
    bills = []
    for way in ("net_billing", "net_metering"):
        made = scenario(files, strategies="sites_with_sun", sites=sites % way, hours=120)
        scheme = simulated(made, "sites_with_sun")
        bills.append(scheme.totals.summary(1.0)["site_bill"])
    table = energies()
    table = table[table["step"] < 120]
    net = (table["load"] - 2 * table["sun"]).groupby(table["member"])
    bought, sold = (net.apply(lambda e, s=s: (s * e).clip(lower=0).sum()) for s in (1, -1))
    billing = (0.3 * bought - 0.05 * sold).sum()
    netted = np.minimum(bought, sold)
    metering = (0.3 * (bought - netted) - 0.05 * (sold - netted)).sum()
    assert bills == pytest.approx([billing, metering], rel=1e-9)


def test_negative_feed_in_curtails_unless_reported_otherwise(files: Path) -> None:
    sites = group(", photovoltaics: {file: suns.csv}") + (
        ", tariff: {bands: [{price: 0.3}], feed_in: -0.02}, connection: {curtails: %s}"
    )
    found = []
    for curtails in ("true", "false"):
        made = scenario(files, strategies="sites_with_sun", sites=sites % curtails, hours=48)
        found.append(simulated(made, "sites_with_sun").totals.summary(1.0))
    table = energies()
    table = table[table["step"] < 48]
    sold = (table["sun"] - table["load"]).clip(lower=0).sum()
    assert found[0]["site_export_kwh"] == pytest.approx(0, abs=1e-9)
    assert found[0]["site_curtailed_kwh"] == pytest.approx(sold, rel=1e-9)
    assert found[0]["site_curtailed_worth"] == 0
    assert found[1]["site_export_kwh"] == pytest.approx(sold, rel=1e-9)
    assert found[1]["site_bill_feed_in"] == pytest.approx(0.02 * sold, rel=1e-9)


@pytest.mark.parametrize("strategy", ["sites_on_tariff", "self_consuming_sites"])
def test_each_site_steps_as_all_at_once(files: Path, strategy: str) -> None:
    made = scenario(files, strategies=strategy, sites=FULL, hours=60)
    simulation = Simulation(make_setting(made), strategy)
    for _ in range(57):
        simulation.step()
    scheme: Any = simulation.schemes["metered_sites"]
    before = copy.deepcopy(scheme.sites.population.state())
    simulation.step()
    after = copy.deepcopy(scheme.sites.population.state())
    scheme.sites.population.restore(before)
    for site in scheme.sites.sites:
        site.step()
    for name, values in scheme.sites.population.state().items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_a_resumed_run_is_an_uninterrupted_one(files: Path) -> None:
    more = FULL.replace("feed_in: 0.08", "feed_in: 0.08, settlement: net_metering")
    made = scenario(files, strategies="pooled_sites", sites=more, hours=9 * 24)
    setting = make_setting(made)
    whole, first = (Simulation(setting, "pooled_sites") for _ in range(2))
    for _ in range(made.steps):
        whole.step()
    for _ in range(150):
        first.step()
    rest = Simulation(setting, "pooled_sites")
    rest.restore(copy.deepcopy(first.state()))
    for _ in range(made.steps - 150):
        rest.step()
    one, other = whole.summary(), rest.summary()
    assert one == other


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        (group() + ", tariff: {}", "nothing sets the price"),
        (group() + ", tariff: {bands: [{price: 1}], feed_in_column: x}", "feed_in_column needs a"),
        (
            group(", photovoltaics: {file: suns.csv}")
            + ", tariff: {bands: [{price: 0.3}]}, connection: {export_share_of_pv: 0.7}",
            "connection.export_share_of_pv needs the peak power of what was measured",
        ),
        (group(load="") + ", tariff: {bands: [{price: 0.3}]}", "nothing is given to follow"),
        (
            group() + ", tariff: {bands: [{price: 0.3}], "
            "demand_charges: [{price_per_kw: 9, interval: 17}]}",
            "17 is not allowed (allowed: 15, 30, 60",
        ),
        (group(load="annual_kwh: 5, profile: g7") + ", tariff: {bands: [{price: 1}]}", "g7"),
        (
            group().replace("community: works", "community: work")
            + ", tariff: {bands: [{price: 0.3}]}",
            "no community is called 'work'",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named(files: Path, sites: str, message: str) -> None:
    with pytest.raises(InputError, match="metered_sites") as error:
        scenario(files, strategies="sites_with_sun", sites=sites, hours=24)
    assert message in str(error.value)


def test_a_load_below_0_is_named_with_its_hour(files: Path, tmp_path: Path) -> None:
    write(tmp_path)
    text = (tmp_path / "loads.csv").read_text().replace("2023-03-25 05:00:00+01:00,saw,", "X", 1)
    text = text.replace("X", "2023-03-25 05:00:00+01:00,saw,-")
    (tmp_path / "loads.csv").write_text(text)
    sites = group() + ", tariff: {bands: [{price: 0.3}]}"
    made = scenario(tmp_path, strategies="sites_with_sun", sites=sites, hours=24)
    with pytest.raises(InputError, match=r"saw has -2.\d+ kWh at 2023-03-25 05:00"):
        make_setting(made)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["sites", "site_steps", "site_sums"])
def test_every_changed_column_fails_the_audit(run: Path, tmp_path: Path, table: str) -> None:
    import shutil

    columns = read_run(run).table(table).column_names
    for column in columns:
        folder = tmp_path / column
        shutil.copytree(run, folder)
        values = read_run(run).table(table).column(column).to_pylist()
        row = len(values) * 7 // 10

        def change(at: int, value: Any, row: int = row, values: Any = values) -> Any:
            return otherwise(value, values) if at == row else value

        edit(folder, table, column, change)
        assert not audit_run(folder).passed, f"{table}.{column}"


def test_strategies_and_prices_without_effect_are_warned_of(files: Path) -> None:
    sites = group(", photovoltaics: {file: suns.csv}") + (
        ", tariff: {bands: [{price: 0.3}]}, economics: {battery_price_per_kwh: 300}"
    )
    names = "sites_without_devices, sites_with_sun, sites_on_tariff"
    made = scenario(files, strategies=names, sites=sites, hours=24)
    found = [str(each) for each in site_warnings(made)]
    assert [each.partition(":")[0] for each in found] == [
        "strategies.2", "metered_sites.economics.pv_price_per_kw"
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "name", "fault", "check"),
    [
        (sites_module, "best_exchange", lambda found: 0.9 * found, "no exchange costs less"),
        (sites_module, "lowest_peak_kw", lambda found: 1.1 * found, "lowest power"),
        (sites_module, "surcharge_foreseen", lambda found: found + 0.01, "tiers are foreseen"),
        (sites_module, "self_consumption", lambda found: 0.5 * found, "keep their limits"),
        (setting_module, "export_limit_kw", lambda found: found + 1.0, "keep their limits"),
        (meter_module, "net_metering_credit", lambda found: 1.1 * found, "pay what they should"),
        (bill_module, "demand_charge", lambda found: 0.9 * found, "pay what they should"),
    ],
)
def test_a_fault_in_a_rule_fails_the_audit(
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    name: str,
    fault: Any,
    check: str,
) -> None:
    right = getattr(place, name)
    monkeypatch.setattr(place, name, lambda *args, **more: fault(right(*args, **more)))
    more = FULL.replace("feed_in: 0.08", "feed_in: 0.08, settlement: net_metering")
    names = "self_consuming_sites, sites_on_tariff"
    made = scenario(files, strategies=names, sites=more, hours=9 * 24)
    start_run(made, tmp_path / "run")
    monkeypatch.setattr(place, name, right)
    failed = audit_run(tmp_path / "run").failed
    assert any(check in each for each in failed), failed
