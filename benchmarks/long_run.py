"""Time a run of years: 2,000 vehicles under three strategies, and whether speed and memory hold.

Runs the published case study for five years with each of two ways to a price, each in a separate
process. Prints seconds and memory of every simulated year, and how long the first and the last
hours took; with ``--json FILE`` it writes the figures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from report import write_figures
from rich.console import Console
from rich.table import Table

from hmesh.runs.run import start_run
from hmesh.runs.scenarios.scenario_reading import load_scenario

SOLVERS = ("exact", "negotiate")
YEARS = 5
# Speed at the start and at the end is that of so many hours, checkpoints included.
HOURS = 1000


def measure(changes: list[str], parts: int) -> dict[str, Any]:
    """Run the case study; return the seconds it took and what each part of it took and held."""
    scenario = load_scenario("three-communities", ["record.vehicles=none", *changes])
    process = psutil.Process()
    step_s = np.zeros(scenario.steps)
    resident_mb: list[float] = []
    began, processor_began = time.perf_counter(), time.process_time()
    last = processor_began

    def reported(done: int, total: int) -> None:
        nonlocal last
        now = time.process_time()
        step_s[done - 1], last = now - last, now
        if done * parts // total > len(resident_mb):
            resident_mb.append(process.memory_info().rss / 1e6)

    with tempfile.TemporaryDirectory() as folder:
        start_run(scenario, Path(folder) / "run", reported)
        written = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    some = min(HOURS, scenario.steps // 2)
    return {
        "solver": scenario.game.solver,
        "hours": scenario.hours,
        "vehicles": scenario.vehicles.count,
        "strategies": list(scenario.strategies),
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - processor_began,
        "first_ms_per_hour": 1e3 * float(step_s[:some].mean()),
        "last_ms_per_hour": 1e3 * float(step_s[-some:].mean()),
        "written_mb": written / 1e6,
        "parts": [
            {"processor_seconds": float(part.sum()), "resident_mb": held}
            for part, held in zip(np.array_split(step_s, parts), resident_mb, strict=True)
        ],
    }


def measured_apart(changes: list[str], parts: int) -> dict[str, Any]:
    """Measure in a new process, whose memory holds nothing else."""
    command = [sys.executable, __file__, "--one", json.dumps([changes, parts])]
    reported = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, Any] = json.loads(reported)
    return figures


def table_of(figures: dict[str, Any], part: str) -> Table:
    """Return time and memory by part of a run."""
    hours, vehicles = f"{figures['hours']:,.0f} hours", f"{figures['vehicles']:,} vehicles"
    strategies = f"{len(figures['strategies'])} strategies"
    title = f"{hours} of {vehicles} under {strategies}, {figures['solver']}"
    table = Table(title=f"{title}: {figures['seconds']:.0f} s")
    for heading in (part, "processor [s]", "ms per hour", "resident [MB]"):
        table.add_column(heading, justify="right")
    per_part = figures["hours"] / len(figures["parts"])
    for number, row in enumerate(figures["parts"], start=1):
        seconds = row["processor_seconds"]
        table.add_row(
            str(number),
            f"{seconds:.1f}",
            f"{1e3 * seconds / per_part:.2f}",
            f"{row['resident_mb']:.0f}",
        )
    return table


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--smoke", action="store_true", help="six days of 200 vehicles")
    parser.add_argument("--years", type=int, default=YEARS)
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=list(SOLVERS))
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*json.loads(options.one))))
        return
    if options.smoke:
        length, parts, part = (
            ["hours=144", "checkpoint_every_h=48", "vehicles.count=200"],
            3,
            "part",
        )
    else:
        length, parts, part = [f"years={options.years}"], options.years, "year"
    figures: dict[str, Any] = {
        "runs": [],
    }
    console = Console()
    for solver in options.solvers:
        run = measured_apart([*length, f"game.solver={solver}", *options.changes], parts)
        figures["runs"].append(run)
        console.print(table_of(run, part))
        first, last = run["first_ms_per_hour"], run["last_ms_per_hour"]
        console.print(
            f"an hour took {first:.2f} ms at first and {last:.2f} ms at last; "
            f"{run['written_mb']:.1f} MB written\n"
        )
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
