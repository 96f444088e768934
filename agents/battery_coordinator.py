"""Who levels the load of a community with the batteries of its buildings, by messages alone."""

from dataclasses import dataclass
from typing import Any

import mesa
import numpy as np
from numpy.typing import NDArray

from hmesh.agents.building_battery import BatteryBank
from hmesh.environment.battery_messages import (
    BatteryState,
    Forecast,
    Need,
    PeakSignal,
    Schedule,
    Surplus,
    TransferOrder,
)
from hmesh.environment.message_bus import MessageBus
from hmesh.markets.battery_exchange import Orders, OwnLoadFirst, match_exchange
from hmesh.markets.capacity_allocation import SharedDischarge, least_exchange
from hmesh.markets.load_levelling import Cycle, Equipment, Levelling, Windows, level_load


@dataclass(frozen=True, slots=True)
class SharingRules:
    """How batteries of buildings are used.

    Attributes
    ----------
    equipment : Equipment
        What comes with every kWh of capacity.
    cycle : {"full", "free"}
        Whether they take their whole usable energy through the store every day.
    least_exchange : bool
        Whether the schedule of each is made so that least is exchanged, or all follow one
        schedule, each with its part.
    line_loss_rate : float
        Share that a line between two buildings loses [-].
    """

    equipment: Equipment
    cycle: Cycle
    least_exchange: bool
    line_loss_rate: float


class BatteryCoordinator(mesa.Agent[Any]):
    """Plans the day of the batteries of a community, and matches surplus with need every hour.

    It stands in the place of the aggregator, and knows of buildings only what they tell it. Of a
    building that it does not hear it assumes the mean of the others, and its battery gets no
    schedule; a battery that does not hear its schedule or the prices stays idle for the day.

    Parameters
    ----------
    model : mesa.Model
        The world it lives in, with ``bus``.
    community : str
        Name of the community.
    bank : BatteryBank
        Its batteries, one for each of its buildings.
    rules : SharingRules
        How batteries are used.
    """

    def __init__(self, model: Any, community: str, bank: BatteryBank, rules: SharingRules) -> None:
        super().__init__(model)
        self.name = f"coordinator@{community}"
        self.batteries = f"batteries@{community}"
        self.bank = bank
        self.rules = rules
        self.fallbacks = 0

    @property
    def bus(self) -> MessageBus:
        """What carries its messages."""
        bus: MessageBus = self.model.bus
        return bus

    def plan(
        self, step: int, forecast_kwh: NDArray[np.float64], windows: Windows
    ) -> tuple[Levelling, NDArray[np.bool_]]:
        """Hear what buildings expect of the day, and level it.

        Parameters
        ----------
        step : int
            The step in which the day begins.
        forecast_kwh : array, shape (batteries, steps)
            Load that each building expects [kWh].
        windows : Windows
            When batteries may charge and discharge.

        Returns
        -------
        levelling : Levelling
            What all batteries that were heard do together on this one day.
        heard : array of bool, shape (batteries,)
            Which were.
        """
        self.fallbacks = 0
        bank, count = self.bank, len(self.bank)
        to_me: dict[str, Any] = {
            "step": step, "round": 0, "sender": self.batteries, "receiver": self.name,
            "count": count,
        }  # fmt: skip
        expected = self.bus.send(Forecast(energy_kwh=forecast_kwh, **to_me))
        state = BatteryState(
            energy_kwh=bank["energy_kwh"], capacity_kwh=bank["capacity_kwh"],
            power_kw=bank["power_kw"], **to_me,
        )  # fmt: skip
        heard = np.broadcast_to(expected & np.asarray(self.bus.send(state)), count)
        self.bus.wait()
        self.fallbacks += count - int(np.count_nonzero(heard))
        if not heard.any():
            forecast_kwh = np.zeros_like(forecast_kwh)
        load = forecast_kwh[heard].sum(axis=0) * (count / max(int(np.count_nonzero(heard)), 1))
        capacity = float(bank["capacity_kwh"][heard].sum())
        rules = self.rules
        return level_load(load[None], capacity, rules.equipment, windows, rules.cycle), heard

    def send_schedule(
        self, step: int, forecast_kwh: NDArray[np.float64], windows: Windows
    ) -> NDArray[np.float64]:
        """Plan the day, and tell every battery its part of it.

        Returns
        -------
        array, shape (batteries, steps)
            What each is going to exchange [kWh]; nothing where it heard no schedule.
        """
        levelling, heard = self.plan(step, forecast_kwh, windows)
        capacity = np.where(heard, self.bank["capacity_kwh"], 0.0)
        total = float(capacity.sum())
        share = capacity / total if total else capacity
        schedule = share[:, None] * levelling.exchange_kwh
        if self.rules.least_exchange and total and levelling.discharge_kwh.any():
            inside = windows.discharge
            shared = SharedDischarge(
                np.maximum(forecast_kwh[:, None, inside], 0.0),
                levelling.discharge_kwh[:, inside],
                self.rules.equipment,
                windows.step_h,
            )
            schedule[:, inside] = -least_exchange(shared, capacity)[:, 0]
        message = Schedule(
            step=step, round=1, sender=self.name, receiver=self.batteries, count=len(heard),
            energy_kwh=schedule,
        )  # fmt: skip
        told = self.bus.send(message)
        self.bus.wait()
        idle = heard & ~np.asarray(told)
        self.fallbacks += int(np.count_nonzero(idle))
        schedule[idle] = 0.0
        return schedule

    def send_prices(self, step: int, forecast_kwh: NDArray[np.float64], windows: Windows) -> None:
        """Plan the day, and tell the batteries two prices only."""
        levelling, _ = self.plan(step, forecast_kwh, windows)
        signal = PeakSignal(
            step=step, round=1, sender=self.name, receiver=self.batteries, count=len(self.bank),
            valley_kwh=float(levelling.valley_kwh[0]), peak_kwh=float(levelling.peak_kwh[0]),
        )  # fmt: skip
        heard = self.bus.send(signal)
        self.bus.wait()
        count = len(self.bank)
        self.fallbacks += count - int(np.count_nonzero(np.broadcast_to(heard, count)))
        self.bank.hear_prices(signal.valley_kwh, signal.peak_kwh, heard)

    def exchange(self, step: int, left: OwnLoadFirst) -> Orders:
        """Hear who has energy left and who lacks some, and order who gives how much to whom.

        What is not heard is neither given nor received; an order that is not heard is not carried
        out.
        """
        surplus = self._hear(step, Surplus, left.surplus_kwh)
        need = self._hear(step, Need, left.need_kwh) if surplus.any() else surplus
        orders = match_exchange(surplus, need, self.rules.line_loss_rate)
        if not orders.giver.size:
            return orders
        message = TransferOrder(
            step=step, round=1, sender=self.name, receiver=self.batteries,
            count=orders.giver.size, energy_kwh=orders.sent_kwh,
            giver=orders.giver, taker=orders.taker,
        )  # fmt: skip
        told = np.broadcast_to(self.bus.send(message), orders.giver.size)
        self.bus.wait()
        self.fallbacks += int(np.count_nonzero(~told))
        return Orders(
            orders.giver[told], orders.taker[told], orders.sent_kwh[told],
            orders.received_kwh[told],
        )  # fmt: skip

    def _hear(
        self, step: int, kind: type[Surplus] | type[Need], energy_kwh: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Hear those that have anything to tell; 0 for those that are not heard."""
        tell = np.flatnonzero(energy_kwh > 0.0)
        heard = np.zeros(len(energy_kwh))
        if tell.size:
            message = kind(
                step=step, round=0, sender=self.batteries, receiver=self.name, count=tell.size,
                energy_kwh=energy_kwh[tell],
            )  # fmt: skip
            arrived = np.broadcast_to(self.bus.send(message), tell.size)
            self.bus.wait()
            self.fallbacks += int(np.count_nonzero(~arrived))
            heard[tell] = np.where(arrived, energy_kwh[tell], 0.0)
        return heard
