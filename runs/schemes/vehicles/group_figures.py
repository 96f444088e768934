"""What the vehicles of each group came to in a step, where a scenario names groups."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing

# Figures of a group are called as those of all vehicles, with its name after an @.
BY_GROUP = (
    "vehicle_charged_kwh", "vehicle_discharged_kwh", "ev_bill", "driven_km", "unmet_trip_kwh",
)  # fmt: skip


def group_sums(sharing: "VehicleSharing") -> dict[str, float]:
    """Return energies, bill, distance and trips of each group; none without groups."""
    groups = sharing.vehicles.groups
    if not groups.names[0]:
        return {}
    fleet, count = sharing.fleet.population, len(groups.names)
    exchange = sharing.exchange_kwh()
    price = np.append(sharing.simulation.paid_price(), 0.0)
    own = price[np.maximum(fleet["community"], -1)]
    drivers = groups.group[sharing.drivers]
    values = (
        np.bincount(groups.group, np.maximum(exchange, 0.0), count),
        np.bincount(groups.group, np.maximum(-exchange, 0.0), count),
        np.bincount(groups.group, exchange * own, count),
        np.bincount(drivers, fleet["driven_km"][sharing.drivers], count),
        np.bincount(drivers, sharing.unmet_kwh, count),
    )
    found = dict(zip(BY_GROUP, values, strict=True)) | _trips(sharing, count)
    return {
        f"{name}@{group}": float(each[number])
        for name, each in found.items()
        for number, group in enumerate(groups.names)
    }


def _trips(sharing: "VehicleSharing", count: int) -> dict[str, NDArray[np.intp]]:
    """Return the trips of each group that begin in the step, and those short of energy."""
    group = sharing.vehicles.groups.group
    found = {"trips": np.bincount(group[sharing.traffic.setting_out.vehicles], minlength=count)}
    departing = sharing.departing
    if departing is not None:
        short = group[departing.vehicles[departing.is_short]]
        found["departures_short"] = np.bincount(short, minlength=count)
    return found
