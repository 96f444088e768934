"""Totals of the vehicles of each group in a step, where a scenario names groups."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.compiled import compiled_for
from hmesh.environment.group_kernel import add_to_groups
from hmesh.environment.row_blocks import added, row_blocks

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing


# Figures of a group are called as those of all vehicles, with its name after an @.
BY_GROUP = (
    "vehicle_charged_kwh", "vehicle_discharged_kwh", "ev_bill", "driven_km", "unmet_trip_kwh",
)  # fmt: skip


def group_sums(sharing: "VehicleSharing") -> dict[str, float]:
    """Return energies, bill, distance and trips of each group; none without groups."""
    names = sharing.vehicles.groups.names
    return {
        f"{name}@{group}": float(each[number])
        for name, each in sharing.vehicle_sums.groups.items()
        for number, group in enumerate(names)
    }


def group_values(sharing: "VehicleSharing") -> dict[str, FloatArray | NDArray[np.intp]]:
    """Return the figures of `group_sums`, shape (groups,) each, block by block of the fleet."""
    groups = sharing.vehicles.groups
    if not groups.names[0]:
        return {}
    size, count, exchange = len(sharing.fleet), len(groups.names), sharing.exchange_kwh()
    # Bills of meters are those of all their vehicles.
    blocks = row_blocks(size) if sharing.own_tariffs is None else [(0, size)]
    parts = [_of_block(sharing, exchange, slice(*block), count) for block in blocks]
    return {name: added(part[name] for part in parts) for name in parts[0]}


def _of_block(
    sharing: "VehicleSharing", exchange: FloatArray, block: slice, count: int
) -> dict[str, FloatArray | NDArray[np.intp]]:
    """Return the figures of the groups for the vehicles of one block of rows."""
    group, fleet = sharing.vehicles.groups.group, sharing.fleet.population
    mine = slice(*np.searchsorted(sharing.drivers, [block.start, block.stop]))
    drivers = sharing.drivers[mine]
    values = (
        *_exchanged(sharing, exchange[block], block, count),
        np.bincount(group[drivers], fleet["driven_km"][drivers], count),
        np.bincount(group[drivers], sharing.unmet_kwh[mine], count),
    )
    return dict(zip(BY_GROUP, values, strict=True)) | _trips(sharing, block, count)


def _exchanged(
    sharing: "VehicleSharing", exchange: FloatArray, block: slice, count: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what each group charges, discharges and pays for it."""
    group = sharing.vehicles.groups.group[block]
    community = sharing.fleet.population["community"][block]
    price = np.append(sharing.simulation.paid_price(), 0.0)
    if (tariffs := sharing.own_tariffs) is not None:
        asked = price[np.maximum(community, -1)]
        asked[tariffs.meters.rows] = 0.0
        bill = np.bincount(group, exchange * asked, count) + tariffs.bills_of_groups(group, count)
        return (
            np.bincount(group, np.maximum(exchange, 0.0), count),
            np.bincount(group, np.maximum(-exchange, 0.0), count),
            bill,
        )
    if compiled_for(len(exchange)):
        charged, discharged, paid = (np.zeros(count) for _ in range(3))
        add_to_groups(group, community, exchange, price, charged, discharged, paid)
        return charged, discharged, paid
    own = price[np.maximum(community, -1)]
    return (
        np.bincount(group, np.maximum(exchange, 0.0), count),
        np.bincount(group, np.maximum(-exchange, 0.0), count),
        np.bincount(group, exchange * own, count),
    )


def _trips(sharing: "VehicleSharing", block: slice, count: int) -> dict[str, NDArray[np.intp]]:
    """Return the trips of each group that begin in the step, and those short of energy."""
    group = sharing.vehicles.groups.group

    def counted(rows: NDArray[np.intp]) -> NDArray[np.intp]:
        mine = rows[(rows >= block.start) & (rows < block.stop)]
        return np.bincount(group[mine], minlength=count)

    found = {"trips": counted(sharing.traffic.setting_out.vehicles)}
    departing = sharing.departing
    if departing is not None:
        found["departures_short"] = counted(departing.vehicles[departing.is_short])
    return found
