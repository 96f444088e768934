import signal
from collections.abc import Callable
from pathlib import Path

from hmesh.runs import Scenario, load_scenario, resume_run, start_run


def interrupted(folder: Path, steps: int, *changes: str) -> Path:
    """Return the folder of a run of the case study that is interrupted after some steps."""
    return interrupted_run(folder, steps, load_scenario("three-communities", changes))


def interrupted_run(folder: Path, steps: int, scenario: Scenario) -> Path:
    """Return the folder of a run that is interrupted after some steps."""
    return _interrupt(lambda progress: start_run(scenario, folder, progress), folder, steps)


def interrupted_again(folder: Path, steps: int) -> Path:
    """Resume a run, interrupt it after some steps and return its folder."""
    return _interrupt(lambda progress: resume_run(folder, progress), folder, steps)


def _interrupt(
    run: Callable[[Callable[[int, int], None]], object], folder: Path, steps: int
) -> Path:
    """Press Ctrl-C in a run after some steps, counted from its first one."""

    def progress(done: int, total: int) -> None:
        if done == steps:
            signal.raise_signal(signal.SIGINT)

    try:
        run(progress)
    except KeyboardInterrupt:
        return folder
    raise AssertionError("the run was not interrupted")
