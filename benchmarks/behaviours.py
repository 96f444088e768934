"""Time an hour of 100,000 vehicles with each behaviour over an hour of as many best responders.

The fleet is that of the built-in three communities, whose vehicles differ in what energy is worth
to them. Prices are those of the three-level game, found exactly; of single vehicles nothing is
written. A day passes before hours are timed, so that there is something to remember. Prints
processor times and ratios; with ``--json FILE`` it writes them. Runs take turns, and the fastest of
each counts. ``HMESH_KERNELS=off`` in the environment uses no compiled kernels.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from report import write_figures
from rich.console import Console

from hmesh.environment import compiled
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

VEHICLES, WARM_H, TIMED_H, TRIES = 100_000, 26, 10, 3
CHOICE = {"thresholds": [20, 30, 40, 50], "sell_margin": 10}
BEHAVIOURS: dict[str, Any] = {
    "best_response": "best_response",
    "typical": "typical",
    "threshold": {"name": "threshold", "charge_below": 30.0, "sell_above": 45.0},
    "habit": "habit",
    "foresight": "foresight",
    "regret_matching": {"name": "regret_matching", **CHOICE},
    "q_learning": {"name": "q_learning", **CHOICE},
    "imitate": {"name": "imitate", **CHOICE},
    "misreport": {"name": "misreport", "factor": 1.2},
    "join_and_leave": {"name": "join_and_leave", "first_share": 0.5, "sensitivity": 0.01},
}


def ms_per_hour(behaviour: Any, vehicles: int, warm_h: int, timed_h: int) -> float:
    """Run the hours; return the processor time of one of those that are timed [ms]."""
    changes = {
        "vehicles.count": vehicles, "vehicles.behaviour": behaviour, "hours": warm_h + timed_h,
        "strategies": ["three_level"], "game.solver": "exact", "record.vehicles": "none",
    }  # fmt: skip
    world = Simulation(make_setting(load_scenario("three-communities", changes)), "three_level")
    for _ in range(warm_h):
        world.step()
    begin = time.process_time()
    for _ in range(timed_h):
        world.step()
    return 1000.0 * (time.process_time() - begin) / timed_h


def main() -> None:
    """Time all behaviours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="the smallest size, once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    given = parser.parse_args()
    size = (200, 1, 1) if given.smoke else (VEHICLES, WARM_H, TIMED_H)
    compiled.LOADED_AFTER = 0 if not given.smoke else compiled.LOADED_AFTER
    found: dict[str, list[float]] = {name: [] for name in BEHAVIOURS}
    for _ in range(1 if given.smoke else TRIES):
        for name, behaviour in BEHAVIOURS.items():
            found[name].append(ms_per_hour(behaviour, *size))
    least = {name: min(times) for name, times in found.items()}
    console = Console()
    for name, ms in least.items():
        console.print(f"{name:16} {ms:8.1f} ms/hour {ms / least['best_response']:6.2f}")
    write_figures(given.json, {f"{name}_ms": ms for name, ms in least.items()})


if __name__ == "__main__":
    main()
