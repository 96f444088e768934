"""Time hours of a large fleet worked on by one thread, by several, and by NumPy alone.

Worlds of the published day, its communities grown alike, take turns hour by hour in one process, so
that all of them meet the same other programs. Times by the clock say what threads save, processor
times what they cost. Prices of all worlds must be the same bit for bit, else it ends with exit
status 1. With ``--json FILE`` it writes the figures.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from report import write_figures
from rich.console import Console
from vehicle_study import load_kernels, simulation_of

from hmesh.environment import compiled, row_threads

HOURS = 14


def timed(world: Any, threads: int) -> tuple[float, float]:
    """Simulate an hour by so many threads, 0 for NumPy alone; return seconds and those of work."""
    os.environ[row_threads.VARIABLE] = str(max(threads, 1))
    compiled.LOADED_AFTER = 0 if threads else 10**15
    began, worked = time.perf_counter(), time.process_time()
    world.step()
    return time.perf_counter() - began, time.process_time() - worked


def measure(vehicles: int, solver: str, hours: int, several: int) -> dict[str, Any]:
    """Return what an hour takes each way, the first hour left out."""
    load_kernels(solver, "none")
    ways = {"numpy": 0, "one_thread": 1, "several_threads": several}
    worlds = {way: simulation_of(vehicles, solver, hours, "none") for way in ways}
    spent: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    same = True
    for hour in range(hours):
        for way, threads in ways.items():
            seconds = timed(worlds[way], threads)
            if hour:
                spent[way].append(seconds)
        prices = [world.market.decision.community_price.tobytes() for world in worlds.values()]
        same &= all(each == prices[0] for each in prices)
    wall, work = (
        {way: 1e3 * float(np.mean([each[k] for each in times])) for way, times in spent.items()}
        for k in range(2)
    )
    return {
        "vehicles": vehicles,
        "solver": solver,
        "hours": hours,
        "threads": several,
        "ms_per_hour": wall,
        "processor_ms_per_hour": work,
        "several_over_one": wall["several_threads"] / wall["one_thread"],
        "kernels_over_numpy": work["one_thread"] / work["numpy"],
        "same_prices": same,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--vehicles", type=int, default=1_000_000)
    parser.add_argument("--solver", action="append", choices=("exact", "negotiate"))
    parser.add_argument("--smoke", action="store_true", help="a few hours of fewer vehicles")
    given = parser.parse_args()
    vehicles, hours = (70_000, 2) if given.smoke else (given.vehicles, HOURS)
    several = max(row_threads.threads(), 2)
    rows = [measure(vehicles, each, hours, several) for each in given.solver or ("exact",)]
    for row in rows:
        wall, work = row["ms_per_hour"], row["processor_ms_per_hour"]
        Console().print(
            f"{row['vehicles']:,} vehicles, {row['solver']}: an hour takes "
            f"{wall['one_thread']:.1f} ms by one thread and {wall['several_threads']:.1f} by "
            f"{several} ({row['several_over_one']:.2f} times), of the processor "
            f"{work['one_thread']:.1f} and {work['several_threads']:.1f}; by NumPy alone "
            f"{wall['numpy']:.1f} ms ({work['numpy']:.1f})."
        )
    write_figures(given.json, {"rows": rows})
    return 0 if all(row["same_prices"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
