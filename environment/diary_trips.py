"""Trips of diaries, dealt to the vehicles of a fleet."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar
from hmesh.environment.diaries import Diaries
from hmesh.environment.distributions import discrete
from hmesh.environment.growth import Growth
from hmesh.environment.streams import Streams
from hmesh.environment.tours import Tours, fit_into_day, trips_of
from hmesh.environment.trips import DayTrips, TripSource


class DiaryTrips(TripSource):
    """Trips of diaries that are dealt to the vehicles.

    Each vehicle has a home, dealt by the weight of the diaries that begin there, and is dealt a
    diary of the kind of day that begins at its home, by weight; without any it stays parked. On a
    school holiday one of a weekday will do. A diary of several days is dealt where all of them are
    of its kinds of day, and nothing else before it is over.

    Parameters
    ----------
    diaries : Diaries
        What is dealt.
    size : int
        Vehicles of the fleet.
    calendar, streams : Calendar, Streams
        Of the run.
    once : bool
        Whether a vehicle is dealt a person for good, and on each day has one of that person's
        diaries of its kind, or that of the very date or day of the week where there is one.
    in_turn : bool
        Whether the persons are dealt in turn, the first to the first vehicle, instead of by weight.
    growth : Growth, optional
        When vehicles join the fleet.
    residential : array of bool, shape (communities,), optional
        Where people live; where diaries begin unless given.
    agent_type : str, optional
        What its streams are named after.
    """

    def __init__(
        self,
        diaries: Diaries,
        size: int,
        calendar: Calendar,
        streams: Streams,
        *,
        once: bool = False,
        in_turn: bool = False,
        growth: Growth | None = None,
        residential: NDArray[np.bool_] | None = None,
        agent_type: str = "electric vehicle",
    ) -> None:
        super().__init__(size, growth)
        self.diaries = diaries
        self.calendar = calendar
        self.streams = streams
        self.once = once
        self.agent_type = agent_type
        # A vehicle is dealt the diaries of its group: those of a person, or of a home.
        self._of_group = self._groups()
        weights = np.bincount(self._of_group, diaries.weight)
        u = streams.generator("diary group", agent_type).random(size)
        self._group = discrete(u, np.arange(float(len(weights))), weights).astype(np.intp)
        if in_turn:
            self._group = np.arange(size) % len(weights)
        homes = np.zeros(len(weights), dtype=np.int16)
        homes[self._of_group] = diaries.home
        self._home = homes[self._group]
        self._night_after = _nights(diaries, residential)
        last = self._night_after == diaries.trips - 1
        self._lives_there = np.bincount(self._of_group, ~last, len(weights)) == 0
        self._longest = int(diaries.days.max())
        self.days_kept = self._longest
        self._free_from: dict[int, NDArray[np.int64]] = {}

    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the community in which each vehicle is as a day begins, its home."""
        return self._home

    def home_at(self, day: int) -> NDArray[np.bool_]:
        """Return whether each vehicle is at home as a day begins, shape (size,)."""
        there: NDArray[np.bool_] = self._lives_there[self._group]
        return there

    def _groups(self) -> NDArray[np.int64]:
        """Return the group of each diary: its home, and its person where that is kept."""
        keys = self.diaries.home
        if self.once:
            keys = self.diaries.person * (int(keys.max()) + 1) + keys
        groups: NDArray[np.int64] = np.unique(keys, return_inverse=True)[1]
        return groups

    def _make(self, day: int) -> DayTrips:
        today = self.calendar.start.date() + timedelta(days=day)
        diaries = self.diaries
        dealt = self._dealt(day)
        vehicles = np.flatnonzero(dealt >= 0)
        vehicles = vehicles[diaries.trips[dealt[vehicles]] > 0]
        if len(vehicles) == 0:
            return trips_of(Tours.blank(vehicles, 1), {})
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
        begins = self.calendar.elapsed_hours(today, diaries.begins_h[chosen])
        ends = np.empty_like(begins)
        for days in np.unique(diaries.days[chosen]).tolist():
            rows = diaries.days[chosen] == days
            after = today + timedelta(days=days)
            ends[rows] = self.calendar.elapsed_hours(after, diaries.begins_h[chosen[rows]])
        tours, counts = fit_into_day(tours, begins, ends)
        return trips_of(tours, counts, self._night_after[chosen])

    def _dealt(self, day: int) -> NDArray[np.int64]:
        """Return the diary of each vehicle on a day, -1 where there is none or one goes on."""
        dealt = self._chosen(day)
        return np.where(self._free(day)[: len(dealt)] <= day, dealt, -1)

    def _free(self, day: int) -> NDArray[np.int64]:
        """Return the first day on which each vehicle is dealt a diary again, shape (size,)."""
        if self._longest == 1:
            return np.zeros(self.size, dtype=np.int64)
        known = max((each for each in self._free_from if each <= day), default=0)
        free = self._free_from.get(known, np.zeros(self.size, dtype=np.int64))
        for before in range(known, day):
            dealt = self._chosen(before)
            sets_out = np.flatnonzero((dealt >= 0) & (free[: len(dealt)] <= before))
            free = free.copy()
            free[sets_out] = before + self.diaries.days[dealt[sets_out]]
            self._free_from[before + 1] = free
        oldest = day - self._longest
        self._free_from = {d: each for d, each in self._free_from.items() if d >= oldest}
        return free

    def _chosen(self, day: int) -> NDArray[np.int64]:
        """Return the diary that each vehicle would have on a day, -1 where there is none."""
        diaries = self.diaries
        u = self.streams.generator("diary", self.agent_type, day).random(self.size)
        u, group = u[: self.joined(day)], self._group[: self.joined(day)]
        possible = np.flatnonzero(self._possible(day))
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

    def _possible(self, day: int) -> NDArray[np.bool_]:
        """Return which diaries may be dealt on a day."""
        today = self.calendar.start.date() + timedelta(days=day)
        kind, *later = (
            self.calendar.day_kind(today + timedelta(days=after)) for after in range(self._longest)
        )
        dealt = self.diaries.weight > 0
        possible: NDArray[np.bool_] = self.diaries.of(kind, later) & dealt
        if kind == "school_holiday":
            found = np.bincount(self._of_group, possible)[self._of_group] > 0
            possible |= self.diaries.of("weekday", later) & dealt & ~found
        if self.once:
            weekday = (self.diaries.date == today.isoweekday()) & possible
            exact = ((self.diaries.date == today.toordinal()) & dealt) | weekday
            has_exact = np.bincount(self._of_group, exact)[self._of_group] > 0
            possible = np.where(has_exact, exact, possible)
        return possible

    def _group_count(self) -> int:
        return int(self._of_group.max()) + 1


def _nights(diaries: Diaries, residential: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Return after which trip of each diary the night at home begins, from 0.

    It is the last one, which brings the vehicle back to where the diary began. Where nobody lives
    there but elsewhere on the way, the diary was cut in two at midnight: it is the longest stay
    where people live.
    """
    after: NDArray[np.int64] = diaries.trips - 1
    if residential is None:
        return after
    after = after.copy()
    for diary in np.flatnonzero(~residential[diaries.home] & (diaries.trips > 0)).tolist():
        trips = slice(diaries.first[diary], diaries.first[diary] + diaries.trips[diary])
        at_home = residential[diaries.destination[trips]]
        if at_home.any():
            arrives, departs = diaries.arrives_h[trips], diaries.departs_h[trips]
            again_h = departs[0] + 24.0 * diaries.days[diary]
            stays = np.append(departs[1:], again_h) - arrives
            after[diary] = int(np.argmax(np.where(at_home, stays, -np.inf)))
    return after
