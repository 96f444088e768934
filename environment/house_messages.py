"""What retailer, home energy managers and devices of houses with storages say to each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.messages import EnergyMessage, PriceMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffNotice(PriceMessage):
    """A retailer tells what it asks in a step, and what it pays.

    Attributes
    ----------
    feed_in
        Price paid for what is delivered [money/kWh].
    """

    feed_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseStorageReport(EnergyMessage):
    """Storages of one kind tell what they hold, ``energy_kwh``, and what they could exchange.

    Attributes
    ----------
    lowest_kwh, highest_kwh
        Exchange of the step at least and at most, arrays of shape (count,) [kWh].
    """

    lowest_kwh: NDArray[np.float64]
    highest_kwh: NDArray[np.float64]


class DeviceSetPoint(EnergyMessage):
    """A home energy manager tells a device what to exchange in the step; it binds."""

    __slots__ = ()


class RetailExchange(EnergyMessage):
    """A home energy manager buys from its retailer, or sells where the energy is below 0."""

    __slots__ = ()
