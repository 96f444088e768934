"""What agents say to each other.

A message to a population is one message with one price, and the population's answer is one with an
array of energies, a row for each agent; both count as many as there are agents. To say something
new, subclass `Message` with fields of your own and a `value`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(ABC):
    """What all messages carry.

    Attributes
    ----------
    step : int
        Step of the run.
    round : int
        Round of the exchange within the step, from 0.
    sender, receiver : str
        Names of an agent or of a population.
    count : int
        Number of agents addressed, or answering.
    """

    step: int
    round: int
    sender: str
    receiver: str
    count: int = 1

    @property
    def kind(self) -> str:
        """What kind of message it is: the name of its class."""
        return type(self).__name__

    @property
    @abstractmethod
    def value(self) -> float:
        """What the log keeps of the content: a price or a total of energies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMessage(Message):
    """A message that names a price.

    Attributes
    ----------
    price : float
        Price [money/kWh].
    """

    price: float

    @property
    def value(self) -> float:
        """The price [money/kWh]."""
        return float(self.price)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyMessage(Message):
    """A message that names an energy, or one for each agent of a population.

    Attributes
    ----------
    energy_kwh : float or array, shape (count,)
        Energy [kWh], positive when consumed or charged.
    """

    energy_kwh: float | FloatArray

    @property
    def value(self) -> float:
        """The total energy [kWh]."""
        return float(np.sum(self.energy_kwh))


class PriceOffer(PriceMessage):
    """A leader asks what its followers would take at a price; it binds nobody."""

    __slots__ = ()


class PriceAnnouncement(PriceMessage):
    """A leader sets the price of the step; it binds."""

    __slots__ = ()


class EnergyBid(EnergyMessage):
    """A follower answers with the energy it would take at the price it last heard."""

    __slots__ = ()


class PlugIn(EnergyMessage):
    """A vehicle under typical charging states what it draws, whatever the price."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement(EnergyMessage):
    """A seller states what was delivered and what is due for it.

    Attributes
    ----------
    amount : float or array, shape (count,)
        Money due [money]; negative is paid out.
    """

    amount: float | FloatArray


class IncentiveOffer(PriceMessage):
    """A utility asks schools what they would sell at an incentive price; it binds nobody."""

    __slots__ = ()


class SupplyOffer(EnergyMessage):
    """Schools answer an incentive offer with the energy they would sell at it."""

    __slots__ = ()


class BusPlugIn(EnergyMessage):
    """School buses that charge after use state what they draw, whatever the price."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeOrder(EnergyMessage):
    """A utility takes energy that was offered, at a price; it binds.

    Attributes
    ----------
    price : float or array, shape (count,)
        Price paid for it [money/kWh].
    """

    price: float | FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ValleyAnnouncement(Message):
    """A utility states the demand it expects in the hours in which energy should be drawn.

    Attributes
    ----------
    load_kwh : array, shape (steps,)
        Demand of each step [kWh].
    """

    load_kwh: FloatArray

    @property
    def value(self) -> float:
        """The lowest demand [kWh]; 0 where no step is left."""
        return float(self.load_kwh.min(initial=np.inf)) if len(self.load_kwh) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyRequest(EnergyMessage):
    """Followers ask for energy, and state how fast they can take it.

    Attributes
    ----------
    within_kwh : array, shape (count, steps + 1)
        What each can take within 0, 1, 2, ... steps [kWh].
    """

    within_kwh: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleProposal(EnergyMessage):
    """A leader proposes when to take the energy asked for.

    Attributes
    ----------
    schedule_kwh : array, shape (count, steps)
        Energy of each follower in each step [kWh].
    """

    schedule_kwh: FloatArray
