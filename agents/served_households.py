"""All households that storages serve, deciding at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.community_storage import ServedHousehold
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.arrays import FloatArray
from hmesh.environment.population import Population
from hmesh.environment.storage_messages import DemandStatus
from hmesh.markets.community_storage import average_left

ROUNDING = 1e-9


class ServedHouseholds(AgentGroup[ServedHousehold]):
    """The households of all storages of a world, those of one storage in a row.

    Parameters
    ----------
    model : mesa.Model
        The world of their run.
    population : Population
        Their columns.
    storages : int
        How many storages there are.

    Attributes
    ----------
    storage_of : array of int, shape (households,)
        Row of the storage of each.
    of_storage : list of slice
        Rows of the households of each storage.
    """

    def __init__(self, model: Any, population: Population, storages: int) -> None:
        super().__init__(model, ServedHousehold, population)
        self.storage_of: NDArray[np.intp] = population["storage"].astype(np.intp)
        ends = np.cumsum(np.bincount(self.storage_of, minlength=storages)).tolist()
        self.of_storage = [slice(first, end) for first, end in zip([0, *ends], ends, strict=False)]

    def begin_day(
        self, used_kwh: FloatArray, left_kwh: FloatArray, heard: NDArray[np.bool_]
    ) -> None:
        """Hear the forecast of a day.

        Parameters
        ----------
        used_kwh : array, shape (households,)
            What each has used of the day already [kWh].
        left_kwh : array, shape (steps, households)
            What is forecast for the steps left of it [kWh].
        heard : array of bool, shape (households,)
            Who hears its forecaster; the others go on with the forecast of the day before.
        """
        own = self.population
        own["used_kwh"][:] = used_kwh
        whole = used_kwh + left_kwh.sum(axis=0)
        own["forecast_kwh"][:] = np.where(heard, whole, own["forecast_kwh"])

    def averages(self, slots_left: int, static_slots: int | None = None) -> FloatArray:
        """Return the mean demand that each expects of the rest of the day [kWh].

        Parameters
        ----------
        slots_left : int
            Steps left of the day, this one included.
        static_slots : int, optional
            Steps of the whole day, where the average is not to follow what was used.
        """
        own = self.population
        if static_slots is not None:
            return average_left(own["forecast_kwh"], np.zeros(len(self)), float(static_slots))
        return average_left(own["forecast_kwh"], own["used_kwh"], float(slots_left))

    def status(self, rows: slice, average_kwh: FloatArray, **about: Any) -> DemandStatus:
        """Report what some households demand in the step, and what they expect of the day."""
        demand = self.population["demand_kwh"][rows]
        return DemandStatus(energy_kwh=demand, average_kwh=average_kwh, **about)

    def draws(self, granted_kwh: FloatArray) -> FloatArray:
        """Return what each draws from its storage of what it may [kWh]: as far as it needs it."""
        drawn: FloatArray = np.minimum(granted_kwh, self.population["demand_kwh"])
        for row in self.self_willed.tolist():
            household, most = self[row], float(granted_kwh[row])
            wish = household.draw(most)
            if not -ROUNDING <= wish <= most + ROUNDING:
                raise ValueError(
                    f"{type(household).__name__} {row} draws {wish} kWh, outside its bounds from "
                    f"0 to {most} kWh"
                )
            drawn[row] = wish
        return drawn

    def bought_kwh(self, drawn_kwh: FloatArray) -> FloatArray:
        """Return what each draws from the grid beside what it draws from its storage [kWh]."""
        bought: FloatArray = self.population["demand_kwh"] - drawn_kwh
        return bought

    def end_step(self) -> None:
        """Remember what was used."""
        self.population["used_kwh"][:] += self.population["demand_kwh"]
