"""The batteries of buildings: what each can do, and how it answers a schedule or two prices."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.battery import Battery
from hmesh.agents.row_agent import AgentGroup, Column
from hmesh.environment.battery import charged, exchange_bounds
from hmesh.environment.population import Population
from hmesh.markets.load_levelling import answer_to_prices


class BuildingBattery(Battery):
    """The battery of one building."""

    decisions = ("answer",)

    building = Column(np.int32, "-", 0, "row of the building it belongs to")
    community = Column(np.int16, "-", 0, "where it stands")
    share = Column(np.float64, "-", 0.0, "its part of what all batteries of its community do")
    soc_max = Battery.soc_max.otherwise(1.0)
    charge_efficiency = Battery.charge_efficiency.otherwise(0.9)
    discharge_efficiency = Battery.discharge_efficiency.otherwise(0.9)
    valley_kwh = Column(np.float64, "kWh", np.nan, "load up to which charging pays", state=True)
    peak_kwh = Column(np.float64, "kWh", np.nan, "load down to which discharging pays", state=True)

    def answer(self, load_kwh: float, charging: bool, discharging: bool) -> float:
        """Return the energy it exchanges at the prices it last heard [kWh], positive to charge.

        Override it to give a battery a will of its own; what lies outside its
        :meth:`exchange_bounds` is not done.

        Parameters
        ----------
        load_kwh : float
            Load of its community in this step, before batteries [kWh].
        charging, discharging : bool
            Which window the step belongs to.
        """
        lower, upper = self.exchange_bounds()
        wanted = answer_to_prices(
            load_kwh, self.valley_kwh, self.peak_kwh, self.share,
            self.power_kw * self.model.calendar.step_h, charging, discharging,
        )  # fmt: skip
        return min(max(float(wanted), lower), upper)


@dataclass(frozen=True, slots=True)
class BatteryBank:
    """The batteries of one community.

    Attributes
    ----------
    group : AgentGroup
        All batteries of the world.
    rows : slice
        Those of the community.
    """

    group: AgentGroup[BuildingBattery]
    rows: slice

    def __len__(self) -> int:
        return int(self.rows.stop) - int(self.rows.start)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column of its batteries, live."""
        return self.population[name][self.rows]

    @property
    def population(self) -> Population:
        """Columns of all batteries of the world."""
        return self.group.population

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        step_h: float = self.group.model.calendar.step_h
        return step_h

    def exchange_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the greatest energy that each can exchange in this step [kWh]."""
        lower, upper = exchange_bounds(
            self["energy_kwh"], self["capacity_kwh"], self["soc_min"], self["soc_max"],
            self["power_kw"], self.step_h,
            self["charge_efficiency"], self["discharge_efficiency"],
        )  # fmt: skip
        return lower, upper

    def follow(self, wanted_kwh: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each exchanges of what it is asked to, shape (batteries,) [kWh].

        What its rating or its store does not allow is left out; the caller counts it.
        """
        lower, upper = self.exchange_bounds()
        return np.clip(wanted_kwh, lower, upper)

    def hear_prices(
        self, valley_kwh: float, peak_kwh: float, heard: NDArray[np.bool_] | bool
    ) -> None:
        """Keep the prices of the day where they were heard; the others stay idle."""
        self["valley_kwh"][:] = np.where(heard, valley_kwh, np.nan)
        self["peak_kwh"][:] = np.where(heard, peak_kwh, np.nan)

    def answer(self, load_kwh: float, charging: bool, discharging: bool) -> NDArray[np.float64]:
        """Return what each exchanges at the prices it last heard [kWh], shape (batteries,)."""
        wanted = answer_to_prices(
            load_kwh, self["valley_kwh"], self["peak_kwh"], self["share"],
            self["power_kw"] * self.step_h, charging, discharging,
        )  # fmt: skip
        lower, upper = self.exchange_bounds()
        answers = np.clip(wanted, lower, upper)
        for row in self.group.self_willed.tolist():
            if self.rows.start <= row < self.rows.stop:
                own = row - self.rows.start
                will = self.group[row].answer(load_kwh, charging, discharging)
                answers[own] = min(max(will, lower[own]), upper[own])
        return answers

    def move(self, exchange_kwh: NDArray[np.float64]) -> None:
        """Let every battery exchange an energy [kWh], positive when charging."""
        energy = self["energy_kwh"]
        energy[:] = charged(
            energy, exchange_kwh, self["charge_efficiency"], self["discharge_efficiency"]
        )
