"""A folder that one process works in at a time, and that a dead process does not keep."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hmesh.environment import InputError
from hmesh.runs import draw_plots, load_scenario, read_run, resume_run, start_run
from hmesh.runs.results.folder_lock import LOCK, locked

ROOT = Path(__file__).parents[1]
CHANGES = {"vehicles.count": 4, "hours": 3, "strategies": ["typical"], "plots": False}
BUSY = r"another process \(\d+ on .+\) works in this folder; wait until it has ended"


def test_a_second_process_is_refused_whatever_it_wants_to_do(tmp_path: Path) -> None:
    directory, scenario = tmp_path / "run", load_scenario("three-communities", CHANGES)

    def meanwhile(done: int, total: int) -> None:
        for attempt in (lambda: resume_run(directory), lambda: start_run(scenario, directory)):
            with pytest.raises(InputError, match=BUSY):
                attempt()

    start_run(scenario, directory, meanwhile)
    assert not (directory / LOCK).exists()
    with locked(directory), pytest.raises(InputError, match=BUSY):
        draw_plots(directory)


def test_a_folder_is_reserved_while_its_run_is_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hmesh.runs.run import make_setting

    directory, scenario = tmp_path / "run", load_scenario("three-communities", CHANGES)

    def slowly(given: Any) -> Any:
        monkeypatch.undo()
        with pytest.raises(InputError, match=BUSY):
            start_run(scenario, directory)
        return make_setting(given)

    monkeypatch.setattr("hmesh.runs.run.make_setting", slowly)
    start_run(scenario, directory)
    assert read_run(directory).complete


HOLDS = """
import sys, time
from pathlib import Path
from hmesh.runs.results.folder_lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=rf"\({other.pid} on "), locked(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


def test_the_lock_is_no_way_out_of_the_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).symlink_to(elsewhere)
    with pytest.raises(InputError, match="cannot be written"), locked(tmp_path / "run"):
        pass
    assert elsewhere.read_text() == "precious"


@pytest.mark.parametrize(
    ("holder", "free"),
    [
        ("", True),
        (f"{os.getpid()} {socket.gethostname()}", True),
        (f"{os.getppid()} {socket.gethostname()}", False),
        ("1 another-machine", False),
    ],
    # Numbers of processes differ between the workers that run the tests.
    ids=["nobody", "this process", "a living process", "another machine"],
)
def test_where_the_file_system_knows_no_locks_the_process_named_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder: str, free: bool
) -> None:
    def unknown(*_: Any) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    monkeypatch.setattr(fcntl, "lockf", unknown)
    (tmp_path / LOCK).write_text(holder)
    if free:
        with locked(tmp_path):
            assert (tmp_path / LOCK).read_text().split()[0] == str(os.getpid())
    else:
        with pytest.raises(InputError, match=holder.replace(" ", " on ")), locked(tmp_path):
            pass


def test_a_process_that_has_ended_holds_nothing_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: Any) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    monkeypatch.setattr(fcntl, "lockf", unknown)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / LOCK).write_text(f"{ended.pid} {socket.gethostname()}")
    with locked(tmp_path):
        pass
