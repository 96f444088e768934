"""Time a sweep of many short runs, and what a run costs in it beyond what it costs by itself.

Runs the published day with 200 seeds on two processes. The same runs made one after another by one
program are the measure: what the sweep spends beyond that on a run is the overhead, starting the
processes and putting all runs together included. It is stated in time of the processors, which
other programs do not lengthen, and in time of the clock. With ``--json FILE`` it writes the
figures.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import write_figures
from rich.console import Console
from rich.table import Table

from hmesh.runs.run import start_run
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.sweeps.sweep import run_sweep

SCENARIO = "three-communities"
ALONE = 20


@dataclass(frozen=True)
class Seconds:
    """Time of the clock, and of the processors, those of ended processes included [s]."""

    clock: float
    processor: float

    @classmethod
    def now(cls) -> "Seconds":
        """Return the time spent until now."""
        return cls(time.perf_counter(), sum(os.times()[:4]))

    def since(self, began: "Seconds") -> "Seconds":
        """Return the time spent from then on."""
        return Seconds(self.clock - began.clock, self.processor - began.processor)


def alone(changes: list[str], folder: Path, runs: int) -> Seconds:
    """Return what a run takes by itself, the mean of some after the first."""
    spent = []
    for seed in range(runs + 1):
        began = Seconds.now()
        alike = ["record.vehicles=none", "plots=false", *changes]
        start_run(load_scenario(SCENARIO, alike, seed), folder / str(seed))
        spent.append(Seconds.now().since(began))
    return Seconds(
        statistics.mean(each.clock for each in spent[1:]),
        statistics.mean(each.processor for each in spent[1:]),
    )


def measure(changes: list[str], runs: int, workers: int) -> dict[str, Any]:
    """Time the runs in a sweep and some of them alone."""
    with tempfile.TemporaryDirectory() as folder:
        one = alone(changes, Path(folder) / "alone", min(runs, ALONE))
        began = Seconds.now()
        done = run_sweep(
            SCENARIO, [], Path(folder) / "sweep", seeds=runs, changes=changes, workers=workers
        )
        sweep = Seconds.now().since(began)
        began = Seconds.now()
        run_sweep(SCENARIO, [], Path(folder) / "sweep", seeds=runs, changes=changes)
        again = Seconds.now().since(began)
    assert not done.failures
    return {
        "runs": runs,
        "workers": workers,
        "alone_s": one.clock,
        "alone_processor_s": one.processor,
        "sweep_s": sweep.clock,
        "sweep_processor_s": sweep.processor,
        "overhead_s": sweep.clock * workers / runs - one.clock,
        "overhead_processor_s": sweep.processor / runs - one.processor,
        "again_s": again.clock,
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--smoke", action="store_true", help="four runs of three hours")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    runs, changes = options.runs, options.changes
    if options.smoke:
        runs, changes = 4, ["hours=3", "vehicles.count=50", *changes]
    figures = measure(changes, runs, options.workers)
    table = Table(title=f"{runs} runs on {options.workers} processes")
    for heading in ("", "clock [s]", "processors [s]"):
        table.add_column(heading, justify="right")
    for reported, name in (
        ("all runs", "sweep"),
        ("a run by itself", "alone"),
        ("overhead of a run", "overhead"),
    ):
        clock, processor = figures[f"{name}_s"], figures[f"{name}_processor_s"]
        table.add_row(reported, f"{clock:.3f}", f"{processor:.3f}")
    Console().print(table)
    Console().print(f"finding all runs finished takes {figures['again_s']:.2f} s")
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
