"""Time a sweep of many short runs, and what a run costs in it beyond what it costs by itself.

Runs the published day with 200 seeds on two processes. The same runs made one after another by one
program are the measure: what a worker spends beyond that on a run is the overhead. With ``--json
FILE`` it writes the figures.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from runs.run import start_run
from runs.scenario import load_scenario
from runs.sweep import run_sweep

SCENARIO = "three-communities"
ALONE = 20


def alone_s(changes: list[str], folder: Path, runs: int) -> float:
    """Return the seconds that a run takes by itself, the mean of some after the first."""
    seconds = []
    for seed in range(runs + 1):
        began = time.perf_counter()
        alike = ["record.vehicles=none", "plots=false", *changes]
        start_run(load_scenario(SCENARIO, alike, seed), folder / str(seed))
        seconds.append(time.perf_counter() - began)
    return statistics.mean(seconds[1:])


def measure(changes: list[str], runs: int, workers: int) -> dict[str, Any]:
    """Time the runs in a sweep and some of them alone."""
    with tempfile.TemporaryDirectory() as folder:
        one_s = alone_s(changes, Path(folder) / "alone", min(runs, ALONE))
        began = time.perf_counter()
        done = run_sweep(
            SCENARIO, [], Path(folder) / "sweep", seeds=runs, changes=changes, workers=workers
        )
        sweep_s = time.perf_counter() - began
        began = time.perf_counter()
        run_sweep(SCENARIO, [], Path(folder) / "sweep", seeds=runs, changes=changes)
        again_s = time.perf_counter() - began
    assert not done.failures
    return {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "runs": runs,
        "workers": workers,
        "alone_s": one_s,
        "sweep_s": sweep_s,
        "overhead_s": sweep_s * workers / runs - one_s,
        "again_s": again_s,
    }


def main() -> None:
    """Measure and tell."""
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
    Console().print(
        f"{figures['runs']} runs on {figures['workers']} processes: {figures['sweep_s']:.1f} s; "
        f"a run takes {figures['alone_s']:.3f} s by itself and {figures['overhead_s']:.3f} s more "
        f"in the sweep; finding all of them finished takes {figures['again_s']:.1f} s"
    )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
