"""Trips of a fleet whose groups travel each in their own way, as the trips of one fleet."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.growth import Growth
from hmesh.environment.trips import DayTrips, TripBatch, TripSource, TripTable

# Where the trips of some vehicles come from, by places among them, and their rows of the fleet.
type Part = tuple[TripSource, NDArray[np.intp]]


class JoinedTrips(TripSource):
    """The trips of several groups of vehicles, each from its own source.

    Parameters
    ----------
    parts : sequence of Part
        Sources, each with the rows that its vehicles have in the fleet, ascending.
    size : int
        Vehicles of the fleet; each is in one part.
    growth : Growth, optional
        When vehicles join the fleet.
    """

    def __init__(self, parts: Sequence[Part], size: int, growth: Growth | None = None) -> None:
        super().__init__(size, growth)
        self.parts = tuple(parts)
        self.days_kept = max(source.days_kept for source, _ in parts)

    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the community in which each vehicle is as a day begins, shape (size,)."""
        parked = np.zeros(self.size, dtype=np.int16)
        for source, rows in self.parts:
            parked[rows] = source.parked_at(day)
        return parked

    def homes(self) -> NDArray[np.int16]:
        """Return the community of each vehicle's home, shape (size,)."""
        homes = np.zeros(self.size, dtype=np.int16)
        for source, rows in self.parts:
            homes[rows] = source.homes()
        return homes

    def home_at(self, day: int) -> NDArray[np.bool_]:
        """Return whether each vehicle is at home as a day begins, shape (size,)."""
        there = np.ones(self.size, dtype=np.bool_)
        for source, rows in self.parts:
            there[rows] = source.home_at(day)
        return there

    def _make(self, day: int) -> DayTrips:
        days = [(source.day(day), rows) for source, rows in self.parts]
        tables = [(trips, rows) for trips, rows in days if isinstance(trips, TripTable)]
        others = [(trips, rows) for trips, rows in days if not isinstance(trips, TripTable)]
        if tables:
            # One table has as few batches as that of a single group.
            others.append((_one_table(tables), np.arange(self.size)))
        return _JoinedDay(others)


class _JoinedDay(DayTrips):
    """The trips of a day of several groups."""

    def __init__(self, days: Sequence[tuple[DayTrips, NDArray[np.intp]]]) -> None:
        self._days = tuple(days)
        self.counts = {}
        for trips, _ in days:
            for name, count in trips.counts.items():
                self.counts[name] = self.counts.get(name, 0) + count

    def departing(self, begin_ms: float, end_ms: float) -> Sequence[TripBatch]:
        """Return the trips that depart from a moment to before another, a vehicle's in order."""
        return [
            _of_fleet(batch, rows)
            for trips, rows in self._days
            for batch in trips.departing(begin_ms, end_ms)
        ]

    def first(self) -> Sequence[TripBatch]:
        """Return the first trip of every vehicle that travels on the day."""
        return [_of_fleet(batch, rows) for trips, rows in self._days for batch in trips.first()]


def _of_fleet(batch: TripBatch, rows: NDArray[np.intp]) -> TripBatch:
    """Return trips of places among some vehicles as trips of their rows."""
    return replace(batch, vehicles=rows[batch.vehicles])


def _one_table(tables: Sequence[tuple[TripTable, NDArray[np.intp]]]) -> TripTable:
    """Return the trips of several groups as one table of the fleet."""
    columns = {
        each.name: np.concatenate([getattr(trips, each.name) for trips, _ in tables])
        for each in fields(TripTable)
        if each.init and each.name not in ("vehicle", "counts")
    }
    vehicle = np.concatenate([rows[trips.vehicle] for trips, rows in tables])
    order = np.lexsort((vehicle, columns["number"]))
    counts: dict[str, int] = {}
    for trips, _ in tables:
        for name, count in trips.counts.items():
            counts[name] = counts.get(name, 0) + count
    ordered = {name: values[order] for name, values in columns.items()}
    return TripTable(vehicle=vehicle[order], counts=counts, **ordered)


@dataclass(frozen=True, slots=True, eq=False)
class GrowthOfRows(Growth):
    """How some rows of a fleet grow with it.

    Attributes
    ----------
    rows : array of int
        Their rows in the fleet, ascending.
    """

    rows: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    @classmethod
    def of(cls, growth: Growth | None, rows: NDArray[np.intp]) -> "GrowthOfRows | None":
        """Return how some rows of a fleet grow; None where the fleet does not."""
        if growth is None:
            return None
        given = growth.calendar, growth.first, growth.vehicles_per_year, growth.joins
        return cls(*given, growth.joining, rows)

    def joined(self, day: int) -> int:
        """Return how many of the rows there are on a day, counted from the start of the run."""
        return int(np.searchsorted(self.rows, Growth.joined(self, day)))
