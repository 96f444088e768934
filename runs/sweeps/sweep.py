"""A sweep: a scenario run with many values and seeds, and the outcome of all its runs."""

import json
import re
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem, impossible_path
from hmesh.environment.safe_files import (
    own_folder,
    read_json,
    refuse_link,
    remove_own,
    reserve,
    write_json,
)
from hmesh.runs.dask_cluster import connected
from hmesh.runs.scenarios.overrides import Changes
from hmesh.runs.sweeps.cluster_use import spreads
from hmesh.runs.sweeps.growth import grown
from hmesh.runs.sweeps.plan_differences import plan_differences
from hmesh.runs.sweeps.sweep_plan import (
    HASH_DIGITS,
    PlannedRun,
    SweepPlan,
    make_plan,
)
from hmesh.runs.sweeps.task import Outcome, Task, held, is_finished
from hmesh.runs.sweeps.values import as_text
from hmesh.runs.sweeps.workers import (
    DaskWorkers,
    HereWorkers,
    LocalWorkers,
    Workers,
    usable_processors,
)

if TYPE_CHECKING:
    from hmesh.runs.pictures.sweep_pictures import SweepPlot
    from hmesh.runs.sweeps.ensemble import Ensemble

type Progress = Callable[[int, int], None]

TRIES = 2
_PERMIT = re.compile(r"\.permit-[0-9a-f]{16}")
_LOCKS = re.compile(r"[A-Za-z0-9.+=_-]+")


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed, with its error in one line and the traceback of its last try."""

    name: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that has ended.

    Attributes
    ----------
    directory : Path
        Its folder.
    plan : SweepPlan
        Its runs.
    found : int
        How many runs were finished before.
    failures : tuple of Failure
        The runs that failed.
    ensemble : Ensemble
        The numbers of all runs.
    plots : tuple of SweepPlot
        The figures, one for each varied key.
    spread : bool
        Whether each run that was made was spread over a cluster.
    """

    directory: Path
    plan: SweepPlan
    found: int
    failures: tuple[Failure, ...]
    ensemble: "Ensemble"
    plots: "tuple[SweepPlot, ...]"
    spread: bool = False


def run_sweep(
    scenario: str | Path,
    vary: Mapping[str, str | Sequence[Any]] | Sequence[str],
    directory: Path | str,
    *,
    seeds: str | int | Sequence[int] | None = None,
    changes: Changes = (),
    sample: str = "grid",
    points: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    spread: bool | None = None,
    plugins: Sequence[str] = (),
    progress: Progress = lambda done, total: None,
) -> Sweep:
    """Run a scenario with many values and seeds, and collect the results.

    Given again after an interruption, or with more values, keys or seeds, it runs only what is
    missing. A script that uses several workers calls it below ``if __name__ == "__main__":``, since
    every worker reads the script again.

    Parameters
    ----------
    scenario : str or Path
        The name of a built-in scenario, or the path of a YAML file.
    vary : mapping of str or sequence, or sequence of str
        The values of each varied key, a list or text such as "1:3:5"; or texts such as
        "vehicles.count=100,200".
    directory : Path or str
        The folder of the sweep.
    seeds : str, int, or sequence of int, optional
        How many, or which; None for the scenario's own.
    changes : mapping or sequence of str, optional
        Changes of the scenario that all runs share, as `load_scenario` takes them.
    sample : str, optional
        "grid" for all combinations of values, "latin" for a Latin hypercube, "sobol" or "morris"
        for an analysis of sensitivity.
    points : int, optional
        How many points a Latin hypercube has, base points or trajectories of the others.
    workers : int, optional
        How many processes; as many as there are processors if not given.
    scheduler : str, optional
        Address of a Dask scheduler, in place of processes of this machine.
    spread : bool, optional
        Whether its workers hold the rows of one run after another, instead of making runs side by
        side; None for what keeps more of them busy.
    plugins : sequence of str, optional
        Files and modules loaded beside those that the scenario names.
    progress : callable, optional
        Called with the runs done and all runs.

    Returns
    -------
    Sweep
        The runs, their numbers and statistics, and the failures.

    Raises
    ------
    InputError
        When something asked for is wrong, before anything is run.
    KeyboardInterrupt
        If interrupted; the same call goes on.
    """
    texts = [as_text(*item) for item in vary.items()] if isinstance(vary, Mapping) else vary
    _check_workers(workers, scheduler, spread)
    plan = make_plan(scenario, texts, seeds, changes, sample, points, plugins)
    directory = Path(directory)
    plan = _grown(directory, plan)
    with _cluster(directory, plan, scheduler, spread) as cluster, _opened(directory, plan):
        missing = [run for run in plan.runs if not _is_there(directory, run)]
        found = len(plan.runs) - len(missing)
        failures: list[Failure] = []
        progress(found, len(plan.runs))
        if missing:
            pool = cluster or _processes(min(workers or usable_processors(), len(missing)))
            with _started(directory, pool) as permit:
                tasks = {run.name: _task(directory, run, permit) for run in missing}
                failures = _make(pool, tasks, lambda n: progress(found + n, len(plan.runs)))
        ensemble, plots = _put_together(directory, plan, failures)
    spread = isinstance(cluster, HereWorkers)
    return Sweep(directory, plan, found, tuple(failures), ensemble, plots, spread)


def _make(
    pool: Workers, tasks: Mapping[str, Task], progress: Callable[[int], None]
) -> list[Failure]:
    """Make all runs, in whatever order they end; a failed one is tried once more."""
    waiting, suspects = deque(tasks), deque[str]()
    tries = Counter[str]()
    busy: dict[str, bool] = {}  # by name, whether the run has the workers for itself
    failed: dict[str, Failure] = {}
    done = 0
    while waiting or suspects or busy:
        while waiting and len(busy) < pool.room:
            name = waiting.popleft()
            busy[name] = False
            pool.submit(replace(tasks[name], afresh=tries[name] > 0))
        if suspects and not busy:
            name = suspects.popleft()
            busy[name] = True
            pool.submit(replace(tasks[name], afresh=tries[name] > 0))
        outcome = pool.next_outcome()
        alone = busy.pop(outcome.name)
        if outcome.status == "stopped":
            raise KeyboardInterrupt
        if outcome.status == "lost" and not alone:
            # Its worker died, perhaps through another's fault; alone it shows its own.
            suspects.append(outcome.name)
            continue
        if outcome.status != "done":
            tries[outcome.name] += 1
            if tries[outcome.name] < TRIES:
                (suspects if alone else waiting).append(outcome.name)
                continue
            failed[outcome.name] = _failure(outcome)
        done += 1
        progress(done)
    return [failed[name] for name in tasks if name in failed]


def _failure(outcome: Outcome) -> Failure:
    error = outcome.error
    if outcome.status == "lost":
        error = "its worker died; the system may have ended it for want of memory"
    return Failure(outcome.name, error, outcome.traceback)


def _task(directory: Path, run: PlannedRun, permit: Path) -> Task:
    return Task(
        name=run.name,
        # Only what lies above is resolved: a link in place of a run is refused, not followed.
        directory=directory.resolve() / "runs" / run.name,
        resolved=run.resolved,
        digest=_digest(run),
        permit=permit,
        lock=directory.resolve() / ".locks" / run.name,
    )


def _digest(run: PlannedRun) -> str:
    return run.name[-HASH_DIGITS:]


def _is_there(directory: Path, run: PlannedRun) -> bool:
    return is_finished(directory / "runs" / run.name, _digest(run))


def _check_workers(workers: int | None, scheduler: str | None, spread: bool | None) -> None:
    if spread is not None and scheduler is None:
        message = "there is no cluster over whose workers runs could be spread"
        place = "--spread" if spread else "--no-spread"
        raise InputError([Problem(place, message, "--scheduler ADDRESS")])
    if workers is not None and workers < 1:
        message = f"{workers} workers do nothing"
        raise InputError([Problem("--workers", message, "a whole number of at least 1")])
    if workers is not None and scheduler is not None:
        message = "a cluster has its own workers"
        raise InputError([Problem("--workers", message, "--workers or --scheduler, not both")])


@contextmanager
def _opened(directory: Path, plan: SweepPlan) -> Iterator[None]:
    """Have the folder of a sweep for oneself, with its plan in it."""
    path = directory / "sweep.json"
    if impossible_path(directory) or not path.is_file():
        _refuse_used(directory)
    own_folder(directory, "runs", make=True)
    own_folder(directory, "plots")
    locks = own_folder(directory, ".locks", make=True)

    def refuse() -> None:
        raise InputError([Problem(str(directory), "another sweep is running in this folder")])

    with held(directory / ".lock", refuse):
        if not path.is_file() or read_json(path) != json.loads(json.dumps(plan.described())):
            write_json(path, plan.described())
        # Runs that an earlier, killed sweep left behind end when their permits are gone.
        for old in directory.iterdir():
            if _PERMIT.fullmatch(old.name):
                refuse_link(old)
                old.unlink()
        yield
        remove_own(locks, _LOCKS, keep_others=True)


def _refuse_used(directory: Path) -> None:
    if reason := impossible_path(directory):
        raise InputError([Problem(str(directory), f"cannot be opened: {reason}", "a new folder")])
    if not directory.exists():
        return
    if not directory.is_dir():
        raise InputError([Problem(str(directory), "is a file", "a new or empty folder")])
    # What a sweep that was killed at its very beginning leaves.
    ours = {".lock", ".locks", "runs", ".sweep.json.new"}
    held_already = {entry.name for entry in directory.iterdir()} - ours
    if held_already or any((directory / "runs").glob("*")):
        message = "holds something that is no sweep"
        raise InputError([Problem(str(directory), message, "a new or empty folder")])


def _grown(directory: Path, plan: SweepPlan) -> SweepPlan:
    """Take over the runs that are in a folder; refuse one of which some are not asked for."""
    path = directory / "sweep.json"
    if impossible_path(directory) or not path.is_file():
        return plan
    before = read_json(path)
    try:
        taken_over = grown(plan, before)
        if taken_over is not None:
            return taken_over
        reported = plan_differences(before, json.loads(json.dumps(plan.described())))
    except (ValueError, LookupError, TypeError, AttributeError):
        message = "is not what a sweep writes; start the sweep in a new folder"
        raise InputError([Problem(str(path), message)]) from None
    allowed = "all runs that are there and more, or a new folder"
    raise InputError(
        [
            Problem(str(path), f"this folder holds another sweep: {difference}", allowed)
            for difference in reported
        ]
    )


@contextmanager
def _cluster(
    directory: Path, plan: SweepPlan, scheduler: str | None, spread: bool | None
) -> Iterator[DaskWorkers | HereWorkers | None]:
    """Have the workers of a cluster where one is named and needed, before anything is written."""
    if scheduler is None:
        yield None
        return
    if impossible_path(directory):
        _refuse_used(directory)
    missing = [run for run in plan.runs if not _is_there(directory, run)]
    if not missing:
        yield None
        return
    client = connected(scheduler)
    processes = sum(client.nthreads().values())
    client.close()
    if spreads(missing, processes) if spread is None else spread:
        yield HereWorkers(scheduler)
        return
    cluster = DaskWorkers(scheduler)
    try:
        yield cluster
    finally:
        cluster.close()


def _processes(number: int) -> Workers:
    return HereWorkers() if number == 1 else LocalWorkers(number)


@contextmanager
def _started(directory: Path, pool: Workers) -> Iterator[Path]:
    """Have a permit without which the runs of workers do not go on."""
    if isinstance(pool, DaskWorkers):
        pool.check_folder(directory.resolve())
    permit = directory.resolve() / f".permit-{secrets.token_hex(8)}"
    reserve(permit)
    try:
        yield permit
    finally:
        permit.unlink(missing_ok=True)
        pool.close()


def _put_together(
    directory: Path, plan: SweepPlan, failures: Sequence[Failure]
) -> "tuple[Ensemble, tuple[SweepPlot, ...]]":
    """Write the tables and draw the figures of all runs that are finished."""
    from hmesh.runs.pictures.sweep_distributions import draw_distributions
    from hmesh.runs.pictures.sweep_pictures import draw_sweep
    from hmesh.runs.pictures.sweep_sensitivity import draw_sensitivity
    from hmesh.runs.sweeps.ensemble import read_ensemble, write_tables

    listed = directory / "failures.json"
    if failures:
        write_json(listed, {failure.name: asdict(failure) for failure in failures})
    else:
        listed.unlink(missing_ok=True)
    ensemble = read_ensemble(directory, plan, {failure.name for failure in failures})
    write_tables(directory, ensemble)
    plots = [*draw_sweep(directory, ensemble), *draw_distributions(directory, ensemble)]
    plots += draw_sensitivity(directory, ensemble)
    return ensemble, tuple(plots)
