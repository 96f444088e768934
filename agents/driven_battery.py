"""Batteries on wheels: what electric vehicles and school buses have in common."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.agent_rows import AgentRows
from hmesh.agents.battery import Battery
from hmesh.agents.row_agent import Column
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import exchange_bounds
from hmesh.environment.population import Population


class DrivenBattery(Battery):
    """A battery that drives, and exchanges energy where it is plugged in."""

    capacity_kwh = Battery.capacity_kwh.otherwise(40.0)
    power_kw = Battery.power_kw.otherwise(7.0)
    soc_min = Battery.soc_min.otherwise(0.2)
    energy_kwh = Battery.energy_kwh.otherwise(20.0)
    consumption_kwh_per_km = Column(np.float64, "kWh/km", 0.16, "energy used by driving")
    driven_km = Column(np.float64, "km", 0.0, "distance driven in this step", state=True)
    reserve_kwh = Column(np.float64, "kWh", 0.0, "kept back for driving ahead", state=True)

    @property
    def can_exchange(self) -> bool:
        """Whether it is plugged in where there is supply."""
        raise NotImplementedError

    @property
    def held_back_kwh(self) -> float:
        """Energy above the lowest state of charge that it keeps for driving ahead [kWh]."""
        return self.reserve_kwh


class DrivenBatteryRows(AgentRows):
    """Many driven batteries at once."""

    __slots__ = ("_bounds",)

    _bounds: tuple[FloatArray, FloatArray] | None

    def __init__(
        self,
        model: Any,
        population: Population,
        rows: NDArray[np.intp],
        bounds: tuple[FloatArray, FloatArray] | None = None,
    ) -> None:
        super().__init__(model, population, rows)
        object.__setattr__(self, "_bounds", bounds)

    @property
    def can_exchange(self) -> NDArray[np.bool_]:
        """Whether each is plugged in where there is supply."""
        raise NotImplementedError

    @property
    def part_of_step(self) -> NDArray[np.bool_] | FloatArray:
        """Part of the step in which each can exchange energy, 0..1."""
        return self.can_exchange

    @property
    def energy_at_plug_kwh(self) -> FloatArray:
        """Stored energy with which each can exchange in this step [kWh]."""
        held: FloatArray = self.energy_kwh
        return held

    def exchange_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest energy each can exchange in this step [kWh]."""
        if self._bounds is not None:
            return self._bounds
        lower, upper = exchange_bounds(
            self.energy_at_plug_kwh,
            self.capacity_kwh,
            self.soc_min,
            self.soc_max,
            self.power_kw,
            self.model.calendar.step_h,
            self.charge_efficiency,
            self.discharge_efficiency,
            self.reserve_kwh,
            self.part_of_step,
        )
        return lower, upper
