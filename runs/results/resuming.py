"""How an interrupted run goes on: from which state, and by which command."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from hmesh.environment.errors import InputError
from hmesh.runs.results.checkpoint import has_checkpoint, load_checkpoint
from hmesh.runs.results.restored_state import take_over
from hmesh.runs.results.run_folder import read_folder
from hmesh.runs.results.versions import naming_other_version
from hmesh.runs.results.writer import ResultsWriter
from hmesh.runs.scenarios.resolved_scenario import scenario_hash


def resume_command(directory: Path) -> str:
    """Return the command that continues a run or draws its missing pictures."""
    return f"hmesh resume {shlex.quote(str(directory))}"


def way_on(directory: Path) -> str:
    """Return in words how the run in a folder goes on, by a command that will do it."""
    try:
        if not read_folder(directory).complete:
            state_of(directory)
    except InputError as error:
        return str(replace(error.problems[0], place=""))
    return f"{resume_command(directory)} continues or completes it"


def state_of(directory: Path) -> tuple[ResultsWriter, int, dict[str, Any]]:
    """Return the writer of an unfinished run with its rows so far, its steps and its state.

    A run that was interrupted before its first checkpoint has no steps and no state.

    Raises
    ------
    InputError
        When the folder holds no such run, or one whose checkpoint is damaged.
    """
    writer = ResultsWriter.resume(directory)
    if not has_checkpoint(writer.checkpoints):
        return writer, 0, {}
    with naming_other_version(read_folder(directory).info):
        steps, state = load_checkpoint(writer.checkpoints, scenario_hash(writer.resolved))
        take_over(writer, steps, state)
    return writer, steps, state
