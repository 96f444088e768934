"""Batteries of buildings in whole runs: what must hold, whatever the scenario."""

import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hmesh.agents.building_battery import BuildingBattery
from hmesh.environment.errors import InputError
from hmesh.runs import audit_run, load_scenario, read_run, start_run
from hmesh.runs.schemes.battery_sharing.step import BatterySharingScheme
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.quick_cases import quick
from tests.shared_datasets import uk_buildings
from tests.test_audit_tampering import edit, otherwise

# A week of winter; the builder of a year is the same, and its benchmark is apart.
WEEK = ("plots=false", "hours=168", "start='2014-01-13T00:00'", "checkpoint_every_h=null")


@pytest.fixture(scope="session")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batteries") / "run"
    start_run(load_scenario("battery-sharing", [*WEEK, "messages.keep=all"]), folder)
    return folder


@pytest.fixture(scope="session")
def exchanging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of batteries all alike, so that small buildings have energy to give away."""
    folder = tmp_path_factory.mktemp("exchanging") / "run"
    few = ["hours=48", "communities.district.members.0.businesses=8", "messages.keep=all"]
    alike = "battery_sharing.spread=equal"
    start_run(load_scenario("battery-sharing", [*WEEK, *few, alike]), folder)
    return folder


@cache
def table_of(folder: Path, name: str) -> pd.DataFrame:
    frame: pd.DataFrame = read_run(folder).table(name).to_pandas()
    return frame


def world(
    *changes: str, strategy: str = "shared_battery"
) -> tuple[Simulation, BatterySharingScheme]:
    simulation = Simulation(
        make_setting(load_scenario("battery-sharing", [*WEEK, *changes])), strategy
    )
    sharing = simulation.schemes["battery_sharing"]
    assert isinstance(sharing, BatterySharingScheme)
    return simulation, sharing


def test_a_week_passes_its_audit_and_levels_the_load(week: Path) -> None:
    report = audit_run(week)
    assert report.passed, "\n".join(report.lines())
    made = {check.name for check in report.checks if check.passed}
    assert "batteries: as the closed form of the day has it" in made
    assert "batteries: no schedules exchange less" in made
    summary = read_run(week).summary
    without = summary["no_battery"]["load_deviation_kwh"]
    for strategy in ("own_battery", "shared_battery", "priced_battery"):
        assert summary[strategy]["load_deviation_kwh"] < without
    # Two prices alone bring about the schedule of the coordinator.
    for name in ("load_deviation_daily_rms_kwh", "battery_discharged_kwh", "peak_kw"):
        shared, priced = (summary[s][name] for s in ("shared_battery", "priced_battery"))
        assert priced == pytest.approx(shared, rel=1e-3)


def test_energy_is_neither_made_nor_lost(week: Path) -> None:
    """Total grid = total load + losses + change of the stores."""
    summary = read_run(week).summary
    for strategy, figures in summary.items():
        lost = figures["battery_line_loss_kwh"] + figures["battery_conversion_loss_kwh"]
        stored = figures["battery_stored_change_kwh"]
        drawn = figures["mean_kw"] * 168
        assert drawn == pytest.approx(figures["fixed_load_kwh"] + lost + stored), strategy


def test_hour_by_hour_each_building_draws_what_is_left(week: Path) -> None:
    rows = table_of(week, "buildings")
    grid = rows["load_kwh"] + rows["charged_kwh"] - rows["own_kwh"] - rows["received_kwh"]
    assert (grid >= -1e-9).all()
    hours = table_of(week, "hours").set_index(["step", "strategy"])["net_kwh"]
    pd.testing.assert_series_equal(
        grid.groupby([rows["step"], rows["strategy"]], observed=True).sum().sort_index(),
        hours.sort_index(), check_names=False, check_index_type=False,
    )  # fmt: skip
    assert not ((rows["charged_kwh"] > 0) & (rows["own_kwh"] + rows["sent_kwh"] > 0)).any()


def test_peak_is_cut_by_the_rating_at_most(week: Path) -> None:
    summary = read_run(week).summary
    cut = summary["no_battery"]["peak_kw"] - summary["shared_battery"]["peak_kw"]
    assert 0 < cut <= 0.16 * summary["shared_battery"]["battery_capacity_kwh"] * (1 + 1e-9)


ODD = {
    "free": ["battery_sharing.cycle=free", "battery_sharing.measure=daily_rms"],
    "alike and equal": ["battery_sharing.dispatch=alike", "battery_sharing.spread=equal"],
    "by load": ["battery_sharing.spread=mean_load", "battery_sharing.own_capacity=shared"],
    "from noon": ["start='2014-01-13T12:00'"],
    "quarters": ["step_h=0.25", "hours=24"],
    "noise": ["chance.demand_noise.building={sigma: 0.3, correlation_h: 12}"],
    "outages": [
        "chance.feeder_outages={mean_time_between_failures_h: 20, mean_time_to_repair_h: 5}"
    ],
    "losses": ["messages.loss_rate=0.3"],
    "late": ["messages.latency_h=0.1", "messages.deadline_h=0.5", "messages.latency=exponential",
             "hours=96", "communities.district.members.0.businesses=8"],
    "clocks change": [
        "time_zone=Europe/Berlin", "start='2014-03-29T00:00'", "hours=71",
        "communities.district.members.0.businesses=8",
        "battery_sharing.capacity_kwh=50000", "battery_sharing.own_capacity=shared",
        "battery_sharing.spread=equal",
    ],
    # A load that batteries cover leaves dust of energy, which has no price per energy.
    "covered": [
        "start='2014-03-29T00:00'", "hours=71", "battery_sharing.capacity_kwh=50000",
        "battery_sharing.own_capacity=shared", "battery_sharing.spread=equal",
    ],
    "no capacity": ["battery_sharing.capacity_kwh=0"],
    "no loss": ["battery_sharing.line_loss_rate=0", "battery_sharing.discharge_efficiency=1"],
    "no power": [
        "battery_sharing.power_per_capacity=0", "battery_sharing.capacity_kwh=1000",
        "battery_sharing.spread=equal", "battery_sharing.own_capacity=shared",
    ],
    "few written": ["record.buildings=3"],
    "none written": ["record.buildings=none"],
    "homes beside": [
        "communities.homes={members: [{kind: household, name: h, count: 9, annual_kwh: 5e6, "
        "profile: h0}]}"
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "name", quick({"quarters", "outages", "late", "clocks change", "covered"}, ODD)
)
def test_odd_runs_pass_their_audits(name: str, tmp_path: Path) -> None:
    few = ["hours=48", "communities.district.members.0.businesses=5"]
    start_run(load_scenario("battery-sharing", [*WEEK, *few, *ODD[name]]), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    summary = read_run(tmp_path / "run").summary["shared_battery"]
    if name in ("losses", "late"):
        assert summary["counts"]["fallbacks"] > 0
    if name in ("no capacity", "no power"):
        assert summary["battery_charged_kwh"] == 0
    elif name == "noise":
        # What is metered, and so what batteries answer to prices, is not what was forecast.
        priced = read_run(tmp_path / "run").summary["priced_battery"]
        assert priced["battery_charged_kwh"] != summary["battery_charged_kwh"]
    else:
        assert summary["battery_discharged_kwh"] > 0


TWO_GROUPS = (
    "[{kind: household, name: homes, count: 9, annual_kwh: 5e4, profile: h0}, "
    "{kind: building, name: shops, businesses: 5, peak_kw: 3000}"
)


@pytest.mark.quick_every(2)
@pytest.mark.parametrize(
    "second", ["", ", {kind: building, name: b, businesses: 4, peak_kw: 2000}"]
)
@pytest.mark.parametrize("written", quick({"3"}, ["3", "none"]))
def test_lines_are_held_where_not_all_buildings_are_written(
    second: str, written: str, tmp_path: Path
) -> None:
    """The ledger knows only communities; which of their groups a battery draws at, it does not."""
    changes = [
        *WEEK, "hours=48", f"communities.district.members={TWO_GROUPS}{second}]",
        "battery_sharing.capacity_kwh=5000", "battery_sharing.own_capacity=shared",
        "battery_sharing.spread=equal", f"record.buildings={written}",
    ]  # fmt: skip
    start_run(load_scenario("battery-sharing", changes), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    lines = table_of(tmp_path / "run", "lines")
    shops = np.flatnonzero(lines["line"] == "district - district/shops")
    edit(tmp_path / "run", "lines", "received_kwh", lambda row, v: v + 1.0 * (row == shops[9]))
    failed = {check.name for check in audit_run(tmp_path / "run").checks if not check.passed}
    assert "lines: each carries what is taken beyond it" in failed


@pytest.mark.slow
def test_a_run_goes_on_from_any_step(tmp_path: Path) -> None:
    few = "communities.district.members.0.businesses=5"
    changes = [few, "messages.loss_rate=0.1", "hours=48"]
    for strategy in ("own_battery", "shared_battery", "priced_battery"):
        whole, _ = world(*changes, strategy=strategy)
        rest, _ = world(*changes, strategy=strategy)
        rng = np.random.default_rng(1)
        for _ in range(32):
            whole.step()
        for stop in sorted(rng.choice(31, 3, replace=False) + 1):
            while rest.step_index < stop:
                rest.step()
            again, _ = world(*changes, strategy=strategy)
            again.restore(rest.state())
            rest = again
        while rest.step_index < 32:
            rest.step()
        one, two = whole.state(), rest.state()
        for key in ("energy_kwh", "valley_kwh", "peak_kwh"):
            np.testing.assert_array_equal(
                one["schemes"]["battery_sharing"]["batteries"][key],
                two["schemes"]["battery_sharing"]["batteries"][key],
            )
        assert whole.totals.state() == rest.totals.state()
        assert whole.summary() == rest.summary()


def test_strategies_share_their_loads_and_change_nothing_for_each_other() -> None:
    alone, one = world("strategies=[shared_battery]")
    beside, two = world()
    for _ in range(30):
        alone.step()
        beside.step()
    np.testing.assert_array_equal(one.load_kwh, two.load_kwh)
    np.testing.assert_array_equal(one.exchange_kwh, two.exchange_kwh)


def test_a_battery_may_have_a_will_of_its_own() -> None:
    class Idle(BuildingBattery):
        def answer(self, load_kwh: float, charging: bool, discharging: bool) -> float:
            return 0.0

    simulation, sharing = world(strategy="priced_battery")
    sharing.banks[0].group.replace([4], Idle)
    charged = np.zeros(39)
    for _ in range(24):
        simulation.step()
        charged += sharing.charged_kwh
    assert charged[4] == 0.0
    assert (np.delete(charged, 4) > 0).any()


def test_flat_meters_empty_buildings_and_missing_hours(tmp_path: Path) -> None:
    times = pd.date_range("2014-01-13", periods=48, freq="h")
    hump = 5 + 20 * np.exp(-(((times.hour.to_numpy() - 13) / 4.0) ** 2))
    loads = {"flat": np.full(48, 9.0), "empty": np.zeros(48), "open": hump}
    rows = pd.concat(
        [pd.DataFrame({"time": times, "member": m, "load_kwh": v}) for m, v in loads.items()]
    )
    rows.to_csv(tmp_path / "loads.csv", index=False)
    members = f"[{{kind: building, name: few, file: '{tmp_path / 'loads.csv'}'}}]"
    changes = [*WEEK, "hours=48", f"communities.district.members={members}"]
    start_run(load_scenario("battery-sharing", changes), tmp_path / "run")
    assert audit_run(tmp_path / "run").passed
    own = table_of(tmp_path / "run", "batteries").set_index("name")["own_capacity_kwh"]
    # Members stand in the order of the file: a flat or empty load needs no battery of its own.
    assert own.tolist()[:2] == [0.0, 0.0]
    assert own.tolist()[2] > 0.0
    summary = read_run(tmp_path / "run").summary
    assert (
        summary["shared_battery"]["load_deviation_kwh"]
        < summary["no_battery"]["load_deviation_kwh"]
    )
    # Where all are flat no battery levels anything: none is bought, and nothing moves.
    rows[rows["member"] != "open"].to_csv(tmp_path / "loads.csv", index=False)
    start_run(load_scenario("battery-sharing", changes), tmp_path / "flat")
    assert audit_run(tmp_path / "flat").passed
    for figures in read_run(tmp_path / "flat").summary.values():
        assert figures["battery_capacity_kwh"] == figures["battery_charged_kwh"] == 0.0
    rows[rows.index != 7].to_csv(tmp_path / "loads.csv", index=False)
    with pytest.raises(InputError, match="has no row for 2014-01-13 07:00"):
        start_run(load_scenario("battery-sharing", changes), tmp_path / "gaps")


def test_measured_buildings_take_their_place(shared: Path, tmp_path: Path) -> None:
    """One line of the scenario changes; the days on which clocks change are simulated."""
    if not (shared / "data").is_dir():
        pytest.skip("the shared data are not here")
    dataset = uk_buildings(shared / "data", tmp_path / "uk")
    members = f"[{{kind: building, name: measured, dataset: '{dataset}'}}]"
    given = [
        "plots=false", "time_zone=Europe/London", "start='2013-10-25T00:00'", "hours=97",
        f"communities.district.members={members}", "battery_sharing.dispatch=alike",
        "battery_sharing.spread=mean_load",
    ]  # fmt: skip
    start_run(load_scenario("battery-sharing", given), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())
    summary = read_run(tmp_path / "run").summary
    within = [summary[name]["load_deviation_daily_rms_kwh"] for name in summary]
    assert within[0] > max(within[1:])


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        (["battery_sharing.soc_min=0.9", "battery_sharing.soc_max=0.8"], "not above soc_min"),
        (["battery_sharing.discharge_window=[6, 22]"], "before they have charged"),
        (["battery_sharing.charge_window=[8, 8]"], "closes at 8"),
        (["battery_sharing=null"], "a section battery_sharing"),
        (["hours=12"], "no whole day"),
        (["battery_sharing.spread=by_size"], "by_size"),
    ],
)
def test_what_cannot_be_is_reported(changes: list[str], reported: str) -> None:
    def size() -> None:
        setting = make_setting(load_scenario("battery-sharing", [*WEEK, *changes]))
        setting.schemes["battery_sharing"].shared_kwh  # noqa: B018

    with pytest.raises(InputError, match=reported):
        size()


def test_a_run_too_short_to_size_batteries_for_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no whole day from midnight to midnight"):
        start_run(load_scenario("battery-sharing", [*WEEK, "hours=12"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    # Without batteries, or with batteries of a given size, there is nothing to find out.
    sizes = ("battery_sharing.capacity_kwh=5000", "battery_sharing.spread=mean_load")
    for changes in (["strategies=[no_battery]"], ["strategies=[shared_battery]", *sizes]):
        make_setting(load_scenario("battery-sharing", [*WEEK, "hours=12", *changes]))
    alone = ["strategies=[own_battery]", *sizes]
    with pytest.raises(InputError, match="no whole day from midnight to midnight"):
        make_setting(load_scenario("battery-sharing", [*WEEK, "hours=12", *alone]))


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("buildings", "load_kwh"), ("buildings", "stored_kwh"), ("buildings", "charged_kwh"),
        ("buildings", "own_kwh"), ("buildings", "sent_kwh"), ("buildings", "received_kwh"),
        ("buildings", "unplaced_kwh"), ("buildings", "building"), ("buildings", "step"),
        ("exchanges", "step"), ("exchanges", "giver"), ("exchanges", "taker"),
        ("exchanges", "sent_kwh"), ("exchanges", "received_kwh"),
        ("batteries", "shared_capacity_kwh"), ("batteries", "own_capacity_kwh"),
        ("batteries", "name"), ("batteries", "building"), ("batteries", "community"),
    ],
)  # fmt: skip
def test_one_changed_value_fails(exchanging: Path, tmp_path: Path, table: str, column: str) -> None:
    folder = shutil.copytree(exchanging, tmp_path / "run")
    frame = table_of(exchanging, table)
    values = frame[column].tolist()
    moving = [row for row, value in enumerate(values) if value] or [0]
    chosen = moving[len(moving) // 2]
    wrong = otherwise(values[chosen], values)
    edit(folder, table, column, lambda row, value: wrong if row == chosen else value)
    assert not audit_run(folder).passed
