"""Trips of a day, in batches: one trip of each of some vehicles, at its own moment."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.growth import Growth

type Whole = int | NDArray[np.int64]
type Number = float | FloatArray
type Truth = bool | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TripBatch:
    """One trip of each of some vehicles.

    What is the same for all of them is one number instead of an array of shape (n,).

    Attributes
    ----------
    vehicles : array of int, shape (n,)
        Rows of the fleet, each once.
    departs_ms, arrives_ms : int or array
        When it sets out, and when it is there, from the start of the run [ms].
    origin, destination : int or array
        Communities.
    km : float or array
        Length of the trip [km].
    night_follows : bool or array
        Whether the vehicle's night at home begins with its arrival.
    next_km : float or array
        Length of the trip that the vehicle knows to come next; 0 where it knows none [km].
    """

    vehicles: NDArray[np.intp]
    departs_ms: Whole
    arrives_ms: Whole
    origin: Whole
    destination: Whole
    km: Number
    night_follows: Truth
    next_km: Number

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "TripBatch":
        """Return the trips of some of its vehicles: those of a mask, or those of rows."""
        return TripBatch(*(part(getattr(self, each.name), chosen) for each in fields(self)))

    def of(self, vehicles: NDArray[np.intp]) -> "TripBatch":
        """Return the same trips of other vehicles."""
        return replace(self, vehicles=vehicles)


def joined(batches: Sequence[TripBatch]) -> TripBatch:
    """Return the trips of some batches as one, each value an array; a vehicle may have several."""
    columns = (
        [np.broadcast_to(getattr(each, name.name), each.vehicles.shape) for each in batches]
        for name in fields(TripBatch)
    )
    return TripBatch(*(np.concatenate(parts) for parts in columns))


def part[T](values: T, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> T:
    """Return some of the values of a batch; one number for all stays one."""
    some: T = values[chosen] if isinstance(values, np.ndarray) else values  # type: ignore[assignment]
    return some


class DayTrips(ABC):
    """The trips that belong to one day.

    Attributes
    ----------
    counts : dict
        What had to be changed to make them possible, and how often.
    """

    counts: Mapping[str, int]

    @abstractmethod
    def departing(self, begin_ms: float, end_ms: float) -> Sequence[TripBatch]:
        """Return the trips that depart from a moment to before another, a vehicle's in order."""

    def all(self) -> Sequence[TripBatch]:
        """Return all trips, those of one vehicle in their order."""
        return self.departing(-math.inf, math.inf)

    @abstractmethod
    def first(self) -> Sequence[TripBatch]:
        """Return the first trip of every vehicle that travels on the day."""


class TripSource(ABC):
    """Where the trips of the days come from.

    The trips of a day depend on nothing but the day, so an interrupted run makes those under way
    again. The days before it are kept whose trips may be under way: one, for trips that pass
    midnight, and more for diaries of several days.

    Parameters
    ----------
    size : int
        Vehicles of the fleet.
    growth : Growth, optional
        When vehicles join it.
    """

    def __init__(self, size: int, growth: Growth | None = None) -> None:
        self.size = size
        self.growth = growth
        self.days_kept = 1
        self._days: dict[int, DayTrips] = {}

    def day(self, day: int) -> DayTrips:
        """Return the trips of a day, counted from the start of the run."""
        if day not in self._days:
            oldest = day - self.days_kept
            self._days = {known: trips for known, trips in self._days.items() if known >= oldest}
            self._days[day] = self._make(day)
        return self._days[day]

    def joined(self, day: int) -> int:
        """Return how many vehicles there are on a day: the first rows of the fleet."""
        return self.size if self.growth is None else self.growth.joined(day)

    @abstractmethod
    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the community in which each vehicle is as a day begins, shape (size,).

        It is that of a vehicle whose first day this is.
        """

    def homes(self) -> NDArray[np.int16]:
        """Return the community of each vehicle's home, shape (size,)."""
        return self.parked_at(0)

    def home_at(self, day: int) -> NDArray[np.bool_]:
        """Return whether each vehicle is at home as a day begins, shape (size,)."""
        return np.ones(self.size, dtype=np.bool_)

    @abstractmethod
    def _make(self, day: int) -> DayTrips:
        """Make the trips of a day."""


class GroupTrips(DayTrips):
    """Trips of few groups whose vehicles all drive alike, one batch for each trip of a group."""

    def __init__(self, batches: Sequence[TripBatch], firsts: Sequence[TripBatch]) -> None:
        self.counts = {}
        self._batches = tuple(batches)
        self._first = tuple(firsts)

    def departing(self, begin_ms: float, end_ms: float) -> Sequence[TripBatch]:
        """Return the trips that depart from a moment to before another, a vehicle's in order."""
        return [each for each in self._batches if begin_ms <= int(each.departs_ms) < end_ms]

    def first(self) -> Sequence[TripBatch]:
        """Return the first trip of every vehicle that travels on the day."""
        return self._first


@dataclass(slots=True, eq=False)
class TripTable(DayTrips):
    """Trips of vehicles that each drive as they like, a row for each trip.

    Parameters
    ----------
    vehicle, number : array of int, shape (trips,)
        Row of the fleet, and which of the vehicle's trips of the day it is, from 0; ordered by
        number, then vehicle.
    departs_ms, arrives_ms, origin, destination, km, next_km : array, shape (trips,)
        As in `TripBatch`.
    night_follows : array of bool, shape (trips,)
        As in `TripBatch`.
    counts : dict
        What had to be changed to make them possible, and how often.
    """

    vehicle: NDArray[np.intp]
    number: NDArray[np.int64]
    departs_ms: NDArray[np.int64]
    arrives_ms: NDArray[np.int64]
    origin: NDArray[np.int64]
    destination: NDArray[np.int64]
    km: FloatArray
    night_follows: NDArray[np.bool_]
    next_km: FloatArray
    counts: Mapping[str, int] = field(default_factory=dict)
    _by_departure: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        self._by_departure = np.argsort(self.departs_ms, kind="stable")

    def departing(self, begin_ms: float, end_ms: float) -> Sequence[TripBatch]:
        """Return the trips that depart from a moment to before another, a vehicle's in order."""
        begin, end = np.searchsorted(
            self.departs_ms, [begin_ms, end_ms], sorter=self._by_departure
        ).tolist()
        # In the order of the table: by number, then vehicle.
        rows = np.sort(self._by_departure[begin:end])
        return self._batches(rows)

    def first(self) -> Sequence[TripBatch]:
        """Return the first trip of every vehicle that travels on the day."""
        return (self._batch(np.arange(np.searchsorted(self.number, 1))),)

    def _batches(self, rows: NDArray[np.intp]) -> list[TripBatch]:
        """Return some trips, a batch for each number: in it every vehicle stands once."""
        if len(rows) == 0:
            return []
        numbers = self.number[rows]
        bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(rows)]
        return [self._batch(rows[a:b]) for a, b in pairwise(bounds)]

    def _batch(self, rows: NDArray[np.intp]) -> TripBatch:
        return TripBatch(
            self.vehicle[rows],
            self.departs_ms[rows],
            self.arrives_ms[rows],
            self.origin[rows],
            self.destination[rows],
            self.km[rows],
            self.night_follows[rows],
            self.next_km[rows],
        )
