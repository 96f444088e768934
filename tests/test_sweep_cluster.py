import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import psutil
import pytest

from hmesh.environment import InputError
from hmesh.runs import Sweep, run_sweep

NAME = "three-communities"
CHANGES = ("vehicles.count=20", "hours=12", "checkpoint_every_h=3", "strategies=[two_level]")
TABLES = ("runs.csv", "runs.parquet", "summary.csv", "summary.json", "sweep.json")


def sweep(directory: Path, **options: Any) -> Sweep:
    return run_sweep(NAME, ["vehicles.theta=1,3"], directory, seeds=4, changes=CHANGES, **options)


def content(directory: Path) -> dict[str, bytes]:
    files = [*(directory / name for name in TABLES)]
    files += [path for path in directory.glob("runs/*/*") if path.name != "run.json"]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_without_dask_it_is_reported_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError) as caught:
        sweep(tmp_path, scheduler="tcp://127.0.0.1:1")
    assert "pip install 'hmesh[cluster]'" in str(caught.value)


def test_dask_is_imported_only_where_a_cluster_is_asked_for() -> None:
    code = (
        "import hmesh.runs.sweeps.sweep, sys; assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nix", "'nix' is no address of a Dask scheduler"),
        ("tcp://node1:x", "'tcp://node1:x' is no address"),
        ("tcp://:8786", "'tcp://:8786' is no address"),
        ("", "'' is no address"),
        ("tcp://127.0.0.1:1", "no Dask scheduler answers at tcp://127.0.0.1:1"),
        ("x" * 300 + ":8786", "no Dask scheduler answers at xxx"),
    ],
)
def test_a_scheduler_that_cannot_be_reached_leaves_nothing(
    tmp_path: Path, address: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        sweep(tmp_path / "new", scheduler=address)
    (problem,) = caught.value.problems
    assert message in str(problem)
    assert "such as tcp://node1:8786" in problem.allowed
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_cluster_leaves_the_same_bytes_also_when_a_worker_dies(
    cluster: Any, tmp_path: Path
) -> None:
    killed = []

    def kill_one(done: int, total: int) -> None:
        if done == 1:
            worker = psutil.Process(next(iter(cluster.workers.values())).pid)
            killed.append(worker)
            worker.kill()

    ended = sweep(tmp_path / "cluster", scheduler=cluster.scheduler_address, progress=kill_one)
    assert killed
    assert not killed[0].is_running()
    assert ended.failures == ()
    sweep(tmp_path / "here", workers=1)
    assert content(tmp_path / "cluster") == content(tmp_path / "here")


PLUGIN = """
from hmesh.agents import ElectricVehicle
from hmesh.plugins import behaviour, metric


@behaviour("idle")
class Idle(ElectricVehicle):
    def respond(self, price):
        return 0.0


@metric("demand")
def demand(world):
    return world.net_kwh.sum()
"""


def plugin_sweep(plugin: Path, directory: Path, **options: Any) -> Sweep:
    changes = ("vehicles.count=20", "hours=3", "strategies=[two_level]", "plots=false")
    given = (*changes, "behaviours=[{behaviour: idle, share: 0.5}]")
    vary = ["behaviours.0.share=0,1"]
    plugins = [str(plugin)]
    return run_sweep(NAME, vary, directory, changes=given, plugins=plugins, **options)


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("plugins_withdrawn")
def test_workers_of_a_cluster_load_plugins(processes: bool, tmp_path: Path) -> None:
    from distributed import LocalCluster

    plugin = tmp_path / "idle.py"
    plugin.write_text(PLUGIN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with LocalCluster(
            n_workers=1, threads_per_worker=1, processes=processes, dashboard_address=":0"
        ) as cluster:
            # A scheduler within this process is reached by an address of its own kind.
            address = cluster.scheduler_address
            done = plugin_sweep(plugin, tmp_path / "cluster", scheduler=address)
    assert done.failures == ()
    plugin_sweep(plugin, tmp_path / "here", workers=1)
    assert content(tmp_path / "cluster") == content(tmp_path / "here")
    assert "metrics.demand.mean" in (tmp_path / "cluster" / "runs.csv").read_text()


def command(directory: Path) -> list[str]:
    code = "from hmesh.runs.command_line import main; main()"
    changes = [word for change in CHANGES for word in ("--set", change)]
    options = ["--vary", "vehicles.theta=1,3", "--seeds", "4", "--workers", "2"]
    return [
        sys.executable, "-c", code, "sweep", NAME, *options, *changes, "--out", str(directory)
    ]  # fmt: skip


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes in which a sweep makes its runs."""
    return [
        child for child in process.children(recursive=True) if "spawn_main" in str(child.cmdline())
    ]


@pytest.mark.slow
@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGINT])
def test_no_process_is_left_behind_and_the_command_goes_on(tmp_path: Path, way: int) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    sweep(here, workers=1)
    process = subprocess.Popen(
        command(there), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not list(there.glob("runs/*/summary.json")):
        assert process.poll() is None
        time.sleep(0.05)
    workers = workers_of(psutil.Process(process.pid))
    assert len(workers) == 2
    process.send_signal(way)
    _, reported = process.communicate(timeout=600)
    if way == signal.SIGINT:
        assert process.returncode == 130
        # Lines of progress before it are printed only where the machine is slow.
        assert reported.endswith("interrupted; the same command continues the sweep\n")
        assert "Traceback" not in reported
    psutil.wait_procs(workers, timeout=300)
    assert not [worker for worker in workers if worker.is_running()]
    assert not (there / "runs.csv").exists()
    done = subprocess.run(command(there), capture_output=True, text=True, check=True)
    assert "8 of 8 runs are finished, " in done.stdout
    assert content(there) == content(here)
