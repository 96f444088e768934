"""Time smart homes: a day of many homes under every assignment, and the memory of a home.

Half of the homes have the published winter day, half the summer day, each device scaled by its own
draw between a half and one and a half. Slots are exchanged one by one, not all tried; on some
homes the gap to the best choice is measured. Prints a table and, with ``--json FILE``, writes it.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from report import write_figures
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hmesh.markets.load_shifting_bound import least_waste
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.schemes.smart_homes.step import SmartHomeSharing
from hmesh.runs.schemes.smart_homes.strategies import STRATEGIES
from hmesh.runs.world.setting import Setting, make_setting
from hmesh.runs.world.simulation import Simulation

SIZES = (1_000, 10_000, 100_000)
HOURS = 24
GAP_HOMES = 100


def setting_of(homes: int) -> Setting:
    """Return a world of so many homes, nothing of which is written down."""
    changes = [f"smart_homes.groups.{g}.count={homes // 2}" for g in (0, 1)]
    changes += [
        f"smart_homes.groups.{g}.{kind}.{k}.scale=[0.5, 1.5]"
        for g in (0, 1)
        for kind in ("generators", "appliances")
        for k in (0, 1)
    ]
    changes += ["smart_homes.exact_choices=0", "smart_homes.groups.0.connected=true"]
    changes += ["smart_homes.groups.1.connected=true", "generation_cost.quadratic=1e-6"]
    return make_setting(load_scenario("smart-home", changes))


def measure(setting: Setting, strategy: str) -> dict[str, Any]:
    """Time a day under one strategy."""
    simulation = Simulation(setting, strategy)
    sharing = simulation.schemes["smart_homes"]
    assert isinstance(sharing, SmartHomeSharing)
    homes = sum(len(group) for group in sharing.groups)
    began, worked = time.perf_counter(), time.process_time()
    simulation.step()
    first_s, cpu_s = time.perf_counter() - began, time.process_time() - worked
    gap = shifting_gap(sharing) if STRATEGIES[strategy][1] else None
    began, worked = time.perf_counter(), time.process_time()
    for _ in range(HOURS - 1):
        simulation.step()
    day_s = first_s + time.perf_counter() - began
    cpu_s += time.process_time() - worked
    sums = simulation.totals.sums
    return {
        "homes": homes,
        "strategy": strategy,
        "day_s": day_s,
        "cpu_s": cpu_s,
        "first_hour_s": first_s,
        "home_days_per_s": homes / day_s,
        "losses_kwh_per_home": sums["home_losses_kwh"] / homes,
        "served_share": sums["home_served_kwh"] / sums["home_wanted_kwh"],
        "messages": sum(count.sent for count in simulation.bus.statistics.values()),
        "gap_to_best_choice": gap,
    }


def shifting_gap(sharing: SmartHomeSharing) -> float:
    """Return how much more some homes waste than the least that their slots allow, as a share."""
    wasted = least = 0.0
    for agents in sharing.groups:
        assert agents.plan is not None
        generation, demand = agents.known()
        start = np.full_like(agents.energy_kwh, 20.0)
        day = agents.day(generation)
        window = np.stack([a.population.window for a in agents.appliances], axis=2)
        for home in range(min(GAP_HOMES // 2, len(agents))):
            rows = slice(home, home + 1)
            one = day.rows(rows)
            one = type(one)(
                one.assignment, one.layout, one.bank, one.generation_kwh, start[rows], one.step_h
            )
            wasted += float(agents.plan.after_kwh[home])
            least += least_waste(one, demand[:, rows], window[:, rows])
    return (wasted - least) / least


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Return the figures as a table."""
    table = Table(title="Smart homes, one day with admission control and messages")
    for heading in (
        "homes", "strategy", "day [s]", "processor [s]", "first hour [s]", "messages",
        "gap to best",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for row in rows:
        gap = row["gap_to_best_choice"]
        table.add_row(
            f"{row['homes']:,}",
            row["strategy"],
            f"{row['day_s']:.2f}",
            f"{row['cpu_s']:.2f}",
            f"{row['first_hour_s']:.2f}",
            f"{row['messages']:,}",
            "" if gap is None else f"{max(gap, 0.0):.1e}",
        )
    return table


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--smoke", action="store_true", help="a hundred homes")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    sizes = [100] if options.smoke else options.sizes
    process, rows, memory = psutil.Process(), [], {}
    for size in sizes:
        before = process.memory_info().rss
        setting = setting_of(size)
        rows += [measure(setting, name) for name in track(STRATEGIES, description=f"{size:,}")]
        memory[size] = max(process.memory_info().rss - before, 0) / size
    figures = {
        "resident_bytes_per_home": memory,
        "smart_homes": rows,
    }
    console = Console()
    console.print(table_of(rows))
    for size in sizes:
        total = sum(row["day_s"] for row in rows if row["homes"] == size)
        console.print(
            f"{size:,} homes: {total:.1f} s for a day under all {len(STRATEGIES)}, "
            f"{memory[size]:,.0f} bytes resident for each home"
        )
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
