"""The folder of a new run, which must be there for it alone."""

from collections.abc import Callable
from pathlib import Path

from hmesh.environment.errors import InputError, Problem, impossible_path
from hmesh.runs.results.folder_lock import LOCK, locked

# What a run that was killed before its run.json was written leaves.
_BEFORE_THE_RUN = {LOCK, ".run.json.new"}


def refuse_used(directory: Path, way_on: Callable[[Path], str] | None = None) -> None:
    """Refuse a folder for a new run that holds something already.

    Parameters
    ----------
    directory : Path
        The folder.
    way_on : callable, optional
        Returns in words how a run in a folder goes on.
    """
    if reason := impossible_path(directory):
        raise InputError([Problem(str(directory), f"cannot be opened: {reason}", "a new folder")])
    if not directory.exists():
        return
    allowed = "a new or empty folder"
    if not directory.is_dir():
        raise InputError([Problem(str(directory), "is a file", allowed)])
    if not {entry.name for entry in directory.iterdir()} - _BEFORE_THE_RUN:
        return
    message = "holds something already"
    if (directory / "run.json").is_file():
        if (directory / LOCK).exists():
            with locked(directory):  # refuses where the run is under way
                pass
        message = "holds a run already" + (f"; {way_on(directory)}" if way_on else "")
    raise InputError([Problem(str(directory), message, allowed)])
