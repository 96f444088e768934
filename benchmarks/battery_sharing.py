"""Time a year of buildings that share their batteries, and what sizing them takes.

The built-in scenario with capacities given, hour by hour and by messages; then with more buildings,
whose loads follow the same businesses at other sizes. Prints a table and, with ``--json FILE``,
writes the figures.
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

from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import Setting, make_setting
from hmesh.runs.world.simulation import Simulation

SIZES = (39, 1_000, 10_000)
STRATEGIES = ("no_battery", "own_battery", "shared_battery", "priced_battery")
CAPACITY_PER_PEAK = 51_700.0 / 44_300.0
# Given and alike, so that nothing is sized and no programme is solved.
GIVEN = ("battery_sharing.spread=mean_load", "battery_sharing.dispatch=alike",
         "battery_sharing.own_capacity=shared")  # fmt: skip


def setting_of(buildings: int, hours: int) -> Setting:
    """Return the built-in district with as many buildings, its peak grown alike."""
    peak = 44_300.0 * buildings / 39
    return make_setting(
        load_scenario(
            "battery-sharing",
            [
                f"communities.district.members.0.businesses={buildings}",
                f"communities.district.members.0.peak_kw={peak}",
                f"battery_sharing.capacity_kwh={CAPACITY_PER_PEAK * peak}",
                f"hours={hours}",
                *GIVEN,
            ],
        )
    )


def measure(buildings: int, hours: int) -> list[dict[str, Any]]:
    """Time every strategy for some hours, one after another."""
    began = time.perf_counter()
    setting = setting_of(buildings, hours)
    setting.schemes["battery_sharing"].shared_kwh  # noqa: B018
    made_s = time.perf_counter() - began
    rows = []
    for strategy in STRATEGIES:
        process = psutil.Process()
        simulation = Simulation(setting, strategy)
        began, began_cpu = time.perf_counter(), time.process_time()
        for _ in range(hours):
            simulation.step()
        simulated_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        rows.append(
            {
                "buildings": buildings,
                "strategy": strategy,
                "hours": hours,
                "made_s": made_s,
                "simulated_s": simulated_s,
                "cpu_s": cpu_s,
                "cpu_year_s": cpu_s * 8760 / hours,
                "resident_mb": process.memory_info().rss / 1e6,
                "messages": sum(count.sent for count in simulation.bus.statistics.values()),
                "load_deviation_kwh": simulation.summary()["load_deviation_kwh"],
            }
        )
    return rows


def sizing_s() -> dict[str, float]:
    """Return the seconds that sizing 39 buildings for a year takes, part by part."""
    setting = make_setting(load_scenario("battery-sharing")).schemes["battery_sharing"]
    assert setting is not None
    seconds = {}
    for name, size in (
        ("shared capacity and its spread", lambda: setting.shared_kwh),
        ("capacity of each alone", lambda: setting.own_kwh),
    ):
        began = time.perf_counter()
        capacity = size()
        seconds[name] = time.perf_counter() - began
        assert np.isfinite(capacity).all()
    return seconds


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Return the figures as a table."""
    table = Table(title="Buildings with batteries, without sizing")
    for heading in (
        "buildings",
        "strategy",
        "hours",
        "simulated [s]",
        "processor [s]",
        "a year [s]",
        "messages",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            f"{row['buildings']:,}", row["strategy"], f"{row['hours']:,}",
            f"{row['simulated_s']:.2f}", f"{row['cpu_s']:.2f}", f"{row['cpu_year_s']:.1f}",
            f"{row['messages']:,}",
        )  # fmt: skip
    return table


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--smoke", action="store_true", help="the smallest size and two days")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--hours", type=int, default=8760)
    options = parser.parse_args()
    sizes, hours = ([39], 48) if options.smoke else (options.sizes, options.hours)
    rows = [row for size in track(sizes, description="measuring") for row in measure(size, hours)]
    figures = {
        "years": rows,
        "sizing_s": {} if options.smoke else sizing_s(),
    }
    Console().print(table_of(rows))
    for name, seconds in figures["sizing_s"].items():
        Console().print(f"sizing, {name}: {seconds:.1f} s")
    write_figures(options.json, figures)


if __name__ == "__main__":
    main()
