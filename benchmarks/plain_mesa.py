"""Time the game of three levels in plain Mesa, an object for each vehicle, and in hMESH.

Both play the same hours: the published day with more vehicles, its communities grown alike. In
plain Mesa a vehicle is an agent with attributes of its own, which works out its bounds, states at
which prices it begins and ceases to answer, responds to the price of its community, charges, pays
and drives. Utility and aggregators solve the game of these statements by the rule that hMESH uses
too, so that only what vehicles do differs. Hours take turns, and each is timed by the processor;
the first one, in which compiled kernels are loaded, does not count. Prices and stored energy of
both must agree within 1e-6, else it ends with exit status 1. Plain Mesa records nothing and sends
no messages, where hMESH keeps its accounts and announces prices as it always does. With
``--json FILE`` it writes the figures.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mesa
import numpy as np
from report import write_figures
from rich.console import Console
from rich.table import Table
from vehicle_study import simulation_of

from hmesh.environment import compiled
from hmesh.markets.answers import Answers
from hmesh.markets.price_game import Game
from hmesh.markets.three_level_game import solve_exact
from hmesh.runs.world.simulation import Simulation

SIZES = (1_000, 10_000, 100_000)
PLANS, HOURS, AGREES = 10, 9, 1e-6


@dataclass(frozen=True)
class Place:
    """Where a vehicle is in an hour, how long it is plugged in, and what it drives."""

    community: int
    plugged_part: float
    km_before_plug: float
    driven_km: float


class Vehicle(mesa.Agent[Any]):
    """A vehicle as an object."""

    def __init__(self, model: "PlainModel", places: list[Place], held: dict[str, float]) -> None:
        super().__init__(model)
        self.places = places
        self.energy_kwh = held["energy_kwh"]
        self.capacity_kwh, self.power_kw = held["capacity_kwh"], held["power_kw"]
        self.soc_min, self.soc_max = held["soc_min"], held["soc_max"]
        self.kwh_per_km = held["consumption_kwh_per_km"]
        self.lam, self.theta = held["lam"], held["theta"]
        self.exchange_kwh = self.paid = 0.0

    def arrive(self) -> None:
        """Drive up to the plug, and register with the community there."""
        self.place = place = self.places[self.model.hour]
        self.exchange_kwh = 0.0
        if place.plugged_part > 0.0:
            used = place.km_before_plug * self.kwh_per_km
            at_plug = max(self.energy_kwh - used, 0.0)
            self.usable_kwh = usable = at_plug - self.soc_min * self.capacity_kwh
            most = self.power_kw * place.plugged_part
            self.lower_kwh = -min(most, max(usable, 0.0))
            self.upper_kwh = min(most, max(self.soc_max * self.capacity_kwh - at_plug, 0.0))
            self.model.communities[place.community].append(self)

    def prices(self) -> tuple[float, float, float, float]:
        """State up to which price it charges all it can, from which it sells all, and how fast."""
        full = self.lam - self.theta * (self.usable_kwh + self.upper_kwh)
        empty = self.lam - self.theta * (self.usable_kwh + self.lower_kwh)
        return full, empty, 1.0 / self.theta, self.upper_kwh

    def respond(self, price: float) -> None:
        """Exchange what it values most at a price, and pay for it."""
        wanted = (self.lam - price) / self.theta - self.usable_kwh
        self.exchange_kwh = min(max(wanted, self.lower_kwh), self.upper_kwh)
        self.paid += price * self.exchange_kwh

    def move(self) -> None:
        """Charge, and drive on."""
        place = self.place
        before = place.km_before_plug * self.kwh_per_km
        held = max(self.energy_kwh - before, 0.0) + self.exchange_kwh
        after = (place.driven_km - place.km_before_plug) * self.kwh_per_km
        self.energy_kwh = held - min(after, held)


class PlainModel(mesa.Model):
    """The vehicles, and the communities they park in."""

    def __init__(self, world: Simulation, schedule: list[list[Place]]) -> None:
        super().__init__(rng=1)
        fleet = world.schemes["vehicles"].fleet.population
        names = (
            "energy_kwh", "capacity_kwh", "power_kw", "soc_min", "soc_max",
            "consumption_kwh_per_km", "lam", "theta",
        )  # fmt: skip
        columns = [np.asarray(fleet[name], dtype=np.float64).tolist() for name in names]
        for k, held in enumerate(zip(*columns, strict=True)):
            Vehicle(self, schedule[k % PLANS], dict(zip(names, held, strict=True)))
        self.hour = 0
        self.communities: list[list[Vehicle]] = []
        self.world = world

    def play(self, passive_kwh: list[float]) -> list[float]:
        """Play an hour; return the prices of the utility and of the communities."""
        self.communities = [[] for _ in passive_kwh]
        self.agents.do("arrive")
        answers = []
        for parked, fixed in zip(self.communities, passive_kwh, strict=True):
            stated = np.array([vehicle.prices() for vehicle in parked]).reshape(-1, 4)
            full, empty, slope, upper = np.ascontiguousarray(stated.T)
            answers.append(Answers(fixed + float(upper.sum()), full, empty, slope))
        setting = self.world.setting
        found = solve_exact(Game(tuple(answers), setting.cost, setting.bounds))
        prices = found.community_price.tolist()
        for parked, price in zip(self.communities, prices, strict=True):
            for vehicle in parked:
                vehicle.respond(price)
        self.agents.do("move")
        self.hour += 1
        return [found.utility_price, *prices]


def schedule_of(hours: int) -> list[list[Place]]:
    """Return what the vehicles of each day plan do, hour by hour, as hMESH has it."""
    world = simulation_of(PLANS, "exact", hours, "none")
    fleet = world.schemes["vehicles"].fleet.population
    places: list[list[Place]] = [[] for _ in range(PLANS)]

    def note(_: Simulation) -> None:
        for k, found in enumerate(places):
            found.append(
                Place(
                    int(fleet["community"][k]), float(fleet["plugged_part"][k]),
                    float(fleet["km_before_plug"][k]), float(fleet["driven_km"][k]),
                )
            )  # fmt: skip

    world.write_record = note
    for _ in range(hours):
        world.step()
    return places


def measure(vehicles: int, hours: int) -> dict[str, Any]:
    """Play some hours both ways, one after the other; return what each took."""
    world = simulation_of(vehicles, "exact", hours, "none")
    plain = PlainModel(world, schedule_of(hours))
    spent: dict[str, list[float]] = {"plain": [], "hmesh": []}
    apart = 0.0
    for _ in range(hours):
        began = time.process_time()
        world.step()
        spent["hmesh"].append(time.process_time() - began)
        market = world.market
        passive = market.passive_kwh.tolist()
        began = time.process_time()
        prices = plain.play(passive)
        spent["plain"].append(time.process_time() - began)
        decided = np.array([market.decision.utility_price, *market.decision.community_price])
        apart = max(apart, float(np.abs(decided - prices).max()))
    held = np.array([vehicle.energy_kwh for vehicle in plain.agents])
    stored = world.schemes["vehicles"].fleet.population["energy_kwh"]
    apart = max(apart, float(np.abs(held - stored).max()))
    took = {name: 1e3 * float(np.mean(each[1:])) for name, each in spent.items()}
    return {
        "vehicles": vehicles, "hours": hours, "plain_ms_per_hour": took["plain"],
        "hmesh_ms_per_hour": took["hmesh"], "ratio": took["plain"] / took["hmesh"],
        "apart": apart,
    }  # fmt: skip


def asked(description: str | None, sizes: tuple[int, ...]) -> tuple[argparse.Namespace, int, Any]:
    """Return what a command line asks for: its words, how many hours, and which of the sizes.

    Kernels are loaded in the first hour then, as in a long run.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument(
        "--smoke", action="store_true", help="the smallest size and two hours alone"
    )
    parser.add_argument("--most", type=int, default=sizes[-1], help="no more vehicles than this")
    given = parser.parse_args()
    compiled.LOADED_AFTER = 0
    if given.smoke:
        return given, 2, sizes[:1]
    return given, HOURS, tuple(size for size in sizes if size <= given.most)


def main() -> int:
    """Measure and print."""
    given, hours, sizes = asked(__doc__, SIZES)
    table = Table("vehicles", "plain Mesa [ms/h]", "hMESH [ms/h]", "ratio", "apart")
    rows = [measure(size, hours) for size in sizes]
    for row in rows:
        table.add_row(
            f"{row['vehicles']:,}", f"{row['plain_ms_per_hour']:.1f}",
            f"{row['hmesh_ms_per_hour']:.2f}", f"{row['ratio']:.1f}", f"{row['apart']:.1e}",
        )  # fmt: skip
    Console().print(table)
    write_figures(given.json, {"rows": rows})
    return int(any(row["apart"] > AGREES for row in rows))


if __name__ == "__main__":
    sys.exit(main())
