"""Households and buildings: loads that answer to prices only where they have an elasticity."""

from typing import ClassVar

import numpy as np

from hmesh.agents.row_agent import Column, RowAgent
from hmesh.environment.chance import noise_factor
from hmesh.markets.elastic_answers import elastic_load
from hmesh.markets.vehicle_response import best_response


class Consumer(RowAgent):
    """A member that uses energy: whatever the price, or less of it at a high price."""

    community = Column(np.int16, "-", 0, "where it stands")
    source = Column(np.int32, "-", 0, "profile or file column its load follows")
    scale = Column(np.float64, "-", 1.0, "its load per load of the source")
    load_kwh = Column(np.float64, "kWh", 0.0, "energy used in this step", state=True)
    noise = Column(np.float64, "-", 0.0, "normal value behind the noise of its load", state=True)
    pv_kw = Column(np.float64, "kW", 0.0, "peak power of its photovoltaics")
    orientation = Column(np.int32, "-", 0, "how its photovoltaics stand")
    elasticity = Column(
        np.float64, "-", 0.0, "share by which its load falls where the price rises by its reference"
    )
    reference_price = Column(
        np.float64, "money/kWh", 1.0, "price at which its load is what it would be anyway"
    )
    least_share = Column(np.float64, "-", 1.0, "least share of its load that it uses")
    most_share = Column(np.float64, "-", 1.0, "greatest share of its load that it uses")

    scenario_name: ClassVar[str] = ""

    def step(self) -> None:
        """Use what its profile or file states, with growth and noise; nothing without supply.

        With an elasticity it uses more or less of it at the price that it heard.
        """
        heard = self.population.heard
        load = self.scale * heard["sources_kwh"][self.source]
        if heard["growth"]:
            load *= heard["growth"]
        if heard["sigma"] is not None:
            load *= float(noise_factor(np.array([self.noise]), heard["sigma"])[0])
        load *= heard["supplied_part"][self.community]
        load = 0.0 if heard["feeder_out"][self.community] else float(load)
        prices = heard.get("price")
        if prices is not None and load > 0 and not np.isnan(prices[self.row]):
            lam, theta, lower, upper = elastic_load(
                load, self.elasticity, self.reference_price, self.least_share, self.most_share
            )
            load += float(best_response(prices[self.row], lam, theta, 0.0, lower, upper))
        self.load_kwh = load


class Household(Consumer):
    """A home."""

    scenario_name = "household"


class Building(Consumer):
    """A commercial building."""

    scenario_name = "building"
