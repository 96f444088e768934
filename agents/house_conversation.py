"""What managers of houses hear of prices and devices, and what they send."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.house_populations import HousePopulations
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Conversation
from hmesh.environment.house_messages import (
    DeviceSetPoint,
    HouseStorageReport,
    RetailExchange,
    TariffNotice,
)
from hmesh.environment.message_bus import MessageBus
from hmesh.markets.home_energy_rules import HouseState, HouseStep, TariffSignal

type Mask = NDArray[np.bool_]

HOUSES, BATTERIES, TANKS, PUMPS, RETAILER = (
    "home energy managers", "house batteries", "thermal tanks", "heat pumps", "retailer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LocalTariff:
    """What the houses of one community hear of a step's prices.

    Attributes
    ----------
    announcer : str
        Who sends it.
    rows : array of int, shape (n,)
        These houses.
    signal : TariffSignal
        What they hear.
    """

    announcer: str
    rows: NDArray[np.intp] | slice
    signal: TariffSignal


class HouseConversation:
    """The messages of a step between managers, their devices and the retailer.

    Parameters
    ----------
    bus : MessageBus
        What carries them.
    columns : HousePopulations
        The houses.
    step : int
        The step.
    """

    def __init__(self, bus: MessageBus, columns: HousePopulations, step: int) -> None:
        self.bus, self.columns = bus, columns
        self._talk = Conversation(bus, HOUSES, step, keeps_waits=0)

    @property
    def unreached(self) -> int:
        """Houses whose storages stay idle since a message was not heard."""
        return self._talk.unreached

    def fall_back(self, houses: Mask) -> None:
        """Note the houses that were not reached."""
        self._talk.fall_back(houses)

    def hear(
        self, step: int, tariff: TariffSignal | Sequence[LocalTariff], state: HouseState
    ) -> tuple[TariffSignal, HouseState, Mask]:
        """Let managers hear the tariff and their storages; return both, and who heard all."""
        bus, count = self.bus, len(self.columns.managers)
        about: dict[str, Any] = {"step": step, "round": 0, "count": count}
        signal, heard = self._hear_tariff(step, tariff)
        reports: dict[str, FloatArray] = {}
        for name, sender, held in (
            ("battery", BATTERIES, self.columns.batteries["energy_kwh"]),
            ("tank", TANKS, self.columns.tanks["heat_kwh"]),
        ):
            report = bus.deliver(
                HouseStorageReport(
                    sender=sender,
                    receiver=HOUSES,
                    energy_kwh=held,
                    usable_kwh=getattr(state, f"{name}_held_kwh"),
                    lowest_kwh=getattr(state, f"{name}_low_kwh"),
                    highest_kwh=getattr(state, f"{name}_high_kwh"),
                    **about,
                )
            )
            heard &= report.heard
            reports |= {
                f"{name}_held_kwh": report.message.usable_kwh,
                f"{name}_low_kwh": report.message.lowest_kwh,
                f"{name}_high_kwh": report.message.highest_kwh,
            }
        bus.wait()
        return signal, replace(state, **reports), heard

    def _hear_tariff(
        self, step: int, tariff: TariffSignal | Sequence[LocalTariff]
    ) -> tuple[TariffSignal, Mask]:
        """Let managers hear what energy costs; return what they hear, and who does."""
        count = len(self.columns.managers)
        if isinstance(tariff, TariffSignal):
            everybody = LocalTariff(RETAILER, slice(None), tariff)
            return self._hear_notice(step, everybody, count)
        heard = np.zeros(count, dtype=np.bool_)
        signals: dict[str, NDArray[Any]] = {}
        for local in tariff:
            signal, of_rows = self._hear_notice(step, local, len(heard[local.rows]))
            heard[local.rows] = of_rows
            for field in fields(signal):
                value = getattr(signal, field.name)
                column = signals.setdefault(field.name, np.zeros(count, np.asarray(value).dtype))
                column[local.rows] = value
        return TariffSignal(**signals), heard

    def _hear_notice(self, step: int, local: LocalTariff, count: int) -> tuple[TariffSignal, Mask]:
        """Let the managers of some houses hear a tariff."""
        of_tariff: dict[str, Any] = {
            field.name: getattr(local.signal, field.name) for field in fields(local.signal)
        }
        price = of_tariff.pop("purchase")
        delivery = self.bus.deliver(
            TariffNotice(
                sender=local.announcer, receiver=HOUSES, step=step, round=0, count=count,
                price=price, **of_tariff,
            )
        )  # fmt: skip
        notice = delivery.message
        signal = TariffSignal(
            purchase=notice.price, **{name: getattr(notice, name) for name in of_tariff}
        )
        return signal, delivery.rows.copy()

    def order(
        self, step: int, decided: HouseStep
    ) -> tuple[tuple[FloatArray, FloatArray, FloatArray], Mask]:
        """Instruct devices.

        Returns
        -------
        orders : tuple of array, shape (houses,)
            What batteries, tanks and heat pumps hear [kWh, kWh of heat, kWh].
        reached : array of bool, shape (houses,)
            The houses all of whose devices hear it.
        """
        bus, count = self.bus, len(self.columns.managers)
        about: dict[str, Any] = {"step": step, "round": 1, "count": count}
        reached: Mask = np.ones(count, dtype=np.bool_)
        orders: list[Any] = []
        for receiver, energy in (
            (BATTERIES, decided.battery_kwh),
            (TANKS, decided.tank_kwh),
            (PUMPS, decided.heat_pump_kwh),
        ):
            delivery = bus.deliver(
                DeviceSetPoint(sender=HOUSES, receiver=receiver, energy_kwh=energy, **about)
            )
            reached &= delivery.heard
            orders.append(delivery.message.energy_kwh)
        bus.wait()
        battery, tank, pump = orders
        return (battery, tank, pump), reached

    def buy(self, step: int, decided: HouseStep) -> None:
        """Report to the retailer what is bought; its meters know it also where this is lost."""
        traded = decided.import_kwh - decided.export_kwh
        self.bus.send(
            RetailExchange(
                step=step,
                round=2,
                sender=HOUSES,
                receiver=RETAILER,
                count=len(self.columns.managers),
                energy_kwh=traded,
            )
        )
