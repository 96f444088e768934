"""All vehicles of a world, and those parked in one community, deciding at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.battery import charged, exchange_bounds, usable_kwh
from hmesh.environment.population import Population
from hmesh.markets.vehicle_response import best_response

type PerVehicle = float | NDArray[np.float64]


class Fleet(AgentGroup[ElectricVehicle]):
    """All vehicles of a world, deciding at once."""

    def __init__(
        self,
        model: Any,
        population: Population,
        *,
        keeps_reserve: bool = False,
        outages: bool = False,
    ) -> None:
        super().__init__(model, ElectricVehicle, population)
        self.keeps_reserve = keeps_reserve
        self.outages = outages

    @property
    def plugged(self) -> NDArray[np.bool_]:
        """Whether each vehicle can exchange energy in this step."""
        parked: NDArray[np.bool_] = self.population["community"] >= 0
        return parked & ~self.population["cut_off"] if self.outages else parked

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

    def parked_in(self, community: int) -> "ParkedVehicles":
        """Return the vehicles parked in a community whose plugs work."""
        plugged = self.population["community"] == community
        if self.outages:
            plugged &= ~self.population["cut_off"]
        rows = np.flatnonzero(plugged)
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


@dataclass(frozen=True, slots=True)
class ParkedVehicles:
    """What the vehicles of a community know of themselves, and nobody else.

    A quantity that is the same for the whole fleet is one number instead of an array.

    Attributes
    ----------
    rows : array of int, shape (n,)
        Rows of the fleet, ascending.
    energy_kwh, usable_kwh : array, shape (n,)
        Stored energy, and what of it lies above the lowest state of charge [kWh].
    lower_kwh, upper_kwh : array, shape (n,)
        What each can exchange in this step at least and at most [kWh].
    lam, theta : float or array, shape (n,)
        What each values energy at [money/kWh, money/kWh^2].
    """

    fleet: Fleet
    rows: NDArray[np.intp]
    energy_kwh: NDArray[np.float64]
    usable_kwh: NDArray[np.float64]
    lower_kwh: NDArray[np.float64]
    upper_kwh: NDArray[np.float64]
    lam: PerVehicle
    theta: PerVehicle

    def __len__(self) -> int:
        return len(self.rows)

    def respond(self, price: float) -> NDArray[np.float64]:
        """Return what every vehicle exchanges at ``price`` [kWh], above 0 when charging."""
        energy = self.best_kwh(price)
        self._decide_alone(price, energy)
        return energy

    def best_kwh(self, price: float) -> NDArray[np.float64]:
        """Return the exchange of every vehicle that it values most at ``price`` [kWh]."""
        return best_response(
            price, self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh
        )

    def _decide_alone(self, price: float, energy_kwh: NDArray[np.float64]) -> None:
        """Replace the answers of vehicles with a will of their own by what they want."""
        if len(self.fleet.self_willed) == 0:
            return
        alone: list[int] = np.flatnonzero(np.isin(self.rows, self.fleet.self_willed)).tolist()
        for k in alone:
            vehicle = self.fleet[int(self.rows[k])]
            answer = vehicle.respond(price)
            if not self.lower_kwh[k] - 1e-9 <= answer <= self.upper_kwh[k] + 1e-9:
                raise ValueError(
                    f"{type(vehicle).__name__} {vehicle.row} answers {answer} kWh, outside its "
                    f"bounds from {self.lower_kwh[k]} to {self.upper_kwh[k]} kWh"
                )
            energy_kwh[k] = answer

    def at_bound(self, exchange_kwh: NDArray[np.float64]) -> int:
        """Return how many vehicles would exchange more if their bounds allowed it."""
        bounded = (exchange_kwh <= self.lower_kwh) | (exchange_kwh >= self.upper_kwh)
        return int(np.count_nonzero(bounded & (self.lower_kwh < self.upper_kwh)))

    def move(self, exchange_kwh: NDArray[np.float64]) -> None:
        """Let the batteries exchange energy at their plugs, above 0 charging [kWh]."""
        fleet = self.fleet
        fleet.population["energy_kwh"][self.rows] = charged(
            self.energy_kwh,
            exchange_kwh,
            fleet.each("charge_efficiency", self.rows),
            fleet.each("discharge_efficiency", self.rows),
        )
