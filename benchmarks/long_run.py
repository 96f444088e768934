"""Time a run of years: 2,000 vehicles under three strategies, and whether speed and memory hold.

Prints the seconds and the memory of every part of the run and, with ``--json FILE``, writes them.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from runs.run import start_run
from runs.scenario import load_scenario

PARTS = 10


def measure(changes: list[str]) -> dict[str, Any]:
    """Run a scenario; return seconds and resident memory of each tenth of it."""
    scenario = load_scenario("three-communities", ["record.vehicles=none", *changes])
    process = psutil.Process()
    marks: list[dict[str, float]] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as bar:
        task = bar.add_task("running", total=scenario.steps)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done)
            if done * PARTS // total > len(marks):
                marks.append(
                    {
                        "steps": done,
                        "seconds": time.perf_counter() - began,
                        "resident_mb": process.memory_info().rss / 1e6,
                    }
                )

        start_run(scenario, Path(folder) / "run", told)
    return {
        "hours": scenario.hours,
        "vehicles": scenario.vehicles.count,
        "strategies": list(scenario.strategies),
        "solver": scenario.game.solver,
        "seconds": time.perf_counter() - began,
        "parts": marks,
    }


def table_of(figures: dict[str, Any]) -> Table:
    """Return time and memory by part of the run."""
    title = f"{figures['hours']:,.0f} hours of {figures['vehicles']:,} vehicles"
    table = Table(title=f"{title}, {figures['seconds']:.0f} s")
    for heading in ("steps done", "ms per step", "resident [MB]"):
        table.add_column(heading, justify="right")
    before = {"steps": 0.0, "seconds": 0.0}
    for part in figures["parts"]:
        per_step = (part["seconds"] - before["seconds"]) / (part["steps"] - before["steps"])
        table.add_row(
            f"{part['steps']:,.0f}", f"{per_step * 1e3:.1f}", f"{part['resident_mb']:.0f}"
        )
        before = part
    return table


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--years", type=float, default=5.0)
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    hours = round(options.years * 8760)
    figures = measure([f"hours={hours}", *options.changes]) | {"cores": os.cpu_count()}
    Console().print(table_of(figures))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
