"""Time the vehicle study: vehicle-hours per second of the three-level game, and memory per vehicle.

Each case is run with and without losses of the vehicles; losses give every vehicle two lines and a
dead band in place of one line, and may cost at most half of the speed. Speeds are those of the
processor's time, the best of some repetitions, since other programs may run beside it.

Speeds are those with compiled kernels, once these are loaded; each solver is also run by NumPy
alone, which finds the same prices.

The communities grow with the fleet and the cost of generation is scaled with them, so every size
plays the same game. Prints a table and, with ``--json FILE``, writes the figures.
"""

import argparse
import statistics
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from report import write_figures
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hmesh.environment import compiled
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

SIZES = (10_000, 100_000, 1_000_000)
SOLVERS = ("exact", "negotiate")
# Efficiencies of charging and discharging.
LOSSES = {"none": (1.0, 1.0), "0.9, 0.85": (0.9, 0.85)}
SPEEDS = ("game_vehicle_hours_per_s", "hour_vehicle_hours_per_s")


def simulation_of(vehicles: int, solver: str, hours: int, losses: str) -> Simulation:
    """Return the published day with as many vehicles, its communities grown alike."""
    scale = vehicles / 2000
    scenario = load_scenario(
        "three-communities",
        [
            f"vehicles.count={vehicles}",
            f"game.solver={solver}",
            f"generation_cost.quadratic={5e-4 / scale}",
            f"hours={hours}",
            "strategies=[three_level]",
            f"vehicles.charge_efficiency={LOSSES[losses][0]}",
            f"vehicles.discharge_efficiency={LOSSES[losses][1]}",
        ],
    )
    setting = make_setting(scenario)
    for consumers in setting.members.populations.values():
        consumers["scale"][:] *= scale
    return Simulation(setting, "three_level")


def measure(
    vehicles: int, solver: str, hours: int, losses: str
) -> tuple[dict[str, Any], np.ndarray]:
    """Time every hour of a day; return the figures and the prices found."""
    process = psutil.Process()
    before = process.memory_info().rss
    simulation = simulation_of(vehicles, solver, hours, losses)
    decide, game_s, prices = simulation.market.decide, [], []

    def timed(world: Simulation) -> Any:
        began = time.process_time()
        decision = decide(world)
        game_s.append(time.process_time() - began)
        prices.append([decision.utility_price, *decision.community_price])
        return decision

    simulation.market.decide = timed
    hour_s, most = [], before
    for _ in range(hours):
        began = time.process_time()
        simulation.step()
        hour_s.append(time.process_time() - began)
        most = max(most, process.memory_info().rss)
    fleet = simulation.schemes["vehicles"].fleet.population
    counts = simulation.totals.counts
    messages = sum(count.sent for count in simulation.bus.statistics.values())
    return {
        "vehicles": vehicles,
        "solver": solver,
        "losses": losses,
        "hours": hours,
        "game_vehicle_hours_per_s": vehicles * hours / sum(game_s),
        "hour_vehicle_hours_per_s": vehicles * hours / sum(hour_s),
        "median_hour_s": statistics.median(hour_s),
        "column_bytes_per_vehicle": fleet.nbytes / vehicles,
        "resident_bytes_per_vehicle": max(most - before, 0) / vehicles,
        "messages_per_hour": messages / hours,
        "utility_questions_per_hour": counts.get("utility_questions", 0) / hours,
        "questions_per_community_hour": counts.get("vehicle_questions", 0)
        / max(hours * len(simulation.aggregators) - counts["communities_without_vehicles"], 1),
    }, np.array(prices)


def load_kernels(solver: str, losses: str) -> None:
    """Let kernels be used from now on, and load those that a case needs."""
    compiled.LOADED_AFTER = 0
    from_rows, compiled.FROM_ROWS = compiled.FROM_ROWS, 0
    simulation = simulation_of(300, solver, 12, losses)
    while simulation.running:
        simulation.step()
    compiled.FROM_ROWS = from_rows


def numpy_alone() -> None:
    """Let no kernel be used from now on."""
    compiled.LOADED_AFTER = 10**15


def best_of(repetitions: int, *case: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Repeat a measurement; return it with the best speeds."""
    rows, prices = zip(*(measure(*case) for _ in range(repetitions)), strict=True)
    best = {name: max(row[name] for row in rows) for name in SPEEDS}
    hour = {"median_hour_s": min(row["median_hour_s"] for row in rows)}
    return rows[0] | best | hour, prices[0]


def ratios_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the speeds with losses as shares of those without."""
    ratios = []
    for row in rows:
        if row["losses"] == "none":
            continue
        (plain,) = (
            other
            for other in rows
            if other["losses"] == "none"
            and (other["vehicles"], other["solver"]) == (row["vehicles"], row["solver"])
        )
        shares = {name: row[name] / plain[name] for name in SPEEDS}
        ratios.append({"vehicles": row["vehicles"], "solver": row["solver"], **shares})
    return ratios


def start_up() -> dict[str, float]:
    """Return the seconds that starting takes, the best of three."""
    code = "import hmesh.environment, hmesh.markets, hmesh.agents, hmesh.runs"
    commands = {
        "import_s": [sys.executable, "-c", code],
        "help_s": [str(Path(sys.executable).with_name("hmesh")), "--help"],
    }
    seconds = {}
    for name, command in commands.items():
        timings = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            timings.append(time.perf_counter() - began)
        seconds[name] = min(timings)
    return seconds


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Return the figures as a table."""
    table = Table(title="Three-level game, one day")
    for heading in (
        "vehicles",
        "solver",
        "losses",
        "game [M vehicle-h/s]",
        "whole hour [M vehicle-h/s]",
        "columns [B/vehicle]",
        "resident [B/vehicle]",
        "messages/h",
        "price gap to exact",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            f"{row['vehicles']:,}",
            row["solver"],
            row["losses"],
            f"{row['game_vehicle_hours_per_s'] / 1e6:.2f}",
            f"{row['hour_vehicle_hours_per_s'] / 1e6:.2f}",
            f"{row['column_bytes_per_vehicle']:.0f}",
            f"{row['resident_bytes_per_vehicle']:.0f}",
            f"{row['messages_per_hour']:,.0f}",
            f"{row['price_gap_to_exact']:.1e}",
        )
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--smoke", action="store_true", help="the smallest size and three hours")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    sizes, hours = ([1000], 3) if options.smoke else (options.sizes, options.hours)
    repetitions = 1 if options.smoke else options.repetitions
    rows = []
    cases = [(*case, losses) for case in product(sizes, SOLVERS) for losses in LOSSES]
    exact: dict[tuple[int, str], np.ndarray] = {}
    kernels: list[dict[str, Any]] = []
    for size, solver, losses in track(cases, description="measuring"):
        load_kernels(solver, losses)
        row, prices = best_of(repetitions, size, solver, hours, losses)
        if losses == "none":
            numpy_alone()
            plain, same = best_of(repetitions, size, solver, hours, losses)
            kernels.append(
                {
                    "vehicles": size,
                    "solver": solver,
                    "price_gap": float(np.abs(prices - same).max()) / 70.0,
                    **{name: row[name] / plain[name] for name in SPEEDS},
                }
            )
        exact.setdefault((size, losses), prices)
        row["price_gap_to_exact"] = float(np.abs(prices - exact[size, losses]).max()) / 70.0
        rows.append(row)
    figures = {
        "start_up": start_up(),
        "three_level_game": rows,
        "speed_with_losses": ratios_of(rows),
        "kernels_over_numpy_alone": kernels,
    }
    Console().print(table_of(rows))
    for ratio in figures["speed_with_losses"]:
        Console().print(
            f"{ratio['vehicles']:,} vehicles, {ratio['solver']}: with losses "
            f"{ratio['game_vehicle_hours_per_s']:.2f} of the speed of the game, "
            f"{ratio['hour_vehicle_hours_per_s']:.2f} of that of the whole hour"
        )
    for ratio in kernels:
        Console().print(
            f"{ratio['vehicles']:,} vehicles, {ratio['solver']}: compiled kernels are "
            f"{ratio['hour_vehicle_hours_per_s']:.2f} times as fast as NumPy alone in the whole "
            f"hour, {ratio['game_vehicle_hours_per_s']:.2f} times in the game; prices differ by "
            f"{ratio['price_gap']:.1e} of their range at most"
        )
    Console().print(
        f"import of all four packages {figures['start_up']['import_s']:.2f} s, "
        f"hmesh --help {figures['start_up']['help_s']:.2f} s"
    )
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
