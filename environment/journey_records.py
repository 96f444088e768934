"""Trips that batteries do not reach, as data: journeys, stops, and the outcome of trips."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.trips import TripBatch

ON_THE_WAY = -1
# What ends: a drive to the goal, a stop, a drive to a stop. At one moment in this order.
TO_GOAL, AT_STOP, TO_STOP = range(3)


@dataclass(slots=True)
class Trip:
    """A trip as it is meant; moments in milliseconds from the start of the run."""

    departs_ms: int
    arrives_ms: int
    origin: int
    destination: int
    km: float
    night_follows: int
    next_km: float


@dataclass(slots=True)
class Journey:
    """A vehicle on a trip that does not go as it is meant, or on one before such a trip.

    Attributes
    ----------
    vehicle : int
        Row of the fleet.
    trip : Trip
        The trip.
    stage, at_ms : int
        `TO_STOP`, `AT_STOP` or `TO_GOAL`, and when that ends [ms].
    place : int
        Community of the stop, else the destination.
    set_out_ms, begun : int
        When it departed [ms], and 1 once it has.
    done_km : float
        Distance from the origin to the last place where it stopped [km].
    leg_from_ms, leg_km : int, float
        When the drive began on which it is, and its length.
    arrived_ms, from_ms, plug, power_kw, drawn_kwh : int, int, int, float, float
        When it arrived at its stop and was plugged in [ms], at which plug of the place, with how
        much power [kW], and what it has drawn in the steps before [kWh].
    """

    vehicle: int
    trip: Trip
    stage: int
    at_ms: int
    place: int
    set_out_ms: int
    begun: int = 0
    done_km: float = 0.0
    leg_from_ms: int = 0
    leg_km: float = 0.0
    arrived_ms: int = 0
    from_ms: int = 0
    plug: int = -1
    power_kw: float = 0.0
    drawn_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop that is over, moments in milliseconds."""

    vehicle: int
    place: int
    kind: str
    arrived_ms: int
    from_ms: int
    to_ms: int
    drawn_kwh: float


@dataclass(frozen=True, slots=True)
class ChangedTrip:
    """A trip that was late, or not made; moments in milliseconds, the last two -1 if not made."""

    vehicle: int
    departs_ms: int
    arrives_ms: int
    set_out_ms: int
    arrived_ms: int
    stops: int


@dataclass(frozen=True, slots=True)
class AtStop:
    """What a vehicle does in a step in which it is at a stop.

    Attributes
    ----------
    place : int
        Where it charges, -1 where it only waits.
    plugged_ms, drawn_kwh : int, float
        How long it charges in the step [ms], and how much [kWh].
    until_ms : int
        When it leaves the plug within the step, or the step ends [ms].
    km_before : float
        How far it drives in the step before [km].
    """

    place: int
    plugged_ms: int
    drawn_kwh: float
    until_ms: int
    km_before: float


@dataclass(slots=True)
class Ability:
    """What the vehicles of a fleet do whose battery does not reach, each of shape (vehicles,).

    Attributes
    ----------
    stops : array of bool
        Whether it stops to charge, or stays; else it arrives all the same.
    most_kw : array
        Highest power that it takes at a fast charger; infinite where only the plug limits it [kW].
    margin : array
        State of charge with which it means to arrive [-].
    """

    stops: NDArray[np.bool_]
    most_kw: FloatArray
    margin: FloatArray


TRIP_WIDTH = len(Trip.__slots__)
JOURNEY_WIDTH = len(Journey.__slots__) - 1 + TRIP_WIDTH


def rows_of(trips: TripBatch) -> list[tuple[int, Trip]]:
    """Return some trips one by one, each with its vehicle."""
    names = ("departs_ms", "arrives_ms", "origin", "destination", "km", "night_follows", "next_km")
    size = trips.vehicles.shape
    columns = [np.broadcast_to(getattr(trips, name), size).tolist() for name in names]
    return [
        (vehicle, trip_of(row))
        for vehicle, *row in zip(trips.vehicles.tolist(), *columns, strict=True)
    ]


def trip_of(row: Sequence[float]) -> Trip:
    """Return the trip of a row of a table."""
    departs, arrives, origin, destination, km, night, next_km = row
    return Trip(int(departs), int(arrives), int(origin), int(destination), km, int(night), next_km)


def batch_of(rows: FloatArray) -> TripBatch | None:
    """Return the drives of a table as one batch; None of an empty one."""
    if len(rows) == 0:
        return None
    whole = rows[:, :5].astype(np.int64)
    km, night, next_km = rows[:, 5:].T.copy()
    vehicle, departs, arrives, origin, destination = whole.T.copy()
    return TripBatch(vehicle, departs, arrives, origin, destination, km, night != 0.0, next_km)


def as_row(journey: Journey) -> list[float]:
    """Return a journey as a row of a table, that of its trip last."""
    values = [getattr(journey, name) for name in Journey.__slots__ if name != "trip"]
    return [float(each) for each in (*values, *astuple(journey.trip))]


def from_row(row: Sequence[float]) -> Journey:
    """Return the journey of a row of a table."""
    names = [name for name in Journey.__slots__ if name != "trip"]
    lengths = {"done_km", "leg_km", "power_kw", "drawn_kwh"}
    given = {
        name: value if name in lengths else int(value)
        for name, value in zip(names, row[: len(names)], strict=True)
    }
    return Journey(trip=trip_of(row[len(names) :]), **given)  # type: ignore[arg-type]
