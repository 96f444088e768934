import signal
from pathlib import Path

from hmesh.runs import load_scenario, start_run


def interrupted(
    folder: Path, steps: int, *changes: str, scenario: str = "three-communities"
) -> Path:
    """Return the folder of a run of a scenario that is interrupted after some steps."""

    def stop(done: int, total: int) -> None:
        if done == steps:
            signal.raise_signal(signal.SIGINT)

    try:
        start_run(load_scenario(scenario, changes), folder, stop)
    except KeyboardInterrupt:
        return folder
    raise AssertionError("the run was not interrupted")
