"""Electric vehicles: batteries that drive between communities and trade where they park."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.parked_vehicles import ParkedVehicles, PerVehicle
from agents.row_agent import AgentGroup, Column, RowAgent
from environment.battery import exchange_bounds, usable_kwh
from environment.population import Population
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
            self.community >= 0,
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


class Fleet(AgentGroup[ElectricVehicle]):
    """All vehicles of a world, deciding at once."""

    def __init__(self, model: Any, population: Population, *, keeps_reserve: bool = False) -> None:
        super().__init__(model, ElectricVehicle, population)
        self.keeps_reserve = keeps_reserve

    def each(self, name: str, rows: NDArray[np.intp] | slice) -> PerVehicle:
        """Return a constant quantity of some vehicles; one number if it is the same for all."""
        common = self.population.common(name)
        values: PerVehicle = self.population[name][rows] if common is None else common
        return values

    def exchange_bounds(
        self,
        rows: NDArray[np.intp] | slice,
        energy_kwh: NDArray[np.float64],
        plugged: bool | NDArray[np.bool_] = True,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what vehicles holding ``energy_kwh`` can exchange in this step [kWh]."""
        fleet = self.population
        lower, upper = exchange_bounds(
            energy_kwh,
            self.each("capacity_kwh", rows),
            self.each("soc_min", rows),
            self.each("soc_max", rows),
            self.each("power_kw", rows),
            self.model.calendar.step_h,
            self.each("charge_efficiency", rows),
            self.each("discharge_efficiency", rows),
            fleet["reserve_kwh"][rows] if self.keeps_reserve else 0.0,
            plugged,
        )
        return lower, upper

    def parked_in(self, community: int) -> ParkedVehicles:
        """Return the vehicles parked in a community."""
        rows = np.flatnonzero(self.population["community"] == community)
        energy = self.population["energy_kwh"][rows]
        lower, upper = self.exchange_bounds(rows, energy)
        usable = usable_kwh(energy, self.each("capacity_kwh", rows), self.each("soc_min", rows))
        lam, theta = self.each("lam", rows), self.each("theta", rows)
        return ParkedVehicles(self, rows, energy, usable, lower, upper, lam, theta)

    def driving_kwh(
        self, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what this step's driving takes from batteries, and what they lack for it [kWh].

        A battery is never emptied below 0: what it does not hold is unmet.
        """
        fleet = self.population
        wanted = fleet["driven_km"][rows] * self.each("consumption_kwh_per_km", rows)
        used = np.minimum(wanted, fleet["energy_kwh"][rows])
        return used, wanted - used
