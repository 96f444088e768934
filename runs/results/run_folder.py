"""The folder of a run, and what its run.json says of the run."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, finished or not.

    Attributes
    ----------
    directory : Path
        The folder.
    info : dict
        What run.json says.
    """

    directory: Path
    info: dict[str, Any]

    @property
    def complete(self) -> bool:
        """Whether the run is finished."""
        return bool(self.info["status"] == "complete")

    @cached_property
    def scenario(self) -> "Scenario":
        """The scenario of the run, once all that run.json says of it agrees.

        Raises
        ------
        InputError
            When run.json contradicts itself, or describes no scenario.
        """
        from hmesh.runs.scenarios.resolved_scenario import scenario_hash
        from hmesh.runs.scenarios.scenario import Scenario

        path = self.directory / "run.json"
        resolved = self.info["scenario"]
        if self.info["scenario_sha256"] != scenario_hash(resolved):
            message = "is not the scenario of the run: its digest differs"
            raise InputError([Problem(f"{path}: scenario", message)])
        scenario = Scenario.from_resolved(resolved)
        problems = [
            Problem(f"{path}: {key}", f"{self.info[key]!r} contradicts the scenario", f"{value!r}")
            for key, value in statements(scenario).items()
            if self.info[key] != value
        ]
        refuse_all(problems)
        return scenario


def read_folder(directory: Path | str) -> RunFolder:
    """Read what the folder of a run says of it.

    Parameters
    ----------
    directory : Path or str
        What `hmesh run` wrote, finished or not.

    Raises
    ------
    InputError
        When it holds no run, one of another schema, or a run.json that no run writes.
    """
    from hmesh.runs.results.run_info import read_info

    directory = Path(directory)
    path = directory / "run.json"
    if not path.is_file():
        near = nearest(directory.name, _runs_beside(directory))
        suggestion = str(directory.with_name(near)) if near else ""
        message = "holds no run" if directory.is_dir() else "there is no such folder"
        allowed = "a folder that hmesh run wrote"
        raise InputError([Problem(str(directory), message, allowed, suggestion)])
    return RunFolder(directory, read_info(path))


def statements(scenario: "Scenario") -> dict[str, Any]:
    """Return what run.json says of a run beside its scenario, which follows from it."""
    return {
        "steps_total": scenario.steps,
        "start": scenario.start,
        "step_h": scenario.step_h,
        "time_zone": scenario.time_zone,
        "currency": scenario.currency,
        "seed": scenario.seed,
    }


def _runs_beside(directory: Path) -> Iterator[str]:
    return (path.parent.name for path in directory.parent.glob("*/run.json"))


def next_folder(parent: Path, name: str) -> Path:
    """Return a separate folder for another run of a scenario."""
    taken = {path.name for path in parent.glob(f"{name}-*")}
    number = 1
    while f"{name}-{number}" in taken:
        number += 1
    return parent / f"{name}-{number}"
