"""What the vehicles of each group came to in a step, where a scenario names groups."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.compiled import compiled_for
from hmesh.environment.group_kernel import add_to_groups

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing

type Each = NDArray[np.float64]

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
    drivers = groups.group[sharing.drivers]
    values = (
        *_exchanged(sharing, count),
        np.bincount(drivers, fleet["driven_km"][sharing.drivers], count),
        np.bincount(drivers, sharing.unmet_kwh, count),
    )
    found = dict(zip(BY_GROUP, values, strict=True)) | _trips(sharing, count)
    return {
        f"{name}@{group}": float(each[number])
        for name, each in found.items()
        for number, group in enumerate(groups.names)
    }


def _exchanged(sharing: "VehicleSharing", count: int) -> tuple[Each, Each, Each]:
    """Return what each group charges, discharges and pays for it."""
    group, fleet = sharing.vehicles.groups.group, sharing.fleet.population
    exchange = sharing.exchange_kwh()
    price = np.append(sharing.simulation.paid_price(), 0.0)
    if (tariffs := sharing.own_tariffs) is not None:
        asked = price[np.maximum(fleet["community"], -1)]
        asked[tariffs.meters.rows] = 0.0
        bill = np.bincount(group, exchange * asked, count) + tariffs.bills_of_groups(group, count)
        return (
            np.bincount(group, np.maximum(exchange, 0.0), count),
            np.bincount(group, np.maximum(-exchange, 0.0), count),
            bill,
        )
    if compiled_for(len(exchange)):
        charged, discharged, paid = (np.zeros(count) for _ in range(3))
        add_to_groups(group, fleet["community"], exchange, price, charged, discharged, paid)
        return charged, discharged, paid
    own = price[np.maximum(fleet["community"], -1)]
    return (
        np.bincount(group, np.maximum(exchange, 0.0), count),
        np.bincount(group, np.maximum(-exchange, 0.0), count),
        np.bincount(group, exchange * own, count),
    )


def _trips(sharing: "VehicleSharing", count: int) -> dict[str, NDArray[np.intp]]:
    """Return the trips of each group that begin in the step, and those short of energy."""
    group = sharing.vehicles.groups.group
    found = {"trips": np.bincount(group[sharing.traffic.setting_out.vehicles], minlength=count)}
    departing = sharing.departing
    if departing is not None:
        short = group[departing.vehicles[departing.is_short]]
        found["departures_short"] = np.bincount(short, minlength=count)
    return found
