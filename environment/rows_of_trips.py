"""The trips of some rows of a fleet, from a source that makes those of all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.trips import DayTrips, TripBatch, TripSource


class RowsOfTrips(TripSource):
    """The trips of neighbouring rows of a fleet, which are counted from the first of them.

    Parameters
    ----------
    source : TripSource
        The trips of the whole fleet, which is the same from the start.
    first, end : int
        The first row, and the one after the last.
    """

    def __init__(self, source: TripSource, first: int, end: int) -> None:
        super().__init__(end - first)
        self.source, self.rows = source, slice(first, end)
        self.days_kept = source.days_kept

    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the community in which each vehicle is as a day begins, shape (size,)."""
        return self.source.parked_at(day)[self.rows]

    def homes(self) -> NDArray[np.int16]:
        """Return the community of each vehicle's home, shape (size,)."""
        return self.source.homes()[self.rows]

    def home_at(self, day: int) -> NDArray[np.bool_]:
        """Return whether each vehicle is at home as a day begins, shape (size,)."""
        return self.source.home_at(day)[self.rows]

    def _make(self, day: int) -> DayTrips:
        return _DayOfRows(self.source.day(day), self.rows.start, self.rows.stop)


class _DayOfRows(DayTrips):
    """Those trips of a day that some rows make; what was changed counts for the whole fleet."""

    def __init__(self, whole: DayTrips, first: int, end: int) -> None:
        self.counts = whole.counts
        self._whole, self._first, self._end = whole, first, end

    def departing(self, begin_ms: float, end_ms: float) -> Sequence[TripBatch]:
        """Return the trips that depart from a moment to before another, a vehicle's in order."""
        return [self._own(each) for each in self._whole.departing(begin_ms, end_ms)]

    def first(self) -> Sequence[TripBatch]:
        """Return the first trip of every vehicle that travels on the day."""
        return [self._own(each) for each in self._whole.first()]

    def _own(self, batch: TripBatch) -> TripBatch:
        mine = (batch.vehicles >= self._first) & (batch.vehicles < self._end)
        own = batch.where(mine)
        return own.of(own.vehicles - self._first)
