"""Where trips lead on the Earth: communities at the right distances, trips along the roads."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.places import TO_SCALE, place_communities, road_graph, routes
from hmesh.runs.report.vehicle_traces import trip_columns

_KM_PER_DEGREE = 111.195


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

    A scenario tells how far its communities are from each other, not where they are. They are put
    at those distances around its location, or around 0 degrees where it has none.
    """
    location = data.scenario.get("location") or {"latitude": 0.0, "longitude": 0.0}
    places = place_communities(road_graph(data.scenario), TO_SCALE)
    middle = float(location["latitude"])
    longitude = places[:, 0] / (_KM_PER_DEGREE * np.cos(np.radians(middle)))
    # On a screen, down is positive.
    return np.column_stack(
        [float(location["longitude"]) + longitude, middle - places[:, 1] / _KM_PER_DEGREE]
    )


def trips(data: RunData) -> Iterator[Trip]:
    """Return every recorded trip of a run, those of a vehicle in their order.

    Raises
    ------
    InputError
        When the run recorded none.
    """
    rows = trip_columns(data) if "vehicles" in data.schemes else None
    if rows is None or len(rows["vehicle"]) == 0:
        message = "no trip was recorded, so that there is none to export"
        raise InputError([Problem(str(data.run.directory), message, "record.vehicles: all")])
    places, names = on_earth(data), data.communities
    ways = {
        (names.index(a), names.index(b)): np.array([names.index(name) for name in way])
        for (a, b), way in routes(road_graph(data.scenario)).items()
    }
    for row in range(len(rows["vehicle"])):
        origin, destination = int(rows["origin"][row]), int(rows["destination"][row])
        way = ways.get((origin, destination), np.array([origin, destination]))
        if len(way) == 1:  # a round trip
            way = np.array([origin, destination])
        path = places[way]
        done = along(path)
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


def along(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which share of a way is behind every point of it, from 0 to 1."""
    legs = np.array([np.hypot(*(b - a)) for a, b in pairwise(path)])
    whole = legs.sum()
    if whole == 0:
        return np.linspace(0.0, 1.0, len(path))
    return np.append(0.0, np.cumsum(legs) / whole)
