import json
import signal
from pathlib import Path
from typing import Any

import pytest

from hmesh.environment import InputError
from hmesh.runs import make_plan, run_sweep
from hmesh.runs.sweeps.growth import grown
from hmesh.runs.sweeps.sweep_plan import SweepPlan
from hmesh.runs.world.simulation import Simulation

NAME = "three-communities"
SMALL = ("vehicles.count=10", "hours=2", "checkpoint_every_h=1", "strategies=[typical]")
TABLES = ("runs.csv", "runs.parquet", "summary.csv", "summary.json", "sweep.json")


def sweep(directory: Path, *vary: str, **options: Any) -> Any:
    return run_sweep(NAME, vary, directory, changes=SMALL, **({"workers": 1} | options))


def content(directory: Path) -> dict[str, bytes]:
    """Return all files that a sweep leaves, but for the times in each run's own."""
    files = [*(directory / name for name in TABLES), *directory.glob("plots/*")]
    files += [path for path in directory.glob("runs/*/*") if path.name != "run.json"]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def stamps(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return when each file of every run was written last, and what it holds."""
    return {
        str(path.relative_to(directory)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in directory.glob("runs/*/*")
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("whole") / "sweep"
    sweep(directory, "vehicles.theta=1,3", seeds=2)
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_grown_sweep_makes_only_what_is_missing(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    step, steps = Simulation.step, 0

    def counting(simulation: Simulation) -> None:
        nonlocal steps
        steps += 1
        if steps == 6:  # in the second of the missing runs
            signal.raise_signal(signal.SIGINT)
        step(simulation)

    sweep(tmp_path, "vehicles.theta=3", seeds=1)
    before = stamps(tmp_path)
    more: dict[str, Any] = {"seeds": 2, "workers": workers}
    if workers == 1:
        monkeypatch.setattr(Simulation, "step", counting)
        with pytest.raises(KeyboardInterrupt):
            sweep(tmp_path, "vehicles.theta=1,3", **more)
    ended = sweep(tmp_path, "vehicles.theta=1,3", **more)
    assert stamps(tmp_path).items() >= before.items()
    assert content(tmp_path) == content(whole)
    if workers == 1:
        # Three runs of two steps, interrupted or not.
        assert (ended.found, steps) == (3, 6)
        assert sweep(tmp_path, "vehicles.theta=1,3", **more).found == 4
        assert steps == 6


@pytest.mark.slow
def test_a_sweep_does_not_shrink(whole: Path) -> None:
    with pytest.raises(InputError) as caught:
        sweep(whole, "vehicles.theta=1,4", seeds=3)
    lines = str(caught.value).splitlines()
    assert "vehicles.theta varies over 1, 3 there, 1, 4 now" in lines[0]
    assert "seeds are 2 (" in lines[1]
    assert all("allowed: all runs that are there and more, or a new folder" in x for x in lines)


def plan(*vary: str, **options: Any) -> SweepPlan:
    return make_plan(NAME, vary, changes=SMALL, **options)


def described(made: SweepPlan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(made.described()))
    return found


def test_a_further_key_keeps_the_folders_that_are_there() -> None:
    before = plan("vehicles.theta=1,3", seeds=2)
    now = plan("vehicles.soc_min=0.1,0.2", "vehicles.theta=3,1", seeds=3)
    assert before.scenario["vehicles"]["soc_min"] in (0.1, 0.2)
    made = grown(now, described(before))
    assert made is not None
    names = [run.name for run in made.runs]
    assert {run.name for run in before.runs} <= set(names)
    assert len(set(names)) == 12
    # And again from the folder that has grown, in whatever order it is asked for.
    other = plan("vehicles.theta=1,3", "vehicles.soc_min=0.1,0.2", seeds=3)
    again = grown(other, described(made))
    assert again is not None
    assert {run.name for run in again.runs} == set(names)


def test_a_plan_without_a_run_of_before_does_not_grow() -> None:
    before = described(plan("vehicles.theta=1,3", seeds=2))
    assert grown(plan("vehicles.theta=1,3", seeds=1), before) is None
    assert grown(plan("vehicles.theta=1", seeds=9), before) is None
    assert grown(make_plan(NAME, ["vehicles.theta=1,3"], seeds=2), before) is None


def test_a_folder_outside_of_the_sweep_is_refused() -> None:
    before = described(plan("vehicles.theta=1,3", seeds=2))
    before["runs"][0]["directory"] = "runs/../../elsewhere_0123456789ab"
    with pytest.raises(ValueError, match="is no folder of a run"):
        grown(plan("vehicles.theta=1,3", seeds=2), before)
