"""A run from its first step to its results, interruptions included."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runs.results.checkpoint import load_checkpoint, save_checkpoint
from runs.results.recorder import Recorder
from runs.results.writer import ResultsWriter
from runs.scenarios.scenario import Scenario, scenario_hash
from runs.world.setting import make_setting
from runs.world.simulation import Simulation

type Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Tell nobody how far the run is."""


def start_run(
    scenario: Scenario, directory: Path, progress: Progress = no_progress
) -> dict[str, Any]:
    """Run a scenario from its start.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    directory : Path
        Where the results go: a folder that is not there yet, or is empty.
    progress : callable
        Told the steps done and the steps of the run.

    Returns
    -------
    dict
        The summary of every strategy, as in summary.json.

    Raises
    ------
    InputError
        If the scenario's files or the folder cannot be used; nothing is written then.
    KeyboardInterrupt
        If interrupted; the folder can be resumed.
    """
    run = _Run(scenario, lambda: ResultsWriter.create(directory, scenario))
    run.recorder.start(run.simulations[0])
    run.save()
    return run.finish(progress)


def resume_run(directory: Path, progress: Progress = no_progress) -> dict[str, Any]:
    """Go on with an interrupted run; its results are those of a run never interrupted.

    Raises
    ------
    InputError
        If the folder holds no unfinished run, or its checkpoint is damaged.
    """
    writer = ResultsWriter.resume(directory)
    scenario = writer.scenario
    steps_done, state = load_checkpoint(writer.checkpoints, scenario_hash(writer.resolved))
    run = _Run(scenario, lambda: writer)
    run.restore(steps_done, state)
    return run.finish(progress)


class _Run:
    """The simulations of all strategies, in lockstep."""

    def __init__(self, scenario: Scenario, open_writer: Callable[[], ResultsWriter]) -> None:
        setting = make_setting(scenario)
        self.scenario = scenario
        self.writer = open_writer()
        self.recorder = Recorder(self.writer, setting)
        self.simulations = [
            Simulation(setting, strategy, self.recorder) for strategy in scenario.strategies
        ]
        self.steps_done = 0
        self.wall_before = 0.0
        self.began = time.monotonic()

    @property
    def wall_seconds(self) -> float:
        """Time spent on the run so far, its earlier parts included [s]."""
        return self.wall_before + time.monotonic() - self.began

    def finish(self, progress: Progress) -> dict[str, Any]:
        """Make the steps that are left and write the results."""
        every_h = self.scenario.checkpoint_every_h
        every = max(round(every_h / self.scenario.step_h), 1) if every_h else None
        with _interrupts_held() as interrupted:
            while self.steps_done < self.scenario.steps:
                for simulation in self.simulations:
                    simulation.step()
                self.steps_done += 1
                progress(self.steps_done, self.scenario.steps)
                if interrupted.is_set():
                    self.save()
                    raise KeyboardInterrupt
                if every and self.steps_done % every == 0:
                    self.save()
        summary = self.summary()
        self.writer.finish(summary, self.wall_seconds)
        return summary

    def summary(self) -> dict[str, Any]:
        """Return what every strategy comes to."""
        return {simulation.strategy: simulation.summary() for simulation in self.simulations}

    def save(self) -> None:
        """Keep everything that `restore` needs."""
        state = {
            "writer": self.writer.state(),
            "wall_seconds": self.wall_seconds,
            "strategies": {s.strategy: s.state() for s in self.simulations},
        }
        digest = scenario_hash(self.writer.resolved)
        save_checkpoint(self.writer.checkpoints, self.steps_done, state, digest)
        self.writer.save_progress(self.steps_done, self.wall_seconds)

    def restore(self, steps_done: int, state: dict[str, Any]) -> None:
        """Go on from what `save` kept."""
        self.steps_done = steps_done
        self.wall_before = state["wall_seconds"]
        self.writer.restore(state["writer"])
        for simulation in self.simulations:
            simulation.restore(state["strategies"][simulation.strategy])


@contextmanager
def _interrupts_held() -> Iterator[threading.Event]:
    """Let Ctrl-C set an event, so that the step under way is finished first."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
