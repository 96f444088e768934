"""Households and buildings: loads that do not answer to prices."""

from typing import ClassVar

import numpy as np

from hmesh.agents.row_agent import Column, RowAgent


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


class Household(Consumer):
    """A home."""

    scenario_name = "household"


class Building(Consumer):
    """A commercial building."""

    scenario_name = "building"
