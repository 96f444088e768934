"""A household that generates and stores, and the manager of its energy."""

import numpy as np

from hmesh.agents.battery import supplied_part
from hmesh.agents.row_agent import Column, RowAgent
from hmesh.markets.home_energy_rules import (
    HouseState,
    HouseStep,
    Targets,
    TariffSignal,
    manage_step,
)


class StorageHousehold(RowAgent):
    """A household with appliances, heating, photovoltaics and storages."""

    community = Column(np.int16, "-", 0, "where it stands")
    load_source = Column(np.int32, "-", 0, "series that its appliances follow")
    load_scale = Column(np.float64, "-", 1.0, "their load per load of the series")
    heat_source = Column(np.int32, "-", 0, "series that its need of heat follows")
    heat_scale = Column(np.float64, "-", 1.0, "its need per need of the series")
    load_kwh = Column(np.float64, "kWh", 0.0, "electricity of its appliances", state=True)
    heat_kwh = Column(np.float64, "kWh heat", 0.0, "heat it needs in this step", state=True)

    def step(self) -> None:
        """Take its demand from its series, where there is supply."""
        heard = self.population.heard
        there = bool(heard["there"][self.row])
        load, heat = (heard[name] for name in ("loads_kwh", "heats_kwh"))
        part = float(supplied_part(self.population, self.row)) if there else 0.0
        self.load_kwh = float(load[self.load_source] * self.load_scale) * part
        self.heat_kwh = float(heat[self.heat_source] * self.heat_scale) * part


class HomeEnergyManager(RowAgent):
    """The manager of a house's energy: it knows the tariff, its devices and the days before.

    What it expects of a day is a mean of past days, the last weighing most.
    """

    decisions = ("decide",)

    expected_lack_kwh = Column(
        np.float64, "kWh", 0.0, "electricity that expensive hours lack in a day", state=True
    )
    expected_surplus_kwh = Column(
        np.float64, "kWh", 0.0, "what the sun leaves in a day", state=True
    )
    expected_lack_heat_kwh = Column(
        np.float64, "kWh heat", 0.0, "heat that expensive hours lack in a day", state=True
    )
    expected_surplus_heat_kwh = Column(
        np.float64, "kWh heat", 0.0, "heat the sun could leave in a day", state=True
    )
    lack_kwh = Column(np.float64, "kWh", 0.0, "the same of today so far", state=True)
    surplus_kwh = Column(np.float64, "kWh", 0.0, "the same of today so far", state=True)
    lack_heat_kwh = Column(np.float64, "kWh heat", 0.0, "the same of today so far", state=True)
    surplus_heat_kwh = Column(np.float64, "kWh heat", 0.0, "the same of today so far", state=True)

    def step(self) -> None:
        """Hear tariff and storages, decide, instruct the devices, and remember the day."""
        self.population.heard["houses"].step_of(self)

    def decide(
        self,
        load_kwh: float,
        heat_kwh: float,
        generation_kwh: float,
        state: HouseState,
        tariff: TariffSignal,
        targets: Targets,
    ) -> HouseStep:
        """Return what its house does in a step; override it to change its decision rule.

        The state and targets are those of its house alone, arrays of shape (1,).
        """
        load, heat, sun = (np.array([energy]) for energy in (load_kwh, heat_kwh, generation_kwh))
        return manage_step(load, heat, sun, state, tariff, targets)
