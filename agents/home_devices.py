"""The devices of smart homes: generators, appliances and storages.

A device of one kind in many homes is a group: what it generates or wants on the day ahead stands in
arrays with a row for each step and a column for each home, and each of its agents reads a column.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.battery import Battery
from hmesh.agents.row_agent import AgentGroup, Column, RowAgent
from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import charged
from hmesh.environment.home_messages import (
    SlotAnswer,
    SlotCommitment,
    SlotOffer,
    SlotRequest,
    SlotSchedule,
    StorageReport,
    SupplyForecast,
)
from hmesh.environment.population import Population

type Mask = NDArray[np.bool_]


class HomeStorage(Battery):
    """A battery that stays in its home."""

    def step(self) -> None:
        """Hear what its controller settled, and charge or discharge it."""
        exchange = float(self.heard("charge_kwh")) - float(self.heard("discharge_kwh"))
        self.energy_kwh = float(
            charged(self.energy_kwh, exchange, self.charge_efficiency, self.discharge_efficiency)
        )
        if "response_kwh" in self.population.heard:
            self.respond(float(self.heard("response_kwh")))

    def respond(self, exchange_kwh: float) -> None:
        """Exchange what it answered to the price of the step, above 0 charged [kWh]."""
        ways = self.charge_efficiency, self.discharge_efficiency
        after = charged(float(self.energy_kwh), exchange_kwh, *ways)
        if exchange_kwh:
            lowest, highest = (soc * self.capacity_kwh for soc in (self.soc_min, self.soc_max))
            after = min(max(after, lowest), highest)
        self.energy_kwh = float(after)

    home = Column(np.int32, "-", 0, "home it stands in")
    capacity_kwh = Battery.capacity_kwh.otherwise(10.0)
    power_kw = Battery.power_kw.otherwise(np.inf)
    soc_min = Battery.soc_min.otherwise(0.2)
    soc_max = Battery.soc_max.otherwise(0.94)
    charge_efficiency = Battery.charge_efficiency.otherwise(0.92)
    discharge_efficiency = Battery.discharge_efficiency.otherwise(0.92)
    energy_kwh = Battery.energy_kwh.otherwise(2.0)


class DevicesOfADay(Population):
    """One kind of device in many homes, and what it generates or wants on the day ahead.

    Attributes
    ----------
    steps_kwh : array, shape (steps, homes)
        What each generates or wants [kWh].
    window : array of bool, shape (steps, homes)
        Steps to which each may be shifted; none for generators and inelastic loads.
    accepted : array of bool, shape (steps, homes)
        Steps that each accepts when it is offered them.
    committed_kwh : array, shape (steps, homes)
        What each holds for settled: its slots as last heard of [kWh].
    delivered_kwh : array, shape (homes,)
        What each generates in the step [kWh].
    """

    steps_kwh: FloatArray = np.empty((0, 0))
    window: Mask = np.empty((0, 0), dtype=np.bool_)
    accepted: Mask = np.empty((0, 0), dtype=np.bool_)
    committed_kwh: FloatArray = np.empty((0, 0))
    delivered_kwh: FloatArray = np.empty(0)

    def begin_day(self, steps_kwh: FloatArray, window: Mask, accepted: Mask) -> None:
        """Take over what is known of the day ahead, and forget the day before."""
        self.steps_kwh, self.window, self.accepted = steps_kwh, window, accepted
        self.committed_kwh = np.zeros(steps_kwh.shape)
        self.delivered_kwh = np.zeros(steps_kwh.shape[1])


class HomeDevice(RowAgent):
    """A device that talks to the controller of its home."""

    home = Column(np.int32, "-", 0, "home it stands in")
    priority = Column(np.int16, "-", 1, "priority class, the lowest first")

    population: DevicesOfADay

    @property
    def steps_kwh(self) -> FloatArray:
        """What it generates or wants in each step of the day ahead, shape (steps,) [kWh]."""
        return self.population.steps_kwh[:, self.row]

    @property
    def committed_kwh(self) -> FloatArray:
        """What its controller committed to it for each step, shape (steps,) [kWh]."""
        return self.population.committed_kwh[:, self.row]


class HomeGenerator(HomeDevice):
    """Anything that generates."""

    def step(self) -> None:
        """Generate what it expected of the step, dimmed by clouds."""
        day = self.population
        day.delivered_kwh[self.row] = self.steps_kwh[day.heard["t"]] * day.heard["clear"]


class Photovoltaics(HomeGenerator):
    """Modules that generate as the sun shines."""


class FuelCell(HomeGenerator):
    """A cell that generates by a schedule."""


class Appliance(HomeDevice):
    """Anything that uses energy."""

    def step(self) -> None:
        """Count on the final slots, or where it has not heard them on those of the schedule."""
        heard, row = self.population.heard, self.row
        committed = self.population.committed_kwh
        committed[:, row] = 0.0
        for word in ("schedule", "commitment"):
            steps_kwh, there = heard[word]
            if there[row]:
                committed[:, row] = steps_kwh[:, row]

    def refuses(self, take: Mask) -> Mask:
        """Return which of the slots it is offered it refuses, shape (steps,).

        Override it to give an appliance its own decision rule.

        Parameters
        ----------
        take : array of bool, shape (steps,)
            Slots that it is to take.
        """
        return refused_slots(take, self.population.accepted[:, self.row])


class AirConditioner(Appliance):
    """Heats in winter and cools in summer."""


class VentilationFan(Appliance):
    """Changes the air at fixed hours."""


def refused_slots(take: Mask, accepted: Mask) -> Mask:
    """Return which offered slots are refused: those that are not among the accepted ones."""
    return take & ~accepted


class DeviceGroup[D: HomeDevice](AgentGroup[D]):
    """One kind of device in many homes, speaking for all of them at once.

    Parameters
    ----------
    model : mesa.Model
        The world of their run.
    device_class : type
        A subclass of `HomeDevice`.
    population : DevicesOfADay
        Their columns, and their day.
    name, homes : str
        What the device is called, and the group of homes it stands in.
    """

    population: DevicesOfADay

    def __init__(
        self, model: Any, device_class: type[D], population: DevicesOfADay, name: str, homes: str
    ) -> None:
        super().__init__(model, device_class, population)
        self.name = name
        self.address = f"{name}@{homes}"
        self.controller = f"controller@{homes}"

    @property
    def about(self) -> dict[str, Any]:
        """What all messages of the group to its controllers carry."""
        return {"sender": self.address, "receiver": self.controller, "count": len(self)}


class Generators(DeviceGroup[HomeGenerator]):
    """One kind of generator in many homes."""

    def forecast(self, step: int) -> SupplyForecast:
        """Report to the controllers what will be generated (F1)."""
        steps_kwh = self.population.steps_kwh
        return SupplyForecast(
            step=step, round=0, energy_kwh=steps_kwh.sum(axis=0), steps_kwh=steps_kwh, **self.about
        )


class Appliances(DeviceGroup[Appliance]):
    """One kind of appliance in many homes."""

    def request(self, step: int) -> SlotRequest:
        """Ask the controllers for slots (F1)."""
        day = self.population
        return SlotRequest(
            step=step,
            round=0,
            energy_kwh=day.steps_kwh.sum(axis=0),
            wanted_kwh=day.steps_kwh,
            window=day.window,
            priority=int(day["priority"][0]),
            **self.about,
        )

    def hear_schedule(self, schedule: SlotSchedule, heard: Mask) -> None:
        """Count on the slots granted, where the schedule was heard."""
        self.population.heard["schedule"] = (schedule.granted_kwh, heard)
        self.population.committed_kwh = np.where(heard, schedule.granted_kwh, 0.0)

    def answer(self, offer: SlotOffer) -> SlotAnswer:
        """Accept new slots, or say which of them are refused."""
        refused = refused_slots(offer.take, self.population.accepted)
        for row in self.self_willed.tolist():
            if offer.take[:, row].any():
                refused[:, row] = self[row].refuses(offer.take[:, row]) & offer.take[:, row]
        return SlotAnswer(step=offer.step, round=offer.round, refused=refused, **self.about)

    def hear_commitment(self, commitment: SlotCommitment, heard: Mask) -> None:
        """Count on the final slots, where they were heard; elsewhere on the schedule."""
        day = self.population
        day.heard["commitment"] = (commitment.committed_kwh, heard)
        day.committed_kwh = np.where(heard, commitment.committed_kwh, day.committed_kwh)


class Storages(AgentGroup[HomeStorage]):
    """All storages of a group of homes; rows home by home.

    Parameters
    ----------
    model : mesa.Model
        The world of their run.
    population : Population
        Their columns.
    homes : str
        The group of homes.
    each : int
        Number of storages of a home.
    """

    def __init__(self, model: Any, population: Population, homes: str, each: int) -> None:
        super().__init__(model, HomeStorage, population)
        self.address = f"storages@{homes}"
        self.controller = f"controller@{homes}"
        self.each = each

    def report(self, step: int) -> StorageReport:
        """Report to the controllers what is stored (F1)."""
        stored = self.population["energy_kwh"].reshape(-1, self.each).copy()
        return StorageReport(
            step=step,
            round=0,
            sender=self.address,
            receiver=self.controller,
            count=len(stored),
            energy_kwh=stored.sum(axis=1),
            stored_kwh=stored,
        )
