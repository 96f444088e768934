"""The power flow of homes over the steps of a day, or of any time."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.storage_bank import StorageBank
from hmesh.markets.home_layout import Assignment, HomeLayout
from hmesh.markets.power_flow_assignment import settle_step


@dataclass(frozen=True, slots=True)
class Homes:
    """All that the power flow of many homes over some steps depends on, but for the demand.

    Attributes
    ----------
    assignment, layout, bank, step_h : str, HomeLayout, StorageBank, float
        As of `settle_step`.
    generation_kwh : array, shape (steps, homes, generators)
        Generation [kWh].
    energy_kwh : array, shape (homes, storages)
        Stored energy at the start [kWh].
    """

    assignment: Assignment
    layout: HomeLayout
    bank: StorageBank
    generation_kwh: FloatArray
    energy_kwh: FloatArray
    step_h: float = 1.0

    def rows(self, rows: NDArray[np.intp] | slice) -> "Homes":
        """Return some of the homes."""
        return replace(
            self,
            bank=self.bank.rows(rows),
            generation_kwh=self.generation_kwh[:, rows],
            energy_kwh=self.energy_kwh[rows],
        )

    def repeated(self, rows: int) -> "Homes":
        """Return one home as many homes alike."""
        steps, _, generators = self.generation_kwh.shape
        return replace(
            self,
            bank=self.bank.repeated(rows),
            generation_kwh=np.broadcast_to(self.generation_kwh, (steps, rows, generators)),
            energy_kwh=np.broadcast_to(self.energy_kwh, (rows, self.layout.storages)),
        )


@dataclass(frozen=True, slots=True)
class HomeFlows:
    """What flows in many homes over some steps; meanings as of `StepFlows`.

    Attributes
    ----------
    served : array of bool, shape (steps, homes, loads)
        Loads that wanted energy and got it.
    direct_kwh : array, shape (steps, homes, generators, loads)
        From generators straight to loads [kWh].
    drawn_kwh : array, shape (steps, homes, loads)
        From storages to loads [kWh].
    stored_kwh, curtailed_kwh : array, shape (steps, homes, generators)
        From generators to storages, and what these could not take [kWh].
    charge_kwh, discharge_kwh : array, shape (steps, homes, storages)
        What each storage takes and delivers at its plug [kWh].
    energy_kwh : array, shape (steps + 1, homes, storages)
        Stored energy, at the start and after each step [kWh].
    losses_kwh : array, shape (steps, homes, storages)
        What the storages lose [kWh].
    """

    served: NDArray[np.bool_]
    direct_kwh: FloatArray
    drawn_kwh: FloatArray
    stored_kwh: FloatArray
    curtailed_kwh: FloatArray
    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    energy_kwh: FloatArray
    losses_kwh: FloatArray


@dataclass(frozen=True, slots=True)
class DaySums:
    """The power flow of many homes in short.

    Attributes
    ----------
    served : array of bool, shape (steps, homes, loads)
        Loads that wanted energy and got it.
    losses_kwh, curtailed_kwh : array, shape (homes,)
        Totals over steps and devices [kWh].
    energy_kwh : array, shape (steps + 1, homes, storages)
        Stored energy, at the start and after each step [kWh].
    """

    served: NDArray[np.bool_]
    losses_kwh: FloatArray
    curtailed_kwh: FloatArray
    energy_kwh: FloatArray

    @property
    def wasted_kwh(self) -> FloatArray:
        """What never reaches a load: losses of storages and curtailed generation [kWh]."""
        return self.losses_kwh + self.curtailed_kwh


def settle_day(homes: Homes, demand_kwh: FloatArray) -> HomeFlows:
    """Settle the power flow of many homes step by step and keep everything.

    Parameters
    ----------
    homes : Homes
        The homes.
    demand_kwh : array, shape (steps, homes, loads)
        What each load wants [kWh].
    """
    energy = [homes.energy_kwh]
    flows = []
    for generation, demand in zip(homes.generation_kwh, demand_kwh, strict=True):
        flows.append(
            settle_step(
                homes.assignment,
                homes.layout,
                generation,
                demand,
                energy[-1],
                homes.bank,
                homes.step_h,
            )
        )
        energy.append(flows[-1].energy_kwh)
    charge = np.array([step.charge_kwh for step in flows])
    discharge = np.array([step.discharge_kwh for step in flows])
    return HomeFlows(
        served=np.array([step.served for step in flows]),
        direct_kwh=np.array([step.direct_kwh for step in flows]),
        drawn_kwh=np.array([step.drawn_kwh for step in flows]),
        stored_kwh=np.array([step.stored_kwh for step in flows]),
        curtailed_kwh=np.array([step.curtailed_kwh for step in flows]),
        charge_kwh=charge,
        discharge_kwh=discharge,
        energy_kwh=np.array(energy),
        losses_kwh=homes.bank.losses_kwh(charge, discharge),
    )


def sum_day(homes: Homes, demand_kwh: FloatArray) -> DaySums:
    """Settle the power flow of many homes step by step and keep totals alone.

    Parameters as of `settle_day`.
    """
    layout, count = homes.layout, len(homes.energy_kwh)
    losses, curtailed = np.zeros(count), np.zeros(count)
    served = np.empty(demand_kwh.shape, dtype=np.bool_)
    energy = np.empty((len(demand_kwh) + 1, *homes.energy_kwh.shape))
    energy[0] = stored = homes.energy_kwh
    for t, (generation, demand) in enumerate(zip(homes.generation_kwh, demand_kwh, strict=True)):
        step = settle_step(
            homes.assignment, layout, generation, demand, stored, homes.bank, homes.step_h
        )
        stored = energy[t + 1] = step.energy_kwh
        served[t] = step.served
        lost = homes.bank.losses_kwh(step.charge_kwh, step.discharge_kwh)
        for s in range(layout.storages):
            losses += lost[:, s]
        for g in range(layout.generators):
            curtailed += step.curtailed_kwh[:, g]
    return DaySums(served, losses, curtailed, energy)
