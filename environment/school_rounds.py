"""When school buses are on their rounds: a timetable over the steps of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.moments import moment, step_moment

DAY_H = 24.0
# What rounding makes of the end of a step whose length is no finite decimal [h].
_CLOSE_H = 1e-9


@dataclass(frozen=True, slots=True)
class RoundStep:
    """What a step is to the buses that drive rounds.

    Attributes
    ----------
    share : float
        Share of a round that is driven in it.
    ahead : int
        Rounds that begin after it before there is time to charge.
    parked : float
        Part of it in which they are parked, 0..1.
    before : float
        Share of a round that is driven before they are parked for the last time.
    rest : float
        Share of a round that they are to drive once they leave, of one that begins in the step.
    """

    share: float
    ahead: int
    parked: float
    before: float = 0.0
    rest: float = 0.0

    @classmethod
    def whole(cls, share: float, ahead: int) -> Self:
        """Return a step in which they are on their way all the time, or never."""
        return cls(share, ahead, 0.0 if share > 0 else 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class SchoolRounds:
    """The rounds of a run; all arrays have shape (steps,).

    Rounds begin and end at their own second. A bus that comes back within a step is plugged in for
    the rest of it, one that sets out until it does; of both it exchanges with what it holds as it
    is parked for the last time.

    Attributes
    ----------
    share : array
        Share of a round that is driven in the step; above 0 where buses are on the way.
    parked : array
        Part of the step in which they are not.
    before : array
        Share that is driven before they are parked for the last time in the step.
    rest : array
        Share of a round, to be driven from the step on, that begins after they were parked in it.
    ends : array of bool
        Whether a round ends within the step.
    ahead : array of int
        Rounds that begin after the step and before the next charging window opens, and those
        within that window, for which there may be no time to charge.
    """

    share: FloatArray
    parked: FloatArray
    before: FloatArray
    rest: FloatArray
    ends: NDArray[np.bool_]
    ahead: NDArray[np.int64]

    def at(self, step: int) -> RoundStep:
        """Return what a step is to the buses."""
        share, parked, before, rest = (
            float(each[step]) for each in (self.share, self.parked, self.before, self.rest)
        )
        return RoundStep(share, int(self.ahead[step]), parked, before, rest)

    @classmethod
    def of(
        cls,
        calendar: Calendar,
        steps: int,
        rounds: Sequence[tuple[float, float]],
        opens: NDArray[np.bool_],
        window: NDArray[np.bool_],
    ) -> Self:
        """Lay the rounds of every school day out over the steps of a run.

        Parameters
        ----------
        calendar : Calendar
            With school terms; without them there is no round.
        steps : int
            Number of steps of the run.
        rounds : sequence of (float, float)
            Clock hours at which each round of a school day begins and ends; on the day after
            where it ends at a lower hour [h].
        opens : array of bool, shape (steps,)
            Steps in which a charging window opens.
        window : array of bool, shape (steps,)
            Steps in which one is open.
        """
        share, before, rest, away_ms = (np.zeros(steps) for _ in range(4))
        ends, begins = np.zeros(steps, dtype=np.bool_), np.zeros(steps + 1)
        edges = np.array([step_moment(step, calendar.step_h) for step in range(steps + 1)])
        for begin, end in rounds_of_days(calendar, -1, calendar.day_of(steps - 1), rounds):
            start = max(int(np.searchsorted(edges, begin, side="right")) - 1, 0)
            stop = min(int(np.searchsorted(edges, end, side="left")), steps)
            if start >= stop:
                continue
            driven = np.minimum(edges[start + 1 : stop + 1], end)
            driven -= np.maximum(edges[start:stop], begin)
            share[start:stop] += driven / (end - begin)
            away_ms[start:stop] += driven
            ends[stop - 1] |= end <= edges[stop]
            begins[start] += begin >= 0
            if end < edges[stop]:
                before[stop - 1] += driven[-1] / (end - begin)
            if begin > edges[start] and end >= edges[start + 1]:
                rest[start] += 1.0
        parked = 1.0 - away_ms / np.diff(edges)
        ahead = _ahead(begins[:-1], opens, window)
        return cls(share, parked, before, rest, ends, ahead)


def rounds_of_days(
    calendar: Calendar, first: int, last: int, rounds: Sequence[tuple[float, float]]
) -> Iterator[tuple[int, int]]:
    """Yield when each round begins and ends of the school days among some [ms].

    Parameters
    ----------
    calendar : Calendar
        With school terms; without them there is no round.
    first, last : int
        Days counted from that of the run's start; the last one is one of them.
    rounds : sequence of (float, float)
        As `SchoolRounds.of` takes them.
    """
    school = np.flatnonzero(calendar.school_days(first, last - first + 1)) + first
    for day in school.tolist():
        date = calendar.start.date() + timedelta(days=day)
        for begins, ends in rounds:
            begin = calendar.elapsed_h(date, begins)
            end = calendar.elapsed_h(date, ends + DAY_H * (ends < begins))
            yield moment(begin), moment(end)


def charging_window(
    calendar: Calendar, steps: int, from_hour: float, to_hour: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the steps of a nightly charging window, and those in which it opens.

    Parameters
    ----------
    calendar : Calendar
        From steps to clock hours.
    steps : int
        Number of steps of the run.
    from_hour, to_hour : float
        Clock hours between which the window is open; past midnight where to_hour lies before [h].

    Returns
    -------
    open, opens : array of bool, shape (steps,)
        Whether a step lies within the window, and whether it is the first of a night; a window of
        the whole day opens every day.

    Notes
    -----
    The schedule of a window states an energy for each step, so a step of which a part lies outside
    the window does not count.
    """
    hours = np.array([calendar.hour_of_day(step) for step in range(steps)])
    after, before = hours >= from_hour, hours + calendar.step_h <= to_hour + _CLOSE_H
    # A window past midnight may be shorter than the step in which it opens.
    whole = hours + calendar.step_h <= to_hour + DAY_H + _CLOSE_H
    window = (after & before) if from_hour < to_hour else (after & whole) | before
    if to_hour - from_hour == DAY_H:
        window = np.ones(steps, dtype=np.bool_)
    night = np.where(window, calendar.days_of(0, steps) - ~after, -2)
    return window, window & (night != np.concatenate(([-3], night[:-1])))


def _ahead(
    begins: FloatArray, opens: NDArray[np.bool_], window: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return how many rounds begin after each step and before the next window closes.

    Windows that never close leave time to charge before every round: there those count that begin
    before the next one opens.
    """
    steps = len(opens)
    begun = np.concatenate(([0.0], np.cumsum(begins)))
    places = np.append(np.flatnonzero(opens), steps)
    closed = np.append(np.flatnonzero(~window), steps)
    ends = places if window.all() else closed[np.searchsorted(closed, places)]
    after = ends[np.searchsorted(places, np.arange(steps), side="right")]
    return np.asarray(np.rint(begun[after] - begun[1:]), dtype=np.int64)
