"""Time the game of three levels in mesa-frames, vehicles as a Polars frame, and in hMESH.

Both play the same hours, as in `plain_mesa.py`: the published day with more vehicles. In
mesa-frames the vehicles are one set of agents whose columns are expressions of Polars. Utility and
aggregators solve the game by the rule that hMESH uses too, so that only what vehicles do differs.
Hours take turns, and each is timed by the clock and by the processor; the first one, in which
compiled kernels are loaded, does not count. Prices and stored energy of both must agree within
1e-6, else it ends with exit status 1. Frames record nothing and send no messages, where hMESH keeps
its accounts and announces prices as it always does.

mesa-frames is no part of hMESH's environment, as it asks for an earlier NumPy. It works with this:

    pip install --no-deps --target FOLDER mesa-frames polars polars-runtime-32
    PYTHONPATH=FOLDER python benchmarks/frames.py

With ``--json FILE`` it writes the figures.
"""

import sys
import time
from typing import Any

import numpy as np
from plain_mesa import AGREES, PLANS, Place, asked, schedule_of
from report import write_figures
from rich.console import Console
from rich.table import Table
from vehicle_study import simulation_of

from hmesh.markets.answers import Answers
from hmesh.markets.price_game import Game
from hmesh.markets.three_level_game import solve_exact
from hmesh.runs.world.simulation import Simulation

try:
    import polars as pl
    from mesa_frames import AgentSetPolars, ModelDF
except ImportError as error:
    sys.exit(f"{error}: pip install --no-deps --target FOLDER mesa-frames polars polars-runtime-32")

SIZES = (10_000, 100_000, 1_000_000)
COLUMNS = (
    "energy_kwh", "capacity_kwh", "power_kw", "soc_min", "soc_max", "consumption_kwh_per_km",
    "lam", "theta",
)  # fmt: skip


class Vehicles(AgentSetPolars):
    """All vehicles as the rows of a frame."""

    def __init__(self, model: "FrameModel", fleet: Any) -> None:
        super().__init__(model)
        size = len(fleet)
        given = {name: np.array(fleet[name], dtype=np.float64) for name in COLUMNS}
        about = {"unique_id": np.arange(size), "plan": np.arange(size) % PLANS}
        self.add(pl.DataFrame({**about, **given}))

    def arrive(self, places: list[Place]) -> None:
        """Drive up to the plugs, and work out what each could exchange, and at which prices."""
        plan = pl.col("plan")
        names = ("community", "plugged_part", "km_before_plug", "driven_km")
        of_plan = [pl.Series(name, [getattr(each, name) for each in places]) for name in names]
        floor = pl.col("soc_min") * pl.col("capacity_kwh")
        before = pl.col("km_before_plug") * pl.col("consumption_kwh_per_km")
        most = pl.col("power_kw") * pl.col("plugged_part")
        room = pl.col("soc_max") * pl.col("capacity_kwh") - pl.col("at_plug")
        self.agents = (
            self.agents.lazy()
            .with_columns(pl.lit(each).gather(plan).alias(each.name) for each in of_plan)
            .with_columns(at_plug=(pl.col("energy_kwh") - before).clip(lower_bound=0.0))
            .with_columns(usable=pl.col("at_plug") - floor, upper=_within(room, most))
            .with_columns(lower=-_within(pl.col("usable"), most))
            .with_columns(
                full=pl.col("lam") - pl.col("theta") * (pl.col("usable") + pl.col("upper")),
                empty=pl.col("lam") - pl.col("theta") * (pl.col("usable") + pl.col("lower")),
            )
            .collect()
        )

    def step(self) -> None:
        """Play nothing alone: the model lets all act, one part of the hour after the other."""

    def stated(self, community: int) -> tuple[np.ndarray, ...]:
        """Return what the vehicles of a community state: both prices, slopes, and most energies."""
        there = (pl.col("community") == community) & (pl.col("plugged_part") > 0.0)
        found = self.agents.filter(there).select("full", "empty", 1.0 / pl.col("theta"), "upper")
        return tuple(each.to_numpy() for each in found.get_columns())

    def respond_and_move(self, prices: list[float]) -> None:
        """Exchange what each values most at the price of its community, charge, and drive on."""
        price = pl.lit(pl.Series("price", prices)).gather(
            pl.when(pl.col("community") >= 0).then(pl.col("community")).otherwise(0)
        )
        wanted = (pl.col("lam") - pl.col("price")) / pl.col("theta") - pl.col("usable")
        here = (pl.col("community") >= 0) & (pl.col("plugged_part") > 0.0)
        best = pl.min_horizontal(pl.max_horizontal(wanted, "lower"), "upper")
        held = pl.col("at_plug") + pl.col("exchange_kwh")
        after = (pl.col("driven_km") - pl.col("km_before_plug")) * pl.col("consumption_kwh_per_km")
        self.agents = (
            self.agents.lazy()
            .with_columns(price=price)
            .with_columns(exchange_kwh=pl.when(here).then(best).otherwise(0.0))
            .with_columns(paid=pl.col("price") * pl.col("exchange_kwh"))
            .with_columns(energy_kwh=held - pl.min_horizontal(after, held))
            .collect()
        )


def _within(energy: "pl.Expr", most: "pl.Expr") -> "pl.Expr":
    """Return an energy of at least 0 and at most what a plug gives."""
    return pl.min_horizontal(energy.clip(lower_bound=0.0), most)


class FrameModel(ModelDF):
    """The vehicles, and the communities they park in."""

    def __init__(self, world: Simulation, schedule: list[list[Place]]) -> None:
        super().__init__()
        self.vehicles = Vehicles(self, world.schemes["vehicles"].fleet.population)
        self.agents += self.vehicles
        self.hour, self.world, self.schedule = 0, world, schedule

    def play(self, passive_kwh: list[float]) -> list[float]:
        """Play an hour; return the prices of the utility and of the communities."""
        vehicles = self.get_agents_of_type(Vehicles)
        vehicles.arrive([plan[self.hour] for plan in self.schedule])
        answers = []
        for m, fixed in enumerate(passive_kwh):
            full, empty, slope, upper = vehicles.stated(m)
            answers.append(Answers(fixed + float(upper.sum()), full, empty, slope))
        setting = self.world.setting
        found = solve_exact(Game(tuple(answers), setting.cost, setting.bounds))
        prices = found.community_price.tolist()
        vehicles.respond_and_move(prices)
        self.hour += 1
        return [found.utility_price, *prices]

    @property
    def energy_kwh(self) -> np.ndarray:
        """What each vehicle holds [kWh]."""
        return self.get_agents_of_type(Vehicles).agents["energy_kwh"].to_numpy()


def measure(vehicles: int, hours: int) -> dict[str, Any]:
    """Play some hours both ways, one after the other; return what each took."""
    world = simulation_of(vehicles, "exact", hours, "none")
    frames = FrameModel(world, schedule_of(hours))
    spent: dict[str, list[tuple[float, float]]] = {"frames": [], "hmesh": []}
    apart = 0.0

    def timed(name: str, work: Any) -> Any:
        began, worked = time.perf_counter(), time.process_time()
        found = work()
        spent[name].append((time.perf_counter() - began, time.process_time() - worked))
        return found

    for _ in range(hours):
        timed("hmesh", world.step)
        market = world.market
        passive = market.passive_kwh.tolist()
        prices = timed("frames", lambda passive=passive: frames.play(passive))
        decided = np.array([market.decision.utility_price, *market.decision.community_price])
        apart = max(apart, float(np.abs(decided - prices).max()))
    stored = world.schemes["vehicles"].fleet.population["energy_kwh"]
    apart = max(apart, float(np.abs(frames.energy_kwh - stored).max()))
    clock, worked = (
        {
            name: 1e3 * float(np.median([each[k] for each in took[1:]]))
            for name, took in spent.items()
        }
        for k in range(2)
    )
    return {
        "vehicles": vehicles, "hours": hours, "ms_per_hour": clock, "processor_ms_per_hour": worked,
        "ratio": clock["frames"] / clock["hmesh"],
        "processor_ratio": worked["frames"] / worked["hmesh"], "apart": apart,
    }  # fmt: skip


def main() -> int:
    """Measure and print."""
    given, hours, sizes = asked(__doc__, SIZES)
    table = Table("vehicles", "mesa-frames [ms/h]", "hMESH [ms/h]", "ratio", "of processor time")
    rows = [measure(size, hours) for size in sizes]
    for row in rows:
        took = row["ms_per_hour"]
        table.add_row(
            f"{row['vehicles']:,}", f"{took['frames']:.1f}", f"{took['hmesh']:.1f}",
            f"{row['ratio']:.2f}", f"{row['processor_ratio']:.2f}",
        )  # fmt: skip
    Console().print(table)
    write_figures(given.json, {"rows": rows})
    return int(any(row["apart"] > AGREES for row in rows))


if __name__ == "__main__":
    sys.exit(main())
