"""Time a day of 100,000 vehicles in ten groups, and of as many that are all alike.

The groups differ in battery, power, losses, preferences, charging curve, energy wanted at
departure, travel and habit, one group in each respect. Ten groups that are alike, and one group
whose vehicles have all of it, are timed too. Prices are those of the three-level game, found
exactly; of single vehicles nothing is written. Prints what an hour takes and the ratios; with
``--json FILE`` it writes the figures. Runs take turns, and the fastest of each kind counts.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from report import write_figures
from rich.console import Console

from hmesh.environment import compiled
from hmesh.runs.run import start_run
from hmesh.runs.scenarios.scenario_reading import load_scenario

VEHICLES, GROUPS, HOURS, TRIES = 100_000, 10, 24, 3
TRAVEL: dict[str, Any] = {
    "kind": "drawn", "home": {"homes": 0.7, "offices": 0.3}, "speed_km_h": 30.0,
    "days": {
        "every": {
            "travels": 0.9, "stops": [0.6, 0.3, 0.1], "trip_km": 12.0,
            "departs_h": {"distribution": "normal", "mean": 9.0, "deviation": 2.0},
            "purposes": {"any": {"stay_h": 2.0}},
        }
    },
}  # fmt: skip
DIFFERENT: tuple[dict[str, Any], ...] = (
    {},
    {
        "capacity_kwh": {
            "distribution": "normal",
            "mean": 50,
            "deviation": 10,
            "low": 25,
            "high": 90,
        }
    },
    {"power_kw": 22.0, "v2g_kw": 0.0},
    {"charge_efficiency": 0.92, "discharge_efficiency": 0.9},
    {"theta": [1.5, 2.5]},
    {"charging_curve": [[0.0, 1.0], [0.6, 1.0], [0.9, 0.2]]},
    {"departure_soc": 0.8, "departure_weight": [5.0, 40.0]},
    {"travel": TRAVEL},
    {"soc_min": [0.1, 0.25], "soc_start": [0.3, 0.8]},
    {"plug_in": {"below": 0.6}},
)


def ms_per_hour(changes: dict[str, Any], hours: int) -> float:
    """Run a scenario; return the processor time of an hour after the first one [ms]."""
    given = {
        "strategies": ["three_level"], "game.solver": "exact", "hours": hours, "plots": False,
        "record.vehicles": "none",
    }  # fmt: skip
    scenario = load_scenario("three-communities", given | changes)
    spent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        start_run(scenario, Path(folder) / "run", lambda *_: spent.append(time.process_time()))
    return 1e3 * float(np.diff(spent).mean())


def groups_of(keys: Sequence[dict[str, Any]], vehicles: int) -> dict[str, Any]:
    """Return groups of equal size."""
    count = vehicles // len(keys)
    groups = [{"name": f"group {k}", "count": count, **own} for k, own in enumerate(keys)]
    return {"vehicles": {"groups": groups}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--smoke", action="store_true", help="a few hours of a few vehicles")
    given = parser.parse_args()
    vehicles, hours, tries = (1000, 4, 1) if given.smoke else (VEHICLES, HOURS, TRIES)
    kinds = {
        "one_group": {"vehicles.count": vehicles},
        "ten_alike": groups_of([{}] * GROUPS, vehicles),
        "ten_different": groups_of(DIFFERENT, vehicles),
        "one_with_all": groups_of([{k: v for own in DIFFERENT for k, v in own.items()}], vehicles),
    }
    # Kernels are loaded before anything is timed.
    compiled.LOADED_AFTER = 0
    for changes in kinds.values():
        ms_per_hour(changes, 2)
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(tries):
        for kind, changes in kinds.items():
            found[kind].append(ms_per_hour(changes, hours))
    best = {kind: min(times) for kind, times in found.items()}
    figures: dict[str, Any] = {
        "vehicles": vehicles,
        "hours": hours,
        "ms_per_hour": best,
        "all_ms_per_hour": found,
        "alike_over_one": best["ten_alike"] / best["one_group"],
        "different_over_one": best["ten_different"] / best["one_group"],
        "different_over_one_with_all": best["ten_different"] / best["one_with_all"],
    }
    Console().print(
        f"An hour of {vehicles:,} vehicles takes {best['one_group']:.1f} ms in one group, "
        f"{best['ten_alike']:.1f} ms in ten alike ({figures['alike_over_one']:.2f} times) and "
        f"{best['ten_different']:.1f} ms in ten that differ in everything "
        f"({figures['different_over_one']:.2f} times; {best['one_with_all']:.1f} ms in one group "
        "whose vehicles have all of it)."
    )
    write_figures(given.json, figures)


if __name__ == "__main__":
    main()
