"""What the lamps do in every step."""

from typing import Any

import numpy as np

from hmesh.runs.schemes.scheme_step import RowWriter, Scheme
from hmesh.runs.strategy_names import strategy_within
from hmesh.runs.world.simulation import Simulation
from street_lights.section import CONNECTION, StreetLights


class StreetLighting(Scheme):
    """Lamps that are lit at night, and dark where the feeder fails."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.lights: StreetLights = simulation.setting.schemes["street_lights"]
        self.strategy = strategy_within("street_lights", simulation.strategy)
        self.place = simulation.setting.communities.index(self.lights.community)
        self.node = simulation.setting.node(self.lights.community, CONNECTION)
        self.kwh = 0.0
        self.lit_h = 0.0

    def act(self) -> None:
        """Draw what the lamps need."""
        world = self.simulation
        hour = world.calendar.hour_of_day(world.step_index)
        wanted = self.lights.power_kw(hour, self.strategy) * world.step_h
        self.out = bool(wanted) and not world.supplied[self.place]
        self.kwh = 0.0 if self.out else wanted
        where = np.array([self.place]), np.array([self.node])
        world.draw("fixed_load_kwh", *where, np.array([self.kwh]))

    def pay(self) -> None:
        """Pay the aggregator at the price of the community."""
        world, name = self.simulation, self.lights.community
        if world.supplied[self.place]:
            price = float(world.market.decision.community_price[self.place])
            payer, payee = f"lights@{name}", f"aggregator@{name}"
            world.ledger.pay(world.step_index, "street_lights", payer, payee, self.kwh, price)

    def sums(self) -> dict[str, float]:
        """Return the energy and the bill of the step."""
        price = float(self.simulation.paid_price()[self.place])
        return {"lights_kwh": self.kwh, "lights_bill": price * self.kwh}

    def counts(self) -> dict[str, int]:
        """Count the steps in which the lamps are dark and should be lit."""
        return {"lights_out": int(self.out)}

    def record(self, writer: RowWriter) -> None:
        """Write what the lamps draw."""
        world = self.simulation
        row = {"step": world.step_index, "strategy": world.strategy, "drawn_kwh": self.kwh}
        writer.add("lights", row)

    def move(self) -> None:
        """Count the hours for which the lamps were lit."""
        self.lit_h += self.simulation.step_h * (self.kwh > 0)

    def summary(self) -> dict[str, Any]:
        """Return for how long the lamps were lit."""
        return {"lights_lit_h": self.lit_h}

    def state(self) -> dict[str, Any]:
        """Return what a run goes on from."""
        return {"lit_h": self.lit_h}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self.lit_h = state["lit_h"]
