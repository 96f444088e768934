"""Trips of a day, in the batches in which vehicles set out and arrive together."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.growth import Growth

type Whole = int | NDArray[np.int64]
type Number = float | NDArray[np.float64]
type Truth = bool | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TripBatch:
    """Vehicles that set out together, or arrive together; one trip of each.

    What is the same for all of them is one number instead of an array of shape (n,).

    Attributes
    ----------
    vehicles : array of int, shape (n,)
        Rows of the fleet, each once.
    departs_step, arrives_step : int or array
        First step on the road, and first step parked again.
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
    departs_step: Whole
    arrives_step: Whole
    origin: Whole
    destination: Whole
    km: Number
    night_follows: Truth
    next_km: Number

    def where(self, chosen: NDArray[np.bool_]) -> "TripBatch":
        """Return the trips of some of its vehicles."""
        return TripBatch(*(part(getattr(self, each.name), chosen) for each in fields(self)))


def part[T](values: T, chosen: NDArray[np.bool_]) -> T:
    """Return some of the values of a batch; one number for all stays one."""
    some: T = values[chosen] if isinstance(values, np.ndarray) else values  # type: ignore[assignment]
    return some


class DayTrips(ABC):
    """The trips that belong to one day, by the steps in which vehicles depart and arrive.

    Attributes
    ----------
    counts : dict
        What had to be changed to make them possible, and how often.
    """

    counts: Mapping[str, int]

    @property
    @abstractmethod
    def departures(self) -> list[int]:
        """Steps in which vehicles depart, ascending."""

    @property
    @abstractmethod
    def arrivals(self) -> list[int]:
        """Steps in which vehicles arrive, ascending."""

    @abstractmethod
    def departing(self, step: int) -> Sequence[TripBatch]:
        """Return the trips that depart in a step, those of one vehicle in their order."""

    @abstractmethod
    def arriving(self, step: int) -> Sequence[TripBatch]:
        """Return the trips that arrive in a step, those of one vehicle in their order."""

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
        self._departing: dict[int, list[TripBatch]] = {}
        self._arriving: dict[int, list[TripBatch]] = {}
        for batch in batches:
            self._departing.setdefault(int(batch.departs_step), []).append(batch)
            self._arriving.setdefault(int(batch.arrives_step), []).append(batch)
        self._first = tuple(firsts)

    @property
    def departures(self) -> list[int]:
        """Steps in which vehicles depart, ascending."""
        return sorted(self._departing)

    @property
    def arrivals(self) -> list[int]:
        """Steps in which vehicles arrive, ascending."""
        return sorted(self._arriving)

    def departing(self, step: int) -> Sequence[TripBatch]:
        """Return the trips that depart in a step, those of one vehicle in their order."""
        return self._departing.get(step, ())

    def arriving(self, step: int) -> Sequence[TripBatch]:
        """Return the trips that arrive in a step, those of one vehicle in their order."""
        return self._arriving.get(step, ())

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
    departs_step, arrives_step, origin, destination, km, next_km : array, shape (trips,)
        As in `TripBatch`.
    night_follows : array of bool, shape (trips,)
        As in `TripBatch`.
    counts : dict
        What had to be changed to make them possible, and how often.
    """

    vehicle: NDArray[np.intp]
    number: NDArray[np.int64]
    departs_step: NDArray[np.int64]
    arrives_step: NDArray[np.int64]
    origin: NDArray[np.int64]
    destination: NDArray[np.int64]
    km: NDArray[np.float64]
    night_follows: NDArray[np.bool_]
    next_km: NDArray[np.float64]
    counts: Mapping[str, int] = field(default_factory=dict)
    _by_departure: NDArray[np.intp] = field(init=False)
    _by_arrival: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        # Stable sorts keep the order of number, then vehicle.
        self._by_departure = np.argsort(self.departs_step, kind="stable")
        self._by_arrival = np.argsort(self.arrives_step, kind="stable")

    @property
    def departures(self) -> list[int]:
        """Steps in which vehicles depart, ascending."""
        steps: list[int] = np.unique(self.departs_step).tolist()
        return steps

    @property
    def arrivals(self) -> list[int]:
        """Steps in which vehicles arrive, ascending."""
        steps: list[int] = np.unique(self.arrives_step).tolist()
        return steps

    def departing(self, step: int) -> Sequence[TripBatch]:
        """Return the trips that depart in a step, those of one vehicle in their order."""
        return self._batches(self.departs_step, self._by_departure, step)

    def arriving(self, step: int) -> Sequence[TripBatch]:
        """Return the trips that arrive in a step, those of one vehicle in their order."""
        return self._batches(self.arrives_step, self._by_arrival, step)

    def first(self) -> Sequence[TripBatch]:
        """Return the first trip of every vehicle that travels on the day."""
        return (self._batch(np.arange(np.searchsorted(self.number, 1))),)

    def _batches(
        self, steps: NDArray[np.int64], order: NDArray[np.intp], step: int
    ) -> list[TripBatch]:
        """Return the trips of a step, a batch for each number: in it every vehicle stands once."""
        begin, end = np.searchsorted(steps, [step, step + 1], sorter=order)
        rows = order[begin:end]
        if len(rows) == 0:
            return []
        numbers = self.number[rows]
        bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(rows)]
        return [self._batch(rows[a:b]) for a, b in pairwise(bounds)]

    def _batch(self, rows: NDArray[np.intp]) -> TripBatch:
        return TripBatch(
            self.vehicle[rows],
            self.departs_step[rows],
            self.arrives_step[rows],
            self.origin[rows],
            self.destination[rows],
            self.km[rows],
            self.night_follows[rows],
            self.next_km[rows],
        )
