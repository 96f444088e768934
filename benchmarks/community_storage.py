"""Time runs of community storage: from 3 to 1,000 households, one storage or ten, two days each.

Every run writes its results; making the world, with its history, is measured apart from simulating
it. Prints seconds; with ``--json FILE`` it writes the figures.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from report import write_figures
from rich.console import Console
from rich.table import Table

from hmesh.runs.run import start_run
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting

SIZES = ((3, 1), (100, 1), (1000, 1), (1000, 10))
SMALLEST = ((3, 1), (12, 2))


def changes_of(households: int, storages: int) -> list[str]:
    """Return the built-in scenario with other numbers of households and storages."""
    each = households // storages
    groups = ", ".join(
        f"{{kind: household, name: g{k}, count: {each}, annual_kwh: 2400, profile: h0}}"
        for k in range(storages)
    )
    units = ", ".join(
        f"{{name: s{k}, community: homes, serves: [g{k}], dischargers: {max(2 * each // 3, 1)}, "
        f"capacity_kwh: {10 * each / 3}, pv_kw: {float(each)}}}"
        for k in range(storages)
    )
    return [
        "plots=false",
        f"communities.homes.members=[{groups}]",
        f"communities.homes.feeder.rating_kw={10 * households}",
        f"community_storage.storages=[{units}]",
        "community_storage.forecaster={kind: seasonal_naive}",
    ]


def measure(households: int, storages: int) -> dict[str, Any]:
    """Make and run a scenario; return what it took."""
    scenario = load_scenario("community-storage", changes_of(households, storages))
    began = time.perf_counter()
    make_setting(scenario)
    made = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        summary = start_run(scenario, Path(folder) / "run")
    return {
        "households": households,
        "storages": storages,
        "steps": scenario.steps,
        "strategies": len(scenario.strategies),
        "making_s": made - began,
        "run_s": time.perf_counter() - made,
        "delivered_kwh": summary["community_storage_optimal"]["storage_delivered_kwh"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes alone")
    given = parser.parse_args()
    rows = [measure(*size) for size in (SMALLEST if given.smoke else SIZES)]
    table = Table("households", "storages", "making [s]", "run [s]", "delivered [kWh]")
    for row in rows:
        table.add_row(
            f"{row['households']:,}",
            f"{row['storages']}",
            f"{row['making_s']:.1f}",
            f"{row['run_s']:.1f}",
            f"{row['delivered_kwh']:,.1f}",
        )
    Console().print(table)
    write_figures(given.json, {"runs": rows})


if __name__ == "__main__":
    main()
