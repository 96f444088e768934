"""Trips of diaries, dealt to the vehicles of a fleet."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from environment.calendar import Calendar, DayKind
from environment.diaries import Diaries
from environment.distributions import discrete
from environment.drawn_trips import travel_day
from environment.growth import Growth
from environment.streams import Streams
from environment.tours import Tours, fit_into_day, trips_of
from environment.trips import DayTrips, TripSource


class DiaryTrips(TripSource):
    """Trips of diaries that are dealt to the vehicles.

    Each vehicle has a home, dealt by the weight of the diaries that begin there, and is dealt a
    diary of the kind of day that begins at its home, by weight; without any it stays parked. On a
    school holiday one of a weekday will do.

    Parameters
    ----------
    diaries : Diaries
        What is dealt.
    size : int
        Vehicles of the fleet.
    calendar, streams
        Of the run.
    once : bool
        Whether a vehicle is dealt a person for good, and on each day has one of that person's
        diaries of its kind.
    growth : Growth, optional
        When vehicles join the fleet.
    """

    def __init__(
        self,
        diaries: Diaries,
        size: int,
        calendar: Calendar,
        streams: Streams,
        *,
        once: bool = False,
        growth: Growth | None = None,
    ) -> None:
        super().__init__(size, growth)
        self.diaries = diaries
        self.calendar = calendar
        self.streams = streams
        self.once = once
        # A vehicle is dealt the diaries of its group: those of a person, or of a home.
        self._of_group = self._groups()
        weights = np.bincount(self._of_group, diaries.weight)
        u = streams.generator("diary group", "electric vehicle").random(size)
        self._group = discrete(u, np.arange(float(len(weights))), weights).astype(np.intp)
        homes = np.zeros(len(weights), dtype=np.int16)
        homes[self._of_group] = diaries.home
        self._home = homes[self._group]

    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the community in which each vehicle is as a day begins, its home."""
        return self._home

    def _groups(self) -> NDArray[np.int64]:
        """Return the group of each diary: its home, and its person where that is kept."""
        keys = self.diaries.home
        if self.once:
            keys = self.diaries.person * (int(keys.max()) + 1) + keys
        groups: NDArray[np.int64] = np.unique(keys, return_inverse=True)[1]
        return groups

    def _make(self, day: int) -> DayTrips:
        today = self.calendar.start.date() + timedelta(days=day)
        step_h, diaries = self.calendar.step_h, self.diaries
        dealt = self._dealt(day, self.calendar.day_kind(today))
        vehicles = np.flatnonzero(dealt >= 0)
        vehicles = vehicles[diaries.trips[dealt[vehicles]] > 0]
        if len(vehicles) == 0:
            return trips_of(Tours.blank(vehicles, 1), step_h, {})
        chosen = dealt[vehicles]
        tours = Tours.blank(vehicles, int(diaries.trips[chosen].max()))
        tours.trips[:] = diaries.trips[chosen]
        tours.places[:, 0] = diaries.home[chosen]
        row, number = np.nonzero(tours.before(tours.trips))
        trip = diaries.first[chosen][row] + number
        tours.places[row, number + 1] = diaries.destination[trip]
        tours.km[row, number] = diaries.km[trip]
        tours.driving_h[row, number] = diaries.arrives_h[trip] - diaries.departs_h[trip]
        follows = number > 0
        stays = diaries.departs_h[trip[follows]] - diaries.arrives_h[trip[follows] - 1]
        tours.stay_h[row[follows], number[follows] - 1] = np.maximum(stays, 0.0)
        clock_h = diaries.departs_h[diaries.first[chosen]]
        tours.departs_h[:] = self.calendar.elapsed_hours(today, clock_h)
        begins, ends = travel_day(self.calendar, today, diaries.begins_h)
        tours, counts = fit_into_day(tours, begins, ends)
        return trips_of(tours, step_h, counts)

    def _dealt(self, day: int, kind: DayKind) -> NDArray[np.int64]:
        """Return the diary of each vehicle on a day, -1 where there is none."""
        diaries = self.diaries
        u = self.streams.generator("diary", "electric vehicle", day).random(self.size)
        u, group = u[: self.joined(day)], self._group[: self.joined(day)]
        possible = np.flatnonzero(self._possible(kind))
        possible = possible[np.argsort(self._of_group[possible], kind="stable")]
        if len(possible) == 0:
            return np.full(len(u), -1)
        ends = np.cumsum(diaries.weight[possible])
        bounds = np.searchsorted(self._of_group[possible], np.arange(self._group_count() + 1))
        below = np.append(0.0, ends)[bounds]
        aim = below[group] + u * (below[group + 1] - below[group])
        last = bounds[group + 1] - 1
        which = np.clip(np.searchsorted(ends, aim, side="right"), bounds[group], last)
        return np.where(last >= bounds[group], possible[np.maximum(which, 0)], -1)

    def _possible(self, kind: DayKind) -> NDArray[np.bool_]:
        """Return which diaries may be dealt on a kind of day."""
        dealt = self.diaries.weight > 0
        possible: NDArray[np.bool_] = self.diaries.of(kind) & dealt
        if kind == "school_holiday":
            found = np.bincount(self._of_group, possible)[self._of_group] > 0
            possible |= self.diaries.of("weekday") & dealt & ~found
        return possible

    def _group_count(self) -> int:
        return int(self._of_group.max()) + 1
