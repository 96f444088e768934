"""hMESH: an agent-based discrete-event simulator of energy-sharing communities.

Ten names are all that most scripts need: `load_scenario`, `check`, `run`, `resume`, `read_run`,
`audit`, `sweep`, `report`, `Simulation` and `plugins`; `make_model` makes a simulation for Mesa.
Below them lie four packages, whose imports run one way: `hmesh.runs` imports `hmesh.agents`, agents
import `hmesh.markets`, and all of them may import `hmesh.environment`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hmesh import plugins as plugins
    from hmesh.runs.audits.audit_report import AuditReport
    from hmesh.runs.results.run_reader import Run
    from hmesh.runs.scenarios.overrides import Changes
    from hmesh.runs.scenarios.scenario import Scenario
    from hmesh.runs.sweeps.sweep import Sweep
    from hmesh.runs.world.batch_model import make_model as make_model
    from hmesh.runs.world.simulation import Simulation as Simulation

__all__ = [
    "Simulation",
    "audit",
    "check",
    "load_scenario",
    "make_model",
    "plugins",
    "read_run",
    "report",
    "resume",
    "run",
    "sweep",
]

# A checkout without symbolic links, as on Windows, holds small files in place of `hmesh/agents` and
# so on. The four rooms are then found where they stand, beside `hmesh`.
if not Path(__file__).with_name("runs").is_dir():
    __path__.append(str(Path(__file__).resolve().parents[1]))


def __getattr__(name: str) -> Any:
    """Import what is heavy when it is first used."""
    if name == "Simulation":
        from hmesh.runs.world.simulation import Simulation

        return Simulation
    if name == "make_model":
        from hmesh.runs.world.batch_model import make_model

        return make_model
    if name == "plugins":
        import importlib

        return importlib.import_module("hmesh.plugins")
    raise AttributeError(f"module 'hmesh' has no attribute {name!r}")


def load_scenario(
    scenario: str | Path, changes: "Changes" = (), seed: int | None = None
) -> "Scenario":
    """Read a scenario, change it, and check it without the files that it names.

    Parameters
    ----------
    scenario : str or Path
        The name of a built-in scenario, or a YAML file.
    changes : mapping or sequence of str
        Values by key, such as ``{"vehicles.count": 500}``, or texts such as `vehicles.count=500`.
    seed : int, optional
        The seed in place of the scenario's.

    Returns
    -------
    Scenario
        The scenario with everything filled in.

    Raises
    ------
    InputError
        When it cannot be read or is wrong: every problem at once, each with its file and key.

    Examples
    --------
    >>> import hmesh
    >>> scenario = hmesh.load_scenario("three-communities", {"vehicles.count": 500})
    >>> scenario.vehicles.count
    500
    """
    from hmesh.runs.scenarios.scenario_reading import load_scenario

    return load_scenario(scenario, changes, seed)


def check(scenario: str | Path, changes: "Changes" = (), seed: int | None = None) -> list[str]:
    """Find every mistake in a scenario and the files that it names.

    Parameters
    ----------
    scenario, changes, seed : str or Path, mapping or sequence of str, int
        As `load_scenario` takes them.

    Returns
    -------
    list of str
        Warnings of what can hardly be meant.

    Raises
    ------
    InputError
        When it cannot be run: every problem of the scenario, or else of all its files at once.

    Examples
    --------
    >>> import hmesh
    >>> hmesh.check("smart-home")
    []
    """
    from hmesh.runs.scenarios.check import check_scenario
    from hmesh.runs.scenarios.scenario_warnings import scenario_warnings

    found = scenario_warnings(check_scenario(scenario, changes, seed))
    return [str(problem) for problem in found]


def run(
    scenario: "str | Path | Scenario",
    directory: str | Path,
    changes: "Changes" = (),
    seed: int | None = None,
) -> "Run":
    """Run a scenario and write its results.

    Parameters
    ----------
    scenario : str, Path or Scenario
        The name of a built-in scenario, a YAML file, or what `load_scenario` returned.
    directory : str or Path
        Where the results go: a folder that is not there yet, or is empty.
    changes, seed : mapping or sequence of str, int, optional
        As `load_scenario` takes them, for a scenario that is given by its name or file.

    Returns
    -------
    Run
        The results. Pictures are drawn by `hmesh plot`.

    Raises
    ------
    InputError
        When the scenario, its files or the folder cannot be used.
    TypeError
        When changes or a seed are given for a scenario that is loaded already.

    Examples
    --------
    >>> import hmesh
    >>> result = hmesh.run("three-communities", "results/a-morning", {"hours": 6})
    >>> sorted(result.summary)
    ['three_level', 'two_level', 'typical']
    """
    from hmesh.runs.run import start_run

    if not isinstance(scenario, str | Path):
        if changes or seed is not None:
            raise TypeError("changes and seed go to load_scenario where the scenario is loaded")
        loaded = scenario
    else:
        loaded = load_scenario(scenario, changes, seed)
    start_run(loaded, directory)
    return read_run(directory)


def resume(directory: str | Path) -> "Run":
    """Continue an interrupted run; its results are those of an uninterrupted one.

    Parameters
    ----------
    directory : str or Path
        The folder of the run; a complete one is left as it is.

    Returns
    -------
    Run
        The results.

    Raises
    ------
    InputError
        When the folder holds no run that can be continued.

    Examples
    --------
    >>> import hmesh
    >>> result = hmesh.run("three-communities", "results/to-be-resumed", {"hours": 2})
    >>> hmesh.resume("results/to-be-resumed").complete
    True
    """
    from hmesh.runs.run import resume_run

    resume_run(directory)
    return read_run(directory)


def read_run(directory: str | Path) -> "Run":
    """Open the results of a run.

    Parameters
    ----------
    directory : str or Path
        What `run` or `hmesh run` wrote, finished or not.

    Returns
    -------
    Run
        Its summary and tables.

    Raises
    ------
    InputError
        When the folder holds no run, or one of another schema.

    Examples
    --------
    >>> import hmesh
    >>> written = hmesh.run("three-communities", "results/two-hours", {"hours": 2})
    >>> hours = hmesh.read_run("results/two-hours").table("hours").to_pandas()
    >>> len(hours)  # 2 hours, 3 strategies, 3 communities
    18
    """
    from hmesh.runs.results.run_reader import read_run

    return read_run(directory)


def audit(directory: str | Path) -> "AuditReport":
    """Check a finished run: its files, its physics, its money and its equilibria.

    Parameters
    ----------
    directory : str or Path
        The folder of the run.

    Returns
    -------
    AuditReport
        One line for each thing checked.

    Raises
    ------
    InputError
        When the folder holds no finished run.

    Examples
    --------
    >>> import hmesh
    >>> result = hmesh.run("three-communities", "results/to-be-audited", {"hours": 2})
    >>> hmesh.audit("results/to-be-audited").passed
    True
    """
    from hmesh.runs.audits.run_audit import audit_run

    return audit_run(directory)


def sweep(
    scenario: str | Path,
    vary: Mapping[str, str | Sequence[Any]] | Sequence[str],
    directory: str | Path,
    *,
    seeds: str | int | Sequence[int] | None = None,
    changes: "Changes" = (),
    workers: int | None = None,
    **options: Any,
) -> "Sweep":
    """Run a scenario with many values and seeds, and continue where an earlier call stopped.

    Parameters
    ----------
    scenario : str or Path
        The name of a built-in scenario, or a YAML file.
    vary : mapping or sequence of str
        The values of each varied key, a list or text such as "1:3:5"; or texts such as
        "vehicles.count=100,200".
    directory : str or Path
        The folder of the sweep.
    seeds : int, text or sequence of int, optional
        How many, or which; the scenario's own if not given.
    changes : mapping or sequence of str, optional
        Changes of the scenario that all runs share.
    workers : int, optional
        How many processes; as many as there are processors if not given.
    **options : object
        The other options of `hmesh.runs.run_sweep`.

    Returns
    -------
    Sweep
        Means, intervals and paired differences.

    Raises
    ------
    InputError
        When the scenario, a value or the folder cannot be used.

    Examples
    --------
    >>> import hmesh
    >>> done = hmesh.sweep(
    ...     "three-communities", {"vehicles.count": [50, 100]}, "results/two-fleets",
    ...     changes={"hours": 2, "plots": False}, workers=1,
    ... )
    >>> done.ensemble.of("peak_kw").shape  # points, seeds, strategies
    (2, 1, 3)
    """
    from hmesh.runs.sweeps.sweep import run_sweep

    return run_sweep(
        scenario, vary, directory, seeds=seeds, changes=changes, workers=workers, **options
    )


def report(
    directories: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    audit: bool = True,
) -> Path:
    """Write one HTML page about runs, which needs no network.

    Parameters
    ----------
    directories : str, Path or sequence of them
        The folder of a run, or of several, side by side.
    out : str or Path
        The page.
    audit : bool
        Whether finished runs are audited.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        When a folder holds no run, or the page cannot be written.

    Examples
    --------
    >>> import hmesh
    >>> result = hmesh.run("three-communities", "results/to-be-shown", {"hours": 2})
    >>> hmesh.report("results/to-be-shown", "results/shown.html").name
    'shown.html'
    """
    from hmesh.runs.report.write import write_report

    write_report(directories, out, audit=audit)
    return Path(out)
