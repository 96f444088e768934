"""One run of a sweep, wherever it is made: begun, resumed or found finished, and safe to kill."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import own_folder, refuse_link, remove_own, sha256, unwritable
from hmesh.runs.results.names import RUN_FILES

LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """A run to be made.

    Attributes
    ----------
    name : str
        Its name in the sweep.
    directory : Path
        Its folder.
    resolved : dict
        Its scenario as plain data.
    digest : str
        How the digest of its scenario begins.
    permit : Path
        The file whose presence lets it go on; one that is gone stops it.
    lock : Path
        The file that it holds, so that no folder is ever written by two.
    afresh : bool
        Whether an unfinished run in the folder is dropped instead of resumed.
    scheduler : str or None
        Address of a Dask scheduler whose workers hold the rows of the run; None for nobody.
    """

    name: str
    directory: Path
    resolved: dict[str, Any]
    digest: str
    permit: Path
    lock: Path
    afresh: bool = False
    scheduler: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a task: `lost` means that its worker died, perhaps through another one."""

    name: str
    status: Literal["done", "failed", "stopped", "lost"]
    error: str = ""
    traceback: str = ""


class Stopped(Exception):
    """The sweep does not want this run any more, at least not now."""


def execute(task: Task) -> Outcome:
    """Bring a run to its end; whatever goes wrong is reported, not raised."""
    try:
        look = _looking_at(task.permit)
        look()
        with held(task.lock, look):
            _finish(task, look)
    except (Stopped, KeyboardInterrupt):
        return Outcome(task.name, "stopped")
    except Exception as error:
        from hmesh.runs.plugins.failures import failure_of

        known = error if isinstance(error, InputError) else failure_of(error)
        text = " ".join(str(known or error).split())
        kind = "" if known else f"{type(error).__name__}: "
        return Outcome(task.name, "failed", f"{kind}{text}", traceback.format_exc())
    return Outcome(task.name, "done")


def is_finished(directory: Path, digest: str) -> bool:
    """Return whether a folder holds the finished run whose digest begins as stated."""
    return _complete(directory, digest) and _drawn(directory)


@contextmanager
def held(path: Path, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that the system gives back when its holder dies.

    Parameters
    ----------
    path : Path
        The file that is locked.
    while_waiting : callable
        Called now and then as long as another holds it.
    """
    if os.name != "posix":  # the lock of the sweep's folder has to do there
        yield
        return
    import fcntl

    with os.fdopen(_opened(path), "w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                while_waiting()
                time.sleep(LOOK_EVERY_S)
            else:
                break
        yield


def _opened(path: Path) -> int:
    """Open the file of a lock, which is made where it is not there, and written to in no case."""
    refuse_link(path)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise unwritable(path, error) from None


def _finish(task: Task, look: Callable[[], None]) -> None:
    from hmesh.runs.plots import draw_plots
    from hmesh.runs.run import resume_run, start_run
    from hmesh.runs.scenarios.resolved_scenario import scenario_hash
    from hmesh.runs.scenarios.scenario import Scenario

    def progress(done: int, total: int) -> None:
        try:
            look()
        except Stopped:
            # The run then keeps its state before it ends; only the main thread can ask it to.
            if threading.current_thread() is not threading.main_thread():
                raise
            signal.raise_signal(signal.SIGINT)

    own_folder(task.directory.parent, task.directory.name)
    if not _complete(task.directory, task.digest):
        if not task.afresh and _resumable(task.directory):
            resume_run(task.directory, progress, scheduler=task.scheduler)
        else:
            remove_own(task.directory, RUN_FILES)
            scenario = Scenario.from_resolved(task.resolved)
            files = [*scenario.files(), *scenario.plugins]
            if files and not scenario_hash(scenario.resolved()).startswith(task.digest):
                message = f"one of the files {', '.join(files)} has changed since the sweep began"
                raise InputError([Problem(task.name, message)])
            start_run(scenario, task.directory, progress, scheduler=task.scheduler)
    if not _drawn(task.directory):
        draw_plots(task.directory)


def _complete(directory: Path, digest: str) -> bool:
    from hmesh.runs.results.run_reader import read_run
    from hmesh.runs.scenarios.resolved_scenario import scenario_hash

    if not _begun(directory):
        return False
    try:
        run = read_run(directory)
    except InputError:
        return False
    if not run.complete or not scenario_hash(run.info["scenario"]).startswith(digest):
        return False
    digests, summary = run.info["sha256"], directory / "summary.json"
    there = all((directory / name).is_file() for name in (summary.name, *digests))
    return there and sha256(summary) == digests.get(summary.name)


def _begun(directory: Path) -> bool:
    """Return whether a folder holds a run; which is quicker than searching for similar ones."""
    return (directory / "run.json").is_file()


def _drawn(directory: Path) -> bool:
    """Return whether a finished run has its pictures, if it shall have any."""
    from hmesh.runs.results.run_reader import read_run

    return not read_run(directory).info["scenario"]["plots"] or (directory / "plots").is_dir()


def _resumable(directory: Path) -> bool:
    """Return whether a folder holds an unfinished run with a state from which it can go on."""
    from hmesh.runs.results.resuming import state_of

    if not _begun(directory):
        return False
    try:
        state_of(directory)
    except InputError:
        return False
    return True


def _looking_at(permit: Path) -> Callable[[], None]:
    """Return what raises Stopped once the permit is gone, and is quick to ask."""
    next_look = 0.0

    def look() -> None:
        nonlocal next_look
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + LOOK_EVERY_S
            if not permit.exists():
                raise Stopped

    return look
