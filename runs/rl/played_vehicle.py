"""A vehicle that a player decides for: it charges below one price and sells above another."""

from typing import Any

import numpy as np

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.agents.row_agent import Column
from hmesh.environment.arrays import FloatArray


class PlayedVehicle(ElectricVehicle):
    """Charges as fast as it can below one price, and sells as fast as it can above another."""

    charge_below = Column(np.float64, "money/kWh", 0.0, "price below which it charges")
    sell_above = Column(np.float64, "money/kWh", np.inf, "price above which it sells")

    @classmethod
    def respond_rows(cls, vehicles: Any, price: float) -> FloatArray:
        """Return what vehicles exchange at a price [kWh]."""
        lower, upper = vehicles.exchange_bounds()
        idle = np.clip(0.0, lower, upper)
        sells = np.where(price > vehicles.sell_above, lower, idle)
        charges: FloatArray = np.where(price < vehicles.charge_below, upper, sells)
        return charges
