"""A run from its first step to its results, interruptions included."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.safe_files import unwritable
from hmesh.runs.interruptions import held
from hmesh.runs.results.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from hmesh.runs.results.folder_lock import locked
from hmesh.runs.results.kept_states import keep_state
from hmesh.runs.results.new_folder import refuse_used
from hmesh.runs.results.recorder import Recorder
from hmesh.runs.results.restored_state import restore_simulation, take_over
from hmesh.runs.results.resuming import way_on
from hmesh.runs.results.road_lines import write_roads
from hmesh.runs.results.run_plugins import refuse_changed_plugins
from hmesh.runs.results.run_reader import read_run
from hmesh.runs.results.versions import naming_other_version
from hmesh.runs.results.writer import ResultsWriter, remove_checkpoints
from hmesh.runs.scenarios.resolved_scenario import scenario_hash
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.spread.spreading import Scheduler, rows_held_by, spread_over
from hmesh.runs.world.account_figures import summaries
from hmesh.runs.world.behaving_rows import check_behaviours
from hmesh.runs.world.compared_bills import compare_with_first
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

if TYPE_CHECKING:
    from hmesh.runs.spread.row_pool import RowPool

type Progress = Callable[[int, int], None]
type Clock = Callable[[], float]


def no_progress(done: int, total: int) -> None:
    """Report no progress."""


def start_run(
    scenario: Scenario,
    directory: Path | str,
    progress: Progress = no_progress,
    *,
    clock: Clock = time.monotonic,
    scheduler: Scheduler = None,
) -> dict[str, Any]:
    """Run a scenario from its start.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    directory : Path or str
        Where the results go: a folder that is not there yet, or is empty.
    progress : callable
        Called with the steps done and the steps of the run. Whatever it raises ends the run after
        its state is saved.
    clock : callable
        Returns the seconds since some moment, for checkpoints by time and for `wall_seconds`.
    scheduler : str or RowPool, optional
        Address of the scheduler of a Dask cluster whose workers hold the rows of populations, or
        who holds them else. Results are the same.

    Returns
    -------
    dict
        The summary of every strategy, as in summary.json.

    Raises
    ------
    InputError
        If the scenario's files or the folder cannot be used, and nothing is written then; or if
        the disk is full, and the folder can be resumed.
    KeyboardInterrupt
        If interrupted; a folder that holds a run.json can be resumed.
    """
    directory = Path(directory)
    refuse_used(directory, way_on)
    with rows_held_by(scheduler) as pool, _reserved(directory):
        run = _Run(scenario, lambda: ResultsWriter.create(directory, scenario), clock, pool)
        run.begin()
        return run.finish(progress)


def resume_run(
    directory: Path | str,
    progress: Progress = no_progress,
    *,
    clock: Clock = time.monotonic,
    allow_changed_plugins: bool = False,
    scheduler: Scheduler = None,
) -> dict[str, Any]:
    """Continue an interrupted run; its results are those of an uninterrupted one.

    A run that was interrupted before its first checkpoint starts from the scenario in run.json. Of
    a complete run nothing is changed.

    Parameters
    ----------
    directory, progress, clock : Path or str, callable, callable
        As `start_run` takes them.
    allow_changed_plugins : bool
        Whether plugins may have changed since; run.json then records their earlier digests.
    scheduler : str or RowPool, optional
        As `start_run` takes it, whether or not the run had one before.

    Returns
    -------
    dict
        The summary of every strategy, as in summary.json.

    Raises
    ------
    InputError
        If the folder holds no run, another process works in it, its checkpoint is damaged, or a
        file or plugin that the scenario names has changed.
    KeyboardInterrupt
        If interrupted; the folder can be resumed.
    """
    directory = Path(directory)
    # Refuses a folder without a run before anything is written there.
    complete = read_run(directory).complete
    with locked(directory), rows_held_by(None if complete else scheduler) as pool:
        before = read_run(directory)
        if before.complete:
            # What is left where the run was killed at its very end.
            remove_checkpoints(directory)
            return before.summary
        if not allow_changed_plugins:
            refuse_changed_plugins(directory, before.info, before.scenario)
        writer = ResultsWriter.resume(directory)
        digest = scenario_hash(_with_plugins_of(before.info["scenario"], writer.resolved))
        if has_checkpoint(writer.checkpoints):
            with naming_other_version(before.info):
                steps_done, state = load_checkpoint(writer.checkpoints, digest)
                run = _Run(writer.scenario, lambda: writer, clock, pool)
                run.restore(steps_done, state)
        else:
            if scenario_hash(before.info["scenario"]) != digest:
                message = "a file that the scenario names has changed since the run began"
                raise InputError([Problem(str(directory), message, "the file as it was")])
            writer.begin()
            run = _Run(writer.scenario, lambda: writer, clock, pool)
            run.begin()
        return run.finish(progress)


def _with_plugins_of(recorded: dict[str, Any], resolved: dict[str, Any]) -> dict[str, Any]:
    """Return a scenario with the digests of plugins that were recorded of it."""
    if "plugins" not in recorded:
        return resolved
    return resolved | {"plugins": recorded["plugins"]}


@contextmanager
def _reserved(directory: Path) -> Iterator[None]:
    """Make a folder and keep others out of it; remove it where no run was written in it."""
    made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(directory, error) from None
    try:
        with locked(directory):
            yield
    finally:
        if not (directory / "run.json").is_file():
            for folder in made:
                with suppress(OSError):  # another may have put something there
                    folder.rmdir()


class _Run:
    """The simulations of all strategies, in lockstep."""

    def __init__(
        self,
        scenario: Scenario,
        open_writer: Callable[[], ResultsWriter],
        clock: Clock = time.monotonic,
        pool: "RowPool | None" = None,
    ) -> None:
        self.clock = clock
        self.began = self.saved_at = clock()
        setting = make_setting(scenario)
        if pool is not None:
            setting = spread_over(setting, pool)
        check_behaviours(setting)
        self.scenario = scenario
        self.writer = open_writer()
        write_roads(self.writer.directory, setting)
        self.recorder = Recorder(self.writer, setting)
        self.simulations = [
            Simulation(setting, strategy, self.recorder) for strategy in scenario.strategies
        ]
        compare_with_first(self.simulations)
        self.steps_done = 0
        self.wall_before = 0.0

    @property
    def wall_seconds(self) -> float:
        """Time spent on the run so far, its earlier parts included [s]."""
        return self.wall_before + self.clock() - self.began

    def begin(self) -> None:
        """Write what never changes, and a checkpoint of the state before the first step."""
        self.recorder.start(self.simulations[0])
        self.save()

    def finish(self, progress: Progress) -> dict[str, Any]:
        """Simulate the remaining steps and write the results."""
        with held() as waiting:
            while self.steps_done < self.scenario.steps:
                for simulation in self.simulations:
                    simulation.step()
                self.steps_done += 1
                if self.steps_done == self.scenario.steps and self.scenario.record.states != "none":
                    # Before what is written because the run ends, which a longer one does not.
                    self.keep(step_ended=False)
                self._end_step()
                try:
                    progress(self.steps_done, self.scenario.steps)
                except BaseException:
                    self.save()
                    raise
                if waiting:
                    self.save()
                    break
                if self._checkpoint_due():
                    self.save()
        try:
            summary = self.summary()
            self.writer.finish(summary, self.wall_seconds)
        except KeyboardInterrupt:
            if not self.writer.finished:
                with held():
                    self.save()
            raise
        return summary

    def _end_step(self) -> None:
        """Write what is written at the end of a year, or of the run."""
        for simulation in self.simulations:
            self.recorder.end_step(simulation)

    def _checkpoint_due(self) -> bool:
        """Return whether enough simulated time or enough time of the clock has passed."""
        every_h = self.scenario.checkpoint_every_h
        if every_h and self.steps_done % max(round(every_h / self.scenario.step_h), 1) == 0:
            return True
        minutes = self.scenario.checkpoint_every_minutes
        return minutes is not None and self.clock() - self.saved_at >= 60.0 * minutes

    def summary(self) -> dict[str, Any]:
        """Return the outcome of every strategy."""
        return summaries(self.simulations)

    def save(self) -> None:
        """Keep everything that `restore` needs."""
        digest = scenario_hash(self.writer.resolved)
        save_checkpoint(self.writer.checkpoints, self.steps_done, self._state(), digest)
        if self.scenario.record.states == "all" and 0 < self.steps_done < self.scenario.steps:
            self.keep(step_ended=True)
        self.writer.save_progress(self.steps_done, self.wall_seconds)
        self.saved_at = self.clock()

    def keep(self, *, step_ended: bool) -> None:
        """Let a state stay in the folder of the run."""
        state = self._state() | {"step_ended": step_ended}
        digest = scenario_hash(self.writer.resolved)
        keep_state(self.writer.directory, self.steps_done, state, digest)

    def _state(self) -> dict[str, Any]:
        return {
            "writer": self.writer.state(),
            "wall_seconds": self.wall_seconds,
            "strategies": {s.strategy: s.state() for s in self.simulations},
        }

    def restore(self, steps_done: int, state: dict[str, Any]) -> None:
        """Go on from what `save` kept."""
        take_over(self.writer, steps_done, state)
        for simulation in self.simulations:
            restore_simulation(simulation, steps_done, state["strategies"], self.writer.checkpoints)
        self.writer.drop_later_parts()
        self.steps_done = steps_done
        self.wall_before = state["wall_seconds"]
        if not state.get("step_ended", True):
            self._end_step()
