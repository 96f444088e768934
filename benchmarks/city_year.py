"""Time a year of a city in which everybody shares, and a week of it in every season.

1,000 smart homes, 40 buildings with batteries, 20 schools with 200 buses, 2,000 vehicles, 1,040
households and 100 houses with storages under ``everybody_shares``: limits kept, losses counted,
welfare of every hour and accounts of all members; of single members nothing else is written. Prints
processor and wall seconds, and an hour of the city over one of 2,000 vehicles alone in the
three-level game, measured in the same run. With ``--json FILE`` it writes the figures, with
``--year`` it measures the year alone, in a process of its own. ``--fewer`` leaves out houses with
storages, prosumers, the community storage and local exchange.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from report import write_figures
from rich.console import Console
from rich.table import Table

from hmesh.runs.run import start_run
from hmesh.runs.scenarios.scenario_reading import load_scenario

YEAR_H = 8760
AIM_S = 180.0
WEEKS = ("2023-01-16", "2023-04-17", "2023-07-10", "2023-10-16")
TERMS = "[[2023-01-10, 2023-03-24], [2023-04-07, 2023-07-20], [2023-08-28, 2023-12-22]]"
SIZE = (
    "smart_homes.groups.0.count=1000",
    "communities.district.members.0.businesses=35",
    "school_buses.groups.0.schools=20",
    "school_buses.groups.0.buses=10",
    "vehicles.count=2000",
)
# Homes, buildings, schools, vehicles and households alone.
FEWER = (
    "communities.suburb.members=[{kind: household, name: neighbours, count: 60, annual_kwh: 4800, "
    "profile: h0, elasticity: "
    "{value: 0.5, reference_price: 21, lower_share: 0.4, upper_share: 1.3}}]",
    "communities.suburb.local_exchange=null",
    "communities.street.local_exchange=null",
    "composite_storage=null",
    "community_storage=null",
    "record.local_members=false",
)
SMALL = (
    "smart_homes.groups.0.count=20",
    "communities.homes.members.0.count=100",
    "school_buses.groups.0.schools=2",
    "vehicles.count=50",
)
NOT_EACH = tuple(f"record.{who}=none" for who in ("vehicles", "homes", "houses", "buildings"))


def measure(scenario_name: str, changes: Sequence[str]) -> dict[str, Any]:
    """Run a scenario; return what its first step and each later one took, and its memory."""
    scenario = load_scenario(scenario_name, ["plots=false", *changes])
    spent: list[float] = []
    began, worked = time.perf_counter(), time.process_time()

    def note(done: int, total: int) -> None:
        spent.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        start_run(scenario, Path(folder) / "run", note)
    ended = time.process_time()
    hours = np.diff(spent)
    return {
        "start": str(scenario.start),
        "hours": len(spent),
        "wall_s": time.perf_counter() - began,
        "processor_s": ended - worked,
        "ms_per_hour": 1e3 * float(hours.mean()),
        "slowest_ms": 1e3 * float(hours.max()),
        # Reading, making the world and its first step, and what is left once the last is done.
        "beside_s": ended - worked - float(hours.sum()),
        "resident_mb": psutil.Process().memory_info().rss / 1e6,
    }


def city(start: str, hours: int, size: Sequence[str]) -> dict[str, Any]:
    """Measure the city from a day on."""
    return measure(
        "one-city",
        [
            "strategies=[everybody_shares]", f'start="{start}T00:00"', f"hours={hours}",
            f"school_terms.terms={TERMS}", "record.schools=none", *NOT_EACH, *size,
        ],
    )  # fmt: skip


def table_of(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the figures as a table."""
    table = Table(title="A city in which everybody shares")
    for heading in ("from", "hours", "an hour [ms]", "slowest [ms]", "processor [s]", "wall [s]"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row["start"][:10], f"{row['hours']:,}", f"{row['ms_per_hour']:.1f}",
            f"{row['slowest_ms']:.0f}", f"{row['processor_s']:.1f}", f"{row['wall_s']:.1f}",
        )  # fmt: skip
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--smoke", action="store_true", help="two days of a small city")
    parser.add_argument("--weeks", action="store_true", help="the weeks alone, not the year")
    parser.add_argument("--year", action="store_true", help="the year alone, not the weeks")
    parser.add_argument("--fewer", action="store_true", help="fewer kinds of members")
    given = parser.parse_args()
    size = (*(SMALL if given.smoke else SIZE), *(FEWER if given.fewer else ()))
    if given.year:
        year = city("2023-01-01", 48 if given.smoke else YEAR_H, size)
        Console().print(table_of([year]))
        write_figures(given.json, {"year": year, "year_over_aim": year["processor_s"] / AIM_S})
        return
    weeks, hours = (WEEKS[:1], 48) if given.smoke else (WEEKS, 168)
    rows = [city(start, hours, size) for start in weeks]
    alone = measure(
        "three-communities",
        [
            "strategies=[three_level]", f"hours={hours}", "record.vehicles=none",
            "vehicles.count=50" if given.smoke else "vehicles.count=2000",
        ],
    )  # fmt: skip
    per_hour = float(np.mean([row["ms_per_hour"] for row in rows]))
    figures: dict[str, Any] = {
        "weeks": rows,
        "vehicles_alone": alone,
        "hour_over_vehicles_alone": per_hour / alone["ms_per_hour"],
        "year_by_weeks_s": 1e-3 * per_hour * YEAR_H + float(np.mean([r["beside_s"] for r in rows])),
    }
    if not (given.smoke or given.weeks):
        figures["year"] = city("2023-01-01", YEAR_H, size)
        figures["year_over_aim"] = figures["year"]["processor_s"] / AIM_S
        rows = [*rows, figures["year"]]
    console = Console()
    console.print(table_of(rows))
    console.print(
        f"An hour is {figures['hour_over_vehicles_alone']:.1f} times one of its vehicles alone "
        f"({alone['ms_per_hour']:.1f} ms); by these weeks a year takes "
        f"{figures['year_by_weeks_s']:.0f} s of processor time."
    )
    write_figures(given.json, figures)


if __name__ == "__main__":
    main()
