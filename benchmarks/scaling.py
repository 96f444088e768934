"""Measure how a step's time and a run's memory grow with members, vehicles, communities and hours.

For each kind of member, worlds of growing size are simulated for a day, its plans included, and the
processor time of an hour is taken; the exponent is the slope of its logarithm over
that of the size, between the two largest sizes. Each size runs in a separate process, so that its
memory is its own. With ``--json FILE`` it writes the figures, with ``--plot FILE`` draws them. Ends
with exit status 1 where a gate on a ratio is missed.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from report import write_figures
from rich.console import Console
from rich.table import Table

from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

MEMBERS = (10, 100, 1_000, 10_000)
VEHICLES = (1_000, 10_000, 100_000, 1_000_000)
# These are simulated for fewer hours, which say as much and take a minute.
LARGEST, HOURS_OF_LARGEST = 10_000_000, 6
COMMUNITIES = (3, 30, 300, 1_000)
HOURS = (24, 168, 1_344, 8_760)
FIGURES = ("ms_per_hour", "resident_mb")
# A whole day, its plans included.
MEASURED = 24
# No time of an hour may grow faster than its size, but for what sorting adds, and no hour later in
# a run may take longer than the first ones.
MOST_EXPONENT, MOST_LATER = 1.1, 1.25


def vehicles(count: int, solver: str) -> tuple[str, str, list[str]]:
    """Return the built-in scenario with other numbers of vehicles."""
    grown = count / 2_000
    return "three-communities", "three_level", [
        f"vehicles.count={count}", f"game.solver={solver}", "record.vehicles=none",
        f"generation_cost.quadratic={7.2e-6 / grown:g}",
    ]  # fmt: skip


def communities(count: int) -> tuple[str, str, list[str]]:
    """Return communities of ten households each whose load answers to the price."""
    member = (
        "{kind: household, name: g, count: 10, annual_kwh: 4000, profile: h0, elasticity: "
        "{value: 0.5, reference_price: 21, lower_share: 0.4, upper_share: 1.3}}"
    )
    names = ["homes", "malls", "offices", *(f"c{k}" for k in range(count - 3))]
    all_of_them = ", ".join(f"{name}: {{members: [{member}]}}" for name in names)
    return "three-communities", "three_level", [
        f"communities={{{all_of_them}}}", "vehicles.count=30", "record.vehicles=none",
        f"generation_cost.quadratic={7.2e-6 * 100 / count:g}",
    ]  # fmt: skip


def homes(count: int) -> tuple[str, str, list[str]]:
    """Return homes of which each generates and wants something else."""
    changes = [f"smart_homes.groups.{g}.count={max(count // 2, 1)}" for g in (0, 1)]
    changes += [
        f"smart_homes.groups.{g}.{kind}.{k}.scale=[0.5, 1.5]"
        for g in (0, 1) for kind in ("generators", "appliances") for k in (0, 1)
    ]  # fmt: skip
    connected = [f"smart_homes.groups.{g}.connected=true" for g in (0, 1)]
    return "smart-home", "mpfa_mg_shifting", [
        *changes, *connected, "smart_homes.exact_choices=0", "generation_cost.quadratic=1e-6"
    ]  # fmt: skip


def houses(count: int) -> tuple[str, str, list[str]]:
    """Return houses with battery, heat pump and tank whose needs differ."""
    group = "composite_storage.groups.0"
    return "composite-storage", "hybrid_storage", [
        f"{group}.count={count}", f"{group}.variation=0.3", "record.houses=none", "years=null",
        f"communities.kitakyushu.feeder.rating_kw={10 * count}", "hours=72",
    ]  # fmt: skip


def buildings(count: int) -> tuple[str, str, list[str]]:
    """Return buildings that share what their batteries hold."""
    peak = 44_300.0 * count / 39
    return "battery-sharing", "shared_battery", [
        f"communities.district.members.0.businesses={count}",
        f"communities.district.members.0.peak_kw={peak}",
        f"battery_sharing.capacity_kwh={51_700.0 / 44_300.0 * peak}", "hours=72",
        "battery_sharing.spread=mean_load", "battery_sharing.dispatch=alike",
        "battery_sharing.own_capacity=shared",
    ]  # fmt: skip


def households(count: int) -> tuple[str, str, list[str]]:
    """Return households that a community storage serves."""
    member = f"{{kind: household, name: g, count: {count}, annual_kwh: 2400, profile: h0}}"
    unit = (
        f"{{name: s, community: homes, serves: [g], dischargers: {max(2 * count // 3, 1)}, "
        f"capacity_kwh: {10 * count / 3}, pv_kw: {float(count)}}}"
    )
    return "community-storage", "community_storage_optimal", [
        f"communities.homes.members=[{member}]",
        f"communities.homes.feeder.rating_kw={10 * count}",
        f"community_storage.storages=[{unit}]",
        "community_storage.forecaster={kind: seasonal_naive}",
    ]  # fmt: skip


def buses(count: int) -> tuple[str, str, list[str]]:
    """Return school buses, ten of each school."""
    schools, scale = max(count // 10, 1), count / 200
    return "school-buses", "optimal_energy_price", [
        f"school_buses.groups=[{{name: s, community: rochester, schools: {schools}, buses: 10}}]",
        f"school_buses.critical.base_kw={150_000 * scale}",
        f"generation_cost.quadratic={7.2e-6 / scale}",
        f"communities.rochester.members.0.annual_kwh={6e5 * scale}",
        f"communities.rochester.members.1.annual_kwh={4e5 * scale}",
        f"communities.rochester.members.2.annual_kwh={7.4e6 * scale}",
        f"communities.rochester.feeder.rating_kw={200_000 * scale}",
    ]  # fmt: skip


# Kinds whose days are planned: an hour is the mean of a day. Others vary by chance and by the first
# hour, which compiles kernels or reads them; an hour is the median.
PLANNED = (
    "smart homes", "houses with storages", "buildings with batteries", "households of a storage",
    "school buses",
)  # fmt: skip

KINDS: dict[str, tuple[Sequence[int], Callable[[int], tuple[str, str, list[str]]]]] = {
    "vehicles, exact": ((*VEHICLES, LARGEST), lambda count: vehicles(count, "exact")),
    "vehicles, negotiate": (VEHICLES, lambda count: vehicles(count, "negotiate")),
    "communities": (COMMUNITIES, communities),
    "smart homes": (MEMBERS, homes),
    "houses with storages": (MEMBERS, houses),
    "buildings with batteries": (MEMBERS, buildings),
    "households of a storage": (MEMBERS, households),
    "school buses": (MEMBERS, buses),
}


def one(kind: str, size: int, hours: int) -> dict[str, Any]:
    """Simulate a world of a kind and size; return what an hour takes."""
    scenario, strategy, changes = KINDS[kind][1](size)
    changes = [*changes, f"strategies=[{strategy}]", "plots=false"]
    if hours > MEASURED:
        changes.append(f"hours={hours}")
    loaded = load_scenario(scenario, changes)
    began = time.process_time()
    setting = make_setting(loaded)
    simulation = Simulation(setting, strategy)
    made_s = time.process_time() - began
    spent = []
    for _ in range(min(hours, loaded.steps)):
        began = time.process_time()
        simulation.step()
        spent.append(time.process_time() - began)
    resident = psutil.Process().memory_info().rss / 1e6
    return {
        "kind": kind, "size": size, "hours": len(spent), "made_s": made_s,
        "ms_per_hour": 1e3 * float((np.mean if kind in PLANNED else np.median)(spent)),
        "resident_mb": resident,
    }  # fmt: skip


def apart(kind: str, size: int, hours: int) -> dict[str, Any]:
    """Measure in a new process, whose memory holds nothing else."""
    command = [sys.executable, __file__, "--one", json.dumps([kind, size, hours])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, Any] = json.loads(done.splitlines()[-1])
    return figures


def exponent(rows: Sequence[dict[str, Any]], figure: str) -> float:
    """Return the slope of a figure over the size between the two largest, both logarithms."""
    sizes, values = ([row[name] for row in rows[-2:]] for name in ("size", figure))
    return float(np.diff(np.log(values))[0] / np.diff(np.log(sizes))[0])


def fitted(rows: Sequence[dict[str, Any]], figure: str) -> float:
    """Return the power p of a figure that grows as ``fixed + factor * size ** p``.

    Of all sizes together, by the least squares of relative errors; NaN for fewer than four sizes,
    and where the figure hardly grows.
    """
    from scipy.optimize import least_squares

    sizes, values = (np.array([row[name] for row in rows], float) for name in ("size", figure))
    if len(rows) < 4 or values.max() < 1.5 * values.min():
        return float("nan")

    def off(given: np.ndarray) -> np.ndarray:
        fixed, factor, power = given
        grown = np.exp(fixed) + np.exp(factor) * (sizes / sizes[-1]) ** power
        return np.log(grown / values)

    first = [np.log(0.5 * values.min()), np.log(values[-1]), 1.0]
    return float(least_squares(off, first, bounds=([-30, -30, 0.0], [30, 30, 3.0])).x[2])


def of_hours(lengths: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the powers with which time and memory of a whole run grow with its hours."""
    whole = [
        {"size": row["hours"], "ms": row["hours"] * row["ms_per_hour"], "mb": row["mb"]}
        for row in lengths
    ]
    return {figure: exponent(whole[::3], figure) for figure in ("ms", "mb")} if whole else {}


def long_run(hours: int) -> dict[str, Any]:
    """Return how the last hours of a run compare with its first ones."""
    row = apart("vehicles, exact", 1_000, hours)
    return {"hours": row["hours"], "ms_per_hour": row["ms_per_hour"], "mb": row["resident_mb"]}


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the time of an hour over the size of each kind."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 5.0), layout="constrained")
    # Marks and dashes keep the lines apart in grey.
    marks, strokes = "os^DvPX*", ("-", "--", "-.", ":")
    for number, kind in enumerate(dict.fromkeys(row["kind"] for row in rows)):
        mine = [row for row in rows if row["kind"] == kind]
        axes.loglog(
            [row["size"] for row in mine], [row["ms_per_hour"] for row in mine],
            marker=marks[number % len(marks)], linestyle=strokes[number % len(strokes)],
            label=f"{kind} (exponent {fitted(mine, 'ms_per_hour'):.2f})",
        )  # fmt: skip
    largest = max(fitted([r for r in rows if r["kind"] == k], "ms_per_hour")
                  for k in {r["kind"] for r in rows})  # fmt: skip
    axes.set_title(f"Time of an hour grows with at most the power {largest:.2f} of the size")
    axes.set_xlabel("members, vehicles or communities [-]")
    axes.set_ylabel("processor time of an hour [ms]")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160)


def missed(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the gates that are missed."""
    found = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        found += [
            f"{kind}: {figure} grows with the power {power:.2f} of the size"
            for figure in FIGURES
            if len(mine) > 1 and (power := exponent(mine, figure)) > MOST_EXPONENT
        ]
    return found


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--plot", type=Path, help="file for the picture")
    parser.add_argument("--draw", type=Path, help="draw figures of this file, and measure none")
    parser.add_argument("--keep", type=Path, help="earlier figures, of kinds not measured now")
    parser.add_argument("--smoke", action="store_true", help="the smallest size of each alone")
    parser.add_argument("--kind", action="append", help="this kind alone; may be repeated")
    parser.add_argument("--hours", action="store_true", help="runs of a day to a year too")
    parser.add_argument("--most", type=int, help="no larger sizes than this")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(*json.loads(given.one))))
        return 0
    if given.draw:
        draw(json.loads(given.draw.read_text(encoding="utf-8"))["rows"], given.plot)
        return 0
    rows = []
    table = Table("kind", "size", "made [s]", "hour [ms]", "resident [MB]", "exponent of time")
    for kind, (sizes, _) in KINDS.items():
        if given.kind and kind not in given.kind:
            continue
        mine = []
        for size in sizes[:1] if given.smoke else sizes:
            if given.most and size > given.most:
                continue
            hours = HOURS_OF_LARGEST if size == LARGEST else MEASURED
            mine.append(apart(kind, size, 2 if given.smoke else hours))
            row, power = mine[-1], exponent(mine, "ms_per_hour") if len(mine) > 1 else np.nan
            table.add_row(
                kind, f"{size:,}", f"{row['made_s']:.2f}", f"{row['ms_per_hour']:.2f}",
                f"{row['resident_mb']:.0f}", f"{power:.2f}",
            )  # fmt: skip
        rows += mine
    lengths = []
    if given.hours or not (given.smoke or given.kind):
        lengths = [long_run(hours) for hours in HOURS]
    late = [
        f"an hour of a run of {row['hours']} hours takes {row['ms_per_hour']:.2f} ms, "
        f"{row['ms_per_hour'] / lengths[0]['ms_per_hour']:.2f} times one of the first day"
        for row in lengths
        if row["ms_per_hour"] > MOST_LATER * lengths[0]["ms_per_hour"]
    ]
    console = Console()
    console.print(table)
    misses = [] if given.smoke else missed(rows) + late
    for miss in misses:
        console.print(f"missed: {miss}")
    if given.keep:
        earlier = json.loads(given.keep.read_text(encoding="utf-8"))
        kinds = {row["kind"] for row in rows}
        rows += [row for row in earlier["rows"] if row["kind"] not in kinds]
        lengths = lengths or earlier.get("lengths", [])
    powers = {
        kind: {figure: fitted([r for r in rows if r["kind"] == kind], figure) for figure in FIGURES}
        for kind in dict.fromkeys(row["kind"] for row in rows)
    }
    figures = {"rows": rows, "fitted": powers, "lengths": lengths, "hours": of_hours(lengths)}
    write_figures(given.json, {**figures, "missed": misses})
    if given.plot and not given.smoke:
        draw(rows, given.plot)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
