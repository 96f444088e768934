"""A run interrupted in any way ends as an uninterrupted one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hmesh.environment import InputError
from hmesh.runs import load_scenario, read_run, resume_run, start_run
from tests.interrupted_runs import interrupted_run
from tests.quick_cases import quick

CHANGES = ("vehicles.count=30", "hours=30", "checkpoint_every_h=6", "messages.keep=all")

KILLED = """
import os, signal, sys
from pathlib import Path
from hmesh.runs import load_scenario, resume_run, start_run

def kill(done, total):
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

directory = Path(sys.argv[1])
if directory.exists():
    resume_run(directory, kill)
else:
    start_run(load_scenario("three-communities", sys.argv[3:]), directory, kill)
"""


def files(directory: Path) -> dict[str, bytes]:
    """Return every file of a run but run.json, which states the time it took."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "run.json"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as it is when nothing interrupts it."""
    directory = tmp_path_factory.mktemp("whole") / "run"
    start_run(load_scenario("three-communities", CHANGES), directory)
    return directory


def test_the_same_scenario_and_seed_give_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    start_run(load_scenario("three-communities", CHANGES), tmp_path / "again")
    assert files(tmp_path / "again") == files(whole)
    start_run(load_scenario("three-communities", CHANGES, seed=2), tmp_path / "other")
    assert files(tmp_path / "other") != files(whole)


@pytest.mark.parametrize("after", [1, 6, 17, 29])
def test_an_interrupted_run_goes_on_bit_for_bit(whole: Path, tmp_path: Path, after: int) -> None:
    interrupted_run(tmp_path / "run", after, load_scenario("three-communities", CHANGES))
    info = read_run(tmp_path / "run").info
    assert (info["status"], info["steps_done"], info["steps_total"]) == ("interrupted", after, 30)
    resume_run(tmp_path / "run")
    assert files(tmp_path / "run") == files(whole)


@pytest.mark.parametrize("kills", quick({(3,)}, [(3,), (9, 20)]))
def test_a_killed_run_goes_on_bit_for_bit(
    whole: Path, tmp_path: Path, kills: tuple[int, ...]
) -> None:
    directory = tmp_path / "run"
    for after in kills:
        command = [sys.executable, "-c", KILLED, str(directory), str(after), *CHANGES]
        killed = subprocess.run(command, check=False, cwd=Path(__file__).parents[1], env=os.environ)
        assert killed.returncode == -signal.SIGKILL
        assert read_run(directory).info["status"] == "interrupted"
    resume_run(directory)
    assert files(directory) == files(whole)
    assert resume_run(directory) == read_run(directory).summary
    assert files(directory) == files(whole)


def test_a_damaged_checkpoint_is_reported_and_nothing_is_lost(tmp_path: Path) -> None:
    interrupted_run(tmp_path / "run", 2, load_scenario("three-communities", CHANGES))
    states = sorted((tmp_path / "run" / "checkpoint").glob("*/arrays.npz"))
    for state in states:
        state.write_bytes(state.read_bytes()[:-100])
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(InputError):
        resume_run(tmp_path / "run")
    after = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert after == before


LONG = """
import sys
from pathlib import Path
import psutil
from hmesh.runs import load_scenario, start_run
from hmesh.runs.results import writer as results

results.ROWS_PER_PART = 1000
directory, process = Path(sys.argv[1]), psutil.Process()

def state(done, total):
    if done % (total // 4) == 0:
        kept = directory.glob("checkpoint/0*/*")
        print(process.memory_info().rss, sum(path.stat().st_size for path in kept))

changes = ["vehicles.count=30", "hours=1600", "checkpoint_every_h=100", "record.vehicles=5"]
start_run(load_scenario("three-communities", changes), directory, state)
"""


@pytest.mark.slow
def test_memory_and_checkpoints_do_not_grow_with_the_length_of_a_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LONG, str(tmp_path / "run")]
    reported = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    resident, kept = zip(*(map(int, line.split()) for line in reported.splitlines()), strict=True)
    assert len(resident) == 4
    # 1,200 hours after the first quarter; a list of their rows alone would take more.
    assert resident[-1] < resident[0] + 4_000_000
    assert max(kept) < 600_000
