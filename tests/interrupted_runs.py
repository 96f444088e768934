import signal
from pathlib import Path

from hmesh.runs import Scenario, load_scenario, start_run


def interrupted(folder: Path, steps: int, *changes: str) -> Path:
    """Return the folder of a run of the case study that is interrupted after some steps."""
    return interrupted_run(folder, steps, load_scenario("three-communities", changes))


def interrupted_run(folder: Path, steps: int, scenario: Scenario) -> Path:
    """Return the folder of a run that is interrupted after some steps."""

    def stop(done: int, total: int) -> None:
        if done == steps:
            signal.raise_signal(signal.SIGINT)

    try:
        start_run(scenario, folder, stop)
    except KeyboardInterrupt:
        return folder
    raise AssertionError("the run was not interrupted")
