"""Electric vehicles: batteries that drive between communities and trade where they park."""

import numpy as np

from agents.row_agent import Column, RowAgent
from environment.battery import exchange_bounds, usable_kwh
from markets.vehicle_response import best_response


class ElectricVehicle(RowAgent):
    """A battery on wheels that weighs the energy it holds against its price."""

    capacity_kwh = Column(np.float64, "kWh", 40.0, "size of the battery")
    power_kw = Column(np.float64, "kW", 7.0, "rating at the plug, both ways")
    soc_min = Column(np.float64, "-", 0.2, "state of charge below which it does not discharge")
    soc_max = Column(np.float64, "-", 0.9, "state of charge above which it does not charge")
    charge_efficiency = Column(np.float64, "-", 1.0, "stored energy per energy drawn")
    discharge_efficiency = Column(np.float64, "-", 1.0, "delivered energy per energy taken out")
    consumption_kwh_per_km = Column(np.float64, "kWh/km", 0.16, "energy used by driving")
    lam = Column(np.float64, "money/kWh", 60.0, "value of the first kWh held")
    theta = Column(np.float64, "money/kWh^2", 2.0, "fall of that value with every kWh held")
    day_plan = Column(np.int32, "-", 0, "day plan it follows")
    energy_kwh = Column(np.float64, "kWh", 20.0, "stored energy", state=True)
    community = Column(np.int16, "-", 0, "where it is parked; -1 on the road", state=True)
    trips_under_way = Column(np.int16, "-", 0, "trips it is on in this step", state=True)
    driven_km = Column(np.float64, "km", 0.0, "distance driven in this step", state=True)
    day_finished = Column(np.bool_, "-", False, "no trip left today", state=True)
    charger_out = Column(np.bool_, "-", False, "whether its charger has failed", state=True)
    cut_off = Column(np.bool_, "-", False, "whether an outage keeps its plug idle", state=True)
    reserve_kwh = Column(np.float64, "kWh", 0.0, "kept back for its next trip", state=True)

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
            self.community >= 0 and not self.cut_off,
        )
        return float(lower), float(upper)

    def respond(self, price: float) -> float:
        """Return the energy it exchanges at ``price`` [kWh], above 0 when charging.

        Override it to give a vehicle a will of its own; what lies outside its
        :meth:`exchange_bounds` is refused.
        """
        lower, upper = self.exchange_bounds()
        usable = usable_kwh(self.energy_kwh, self.capacity_kwh, self.soc_min)
        return float(best_response(price, self.lam, self.theta, usable, lower, upper))
