"""What buildings that share their batteries and their coordinator say to each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.messages import EnergyMessage, Message


class Forecast(EnergyMessage):
    """Buildings state the load they expect of a day, array of shape (count, steps) [kWh]."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryState(EnergyMessage):
    """Batteries state what they hold, how much they can hold and how fast.

    Attributes
    ----------
    capacity_kwh, power_kw : array, shape (count,)
        Capacity [kWh] and rating [kW] of each.
    """

    capacity_kwh: FloatArray
    power_kw: FloatArray


class Schedule(EnergyMessage):
    """A coordinator sends batteries what to exchange in each step of a day.

    Array of shape (count, steps) [kWh], positive when charging.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakSignal(Message):
    """A coordinator announces two marginal prices of a day, and nothing else.

    What one more kWh costs grows with the load: in the measure of the load, a kWh charged costs
    what it does at `valley_kwh`, a kWh discharged earns what it does at `peak_kwh`.

    Attributes
    ----------
    valley_kwh, peak_kwh : float
        Load of a step up to which charging pays, and down to which discharging does [kWh].
    """

    valley_kwh: float
    peak_kwh: float

    @property
    def value(self) -> float:
        """The load above which discharging pays [kWh]."""
        return self.peak_kwh


class MeterReading(EnergyMessage):
    """The grid states the load of a step before batteries [kWh]."""

    __slots__ = ()


class Surplus(EnergyMessage):
    """A building states what its battery could give beyond its own load [kWh]."""

    __slots__ = ()


class Need(EnergyMessage):
    """A building states what its own battery does not cover of its load [kWh]."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOrder(EnergyMessage):
    """A coordinator orders batteries to give energy to other buildings.

    Attributes
    ----------
    giver, taker : array of int, shape (count,)
        Numbers of the buildings of each order.
    """

    giver: NDArray[np.intp]
    taker: NDArray[np.intp]
