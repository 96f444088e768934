"""Households and buildings: loads that do not answer to prices."""

from typing import ClassVar

import numpy as np

from hmesh.agents.row_agent import Column, RowAgent
from hmesh.environment.chance import noise_factor


class Consumer(RowAgent):
    """Someone who uses energy whatever it costs."""

    community = Column(np.int16, "-", 0, "where it stands")
    source = Column(np.int32, "-", 0, "profile or file column its load follows")
    scale = Column(np.float64, "-", 1.0, "its load per load of the source")
    load_kwh = Column(np.float64, "kWh", 0.0, "energy used in this step", state=True)
    noise = Column(np.float64, "-", 0.0, "normal value behind the noise of its load", state=True)
    pv_kw = Column(np.float64, "kW", 0.0, "peak power of its photovoltaics")
    orientation = Column(np.int32, "-", 0, "how its photovoltaics stand")

    scenario_name: ClassVar[str] = ""

    def step(self) -> None:
        """Use what its meter's source says, grown and noisy; nothing where there is no supply."""
        heard = self.population.heard
        load = self.scale * heard["sources_kwh"][self.source]
        if heard["growth"]:
            load *= heard["growth"]
        if heard["sigma"] is not None:
            load *= float(noise_factor(np.array([self.noise]), heard["sigma"])[0])
        self.load_kwh = 0.0 if heard["feeder_out"][self.community] else float(load)


class Household(Consumer):
    """A home."""

    scenario_name = "household"


class Building(Consumer):
    """A commercial building."""

    scenario_name = "building"
