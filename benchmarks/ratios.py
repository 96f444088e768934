"""Measure how fast hMESH is against something else in the same process, and refuse to get slower.

Each ratio is a time of something else over a time of hMESH, by the processor's clock and in turns,
so that it hardly depends on the machine and on what else runs there: plain Mesa, NumPy without
kernels, a solver that begins from nothing, imports alone, a simpler run. It is the median of some
pairs. Ends with exit status 1 where a ratio is below its floor in ``ratio_floors.yaml``;
``--record`` writes that file: of what was measured each floor is ``SHARE``.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import plain_mesa
import yaml
from composite_storage import CASE, houses_of, setting_of
from report import write_figures
from rich.console import Console
from rich.table import Table
from vehicle_study import load_kernels, simulation_of

from hmesh.environment import compiled
from hmesh.markets import relaxed_programme
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.studies.composite_storage.simulated_years import with_foresight
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation

FLOORS = Path(__file__).with_name("ratio_floors.yaml")
# On a machine with other work, medians of the same code were up to a fifth apart.
SHARE = 0.7
PAIRS = 5
# What makes every message, load, sky and trip of a run a drawn one.
STOCHASTIC = (
    "chance.demand_noise={household: {sigma: 0.3, correlation_h: 24}, "
    "building: {sigma: 0.2, correlation_h: 24}}",
    "chance.cloudiness={mean: 0.6, deviation: 0.25, correlation_h: 6}",
    "travel={kind: drawn, days: {}, fit: {day_plans: true}}",
    "vehicles.theta={distribution: lognormal, mean: 2, deviation: 0.6}",
    "messages.latency_h=0.001",
    "messages.latency=exponential",
    "communities.homes.members.0.pv_kw=2",
    "location={latitude: 52.5, longitude: 13.4}",
)
IMPORTS = "import mesa, numpy, pyarrow.parquet, pydantic, rich.console, typer, yaml"
SMALL_RUN = ("vehicles.count=1", "hours=1", "plots=false")


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of some work, that of processes it starts included [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.process_time()
    work()
    took = time.process_time() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turns(other: Callable[[], object], own: Callable[[], object], pairs: int) -> float:
    """Return the median ratio of the time of something else over that of hMESH."""
    return statistics.median(seconds(other) / seconds(own) for _ in range(pairs))


@contextmanager
def numpy_alone() -> Iterator[None]:
    """Let no kernel be used for a while."""
    with patch.object(compiled, "LOADED_AFTER", 10**15):
        yield


def over_plain_mesa() -> float:
    """Return how many times as fast as plain Mesa the same game is."""
    return statistics.median(plain_mesa.measure(10_000, 6)["ratio"] for _ in range(3))


def over_numpy(vehicles: int, solver: str) -> float:
    """Return how many times as fast kernels are as NumPy alone."""
    load_kernels(solver, "none")
    fast, slow = (simulation_of(vehicles, solver, PAIRS + 1, "none") for _ in range(2))

    def by_numpy() -> None:
        with numpy_alone():
            slow.step()

    by_numpy()
    fast.step()
    return in_turns(by_numpy, fast.step, PAIRS)


def world(solver: str, *changes: str, hours: int) -> Simulation:
    """Return the three communities under a solver, without what is recorded of vehicles."""
    loaded = load_scenario(
        "three-communities",
        [
            "strategies=[three_level]", "record.vehicles=none", "plots=false", f"hours={hours}",
            f"game.solver={solver}", *changes,
        ],
    )  # fmt: skip
    return Simulation(make_setting(loaded), "three_level")


def stochastic(solver: str) -> float:
    """Return the time of a day of the built-in scenario over that of a stochastic one."""
    hours = 24 * (PAIRS + 1)
    plain, drawn = world(solver, hours=hours), world(solver, *STOCHASTIC, hours=hours)

    def day_of(simulation: Simulation) -> Callable[[], None]:
        def day() -> None:
            for _ in range(24):
                simulation.step()

        return day

    other, own = day_of(plain), day_of(drawn)
    other()
    own()
    return in_turns(other, own, PAIRS)


def house_from_nothing() -> float:
    """Return how much longer a dispatch takes whose programmes all begin from nothing."""
    houses = houses_of(setting_of(1, 28 * 24, 48.0))

    def dispatch() -> None:
        with_foresight(houses, CASE, houses.prices)

    def from_nothing() -> None:
        with patch.object(relaxed_programme._KeptSolver, "of", lambda programme: None):
            dispatch()

    return in_turns(from_nothing, dispatch, 3)


def imports_over_run() -> float:
    """Return the time of importing what hMESH needs over that of a small run."""

    def python(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    with tempfile.TemporaryDirectory() as folder:
        free = iter(range(100))

        def run() -> None:
            given = [part for change in SMALL_RUN for part in ("--set", change)]
            out = str(Path(folder) / f"run{next(free)}")
            python("-m", "hmesh", "run", "three-communities", *given, "--out", out)

        # Once for the bytecode.
        run()
        return in_turns(lambda: python("-c", IMPORTS), run, PAIRS)


HOUSE = "house with netting, from nothing over going on"
RATIOS: dict[str, Callable[[], float]] = {
    "plain Mesa over hMESH, exact, 10,000 vehicles": over_plain_mesa,
    "NumPy alone over kernels, exact, 100,000 vehicles": lambda: over_numpy(100_000, "exact"),
    "NumPy alone over kernels, negotiate, 10,000 vehicles": lambda: over_numpy(10_000, "negotiate"),
    "built-in day over stochastic day, exact": lambda: stochastic("exact"),
    "built-in day over stochastic day, negotiate": lambda: stochastic("negotiate"),
    HOUSE: house_from_nothing,
    "imports over a run of one vehicle and one hour": imports_over_run,
}


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--smoke", action="store_true", help="the ratio of the house alone")
    parser.add_argument("--only", action="append", help="this ratio alone; may be repeated")
    parser.add_argument("--record", action="store_true", help="write what is measured as floors")
    given = parser.parse_args()
    # Kernels are loaded in the first hour, as in a long run.
    compiled.LOADED_AFTER = 0
    held: dict[str, Any] = yaml.safe_load(FLOORS.read_text(encoding="utf-8"))
    table = Table("ratio", "measured", "floor", "recorded")
    rows = []
    only = [HOUSE] if given.smoke else given.only
    for name, measure in RATIOS.items():
        if only and name not in only:
            continue
        found = measure()
        if given.record:
            held[name] = {"recorded": round(found, 2), "floor": round(SHARE * found, 2)}
        floor = held[name]["floor"]
        rows.append({"ratio": name, "measured": found, "missed": found < floor, **held[name]})
        measured = f"{found:.2f}" + (" missed" if found < floor else "")
        table.add_row(name, measured, f"{floor:.2f}", f"{held[name]['recorded']:.2f}")
    Console().print(table)
    if given.record:
        text = "# Written by benchmarks/ratios.py --record; a ratio below its floor fails.\n"
        FLOORS.write_text(text + yaml.safe_dump(held, sort_keys=False), encoding="utf-8")
    write_figures(given.json, {"rows": rows})
    return int(any(row["missed"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
