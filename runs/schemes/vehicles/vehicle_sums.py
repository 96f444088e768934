"""Totals of the vehicles of a world in a step, added up in fixed blocks of their rows.

Blocks are summed separately, and their sums added in their order, so that the same comes out
wherever each of them is held.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.row_blocks import added, sum_by_blocks
from hmesh.runs.schemes.vehicles.group_figures import group_values

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing


@dataclass(frozen=True, slots=True)
class VehicleSums:
    """Sums and counts of a step over vehicles.

    Attributes
    ----------
    exchanged_kwh : array, shape (communities, 3)
        What those plugged in exchange in all, charge and discharge [kWh].
    driven_km, unmet_kwh, departure_short_kwh : float
        What all drive [km], what batteries lack for it, and what those lack that set out with less
        energy than they want [kWh].
    unmet_trips, departures_short, cut_off : int
        How many vehicles lack energy for their trips, how many departures are without what is
        wanted, how many an outage keeps from their plugs.
    at_bound, too_little : array of int, shape (communities,)
        How many would exchange more if their bounds allowed it, and how many hold less than their
        lowest permitted energy.
    groups : dict of array, shape (groups,)
        Figures of the groups; none where vehicles are all alike.
    """

    exchanged_kwh: FloatArray
    driven_km: float
    unmet_kwh: float
    departure_short_kwh: float
    unmet_trips: int
    departures_short: int
    cut_off: int
    at_bound: NDArray[np.intp]
    too_little: NDArray[np.intp]
    groups: dict[str, NDArray[Any]]

    @classmethod
    def added(cls, blocks: Iterable[Self]) -> Self:
        """Return the sums over all vehicles from those over the vehicles of each block."""
        held = list(blocks)
        numbers = {
            each.name: added(getattr(block, each.name) for block in held)
            for each in fields(cls)
            if each.name != "groups"
        }
        names = held[0].groups
        return cls(
            **numbers, groups={name: added(block.groups[name] for block in held) for name in names}
        )


def step_sums(sharing: "VehicleSharing") -> VehicleSums:
    """Return the totals of vehicles in a step in which they have acted."""
    size, drivers, departing = len(sharing.fleet), sharing.drivers, sharing.departing
    answers = list(zip(sharing.parked, sharing.response_kwh, strict=True))
    at_bound, too_little = np.array(
        [parked.bounded(energy) for parked, energy in answers], dtype=np.intp
    ).T
    short, short_kwh = 0, 0.0
    if departing is not None:
        short = departing.short
        short_kwh = sum_by_blocks(departing.short_kwh, departing.vehicles, size)
    return VehicleSums(
        # Each a sum of its own: the difference of two large sums leaves what nobody discharged.
        np.array([parked.sums_of_exchange(energy) for parked, energy in answers]),
        sum_by_blocks(sharing.fleet.population["driven_km"][drivers], drivers, size),
        sum_by_blocks(sharing.unmet_kwh, drivers, size),
        short_kwh,
        int((sharing.unmet_kwh > 0).sum()),
        short,
        _cut_off(sharing),
        at_bound,
        too_little,
        group_values(sharing),
    )


def _cut_off(sharing: "VehicleSharing") -> int:
    """Return how many parked vehicles an outage keeps from their plugs in this step."""
    if not sharing.setting.scenario.outages:
        return 0
    fleet = sharing.fleet.population
    return int(np.count_nonzero(fleet["cut_off"] & (fleet["plugged_part"] > 0)))
