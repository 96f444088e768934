"""Runs of community storage: what they must keep, what an audit finds, and clear outcomes."""

import hashlib
import json
import shutil
import sys
import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hmesh import environment
from hmesh.agents.community_storage import ServedHousehold
from hmesh.environment.errors import InputError
from hmesh.environment.forecasters import SeasonalNaive
from hmesh.runs import TABLES, audit_run, load_scenario, resume_run, start_run
from hmesh.runs.command_line import app
from hmesh.runs.results.result_tables import TABLES_OF
from hmesh.runs.scenarios.check import check_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

NAME = "community-storage"
OPTIMAL, NORMAL = "community_storage_optimal", "community_storage_normal"
QUICK = ["plots=false", "community_storage.history_days=3", "hours=30"]
# From one day's sun through midnight to that of the next.
NIGHT = ("start='2021-01-12T14:00'", "hours=20")
TWO_STORAGES = (
    "communities.homes.members=["
    "{kind: household, name: a, count: 5, annual_kwh: 2500, profile: h0},"
    "{kind: household, name: b, count: 4, annual_kwh: 3500, profile: h0}]",
    "community_storage.storages=["
    "{name: first, community: homes, serves: [b], dischargers: 1},"
    "{name: second, community: homes, serves: [a], dischargers: 3, capacity_kwh: 4,"
    " charge_efficiency: 0.9, discharge_efficiency: 0.95, power_kw: 1.5, pv_azimuth: 250}]",
)


@cache
def _folders() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="storages-")


@cache
def finished(*changes: str) -> Path:
    folder = Path(_folders().name) / str(len(list(Path(_folders().name).iterdir())))
    start_run(load_scenario(NAME, [*QUICK, *changes]), folder)
    return folder


def world(*changes: str, seed: int | None = None, strategy: str = OPTIMAL) -> Simulation:
    return Simulation(make_setting(load_scenario(NAME, [*QUICK, *changes], seed)), strategy)


def simulated(simulation: Simulation, steps: int | None = None) -> Simulation:
    for _ in range(steps or simulation.setting.scenario.steps):
        simulation.step()
    return simulation


def table(directory: Path, name: str) -> Any:
    return pq.read_table(directory / f"{name}.parquet").to_pandas()


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("community_storage.forecaster={kind: seasonal_naive}", "messages.keep=all"),
        ("community_storage.forecaster={kind: persistence}", "community_storage.plan_on=actual"),
        ("community_storage.forecaster={kind: ridge}", "messages.keep=leaders"),
        ("community_storage.normal=averages", "community_storage.stop_when=delivered"),
        (*TWO_STORAGES, "community_storage.sharing=proportional"),
        (*TWO_STORAGES, "chance.feeder_outages={mean_time_between_failures_h: 8, "
         "mean_time_to_repair_h: 2}"),
        ("messages.loss_rate=0.2", "messages.keep=all"),
        ("step_h=1.0", "start='2021-01-12T15:00'"),
        # In Berlin the clocks change at the end of March, so that a day has 92 quarters.
        ("time_zone=Europe/Berlin", "start='2021-03-27T18:00'"),
        ("growth.demand_per_year.household=0.5", "communities.homes.feeder.loss_rate=0.03"),
        ("community_storage.record_households=false",),
        ("step_h=0.5", "hours=48", "community_storage.horizon_days=1"),
    ],
)  # fmt: skip
def test_an_audit_finds_nothing_wrong(changes: tuple[str, ...]) -> None:
    report = audit_run(finished(*NIGHT, *changes))
    assert report.passed, "\n".join(report.lines())
    made = {check.name for check in report.checks if check.passed}
    assert "storages: none delivers more than is possible" in made
    if "community_storage.record_households=false" not in changes:
        assert "households: demand as metered" in made


TAMPERED = (
    "messages.keep=all", "hours=4", "start='2021-01-12T15:00'", "community_storage.history_days=1",
)  # fmt: skip
FOUR = [(name, column.name) for name in TABLES_OF["community_storage"] for column in TABLES[name]]


@pytest.mark.quick_every(6)
@pytest.mark.parametrize(
    ("name", "column"), [*FOUR, *(("messages", column.name) for column in TABLES["messages"])]
)
def test_one_changed_value_fails_though_the_digest_was_mended(
    tmp_path: Path, name: str, column: str
) -> None:
    directory = shutil.copytree(finished(*TAMPERED), tmp_path / "run")
    path = directory / f"{name}.parquet"
    rows = pq.read_table(path)
    values = rows.column(column).to_pylist()
    moving = [row for row, value in enumerate(values) if value] or list(range(len(values)))
    chosen = moving[len(moving) // 2]
    values[chosen] = _otherwise(values[chosen], values)
    place = rows.schema.get_field_index(column)
    field = rows.schema.field(place)
    if pa.types.is_dictionary(field.type):
        array = pa.array(values, pa.string()).dictionary_encode().cast(field.type)
    else:
        array = pa.array(values, field.type)
    pq.write_table(rows.set_column(place, field, array), path)
    info = json.loads((directory / "run.json").read_text())
    info["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (directory / "run.json").write_text(json.dumps(info))
    report = audit_run(directory)
    assert not report.passed
    assert report.checks[0].passed


def _otherwise(value: Any, values: list[Any]) -> Any:
    if isinstance(value, str):
        return next((other for other in values if other not in (None, value)), "nobody")
    if isinstance(value, int):
        return value + 1
    return value + 0.01 * max(abs(value), 1.0) if isinstance(value, float) else timedelta(1)


def test_energy_is_kept_and_everybody_supplied() -> None:
    run = finished()
    rows, units = table(run, "storage_households"), table(run, "storages")
    assert (rows.drawn_kwh >= 0).all()
    assert (rows.drawn_kwh <= rows.demand_kwh + 1e-12).all()
    assert ((rows.drawn_kwh > 0) <= (rows.place > 0)).all()
    assert rows.groupby(["step", "strategy"], observed=True).place.max().max() == 2
    assert not ((units.charge_kwh > 0) & (units.delivered_kwh > 0)).any()
    for strategy in (NORMAL, OPTIMAL):
        mine = units[units.strategy == strategy]
        summary = json.loads((run / "summary.json").read_text())[strategy]
        change = mine.charge_kwh.sum() - mine.delivered_kwh.sum()
        assert summary["storage_change_kwh"] == pytest.approx(change)
        assert summary["storage_delivered_kwh"] == pytest.approx(mine.delivered_kwh.sum())
    hours = table(run, "hours").groupby("strategy", observed=True).sum(numeric_only=True)
    steps = table(run, "hours").set_index(["strategy", "step"])
    for strategy in (NORMAL, OPTIMAL):
        mine = rows[rows.strategy == strategy].groupby("step")[["demand_kwh", "drawn_kwh"]].sum()
        grid = steps.loc[strategy].net_kwh
        # What households do not get of the storage comes from the grid, slot by slot.
        assert grid.to_numpy() == pytest.approx((mine.demand_kwh - mine.drawn_kwh).to_numpy())
    base = hours.loc["no_community_storage"]
    for strategy in (NORMAL, OPTIMAL):
        less = base.net_kwh - hours.loc[strategy].net_kwh
        assert less == pytest.approx(
            -hours.loc[strategy].generation_kwh - (hours.loc[strategy].shared_storage_kwh)
        )
    assert base.generation_kwh == base.shared_storage_kwh == 0


def test_a_run_that_was_stopped_goes_on_as_if_it_never_had(tmp_path: Path) -> None:
    changes = [
        *QUICK,
        "checkpoint_every_h=5",
        "community_storage.forecaster={kind: seasonal_naive}",
    ]
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    start_run(load_scenario(NAME, changes), whole)

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Stop

    with pytest.raises(Stop):
        start_run(load_scenario(NAME, changes), halted, stop)
    resume_run(halted)
    for name in (*TABLES_OF["community_storage"], "hours", "ledger"):
        assert table(whole, name).equals(table(halted, name))
    assert (whole / "summary.json").read_bytes() == (halted / "summary.json").read_bytes()


def test_several_storages_do_what_each_would_alone() -> None:
    both = simulated(world(*TWO_STORAGES)).schemes["community_storage"]
    alone = simulated(
        world(TWO_STORAGES[0], "community_storage.storages=[{name: first, community: homes, "
              "serves: [b], dischargers: 1}]")
    ).schemes["community_storage"]  # fmt: skip
    stored = both.controllers.population["energy_kwh"]  # type: ignore[attr-defined]
    assert stored[0] == alone.controllers.population["energy_kwh"][0]  # type: ignore[attr-defined]


class HalfDrawing(ServedHousehold):
    """Draws half of what it may."""

    def draw(self, granted_kwh: float) -> float:
        return granted_kwh / 2


class Greedy(ServedHousehold):
    def draw(self, granted_kwh: float) -> float:
        return granted_kwh + 1.0


class Obedient(ServedHousehold):
    def draw(self, granted_kwh: float) -> float:
        return ServedHousehold.draw(self, granted_kwh)


def test_one_household_decides_as_all_do_at_once_unless_it_has_a_will_of_its_own() -> None:
    usual = simulated(world()).totals.sums["storage_delivered_kwh"]
    same, half = world(), world()
    same.schemes["community_storage"].households.replace(range(3), Obedient)  # type: ignore[attr-defined]
    half.schemes["community_storage"].households.replace(range(3), HalfDrawing)  # type: ignore[attr-defined]
    assert simulated(same).totals.sums["storage_delivered_kwh"] == usual
    assert 0 < simulated(half).totals.sums["storage_delivered_kwh"] < usual
    greedy = world()
    greedy.schemes["community_storage"].households.replace([0, 1, 2], Greedy)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"Greedy . draws .* outside its bounds"):
        simulated(greedy)


@pytest.mark.parametrize("strategy", [NORMAL, OPTIMAL])
def test_clear_outcomes_at_the_edges(strategy: str) -> None:
    one = "community_storage.storages.0"
    dark = simulated(world(f"{one}.pv_kw=0", strategy=strategy))
    empty = simulated(world(f"{one}.pv_kw=0", f"{one}.soc_start=0.1", strategy=strategy))
    assert dark.totals.sums["storage_delivered_kwh"] == pytest.approx(
        4.0 if strategy == OPTIMAL else dark.totals.sums["storage_delivered_kwh"]
    )
    assert 0 < dark.totals.sums["storage_delivered_kwh"] <= 4.0 + 1e-9
    assert empty.totals.sums["storage_delivered_kwh"] == 0.0
    everyone = simulated(world(f"{one}.dischargers=3", strategy=strategy))
    more = simulated(world(f"{one}.dischargers=9", strategy=strategy))
    name = "storage_delivered_kwh"
    assert everyone.totals.sums[name] == more.totals.sums[name]
    single = simulated(
        world("communities.homes.members=[{kind: household, name: H1, count: 1, "
              "annual_kwh: 2308, profile: h0}]", f"{one}.serves=null", strategy=strategy)
    )  # fmt: skip
    assert single.totals.sums[name] > 0


def test_a_household_that_nobody_hears_is_not_served_and_is_counted() -> None:
    silent = simulated(world("messages.latency_h=0.2", "messages.deadline_h=0.1", "hours=24"))
    assert silent.totals.sums["storage_delivered_kwh"] == 0
    assert silent.totals.counts["households_not_ranked"] == 3 * 96
    assert silent.totals.counts["storage_messages_unheard"] > 3 * 96
    assert silent.totals.sums["plant_stored_kwh"] == 0


class Forgetful:
    """Predicts the day before, and nothing of the second household."""

    def forecast(self, past: np.ndarray, steps: int, at: int) -> np.ndarray:
        reported = SeasonalNaive(96).forecast(past, steps, at)
        reported[:, 1] = np.nan
        return reported


@pytest.mark.parametrize("strategy", [NORMAL, OPTIMAL])
def test_a_household_of_which_nothing_is_known_is_not_served_and_is_counted(strategy: str) -> None:
    simulation = world("hours=24", strategy=strategy)
    shared = simulation.setting.schemes["community_storage"]
    assert shared is not None
    shared.__dict__["demand_forecaster"] = Forgetful()
    storage: Any = simulation.schemes["community_storage"]
    drawn = np.zeros(3)
    for _ in range(96):
        simulation.step()
        drawn += storage.controllers.drawn_kwh
    assert drawn[1] == 0.0
    assert (drawn[[0, 2]] > 0).all()
    assert simulation.totals.counts["households_not_ranked"] == 96


@pytest.mark.parametrize(
    ("forecaster", "least"),
    [("{kind: ridge}", 3), ("{kind: lstm}", 2), ("{kind: seasonal_naive, season_days: 7}", 7)],
)
def test_too_short_a_history_is_reported_before_the_run(forecaster: str, least: int) -> None:
    changes = [f"community_storage.forecaster={forecaster}", "hours=6"]
    message = rf"history of {least - 1} d is too short .*\(allowed: at least {least}\)"
    with pytest.raises(InputError, match=f"community_storage.history_days: a {message}"):
        check_scenario(NAME, [*changes, f"community_storage.history_days={least - 1}"])
    check_scenario(NAME, [*changes, f"community_storage.history_days={least}"])


def test_alpha_is_one_in_normal_operation_and_larger_in_the_optimal_one() -> None:
    rows = table(finished(), "storages")
    assert (rows[rows.strategy == NORMAL].alpha == 1).all()
    assert (rows[rows.strategy == OPTIMAL].alpha > 1).all()
    reported = json.loads((finished() / "summary.json").read_text())
    assert reported[OPTIMAL]["storage_delivered_kwh"] > reported[NORMAL]["storage_delivered_kwh"]


def test_a_perfect_forecast_plans_what_then_happens() -> None:
    perfect = ("community_storage.forecaster={kind: noise, sigma: 0}", "hours=48")
    plans = table(finished(*perfect), "storage_plans")
    chosen = plans[plans.chosen == 1]
    reported = json.loads((finished(*perfect) / "summary.json").read_text())[OPTIMAL]
    assert reported["storage_delivered_kwh"] == pytest.approx(float(chosen.delivered_kwh.iloc[0]))
    assert reported["storage_final_kwh"] == pytest.approx(float(chosen.final_kwh.iloc[0]))


def test_history_is_seen_in_files_and_its_lack_is_reported(tmp_path: Path) -> None:
    stream = np.random.default_rng(0)

    def write(first: str, quarters: int) -> None:
        start = np.datetime64(first)
        lines = ["time,member,load_kwh"] + [
            f"{start + 15 * k * np.timedelta64(60, 's')},{name},{stream.random():.3f}"
            for k in range(quarters)
            for name in ("x", "y")
        ]
        (tmp_path / "loads.csv").write_text("\n".join(lines))

    shipped = (
        Path(__file__).parents[1] / "hmesh" / "runs" / "scenarios" / "built_in" / f"{NAME}.yaml"
    )
    path = tmp_path / "mine.yaml"
    text = shipped.read_text()
    path.write_text(text)
    changes = [
        "communities.homes.members=[{kind: household, name: m, file: loads.csv}]",
        "community_storage.storages.0.serves=[m]", "hours=6", "plots=false",
        "community_storage.history_days=2", "chance.demand_noise.household=null",
    ]  # fmt: skip
    write("2021-01-12T00:00:00", 4 * 24)
    with pytest.raises(InputError, match="has no row for 2021-01-10"):
        make_setting(load_scenario(str(path), changes))
    write("2021-01-10T00:00:00", 4 * 72)
    setting = make_setting(load_scenario(str(path), changes))
    history = setting.schemes["community_storage"].demand_history_kwh
    assert history.shape == (192, 2)
    assert simulated(Simulation(setting, OPTIMAL)).totals.sums["storage_delivered_kwh"] > 0
    start_run(load_scenario(str(path), changes), tmp_path / "run")
    assert audit_run(tmp_path / "run").passed


def test_a_scenario_shows_all_its_mistakes_at_once() -> None:
    with pytest.raises(InputError) as error:
        load_scenario(
            NAME,
            [
                "community_storage.storages=[{name: s, community: home},"
                "{name: t, community: homes, serves: [H1, H9]},"
                "{name: u, community: homes, serves: [H1, H2, H2]}]",
            ],
        )
    reported = str(error.value)
    assert "no community is called 'home' (allowed: homes; did you mean 'homes'?)" in reported
    assert "homes has no group 'H9'" in reported
    assert "'H1' is served by 't' too" in reported
    assert "'H2' is named twice" in reported
    with pytest.raises(InputError, match="location: storages have plants"):
        load_scenario(NAME, ["location=null"])
    with pytest.raises(InputError, match=r"soc_max 0\.05 is not above soc_min 0\.1"):
        load_scenario(NAME, ["community_storage.storages.0.soc_max=0.05"])
    with pytest.raises(InputError, match="community_storage"):
        load_scenario(NAME, ["community_storage=null"])


@pytest.mark.slow
def test_networks_are_trained_on_the_history_and_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HMESH_FORECASTERS", str(tmp_path))
    small = (
        "community_storage.forecaster={kind: lstm, window: 4, units: 2, epochs: 1, batch: 8}",
        "step_h=2.0", "hours=6",
    )  # fmt: skip
    first = simulated(world(*small, strategy=NORMAL)).totals.sums["storage_delivered_kwh"]
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(kept) == 3
    again = simulated(world(*small, strategy=NORMAL)).totals.sums["storage_delivered_kwh"]
    assert again == first
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept


def test_without_the_extra_only_the_network_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "hmesh.environment.lstm_forecaster", raising=False)
    monkeypatch.delattr(environment, "lstm_forecaster", raising=False)
    for kind in ("persistence", "seasonal_naive", "ridge", "noise"):
        usual = world("hours=2", f"community_storage.forecaster={{kind: {kind}}}")
        assert simulated(usual).totals.steps == 8
    with pytest.raises(InputError, match=r"hmesh\[forecast\]"):
        check_scenario(NAME, ["community_storage.forecaster={kind: lstm}"])
    given = ["run", NAME, "--set", "community_storage.forecaster={kind: lstm}", "--out"]
    reported = CliRunner().invoke(app, [*given, str(tmp_path / "run")])
    assert reported.exit_code == 2
    assert (
        "jax is not installed (allowed: pip install 'hmesh[forecast]', or another forecaster)"
        in (" ".join(reported.output.split()))
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_thousand_households_and_ten_storages_are_audited(tmp_path: Path) -> None:
    groups = ",".join(
        f"{{kind: household, name: g{k}, count: 100, annual_kwh: 2500, profile: h0}}"
        for k in range(10)
    )
    storages = ",".join(
        f"{{name: s{k}, community: homes, serves: [g{k}], dischargers: 60, capacity_kwh: 300,"
        "pv_kw: 90}"
        for k in range(10)
    )
    changes = [
        f"communities.homes.members=[{groups}]", f"community_storage.storages=[{storages}]",
        "plots=false", "communities.homes.feeder.rating_kw=10000",
    ]  # fmt: skip
    start_run(load_scenario(NAME, changes), tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, "\n".join(report.lines())


def test_rows_of_two_courses_that_change_places_fail_the_audit(tmp_path: Path) -> None:
    directory = shutil.copytree(finished(), tmp_path / "run")
    path = directory / "storage_courses.parquet"
    rows = pq.read_table(path)
    ends = np.flatnonzero(np.diff(rows["alpha"].to_numpy()))[0]
    order = np.arange(rows.num_rows)
    order[[ends, ends + 1]] = order[[ends + 1, ends]]
    pq.write_table(rows.take(pa.array(order)), path)
    info = json.loads((directory / "run.json").read_text())
    info["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (directory / "run.json").write_text(json.dumps(info))
    assert not audit_run(directory).passed
