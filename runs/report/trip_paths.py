"""Where trips lead on the Earth: communities at the right distances, trips along the roads."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.map_geometry import geometry_of_run
from hmesh.runs.report.places import TO_SCALE
from hmesh.runs.report.trips_made import change_on_their_way, drives_made
from hmesh.runs.report.vehicle_traces import trip_columns


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip of a vehicle with its way.

    Attributes
    ----------
    vehicle : int
        Number of the vehicle.
    path : array, shape (points, 2)
        Longitude and latitude along its way [degree].
    times_h : array, shape (points,)
        When it is there, since the start of the run [h].
    origin, destination : str
        The communities.
    km, energy_kwh : float
        Distance and energy of the drive [km], [kWh].
    """

    vehicle: int
    path: FloatArray
    times_h: FloatArray
    origin: str
    destination: str
    km: float
    energy_kwh: float


def on_earth(data: RunData) -> FloatArray:
    """Return longitude and latitude of every community, shape (communities, 2) [degree].

    Where a scenario says how far its communities are from each other and not where they are, they
    are put at those distances around its location, or around 0 degrees where it has none.
    """
    geometry = geometry_of_run(data, TO_SCALE)
    return geometry.degrees(geometry.places)


def trips(data: RunData, *, by_departure: bool = False) -> Iterator[Trip]:
    """Return every recorded trip of a run, as it was made.

    Where vehicles stop on their way these are the trips of the last strategy, each with its stops:
    places at which it stays for a time.

    Parameters
    ----------
    data : RunData
        The run.
    by_departure : bool, optional
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
    if change_on_their_way(data):
        rows = drives_made(data, rows, data.strategies[-1])
    else:
        rows["trip"] = np.arange(len(rows["vehicle"]))
    geometry, names = geometry_of_run(data, TO_SCALE), data.communities
    ways: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = {}
    # The drives of a trip follow each other.
    first = np.flatnonzero(np.diff(rows["trip"], prepend=-1))
    ends = np.append(first[1:], len(rows["trip"]))
    order = np.argsort(rows["departs"][first], kind="stable") if by_departure else None
    for trip in range(len(first)) if order is None else order.tolist():
        parts = []
        for row in range(int(first[trip]), int(ends[trip])):
            pair = int(rows["origin"][row]), int(rows["destination"][row])
            if pair not in ways:
                line, behind = geometry.way(*pair)
                ways[pair] = geometry.degrees(line), behind
            path, done = ways[pair]
            departs, arrives = float(rows["departs"][row]), float(rows["arrives"][row])
            parts.append((path, departs + (arrives - departs) * done))
        begin, end = int(first[trip]), int(ends[trip]) - 1
        yield Trip(
            int(rows["vehicle"][begin]),
            np.concatenate([path for path, _ in parts]),
            np.concatenate([times for _, times in parts]),
            names[int(rows["origin"][begin])],
            names[int(rows["destination"][end])],
            float(rows["km"][begin]),
            float(rows["energy_kwh"][begin]),
        )
