"""When school buses are on their rounds: a timetable over the steps of a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar

DAY_H = 24.0


@dataclass(frozen=True, slots=True, eq=False)
class SchoolRounds:
    """The rounds of a run; all arrays have shape (steps,).

    Attributes
    ----------
    share
        Share of a round that is driven in the step; above 0 where buses are on the way.
    ends
        Whether a round ends within the step.
    ahead
        Rounds that begin after the step and before the next charging window opens, and those
        within that window, for which there may be no time to charge.
    """

    share: NDArray[np.float64]
    ends: NDArray[np.bool_]
    ahead: NDArray[np.int64]

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
        share, ends, begins = np.zeros(steps), np.zeros(steps, dtype=np.bool_), np.zeros(steps + 1)
        days = calendar.day_of(steps - 1) + 1
        # A round of the day before the run may end within it.
        school = np.flatnonzero(calendar.school_days(-1, days + 1)) - 1
        for day in school.tolist():
            date = calendar.start.date() + timedelta(days=day)
            for first, last in rounds:
                begin = calendar.elapsed_h(date, first) / calendar.step_h
                end = calendar.elapsed_h(date, last + DAY_H * (last < first)) / calendar.step_h
                start, stop = max(math.floor(begin), 0), min(math.ceil(end), steps)
                if start >= stop:
                    continue
                step = np.arange(start, stop)
                driven = np.minimum(step + 1, end) - np.maximum(step, begin)
                share[start:stop] += driven / (end - begin)
                ends[stop - 1] |= end <= stop
                begins[start] += begin >= 0
        ahead = _ahead(begins[:-1], opens, window)
        return cls(share, ends, ahead)


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
        Whether a step starts within the window, and whether it is the first of a night; a window
        of the whole day opens every day.
    """
    hours = np.array([calendar.hour_of_day(step) for step in range(steps)])
    after, before = hours >= from_hour, hours < to_hour
    window = (after & before) if from_hour < to_hour else (after | before)
    night = np.where(window, calendar.days_of(0, steps) - ~after, -2)
    return window, window & (night != np.concatenate(([-3], night[:-1])))


def _ahead(
    begins: NDArray[np.float64], opens: NDArray[np.bool_], window: NDArray[np.bool_]
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
