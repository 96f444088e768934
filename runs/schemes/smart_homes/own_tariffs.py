"""Homes that pay by a tariff of their own, and buy in its cheapest hours what they may shift."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.cheap_slots import cheapest_slots
from hmesh.runs.schemes.smart_homes.setting import PAYERS
from hmesh.runs.world.tariff_meters import MeterGroup, TariffMeters

if TYPE_CHECKING:
    from hmesh.agents.smart_homes import SmartHomes
    from hmesh.runs.schemes.smart_homes.step import SmartHomeSharing

type Mask = NDArray[np.bool_]


class HomeTariffs:
    """The homes of a world with a tariff of their own.

    Parameters
    ----------
    sharing : SmartHomeSharing
        All homes.
    groups : sequence of MeterGroup
        The meters of groups with a tariff.

    Attributes
    ----------
    meters : TariffMeters
        What they pay.
    numbers : list of int
        Which groups of homes have a tariff, in the order of their meters.
    """

    def __init__(self, sharing: "SmartHomeSharing", groups: Sequence[MeterGroup]) -> None:
        self.sharing, self.groups = sharing, list(groups)
        self.meters = TariffMeters(sharing.simulation, groups, PAYERS)
        names = [group.settings.name for group in sharing.setting.groups]
        self.numbers = [names.index(group.name) for group in groups]
        places = [
            np.full(len(group.rows), sharing.setting.groups[k].community)
            for k, group in zip(self.numbers, groups, strict=True)
        ]
        self._place = np.concatenate(places).astype(np.intp)

    def price(self, group: int, first: int, steps: int) -> FloatArray | None:
        """Return what a kWh bought costs a group in some steps; None where it has no tariff."""
        if group not in self.numbers:
            return None
        bill = self.groups[self.numbers.index(group)].bill
        return bill.purchase[first : first + steps]

    def read(self) -> None:
        """Read the meters of the step: what homes draw less what they deliver."""
        net = np.concatenate(
            [
                each.imported_kwh.sum(axis=1) - each.exported_kwh.sum(axis=1)
                for each in (self.sharing.of_step[k] for k in self.numbers)
            ]
        )
        self.meters.read(self._place, np.maximum(net, 0.0), np.maximum(0.0 - net, 0.0))


def bought_of_day(homes: "SmartHomes", refused: Mask, price: FloatArray | None) -> FloatArray:
    """Return what homes buy in each step of a day for loads that they do not serve [kWh].

    Parameters
    ----------
    homes : SmartHomes
        The agents of a group, their day planned.
    refused : array of bool, shape (steps, homes, appliances)
        Slots that were wanted and will not be served by the home.
    price : array, shape (steps,), or None
        What a kWh costs by their tariff; None where nothing is shifted by it [money/kWh].

    Returns
    -------
    array, shape (steps, homes, appliances)
        Energies, if the grid is there.
    """
    days = [appliance.population for appliance in homes.appliances]
    wanted = np.stack([day.steps_kwh for day in days], axis=2)
    if price is None:
        return np.where(refused, wanted, 0.0)
    window = np.stack([day.window & day.accepted for day in days], axis=2)
    bought = cheapest_slots(refused, homes.committed_kwh > 0.0, window, price)
    # A load that may be shifted has slots of one size.
    slot = np.where(wanted > 0.0, wanted, wanted.max(axis=0))
    return np.where(bought, slot, 0.0)
