"""What controllers of community storages hear of plants and households, and what they send."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.served_households import ServedHouseholds
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Conversation
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import Message
from hmesh.environment.storage_messages import (
    DemandForecast,
    DemandOutlook,
    DemandStatus,
    DischargeGrant,
    GenerationReport,
    GridPurchase,
    StorageDraw,
)

GRID = "grid"


class StorageConversation:
    """The messages of a step between controllers, their plants and the households they serve.

    Parameters
    ----------
    bus : MessageBus
        What carries them.
    names : sequence of str
        Names of the storages.
    households : ServedHouseholds
        Those they serve.
    step : int
        The step.
    """

    def __init__(
        self, bus: MessageBus, names: Sequence[str], households: ServedHouseholds, step: int
    ) -> None:
        self.bus, self.names, self.households, self.step = bus, names, households, step
        self._talk = Conversation(bus, "controllers", step, keeps_waits=0)

    @property
    def fallbacks(self) -> int:
        """Messages of the step that were not heard."""
        return self._talk.unreached

    def send_forecasts(self, left_kwh: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Let the forecasters send households what is left of the day.

        Parameters
        ----------
        left_kwh : array, shape (steps, households)
            What is forecast [kWh].

        Returns
        -------
        left_kwh : array, shape (steps, households)
            The forecasts as they are heard [kWh].
        heard : array of bool, shape (households,)
            Who hears one.
        """
        reported = left_kwh.copy()
        heard = self._sent_by_storage(
            lambda at, rows, count: DemandForecast(
                step=self.step,
                round=0,
                sender=f"forecasters@{self.names[at]}",
                receiver=f"households@{self.names[at]}",
                count=count,
                energy_kwh=_known(left_kwh[:, rows]),
                steps_kwh=left_kwh[:, rows],
            ),
            lambda rows, message: np.copyto(reported[:, rows], message.steps_kwh),
        )
        return reported, heard

    def hear_outlooks(
        self, demand_kwh: FloatArray, generation_kwh: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Let households and plants state what they expect up to the end of the plan.

        Parameters
        ----------
        demand_kwh : array, shape (steps, households)
            What households expect [kWh]; NaN where nothing is known.
        generation_kwh : array, shape (steps, storages)
            What plants expect [kWh]; NaN where nothing is known.

        Returns
        -------
        demand_kwh, generation_kwh : array
            What the controllers count on: nothing of those not heard or not known [kWh].
        """
        demand, generation = demand_kwh.copy(), generation_kwh.copy()
        heard = self._sent_by_storage(
            lambda at, rows, count: DemandOutlook(
                step=self.step,
                round=1,
                sender=f"households@{self.names[at]}",
                receiver=self.names[at],
                count=count,
                energy_kwh=_known(demand_kwh[:, rows]),
                steps_kwh=demand_kwh[:, rows],
            ),
            lambda rows, message: np.copyto(demand[:, rows], message.steps_kwh),
        )
        plants = np.ones(len(self.names), dtype=np.bool_)
        for at, name in enumerate(self.names):
            expected = generation_kwh[:, at : at + 1]
            reported = self._talk.say(
                DemandOutlook(
                    step=self.step,
                    round=1,
                    sender=f"plant@{name}",
                    receiver=name,
                    energy_kwh=_known(expected),
                    steps_kwh=expected,
                )
            )
            plants[at] = reported.heard
            generation[:, at : at + 1] = reported.message.steps_kwh
        self.bus.wait()
        return (
            np.where(heard, np.nan_to_num(demand), 0.0),
            np.where(plants, np.nan_to_num(generation), 0.0),
        )

    def hear_plants(self, generated_kwh: FloatArray) -> FloatArray:
        """Return what controllers hear of their plants: 0 where they hear nothing [kWh]."""
        generation = generated_kwh.copy()
        for at, name in enumerate(self.names):
            report = GenerationReport(
                step=self.step,
                round=2,
                sender=f"plant@{name}",
                receiver=name,
                energy_kwh=float(generation[at]),
            )
            reported = self._talk.say(report)
            generation[at] = reported.message.energy_kwh if reported.heard else 0.0
        return generation

    def hear_households(self, average_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return demands and averages that controllers hear of; NaN where they hear nothing."""
        demand, average = np.full((2, len(self.households)), np.nan)

        def hear(rows: slice, message: DemandStatus) -> None:
            demand[rows], average[rows] = message.energy_kwh, message.average_kwh

        heard = self._sent_by_storage(
            lambda at, rows, count: self.households.status(
                rows,
                average_kwh[rows],
                step=self.step,
                round=2,
                sender=f"households@{self.names[at]}",
                receiver=self.names[at],
                count=count,
            ),
            hear,
        )
        self.bus.wait()
        return np.where(heard, demand, np.nan), np.where(heard, average, np.nan)

    def send_grants(self, granted_kwh: FloatArray) -> FloatArray:
        """Return what households hear that they may draw [kWh]; 0 where they hear nothing."""
        reported = np.zeros_like(granted_kwh)

        def hear(rows: slice, message: DischargeGrant) -> None:
            reported[rows] = message.energy_kwh

        heard = self._sent_by_storage(
            lambda at, rows, count: DischargeGrant(
                step=self.step,
                round=3,
                sender=self.names[at],
                receiver=f"households@{self.names[at]}",
                count=count,
                energy_kwh=granted_kwh[rows],
            ),
            hear,
        )
        self.bus.wait()
        return np.where(heard, reported, 0.0)

    def send_draws(self, drawn_kwh: FloatArray) -> None:
        """Let households state what they draw; what flows does not depend on these messages."""
        bought = self.households.bought_kwh(drawn_kwh)
        for at, name in enumerate(self.names):
            rows = self.households.of_storage[at]
            count = rows.stop - rows.start
            if count == 0:
                continue
            households = f"households@{name}"
            drawn = StorageDraw(
                step=self.step, round=4, sender=households, receiver=name, count=count,
                energy_kwh=drawn_kwh[rows],
            )  # fmt: skip
            self.bus.send(drawn)
            purchase = GridPurchase(
                step=self.step, round=4, sender=households, receiver=GRID, count=count,
                energy_kwh=bought[rows],
            )  # fmt: skip
            self.bus.send(purchase)
        self.bus.wait()

    def _sent_by_storage[M: Message](
        self,
        message: Callable[[int, slice, int], M],
        hear: Callable[[slice, M], None],
    ) -> NDArray[np.bool_]:
        """Send a message to or from the households of every storage; whom of them it reaches.

        ``hear`` takes the rows of the households and the message as it is heard; what is in it of
        those whom it does not reach is not to be used.
        """
        heard = np.ones(len(self.households), dtype=np.bool_)
        for at, rows in enumerate(self.households.of_storage):
            count = rows.stop - rows.start
            if count:
                reported = self._talk.say(message(at, rows, count))
                heard[rows] = reported.heard
                hear(rows, reported.message)
        return heard


def _known(energy_kwh: FloatArray) -> float:
    """Return the sum of what is known [kWh]."""
    return float(np.nansum(energy_kwh))
