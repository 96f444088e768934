"""What retailer, home energy managers and devices of houses with storages say to each other."""

from dataclasses import dataclass

from hmesh.environment.arrays import FloatArray
from hmesh.environment.messages import EnergyMessage, PriceMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffNotice(PriceMessage):
    """A retailer states what it asks in a step, what it pays, and what of its day matters.

    Attributes
    ----------
    feed_in : float
        Price paid for what is delivered [money/kWh].
    cheap : bool
        Whether this is the cheapest price of its day, and the day has a more expensive one.
    peak_price : float
        Highest price of the time until energy is cheap again [money/kWh].
    cheapest : float
        Lowest price of the day [money/kWh]; infinite where all its hours cost the same.
    cheap_steps : int
        Steps until energy is expensive, this one counted; 0 where it is expensive.
    """

    feed_in: float
    cheap: bool
    peak_price: float
    cheapest: float
    cheap_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseStorageReport(EnergyMessage):
    """Storages of one kind state what they hold, ``energy_kwh``, and what they could exchange.

    Attributes
    ----------
    usable_kwh : array, shape (count,)
        The part of it that can be drawn in the end [kWh].
    lowest_kwh, highest_kwh : array, shape (count,)
        Exchange of the step at least and at most [kWh].
    """

    usable_kwh: FloatArray
    lowest_kwh: FloatArray
    highest_kwh: FloatArray


class DeviceSetPoint(EnergyMessage):
    """A home energy manager orders a device what to exchange in the step; it binds."""

    __slots__ = ()


class RetailExchange(EnergyMessage):
    """A home energy manager buys from its retailer, or sells where the energy is below 0."""

    __slots__ = ()
