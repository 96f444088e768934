"""The devices of a house with storages: photovoltaics, heat pump, battery, thermal tank."""

import numpy as np

from hmesh.agents.battery import Battery
from hmesh.agents.row_agent import Column, RowAgent
from hmesh.environment.thermal_tank import heat_bounds


class RooftopPhotovoltaics(RowAgent):
    """Modules on the roof of a house, which deliver what the sun gives."""

    source = Column(np.int32, "-", 0, "series of generation that they follow")
    scale = Column(np.float64, "-", 1.0, "their generation per generation of the series")
    generation_kwh = Column(np.float64, "kWh", 0.0, "generation of this step", state=True)


class HeatPump(RowAgent):
    """A heat pump that makes heat of electricity."""

    power_kw = Column(np.float64, "kW", 1.5, "most electricity it takes")
    cop = Column(np.float64, "-", 3.0, "coefficient of performance, heat per electricity")


class HouseBattery(Battery):
    """A battery of a house."""

    charge_efficiency = Battery.charge_efficiency.otherwise(0.95)
    discharge_efficiency = Battery.discharge_efficiency.otherwise(0.95)
    wear = Column(np.float64, "money/kWh", 0.0, "upkeep per energy discharged")


class ThermalTank(RowAgent):
    """A tank of hot water that stores heat."""

    capacity_kwh = Column(np.float64, "kWh heat", 0.0, "size; 0 for none")
    power_kw = Column(np.float64, "kW heat", 0.0, "most heat in or out")
    efficiency = Column(np.float64, "-", 0.98, "of filling and of drawing each")
    loss_per_h = Column(np.float64, "1/h", 0.01, "share of the heat lost in an hour")
    wear = Column(np.float64, "money/kWh", 0.0, "upkeep per heat drawn")
    heat_kwh = Column(np.float64, "kWh heat", 0.0, "heat stored", state=True)

    def bounds(self) -> tuple[float, float]:
        """Return the heat it can exchange in this step at least and at most [kWh]."""
        low, high = heat_bounds(
            self.heat_kwh, self.capacity_kwh, self.power_kw, self.model.step_h, self.efficiency,
            self.loss_per_h,
        )  # fmt: skip
        return low, high
