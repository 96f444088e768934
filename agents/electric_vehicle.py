"""Electric vehicles: batteries that drive between communities and trade where they park."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.row_agent import AgentGroup, Column, RowAgent
from environment.battery import charged, exchange_bounds, usable_kwh
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
        lower, upper = _bounds(self.population, self.row, self.model.calendar.step_h)
        return float(lower), float(upper)

    def respond(self, price: float) -> float:
        """Return the energy it exchanges at ``price`` [kWh], above 0 when charging.

        Override it to give a vehicle a will of its own; what lies outside its
        :meth:`exchange_bounds` is refused.
        """
        lower, upper = self.exchange_bounds()
        usable = usable_kwh(self.energy_kwh, self.capacity_kwh, self.soc_min)
        return float(best_response(price, self.lam, self.theta, usable, lower, upper))


def _bounds(fleet: Population, rows: Any, step_h: float) -> tuple[Any, Any]:
    """Exchange bounds of one vehicle or of many."""
    lower, upper = exchange_bounds(
        fleet["energy_kwh"][rows],
        fleet["capacity_kwh"][rows],
        fleet["soc_min"][rows],
        fleet["soc_max"][rows],
        fleet["power_kw"][rows],
        step_h,
        fleet["charge_efficiency"][rows],
        fleet["discharge_efficiency"][rows],
        fleet["reserve_kwh"][rows],
        fleet["community"][rows] >= 0,
    )
    return lower, upper


class Fleet(AgentGroup[ElectricVehicle]):
    """All vehicles of a world, deciding at once."""

    def __init__(self, model: Any, population: Population) -> None:
        super().__init__(model, ElectricVehicle, population)

    def usable_kwh(self) -> NDArray[np.float64]:
        """Return the energy of every vehicle above its lowest state of charge [kWh]."""
        fleet = self.population
        return usable_kwh(fleet["energy_kwh"], fleet["capacity_kwh"], fleet["soc_min"])

    def exchange_bounds(self, step_h: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what every vehicle can exchange in a step at least and at most [kWh]."""
        lower, upper = _bounds(self.population, slice(None), step_h)
        return lower, upper

    def driving_kwh(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what this step's driving takes from every battery, and what that lacks [kWh].

        A battery is never emptied below 0: what it does not hold is unmet.
        """
        fleet = self.population
        wanted = fleet["driven_km"] * fleet["consumption_kwh_per_km"]
        used = np.minimum(wanted, fleet["energy_kwh"])
        return used, wanted - used

    def move(self, exchange_kwh: NDArray[np.float64], driving_kwh: NDArray[np.float64]) -> None:
        """Let the batteries exchange energy at their plugs, above 0 charging, and drive [kWh]."""
        fleet = self.population
        after = charged(
            fleet["energy_kwh"],
            exchange_kwh,
            fleet["charge_efficiency"],
            fleet["discharge_efficiency"],
        )
        np.subtract(after, driving_kwh, out=fleet["energy_kwh"])

    def decide_alone(
        self,
        rows: NDArray[np.intp],
        prices: NDArray[np.float64],
        energy_kwh: NDArray[np.float64],
        lower_kwh: NDArray[np.float64],
        upper_kwh: NDArray[np.float64],
    ) -> None:
        """Replace the answers of self-willed vehicles among ``rows`` by their own.

        Parameters
        ----------
        rows : array of int, shape (n,)
            Ascending rows that answer.
        prices, lower_kwh, upper_kwh : array, shape (n,)
            What each was asked, and its bounds.
        energy_kwh : array, shape (n,)
            Answers, changed in place.

        Raises
        ------
        ValueError
            If an answer is outside the bounds of its vehicle.
        """
        chosen: Sequence[int] = np.flatnonzero(np.isin(rows, self.self_willed)).tolist()
        for k in chosen:
            vehicle = self[int(rows[k])]
            answer = vehicle.respond(float(prices[k]))
            if not lower_kwh[k] - 1e-9 <= answer <= upper_kwh[k] + 1e-9:
                raise ValueError(
                    f"{type(vehicle).__name__} {vehicle.row} answers {answer} kWh, which is "
                    f"outside its bounds from {lower_kwh[k]} to {upper_kwh[k]} kWh"
                )
            energy_kwh[k] = answer
