"""Where trips lead on the Earth: communities at the right distances, trips along the roads."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.map_geometry import geometry_of_run
from hmesh.runs.report.places import TO_SCALE
from hmesh.runs.report.vehicle_traces import trip_columns


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip of a vehicle with its way.

    Attributes
    ----------
    vehicle
        Number of the vehicle.
    path : array, shape (points, 2)
        Longitude and latitude along its way [degree].
    times_h : array, shape (points,)
        When it is there, since the start of the run [h].
    origin, destination
        The communities.
    km, energy_kwh
        Distance and energy of the drive [km], [kWh].
    """

    vehicle: int
    path: NDArray[np.float64]
    times_h: NDArray[np.float64]
    origin: str
    destination: str
    km: float
    energy_kwh: float


def on_earth(data: RunData) -> NDArray[np.float64]:
    """Return longitude and latitude of every community, shape (communities, 2) [degree].

    Where a scenario says how far its communities are from each other and not where they are, they
    are put at those distances around its location, or around 0 degrees where it has none.
    """
    geometry = geometry_of_run(data, TO_SCALE)
    return geometry.degrees(geometry.places)


def trips(data: RunData, *, by_departure: bool = False) -> Iterator[Trip]:
    """Return every recorded trip of a run.

    Parameters
    ----------
    data
        The run.
    by_departure
        Whether in the order of departure; else those of a vehicle together, in their order.

    Raises
    ------
    InputError
        When the run recorded none.
    """
    rows = trip_columns(data) if "vehicles" in data.schemes else None
    if rows is None or len(rows["vehicle"]) == 0:
        message = "no trip was recorded, so that there is none to export"
        raise InputError([Problem(str(data.run.directory), message, "record.vehicles: all")])
    geometry, names = geometry_of_run(data, TO_SCALE), data.communities
    ways: dict[tuple[int, int], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    order = np.argsort(rows["departs"], kind="stable") if by_departure else None
    for row in range(len(rows["vehicle"])) if order is None else order.tolist():
        origin, destination = int(rows["origin"][row]), int(rows["destination"][row])
        if (origin, destination) not in ways:
            line, behind = geometry.way(origin, destination)
            ways[origin, destination] = geometry.degrees(line), behind
        path, done = ways[origin, destination]
        departs, arrives = float(rows["departs"][row]), float(rows["arrives"][row])
        yield Trip(
            int(rows["vehicle"][row]),
            path,
            departs + (arrives - departs) * done,
            names[origin],
            names[destination],
            float(rows["km"][row]),
            float(rows["energy_kwh"][row]),
        )
