"""The batteries of buildings: limits of each, and its answer to a schedule or to two prices."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.battery import Battery, supplied_part
from hmesh.agents.remaining_stores import answer_beside
from hmesh.agents.row_agent import AgentGroup, Column
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Heard, Who
from hmesh.environment.battery import charged, exchange_bounds
from hmesh.environment.battery_messages import BatteryState, MeterReading, PeakSignal, TransferOrder
from hmesh.environment.population import Population
from hmesh.markets.battery_exchange import Orders, OwnLoadFirst
from hmesh.markets.load_levelling import answer_to_prices

ROUNDING = 1e-9


class BuildingBattery(Battery):
    """The battery of one building."""

    decisions = ("answer",)

    building = Column(np.int32, "-", 0, "row of the building it belongs to")
    community = Column(np.int16, "-", 0, "where it stands")
    share = Column(np.float64, "-", 0.0, "its part of what all batteries of its community do")
    soc_max = Battery.soc_max.otherwise(1.0)
    charge_efficiency = Battery.charge_efficiency.otherwise(0.9)
    discharge_efficiency = Battery.discharge_efficiency.otherwise(0.9)
    lam = Column(np.float64, "money/kWh", 0.0, "what the first energy stored is worth to it")
    theta = Column(
        np.float64, "money/kWh^2", 1.0, "by how much that falls with each kWh that it holds"
    )
    valley_kwh = Column(np.float64, "kWh", np.nan, "load up to which charging pays", state=True)
    peak_kwh = Column(np.float64, "kWh", np.nan, "load down to which discharging pays", state=True)

    def step(self) -> None:
        """Hear its schedule or the load and its orders; charge, serve its building, and give."""
        heard = self.population.heard
        load, wanted = float(self.heard("community_kwh")), float(self.heard("planned_kwh"))
        if not np.isnan(load):
            wanted = self.answer(load, heard["charging"], heard["discharging"])
        lower, upper = self.exchange_bounds()
        exchange = min(max(wanted, lower), upper)
        own = min(max(-exchange, 0.0), max(float(self.heard("building_kwh")), 0.0))
        exchange = max(exchange, 0.0) - own - float(self.heard("sent_kwh"))
        if "price" in heard:
            exchange += answer_beside(self, exchange, (lower, upper))
        self.energy_kwh = float(
            charged(self.energy_kwh, exchange, self.charge_efficiency, self.discharge_efficiency)
        )

    def exchange_bounds(self) -> tuple[float, float]:
        """Return the least and the greatest energy it can exchange in this step [kWh]."""
        lower, upper = exchange_bounds(
            self.energy_kwh, self.capacity_kwh, self.soc_min, self.soc_max, self.power_kw,
            self.model.calendar.step_h, self.charge_efficiency, self.discharge_efficiency,
            plugged=supplied_part(self.population, self.row),
        )  # fmt: skip
        return float(lower), float(upper)

    def answer(self, load_kwh: float, charging: bool, discharging: bool) -> float:
        """Return the energy it exchanges at the prices it last heard [kWh], positive to charge.

        Override it to give a battery its own decision rule; what lies outside its
        `exchange_bounds` is not done.

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
            self.power_kw * supplied_part(self.population, self.row) * self.model.calendar.step_h,
            charging, discharging,
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

    def exchange_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the least and the greatest energy that each can exchange in this step [kWh]."""
        lower, upper = exchange_bounds(
            self["energy_kwh"], self["capacity_kwh"], self["soc_min"], self["soc_max"],
            self["power_kw"], self.step_h,
            self["charge_efficiency"], self["discharge_efficiency"],
            plugged=supplied_part(self.population, self.rows),
        )  # fmt: skip
        return lower, upper

    def follow(self, wanted_kwh: FloatArray) -> FloatArray:
        """Return what each exchanges of what it is asked to, shape (batteries,) [kWh].

        What its rating or its store does not allow is left out; the caller counts it.
        """
        lower, upper = self.exchange_bounds()
        return np.clip(wanted_kwh, lower, upper)

    def report(self, about: dict[str, Any]) -> BatteryState:
        """Report what each holds, how much it can hold and how fast."""
        return BatteryState(
            energy_kwh=self["energy_kwh"], capacity_kwh=self["capacity_kwh"],
            power_kw=self["power_kw"], **about,
        )  # fmt: skip

    def carry_out(
        self, said: Heard[TransferOrder], left: OwnLoadFirst, line_loss_rate: float
    ) -> Orders:
        """Return what batteries give of the orders that they hear: no more than they have left."""
        message, rows = said.message, np.broadcast_to(said.rows, said.message.count)
        giver, taker = message.giver[rows], message.taker[rows]
        sent = np.asarray(message.energy_kwh)[rows]
        ordered = np.bincount(giver, sent, len(self))
        share = np.ones(len(self))
        # Orders are made of what was offered, and may exceed it by rounding.
        beyond = ordered > left.surplus_kwh * (1.0 + ROUNDING)
        share[beyond] = left.surplus_kwh[beyond] / ordered[beyond]
        sent = sent * share[giver]
        return Orders(giver, taker, sent, sent * (1.0 - line_loss_rate))

    def forget_prices(self) -> None:
        """Forget the prices of the day before."""
        self["valley_kwh"][:] = self["peak_kwh"][:] = np.nan

    def hear_prices(self, said: Heard[PeakSignal]) -> None:
        """Keep the prices of the day where they are heard; the others stay idle."""
        who = ... if said.who is True else said.who
        self["valley_kwh"][who] = said.message.valley_kwh
        self["peak_kwh"][who] = said.message.peak_kwh

    def hear_meter(
        self, reading: MeterReading, who: Who, charging: bool, discharging: bool
    ) -> FloatArray:
        """Return what each exchanges at the load it hears of [kWh]; nothing where it hears none."""
        load = float(reading.energy_kwh)
        heard = self.population.heard
        heard["community_kwh"][self.rows] = np.where(who, load, np.nan)
        heard |= {"charging": charging, "discharging": discharging}
        answers = self.answer(load, charging, discharging)
        return answers if who is True else np.where(who, answers, 0.0)

    def answer(self, load_kwh: float, charging: bool, discharging: bool) -> FloatArray:
        """Return what each exchanges at the prices it last heard [kWh], shape (batteries,)."""
        wanted = answer_to_prices(
            load_kwh, self["valley_kwh"], self["peak_kwh"], self["share"],
            self["power_kw"] * supplied_part(self.population, self.rows) * self.step_h,
            charging, discharging,
        )  # fmt: skip
        lower, upper = self.exchange_bounds()
        answers = np.clip(wanted, lower, upper)
        for row in self.group.self_willed.tolist():
            if self.rows.start <= row < self.rows.stop:
                own = row - self.rows.start
                will = self.group[row].answer(load_kwh, charging, discharging)
                answers[own] = min(max(will, lower[own]), upper[own])
        return answers

    def move(self, exchange_kwh: FloatArray) -> None:
        """Let every battery exchange an energy [kWh], positive when charging."""
        energy = self["energy_kwh"]
        energy[:] = charged(
            energy, exchange_kwh, self["charge_efficiency"], self["discharge_efficiency"]
        )
