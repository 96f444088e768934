"""What all batteries have in common, whichever scheme they belong to."""

import numpy as np

from hmesh.agents.row_agent import Column, RowAgent
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import exchange_bounds
from hmesh.environment.population import Population


def supplied_part(population: Population, rows: slice | int = slice(None)) -> FloatArray | float:
    """Return for which part of the step the feeder of some agents works, 0..1.

    It works for all of it where their scheme says nothing else.
    """
    part: float | FloatArray = population.heard.get("supplied_part", 1.0)
    if isinstance(part, float):
        return part
    own: FloatArray = part[rows]
    return own


class Battery(RowAgent):
    """A battery that exchanges energy at its plug; each type of them has its defaults."""

    capacity_kwh = Column(np.float64, "kWh", 0.0, "size of the battery; 0 for none")
    power_kw = Column(np.float64, "kW", 0.0, "rating at the plug, both ways")
    soc_min = Column(np.float64, "-", 0.1, "state of charge below which it does not discharge")
    soc_max = Column(np.float64, "-", 0.9, "state of charge above which it does not charge")
    charge_efficiency = Column(np.float64, "-", 1.0, "stored energy per energy drawn")
    discharge_efficiency = Column(np.float64, "-", 1.0, "delivered energy per energy taken out")
    energy_kwh = Column(np.float64, "kWh", 0.0, "stored energy", state=True)

    @property
    def can_exchange(self) -> bool:
        """Whether it is plugged in where there is supply."""
        return True

    @property
    def part_of_step(self) -> float:
        """Part of the step in which it can exchange energy, 0..1."""
        return float(self.can_exchange)

    @property
    def held_back_kwh(self) -> float:
        """Energy above the lowest state of charge that it keeps [kWh]."""
        return 0.0

    @property
    def energy_at_plug_kwh(self) -> float:
        """Stored energy with which it can exchange in this step [kWh]."""
        return self.energy_kwh

    def exchange_bounds(self) -> tuple[float, float]:
        """Return the least and the greatest energy it can exchange in this step [kWh]."""
        lower, upper = exchange_bounds(
            self.energy_at_plug_kwh,
            self.capacity_kwh,
            self.soc_min,
            self.soc_max,
            self.power_kw,
            self.model.calendar.step_h,
            self.charge_efficiency,
            self.discharge_efficiency,
            self.held_back_kwh,
            self.part_of_step,
        )
        return float(lower), float(upper)
