"""Time a year of school buses: 200 schools with 20 buses each, under every strategy in turn.

Each strategy is run in a separate process, as a run of that strategy alone, with results and
checkpoints written; all of them together, side by side, come last. Prints seconds of the processor
and of the wall; with ``--json FILE`` it writes the figures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from report import write_figures
from rich.console import Console
from rich.table import Table

from hmesh.runs.run import start_run
from hmesh.runs.scenarios.scenario_reading import load_scenario

STRATEGIES = ("charge_after_use", "valley_charging", "centralised", "optimal_energy_price")
SCHOOLS, BUSES = 200, 20
LIMIT_S = 60.0


def changes_of(schools: int, buses: int, strategies: list[str], length: str) -> list[str]:
    """Return the built-in scenario with more schools, its demand grown alike."""
    scale = schools * buses / 200
    group = f"{{name: schools, community: rochester, schools: {schools}, buses: {buses}}}"
    return [
        length,
        "plots=false",
        "record.schools=none",
        f"strategies=[{', '.join(strategies)}]",
        f"school_buses.groups=[{group}]",
        f"school_buses.critical.base_kw={150_000 * scale}",
        f"generation_cost.quadratic={7.2e-6 / scale}",
        f"school_buses.theta={0.001 * 10 / buses}",
        f"communities.rochester.members.0.annual_kwh={6e5 * scale}",
        f"communities.rochester.members.1.annual_kwh={4e5 * scale}",
        f"communities.rochester.members.2.annual_kwh={7.4e6 * scale}",
        f"communities.rochester.feeder.rating_kw={200_000 * scale}",
    ]


def measure(schools: int, buses: int, strategies: list[str], length: str) -> dict[str, Any]:
    """Run the scenario; return what it took."""
    scenario = load_scenario("school-buses", changes_of(schools, buses, strategies, length))
    began, processor_began = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        summary = start_run(scenario, Path(folder) / "run")
    last = summary[strategies[-1]]
    return {
        "strategies": strategies,
        "hours": scenario.hours,
        "schools": schools,
        "buses": schools * buses,
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - processor_began,
        "resident_mb": psutil.Process().memory_info().rss / 1e6,
        "critical_steps": last["counts"].get("critical_steps", 0),
        "questions": last["counts"].get("incentive_questions", 0),
        "sold_mwh": last["school_sold_kwh"] / 1e3,
    }


def measured_apart(*arguments: Any) -> dict[str, Any]:
    """Measure in a new process, whose memory holds nothing else."""
    command = [sys.executable, __file__, "--one", json.dumps(arguments)]
    reported = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, Any] = json.loads(reported)
    return figures


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Return the figures as a table."""
    first = rows[0]
    title = f"{first['hours']:,.0f} hours of {first['schools']} schools, {first['buses']:,} buses"
    table = Table(title=title)
    for heading in (
        "strategies",
        "wall [s]",
        "processor [s]",
        "resident [MB]",
        "critical",
        "asked",
    ):
        table.add_column(heading, justify="left" if heading == "strategies" else "right")
    for row in rows:
        names = row["strategies"]
        table.add_row(
            names[0] if len(names) == 1 else f"all {len(names)} side by side",
            f"{row['seconds']:.1f}",
            f"{row['processor_seconds']:.1f}",
            f"{row['resident_mb']:.0f}",
            f"{row['critical_steps']:,}",
            f"{row['questions']:,}",
        )
    return table


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--smoke", action="store_true", help="two days of 10 schools with 4 buses")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*json.loads(options.one))))
        return
    schools, buses, length = (10, 4, "hours=48") if options.smoke else (SCHOOLS, BUSES, "years=1")
    rows = [measured_apart(schools, buses, [name], length) for name in STRATEGIES]
    rows.append(measured_apart(schools, buses, list(STRATEGIES), length))
    Console().print(table_of(rows))
    if not options.smoke:
        slowest = max(row["seconds"] for row in rows[:-1])
        Console().print(f"slowest strategy: {slowest:.1f} s, wanted below {LIMIT_S:.0f} s")
    write_figures(options.json, {"runs": rows})


if __name__ == "__main__":
    main()
