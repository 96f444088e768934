import csv
import json
import os
import re
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from scipy import stats
from typer.testing import CliRunner, Result

from hmesh.environment import InputError
from hmesh.runs import Scenario, Sweep, read_run, run_sweep
from hmesh.runs import run as run_module
from hmesh.runs.command_line import app
from hmesh.runs.sweeps.statistics import paired_difference, statistics
from hmesh.runs.sweeps.workers import LocalWorkers
from hmesh.runs.world.simulation import Simulation

NAME = "three-communities"
SMALL = ("vehicles.count=20", "hours=3", "checkpoint_every_h=1", "strategies=[typical,two_level]")
VARY = ("vehicles.theta=1,3",)
TABLES = ("runs.csv", "runs.parquet", "summary.csv", "summary.json", "sweep.json")


def sweep(directory: Path, vary: Any = VARY, **options: Any) -> Sweep:
    given = {"changes": SMALL, "seeds": 3, "workers": 1} | options
    return run_sweep(NAME, vary, directory, **given)


def content(directory: Path) -> dict[str, bytes]:
    """Return all files that a sweep leaves, but for the times in each run's own."""
    files = [*(directory / name for name in TABLES), *directory.glob("plots/*")]
    files += [path for path in directory.glob("runs/*/*") if path.name != "run.json"]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return sweep(tmp_path_factory.mktemp("finished") / "sweep")


def test_every_run_has_its_folder_and_its_rows(finished: Sweep) -> None:
    assert [path.name for path in sorted((finished.directory / "runs").iterdir())] == sorted(
        run.name for run in finished.plan.runs
    )
    table = pq.read_table(finished.directory / "runs.parquet").to_pylist()
    assert len(table) == 2 * 3 * 2
    assert [row["vehicles.theta"] for row in table] == [1.0] * 6 + [3.0] * 6
    for row in table:
        run = read_run(finished.directory / row["directory"])
        assert run.info["seed"] == row["seed"]
        summary = run.summary[row["strategy"]]
        assert row["ev_bill"] == summary["ev_bill"]
        assert row["counts.unmet_trips"] == summary["counts"]["unmet_trips"]
    text = rows(finished.directory / "runs.csv")
    assert [float(row["ev_bill"]) for row in text] == [row["ev_bill"] for row in table]
    # What the other strategy alone counted is zero, not unknown.
    assert table[0]["messages.EnergyBid.sent"] == 0


def test_statistics_are_those_of_the_seeds(finished: Sweep) -> None:
    table = pq.read_table(finished.directory / "runs.parquet").to_pylist()
    bills = [
        row["ev_bill"] for row in table if row["point"] == 1 and row["strategy"] == "two_level"
    ]
    (row,) = [
        row
        for row in rows(finished.directory / "summary.csv")
        if (row["kind"], row["point"], row["strategy"], row["quantity"])
        == ("value", "1", "two_level", "ev_bill")
    ]
    assert int(row["seeds"]) == 3
    assert float(row["mean"]) == pytest.approx(np.mean(bills))
    assert float(row["standard_deviation"]) == pytest.approx(np.std(bills, ddof=1))
    interval = stats.t.interval(0.95, 2, np.mean(bills), stats.sem(bills))
    assert (float(row["low_95"]), float(row["high_95"])) == pytest.approx(interval)


def test_differences_are_paired_by_seed_which_saves_variance(finished: Sweep) -> None:
    reported = json.loads((finished.directory / "summary.json").read_text())
    found = {(row["point"], row["strategy"], row["minus"]): row for row in reported["differences"]}
    assert set(found) == {
        (1, "typical", "theta=1"),
        (1, "two_level", "theta=1"),
        (0, "two_level", "strategy=typical"),
        (1, "two_level", "strategy=typical"),
    }
    bill = finished.ensemble.of("ev_bill")[:, :, 1]
    difference = found[1, "two_level", "theta=1"]["quantities"]["ev_bill"]
    assert difference["mean"] == pytest.approx((bill[1] - bill[0]).mean())
    saved = 1 - np.var(bill[1] - bill[0], ddof=1) / np.var(bill, axis=1, ddof=1).sum()
    assert difference["variance_saved"] == pytest.approx(saved)
    assert difference["variance_saved"] > 0.5


def test_common_random_numbers_save_what_they_correlate() -> None:
    generator = np.random.default_rng(1)
    common, own, other = generator.normal(size=(3, 20_000, 1))
    found = paired_difference(3 * common + own, 3 * common + other)
    assert found.variance_saved is not None
    assert found.variance_saved[0] == pytest.approx(0.9, abs=0.01)
    assert statistics(common).half_width[0] == pytest.approx(1.96 / 20_000**0.5, rel=0.03)


def test_statistics_of_too_few_values_are_unknown() -> None:
    values = np.array([[1.0, np.nan, 2.0], [3.0, np.nan, np.nan]])
    found = statistics(values)
    assert found.number.tolist() == [2, 0, 1]
    assert found.mean[0] == 2.0
    assert np.isnan(found.mean[1])
    assert np.isnan(found.half_width[1:]).all()


def test_each_key_has_a_picture_whose_title_shows_the_finding(finished: Sweep) -> None:
    (plot,) = finished.plots
    assert plot.path == finished.directory / "plots" / "vehicles.theta.png"
    assert plot.path.is_file()
    assert re.match(r"Under the two-level game .* (rises|falls) .*from 1 to 3$", plot.finding)


def test_a_finished_sweep_makes_nothing_again(finished: Sweep) -> None:
    before = content(finished.directory)
    times = {p: p.stat().st_mtime_ns for p in finished.directory.glob("runs/*/*")}
    again = sweep(finished.directory)
    assert again.found == len(again.plan.runs) == 6
    assert content(finished.directory) == before
    assert {p: p.stat().st_mtime_ns for p in finished.directory.glob("runs/*/*")} == times


def test_another_plan_is_refused_with_all_differences(finished: Sweep) -> None:
    with pytest.raises(InputError) as caught:
        sweep(finished.directory, ("vehicles.theta=1,4",), seeds=2)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "vehicles.theta varies over 1, 3 there, 1, 4 now" in lines[0]
    assert "seeds are 3 (" in lines[1]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="holds something that is no sweep"):
        sweep(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        sweep(tmp_path / "mine.txt")


def test_two_sweeps_never_share_a_folder(tmp_path: Path) -> None:
    def second(done: int, total: int) -> None:
        if done == 1:
            with pytest.raises(InputError, match="another sweep is running"):
                sweep(tmp_path)

    assert not sweep(tmp_path, progress=second).failures


def in_a_fork(work: Callable[[], object]) -> int:
    """Do work in a separate process and return how it ended."""
    with warnings.catch_warnings():
        # Other tests of this process may have started threads, which the work needs none of.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        process = os.fork()
    if process == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


@pytest.mark.slow
def test_a_sweep_killed_twice_ends_with_the_same_bytes(
    finished: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, steps_left = Simulation.step, 0

    def killing(simulation: Simulation) -> None:
        nonlocal steps_left
        steps_left -= 1
        if steps_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        step(simulation)

    directory = tmp_path / "sweep"
    with monkeypatch.context() as patch:
        patch.setattr(Simulation, "step", killing)
        for number in (11, 13):  # in the middle of a run, after one of its checkpoints
            steps_left = number
            assert in_a_fork(lambda: sweep(directory)) == -signal.SIGKILL
    unfinished = [path for path in (directory / "runs").iterdir() if not read_run(path).complete]
    assert len(unfinished) == 1
    ended = sweep(directory)
    assert ended.found == 3
    assert content(directory) == content(finished.directory)
    assert not list(directory.glob(".permit-*"))


@pytest.mark.slow
def test_a_folder_that_was_killed_before_its_first_state_is_begun_again(
    finished: Sweep, tmp_path: Path
) -> None:
    sweep(tmp_path, seeds=3)
    first, second, *_ = (tmp_path / "runs" / run.name for run in finished.plan.runs)
    for path in first.iterdir():
        path.unlink()
    (second / "run.json").write_text("{")
    assert sweep(tmp_path).found == 4
    assert content(tmp_path) == content(finished.directory)


def hmesh(*words: str) -> Result:
    result = CliRunner().invoke(app, words, prog_name="hmesh", env={"COLUMNS": "120"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def words(directory: Path, *more: str) -> list[str]:
    changes = [word for change in SMALL for word in ("--set", change)]
    given = ["--vary", VARY[0], "--seeds", "3", "--workers", "1", "--out", str(directory)]
    return ["sweep", NAME, *given, *changes, *more]


def test_an_interrupted_sweep_goes_on_by_the_same_command(
    finished: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, steps = Simulation.step, 0

    def interrupting(simulation: Simulation) -> None:
        nonlocal steps
        steps += 1
        if steps == 9:
            signal.raise_signal(signal.SIGINT)
        step(simulation)

    with monkeypatch.context() as patch:
        patch.setattr(Simulation, "step", interrupting)
        result = hmesh(*words(tmp_path, "--no-progress"))
    assert result.exit_code == 130
    assert result.stderr == "interrupted; the same command continues the sweep\n"
    assert not (tmp_path / "runs.csv").exists()
    result = hmesh(*words(tmp_path))
    assert result.exit_code == 0, result.output
    assert "6 of 6 runs are finished, 1 of them were there before" in result.stdout
    assert "vehicles.theta: Under the two-level game" in result.stdout
    assert "Common random numbers save this share of the variance" in result.stdout
    assert result.stdout.endswith(f"results: {tmp_path}\n")
    assert content(tmp_path) == content(finished.directory)


@pytest.mark.slow
def test_a_run_stops_when_its_permit_is_gone(
    finished: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hmesh.runs.sweeps.task.LOOK_EVERY_S", 0.0)
    step, steps = Simulation.step, 0

    def forbidding(simulation: Simulation) -> None:
        nonlocal steps
        steps += 1
        if steps == 9:
            for permit in tmp_path.glob(".permit-*"):
                permit.unlink()
        step(simulation)

    with monkeypatch.context() as patch:
        patch.setattr(Simulation, "step", forbidding)
        with pytest.raises(KeyboardInterrupt):
            sweep(tmp_path)
    assert sweep(tmp_path).found == 1
    assert content(tmp_path) == content(finished.directory)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every run with theta 3 and one of its seeds fail, and count its tries."""
    tries: list[int] = []
    start = run_module.start_run

    def start_run(scenario: Scenario, *words: Any, **options: Any) -> Any:
        if scenario.vehicles.theta == 3.0 and (not tries or scenario.seed == tries[0]):
            tries.append(scenario.seed)
            raise ZeroDivisionError("something is\nwrong")
        return start(scenario, *words, **options)

    monkeypatch.setattr(run_module, "start_run", start_run)
    return tries


@pytest.mark.slow
def test_a_failing_run_is_tried_twice_and_listed_and_the_rest_goes_on(
    tmp_path: Path, faulty: list[int]
) -> None:
    result = hmesh(*words(tmp_path))
    assert result.exit_code == 1
    assert len(faulty) == 2
    assert "5 of 6 runs are finished" in result.stdout
    assert "ZeroDivisionError: something is wrong" in result.stdout
    assert "the same command tries the failed runs again" in result.stdout
    (failure,) = json.loads((tmp_path / "failures.json").read_text()).values()
    assert "Traceback" in failure["traceback"]
    table = pq.read_table(tmp_path / "runs.parquet").to_pylist()
    assert len(table) == 5 * 2
    reported = json.loads((tmp_path / "summary.json").read_text())
    seeds = {row["point"]: row["quantities"]["ev_bill"]["seeds"] for row in reported["values"]}
    assert seeds == {0: 3, 1: 2}
    assert {row["quantities"]["ev_bill"]["seeds"] for row in reported["differences"]} == {2, 3}


@pytest.mark.slow
def test_a_run_that_failed_once_counts_as_any_other(
    finished: Sweep, tmp_path: Path, faulty: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(tmp_path)
    monkeypatch.undo()
    ended = sweep(tmp_path)
    assert (ended.found, ended.failures) == (5, ())
    assert not (tmp_path / "failures.json").exists()
    assert content(tmp_path) == content(finished.directory)


def test_a_sweep_of_which_all_fails_still_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(run_module, "start_run", fail)
    ended = sweep(tmp_path, seeds=2)
    assert len(ended.failures) == 4
    assert (tmp_path / "runs.csv").read_bytes() == b""


def test_many_workers_leave_the_same_bytes(finished: Sweep, tmp_path: Path) -> None:
    sweep(tmp_path, workers=2)
    assert content(tmp_path) == content(finished.directory)


@pytest.mark.slow
def test_many_workers_of_which_one_dies_leave_the_same_bytes(
    finished: Sweep, tmp_path: Path
) -> None:
    before = set(psutil.Process().children(recursive=True))
    killed = []

    def kill_one(done: int, total: int) -> None:
        own = set(psutil.Process().children(recursive=True)) - before
        workers = [child for child in own if "spawn_main" in " ".join(child.cmdline())]
        if done == 1 and workers:
            killed.append(workers[0])
            workers[0].kill()

    ended = sweep(tmp_path, workers=2, progress=kill_one)
    assert killed
    assert ended.failures == ()
    assert content(tmp_path) == content(finished.directory)


def test_a_pool_that_is_closed_lets_its_processes_go() -> None:
    pool = LocalWorkers(2)
    assert pool.room == 2
    pool.close()


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": 2, "scheduler": "tcp://a:1"}])
def test_wrong_workers_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--workers"):
        sweep(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_a_latin_hypercube_compares_strategies_and_draws_ranks(tmp_path: Path) -> None:
    ended = sweep(tmp_path, {"vehicles.theta": "1:3"}, sample="latin", points=6, seeds=2)
    assert "as vehicles.theta rises" in ended.plots[0].finding
    assert "rank correlation" in ended.plots[0].finding
    reported = json.loads((tmp_path / "summary.json").read_text())
    assert {row["minus"] for row in reported["differences"]} == {"strategy=typical"}


@pytest.mark.slow
def test_values_that_are_no_numbers_are_drawn_side_by_side(tmp_path: Path) -> None:
    vary = {"prices.retail": ["marginal", "average"], "vehicles.trip_reserve": [False, True]}
    ended = sweep(tmp_path, vary, seeds=[4])
    assert len(ended.plots) == 2
    table = pq.read_table(tmp_path / "runs.parquet")
    assert str(table.schema.field("vehicles.trip_reserve").type) == "bool"
    assert str(table.schema.field("prices.retail").type) == "string"
    assert table.column("seed").unique().to_pylist() == [4]
    assert rows(tmp_path / "runs.csv")[0]["vehicles.trip_reserve"] == "false"


@pytest.mark.slow
def test_pictures_of_the_runs_are_drawn_where_asked(tmp_path: Path) -> None:
    ended = sweep(tmp_path, (), changes=[*SMALL, "plots=true"], seeds=None)
    (run,) = ended.plan.runs
    assert list((tmp_path / "runs" / run.name / "plots").glob("*.png"))
    assert ended.plots == ()
