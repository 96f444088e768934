"""The coordinator that levels a community's load with the batteries of buildings, by messages."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.building_battery import BatteryBank
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Conversation, Heard, Who
from hmesh.environment.battery_messages import (
    BatteryState,
    Forecast,
    Need,
    PeakSignal,
    Schedule,
    Surplus,
    TransferOrder,
)
from hmesh.environment.light_mesa import mesa
from hmesh.environment.message_bus import Delivery, MessageBus
from hmesh.markets.battery_exchange import Orders, OwnLoadFirst, match_exchange
from hmesh.markets.capacity_allocation import SharedDischarge, least_exchange
from hmesh.markets.load_levelling import Cycle, Equipment, Levelling, Windows, level_load


@dataclass(frozen=True, slots=True)
class SharingRules:
    """How batteries of buildings are used.

    Attributes
    ----------
    equipment : Equipment
        Ratings and efficiencies per kWh of capacity.
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

    It takes the place of the aggregator, and knows of buildings only what they report to it. Of
    a building that it does not hear it assumes the mean of the others, and its battery gets no
    schedule; a battery that does not hear its schedule or the prices stays idle for the day.

    Parameters
    ----------
    model : mesa.Model
        The world of its run, with ``bus``.
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
        self._begin(0)
        self.schedule_kwh: FloatArray | None = None
        self.orders: Orders | None = None
        self._day: tuple[int, FloatArray, Windows, bool] | None = None
        self._left: OwnLoadFirst | None = None

    def step(self) -> None:
        """Hear and plan where a day begins, then hear who has energy left, and order."""
        step = self.model.step_index
        if self._day is not None and self._day[0] == step:
            _, forecast, windows, by_prices = self._day
            (self.send_prices if by_prices else self.send_schedule)(step, forecast, windows)
        if self._left is not None:
            self.exchange(step, self._left)

    @property
    def bus(self) -> MessageBus:
        """What carries its messages."""
        bus: MessageBus = self.model.bus
        return bus

    @property
    def fallbacks(self) -> int:
        """Batteries and buildings that used a fallback in the last exchange of messages."""
        return self._talk.unreached

    def _begin(self, step: int) -> None:
        """Begin to talk with buildings and batteries."""
        self._talk = Conversation(self.bus, self.name, step, keeps_waits=0, first_round=1)

    def plan(
        self, step: int, forecast_kwh: FloatArray, windows: Windows
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
        delivery, state = self._hear_buildings(step, forecast_kwh)
        levelling, heard = self._level(delivery, state, windows)
        self._talk.fall_back(~heard)
        return levelling, heard

    def _hear_buildings(
        self, step: int, forecast_kwh: FloatArray
    ) -> tuple[Delivery[Forecast], Delivery[BatteryState]]:
        """Let buildings report what they expect, and their batteries what they are."""
        self._begin(step)
        about = self._to_me(step, len(self.bank))
        delivery = self.bus.deliver(Forecast(energy_kwh=forecast_kwh, **about))
        state = self.bus.deliver(self.bank.report(about))
        self.bus.wait()
        return delivery, state

    def _level(
        self, delivery: Delivery[Forecast], state: Delivery[BatteryState], windows: Windows
    ) -> tuple[Levelling, NDArray[np.bool_]]:
        """Level the day that was announced, of those that announced it all."""
        heard = delivery.rows & state.rows
        count, there = len(heard), int(np.count_nonzero(heard))
        forecast = np.asarray(delivery.message.energy_kwh)
        load = forecast[heard].sum(axis=0) * (count / max(there, 1))
        capacity = float(state.message.capacity_kwh[heard].sum())
        rules = self.rules
        return level_load(load[None], capacity, rules.equipment, windows, rules.cycle), heard

    def send_schedule(self, step: int, forecast_kwh: FloatArray, windows: Windows) -> FloatArray:
        """Plan the day, and send every battery its part of it.

        Returns
        -------
        array, shape (batteries, steps)
            What each is going to exchange [kWh]; nothing where it heard no schedule.
        """
        self._day = (step, forecast_kwh, windows, False)
        delivery, state = self._hear_buildings(step, forecast_kwh)
        levelling, heard = self._level(delivery, state, windows)
        capacity = np.where(heard, state.message.capacity_kwh, 0.0)
        total = float(capacity.sum())
        share = capacity / total if total else capacity
        schedule = share[:, None] * levelling.exchange_kwh
        if self.rules.least_exchange and total and levelling.discharge_kwh.any():
            inside = windows.discharge
            shared = SharedDischarge(
                np.maximum(np.asarray(delivery.message.energy_kwh)[:, None, inside], 0.0),
                levelling.discharge_kwh[:, inside],
                self.rules.equipment,
                windows.step_h,
            )
            schedule[:, inside] = -least_exchange(shared, capacity)[:, 0]
        due = np.zeros_like(schedule)

        def follow(said: Heard[Schedule]) -> None:
            said.write(due, np.asarray(said.message.energy_kwh))

        reached = self._talk.announce(
            self.batteries,
            len(heard),
            lambda about, _: Schedule(energy_kwh=schedule, **about),
            follow,
        )
        self.bus.wait()
        if reached is not None:
            # So do those that were not heard, to which the schedule gives nothing.
            self._talk.fall_back(~heard & np.asarray(reached))
        due[~heard] = 0.0
        self.schedule_kwh = due
        return due

    def send_prices(self, step: int, forecast_kwh: FloatArray, windows: Windows) -> None:
        """Plan the day, and send the batteries two prices only."""
        self._day = (step, forecast_kwh, windows, True)
        levelling, _ = self.plan(step, forecast_kwh, windows)
        self.bank.forget_prices()
        self._talk.announce(
            self.batteries,
            len(self.bank),
            lambda about, _: PeakSignal(
                valley_kwh=float(levelling.valley_kwh[0]),
                peak_kwh=float(levelling.peak_kwh[0]),
                **about,
            ),
            self.bank.hear_prices,
        )
        self.bus.wait()

    def exchange(self, step: int, left: OwnLoadFirst) -> Orders:
        """Hear who has energy left and who lacks some, and order who gives how much to whom.

        What is not heard is neither given nor received; an order that is not heard is not carried
        out.
        """
        self._left = left
        self.orders = self._match(step, left)
        return self.orders

    def _match(self, step: int, left: OwnLoadFirst) -> Orders:
        """Hear surplus and need, and order what meets."""
        self._begin(step)
        surplus = self._hear(step, Surplus, left.surplus_kwh)
        need = self._hear(step, Need, left.need_kwh) if surplus.any() else surplus
        rate = self.rules.line_loss_rate
        orders = match_exchange(surplus, need, rate)
        if not orders.giver.size:
            return orders
        done: list[Orders] = []

        def order(about: dict[str, Any], _: Who) -> TransferOrder:
            return TransferOrder(
                energy_kwh=orders.sent_kwh, giver=orders.giver, taker=orders.taker, **about
            )

        def follow(said: Heard[TransferOrder]) -> None:
            done.append(self.bank.carry_out(said, left, rate))

        self._talk.announce(self.batteries, orders.giver.size, order, follow)
        self.bus.wait()
        return done[0] if done else match_exchange(np.zeros(0), np.zeros(0), rate)

    def _hear(
        self, step: int, kind: type[Surplus] | type[Need], energy_kwh: FloatArray
    ) -> FloatArray:
        """Hear those that have anything to report; 0 for those that are not heard."""
        senders = np.flatnonzero(energy_kwh > 0.0)
        heard = np.zeros(len(energy_kwh))
        if senders.size:
            delivery = self._talk.say(
                kind(energy_kwh=energy_kwh[senders], **self._to_me(step, senders.size))
            )
            self.bus.wait()
            heard[senders] = np.where(delivery.rows, delivery.message.energy_kwh, 0.0)
        return heard

    def _to_me(self, step: int, count: int) -> dict[str, Any]:
        """Return the envelope of what buildings or batteries report to the coordinator."""
        return {
            "step": step, "round": 0, "sender": self.batteries, "receiver": self.name,
            "count": count,
        }  # fmt: skip
