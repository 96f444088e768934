"""The vehicles that are parked in one community, while a step lasts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from environment.battery import charged
from markets.vehicle_response import best_response

if TYPE_CHECKING:
    from agents.electric_vehicle import Fleet

type PerVehicle = float | NDArray[np.float64]


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

    fleet: "Fleet"
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
        energy = best_response(
            price, self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh
        )
        self._decide_alone(price, energy)
        return energy

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
