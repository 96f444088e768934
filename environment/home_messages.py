"""What the devices of a home and its controller say to each other about the day ahead.

Arrays of steps are of shape (steps, count): a row for each step of the day ahead, a column for each
home addressed or answering.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.messages import EnergyMessage, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyForecast(EnergyMessage):
    """A generator states what it will generate, and that its total is ``energy_kwh``.

    Attributes
    ----------
    steps_kwh : array, shape (steps, count)
        Generation of each step [kWh].
    """

    steps_kwh: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageReport(EnergyMessage):
    """The storages of a home state what they hold; ``energy_kwh`` in all.

    Attributes
    ----------
    stored_kwh : array, shape (count, storages)
        What each holds [kWh].
    """

    stored_kwh: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRequest(EnergyMessage):
    """An appliance asks for the slots it wants; their total is ``energy_kwh``.

    Attributes
    ----------
    wanted_kwh : array, shape (steps, count)
        What it wants in each step [kWh].
    window : array of bool, shape (steps, count)
        Steps it could be shifted to; none if it cannot.
    priority : int
        Its priority class, the lowest first.
    """

    wanted_kwh: FloatArray
    window: NDArray[np.bool_]
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration(Message):
    """A controller confirms a request.

    Attributes
    ----------
    priority : int
        The priority class under which the appliance is registered.
    """

    priority: int

    @property
    def value(self) -> float:
        """The priority class."""
        return float(self.priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSchedule(EnergyMessage):
    """A controller informs an appliance which of its slots can be served; ``energy_kwh`` in all.

    Attributes
    ----------
    granted_kwh : array, shape (steps, count)
        What it is granted in each step [kWh].
    """

    granted_kwh: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotOffer(EnergyMessage):
    """A controller offers an appliance other slots, which would save ``energy_kwh`` of losses.

    Attributes
    ----------
    leave, take : array of bool, shape (steps, count)
        Slots to leave and to take instead; none where nothing is offered.
    """

    leave: NDArray[np.bool_]
    take: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotAnswer(Message):
    """An appliance accepts new slots, or states which of them it refuses.

    Attributes
    ----------
    refused : array of bool, shape (steps, count)
        Offered slots that it refuses; none to accept.
    """

    refused: NDArray[np.bool_]

    @property
    def value(self) -> float:
        """How many slots are refused."""
        return float(np.count_nonzero(self.refused))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotCommitment(EnergyMessage):
    """A controller sends an appliance its final slots; ``energy_kwh`` in all.

    Attributes
    ----------
    committed_kwh : array, shape (steps, count)
        What it will get in each step [kWh].
    rescheduled : array of bool, shape (count,)
        Whether its slots are other ones than in the schedule.
    """

    committed_kwh: FloatArray
    rescheduled: NDArray[np.bool_]
