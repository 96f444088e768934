"""The devices of a house with storages: photovoltaics, heat pump, battery, thermal tank."""

import numpy as np

from hmesh.agents.battery import Battery, supplied_part
from hmesh.agents.row_agent import Column, RowAgent
from hmesh.environment.battery import charged, exchange_bounds
from hmesh.environment.thermal_tank import heat_after, heat_bounds


class RooftopPhotovoltaics(RowAgent):
    """Modules on the roof of a house, which deliver what the sun gives."""

    source = Column(np.int32, "-", 0, "series of generation that they follow")
    scale = Column(np.float64, "-", 1.0, "their generation per generation of the series")
    generation_kwh = Column(np.float64, "kWh", 0.0, "generation of this step", state=True)

    def step(self) -> None:
        """Deliver what its series says, where there is supply."""
        heard = self.population.heard
        there = bool(heard["there"][self.row])
        series = heard["sources_kwh"]
        part = supplied_part(self.population, self.row) if there else 0.0
        self.generation_kwh = float(series[self.source] * self.scale) * float(part)


class HeatPump(RowAgent):
    """A heat pump that makes heat of electricity."""

    power_kw = Column(np.float64, "kW", 1.5, "most electricity it takes")
    cop = Column(np.float64, "-", 3.0, "coefficient of performance, heat per electricity")

    def step(self) -> None:
        """Hear how much electricity to take, and take it as far as it can."""
        most = self.power_kw * float(supplied_part(self.population, self.row)) * self.model.step_h
        wanted = float(self.heard("set_point_kwh"))
        self.population.heard["taken_kwh"][self.row] = min(max(wanted, 0.0), most)


class HouseBattery(Battery):
    """A battery of a house."""

    charge_efficiency = Battery.charge_efficiency.otherwise(0.95)
    discharge_efficiency = Battery.discharge_efficiency.otherwise(0.95)
    wear = Column(np.float64, "money/kWh", 0.0, "upkeep per energy discharged")

    def step(self) -> None:
        """Hear what to exchange, and exchange it as far as it can."""
        low, high = self.bounds()
        exchange = min(max(float(self.heard("set_point_kwh")), low), high)
        after = charged(
            self.energy_kwh, exchange, self.charge_efficiency, self.discharge_efficiency
        )
        # Rounding leaves it within the limits that bound its exchange.
        least, most = self.soc_min * self.capacity_kwh, self.soc_max * self.capacity_kwh
        self.energy_kwh = min(max(float(after), least), max(most, self.energy_kwh))

    def bounds(self) -> tuple[float, float]:
        """Return what it can exchange in this step at least and at most [kWh]."""
        low, high = exchange_bounds(
            self.energy_kwh, self.capacity_kwh, self.soc_min, self.soc_max,
            self.power_kw * float(supplied_part(self.population, self.row)), self.model.step_h,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip
        return low, high


class ThermalTank(RowAgent):
    """A tank of hot water that stores heat."""

    capacity_kwh = Column(np.float64, "kWh heat", 0.0, "size; 0 for none")
    power_kw = Column(np.float64, "kW heat", 0.0, "most heat in or out")
    efficiency = Column(np.float64, "-", 0.98, "of filling and of drawing each")
    loss_per_h = Column(np.float64, "1/h", 0.01, "share of the heat lost in an hour")
    wear = Column(np.float64, "money/kWh", 0.0, "upkeep per heat drawn")
    heat_kwh = Column(np.float64, "kWh heat", 0.0, "heat stored", state=True)

    def step(self) -> None:
        """Hear what heat to take or give, and do so as far as it can."""
        low, high = self.bounds()
        exchange = min(max(float(self.heard("set_point_kwh")), low), high)
        left = heat_after(
            self.heat_kwh, exchange, self.model.step_h, self.efficiency, self.loss_per_h
        )
        self.heat_kwh = min(max(float(left), 0.0), self.capacity_kwh)

    def bounds(self) -> tuple[float, float]:
        """Return the heat it can exchange in this step at least and at most [kWh]."""
        low, high = heat_bounds(
            self.heat_kwh, self.capacity_kwh,
            self.power_kw * float(supplied_part(self.population, self.row)), self.model.step_h,
            self.efficiency, self.loss_per_h,
        )  # fmt: skip
        return low, high
