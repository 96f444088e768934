"""Electric school buses: batteries that drive rounds, and help the grid where they park."""

import numpy as np

from agents.row_agent import Column, RowAgent
from environment.battery import exchange_bounds


class ElectricSchoolBus(RowAgent):
    """A bus of a school, with a battery and a route of its own."""

    school = Column(np.int32, "-", 0, "school it belongs to")
    capacity_kwh = Column(np.float64, "kWh", 200.0, "size of the battery")
    power_kw = Column(np.float64, "kW", 60.0, "rating at the plug, both ways")
    soc_min = Column(np.float64, "-", 0.2, "state of charge below which it does not discharge")
    soc_max = Column(np.float64, "-", 0.9, "state of charge above which it does not charge")
    charge_efficiency = Column(np.float64, "-", 1.0, "stored energy per energy drawn")
    discharge_efficiency = Column(np.float64, "-", 1.0, "delivered energy per energy taken out")
    consumption_kwh_per_km = Column(np.float64, "kWh/km", 1.0, "energy used by driving")
    round_km = Column(np.float64, "km", 70.0, "length of its round; 0 for one that stays parked")
    energy_kwh = Column(np.float64, "kWh", 180.0, "stored energy", state=True)
    driven_km = Column(np.float64, "km", 0.0, "distance driven in this step", state=True)
    reserve_kwh = Column(np.float64, "kWh", 0.0, "kept back for the rounds ahead", state=True)
    plugged = Column(np.bool_, "-", True, "whether it can exchange energy", state=True)
    owed_kwh = Column(
        np.float64, "kWh", 0.0, "charging that would replace what it sold", state=True
    )
    fell_short = Column(np.bool_, "-", False, "could not finish the round under way", state=True)

    def exchange_bounds(self) -> tuple[float, float]:
        """Return the least and the greatest energy it can exchange in this step [kWh]."""
        lower, upper = exchange_bounds(
            self.energy_kwh,
            self.capacity_kwh,
            self.soc_min,
            self.soc_max,
            self.power_kw,
            self.model.calendar.step_h,
            self.charge_efficiency,
            self.discharge_efficiency,
            self.reserve_kwh,
            self.plugged,
        )
        return float(lower), float(upper)
