"""Time houses with storages: a year of one case, exact and by rules, and of a thousand houses.

``exact`` holds storages at one level at all midnights, ``plan`` is what a manager with foresight
follows from empty storages on; both state the share of the cost that a cheaper dispatch may save.
``rules alone`` is the managers' own work, messages and storages included; ``simulation`` is the
whole run of a case: managers, grid, payments and totals. ``--smoke`` takes a week in place of the
year. Prints a table and, with ``--json FILE``, writes it.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from report import write_figures
from rich.console import Console
from rich.table import Table

from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.schemes.composite_storage.setting import CompositeStorageSetting
from hmesh.runs.studies.composite_storage.simulated_years import (
    priced,
    simulate_by_rules,
    with_foresight,
)
from hmesh.runs.world.setting import Setting, make_setting
from hmesh.runs.world.simulation import Simulation

CASE = "hybrid_storage"
WEEK_H = 168
# Below all purchase prices, above the night's alone, above all of them.
FEED_INS = (7.0, 19.0, 30.0, 48.0)


def setting_of(houses: int, hours: int | None, feed_in: float = FEED_INS[0]) -> Setting:
    """Return a world of so many houses whose needs differ, nothing of which is written down."""
    group = "composite_storage.groups.0"
    changes = [f"{group}.count={houses}", f"{group}.variation=0.3", "record.houses=none"]
    changes.append(f"communities.kitakyushu.feeder.rating_kw={10 * houses}")
    changes.append(f"composite_storage.tariff.feed_in={feed_in:g}")
    if hours is not None:
        changes += ["years=null", f"hours={hours}"]
    return make_setting(load_scenario("composite-storage", changes))


def houses_of(setting: Setting) -> CompositeStorageSetting:
    """Return the houses of a world."""
    return setting.schemes["composite_storage"]


def simulate(setting: Setting) -> None:
    """Simulate a case."""
    simulation = Simulation(setting, CASE)
    for _ in range(setting.scenario.steps):
        simulation.step()


def rules(setting: Setting, feed_in: float) -> None:
    """Let managers decide on all steps."""
    houses = houses_of(setting)
    needs = (houses.series.load_scale, houses.series.heat_scale, houses.series.generation_scale)
    first = [scale / scale[0] for scale in needs]
    simulate_by_rules(houses, houses.populations(CASE), priced(houses, feed_in), first)


def timed(what: str, houses: int, work: Callable[[], object]) -> dict[str, Any]:
    """Return how long some work takes."""
    began, worked = time.perf_counter(), time.process_time()
    done = work()
    return {
        "what": what,
        "houses": houses,
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - worked,
        "gap": getattr(done, "gap", None),
    }


def measure(hours: int | None) -> list[dict[str, Any]]:
    """Time everything."""
    rows = []
    for feed_in in FEED_INS:
        houses = houses_of(setting_of(1, hours, feed_in))
        for case in ("house_battery", "thermal_tank", CASE):
            about = f"feed-in {feed_in:g}, {case}"
            exact = partial(with_foresight, houses, case, houses.prices)
            rows.append(timed(f"exact, {about}", 1, exact))
            rows.append(timed(f"plan, {about}", 1, partial(houses.plan, case, 0)))
    one, many = setting_of(1, hours), setting_of(1000, hours)
    for count, setting in ((1, one), (1000, many)):
        rows.append(timed("rules alone", count, partial(rules, setting, FEED_INS[0])))
        rows.append(timed("simulation", count, partial(simulate, setting)))
    return rows


def main() -> None:
    """Print how long a year takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--smoke", action="store_true", help="a week in place of the year")
    given = parser.parse_args()
    rows = measure(WEEK_H if given.smoke else None)
    table = Table(title="A week" if given.smoke else "A year of 8,760 hours")
    for heading in ("what", "houses", "wall [s]", "processor [s]", "missed at most"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for row in rows:
        missed = "" if row["gap"] is None else f"{row['gap']:.0e}"
        taken = [f"{row[name]:.2f}" for name in ("wall_s", "cpu_s")]
        table.add_row(row["what"], f"{row['houses']:,}", *taken, missed)
    Console().print(table)
    write_figures(given.json, {"rows": rows})


if __name__ == "__main__":
    main()
