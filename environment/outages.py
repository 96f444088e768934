"""Failures and repairs that come at their own moment, drawn a day at a time for many at once.

Times up and out are exponential. Since these remember nothing, a day of the run is drawn from what
is out as it begins: the same failures come whatever the length of a step, and a state is no more
than what was out at a midnight of the run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.chance import unavailability
from hmesh.environment.moments import MS_PER_H, SECOND_MS

DAY_H = 24.0
DAY_MS = 24 * MS_PER_H

# Returns a uniform draw from 0 to below 1 for each row: for a day, and the n-th change in it.
type Draw = Callable[[int, int], FloatArray]


@dataclass(frozen=True, slots=True)
class Changes:
    """Failures and repairs, in the order of time.

    Attributes
    ----------
    rows : array of int, shape (n,)
        Which of them fails or is repaired.
    at_ms : array of int, shape (n,)
        When [ms].
    out : array of bool, shape (n,)
        Whether it is out from then on.
    """

    rows: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    out: NDArray[np.bool_]


def changes_of_day(
    out: NDArray[np.bool_],
    draw: Callable[[int], FloatArray],
    up_h: float,
    down_h: float,
) -> Changes:
    """Return the failures and repairs of 24 hours that begin with some out.

    Parameters
    ----------
    out : array of bool, shape (n,)
        What is out as they begin.
    draw : callable
        Returns a uniform draw for each row, for the first, second, ... change.
    up_h, down_h : float
        Mean times from a repair to the next failure, and from a failure to its repair [h].

    Notes
    -----
    The time to the next change is ``-log(1 - u)`` times its mean. Changes are at whole seconds.
    """
    state, time_h = out.copy(), np.zeros(len(out))
    goes_on = np.arange(len(out))
    parts: list[tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.bool_]]] = []
    change = 1
    while len(goes_on):
        wait = -np.log1p(-draw(change)[goes_on])
        time_h[goes_on] += wait * np.where(state[goes_on], down_h, up_h)
        goes_on = goes_on[time_h[goes_on] < DAY_H]
        state[goes_on] = ~state[goes_on]
        parts.append((goes_on, _second(time_h[goes_on]), state[goes_on]))
        change += 1
    if not parts:
        parts = [(goes_on, _second(np.empty(0)), state[goes_on])]
    rows, at_ms, now_out = (np.concatenate(each) for each in zip(*parts, strict=True))
    # Two changes of one row may fall into one second; they stay in their order.
    order = np.lexsort((np.arange(len(rows)), rows, at_ms))
    return Changes(rows[order].astype(np.int64), at_ms[order], now_out[order])


def _second(hours: FloatArray) -> NDArray[np.int64]:
    """Return the whole second within which times lie, so none is moved into the next day [ms]."""
    return np.floor(hours * 3600.0).astype(np.int64) * SECOND_MS


class Outages:
    """What of a number of things is out, and when.

    Parameters
    ----------
    size : int
        How many they are.
    up_h, down_h : float
        Mean times from a repair to the next failure, and from a failure to its repair [h].
    draw : callable
        Uniform draws for each, by day and number of the change; change 0 of day 0 settles what is
        out as the run starts.

    Attributes
    ----------
    changes : Changes
        Failures and repairs of the days that are held.
    """

    def __init__(self, size: int, up_h: float, down_h: float, draw: Draw) -> None:
        self.size, self._up_h, self._down_h, self._draw = size, up_h, down_h, draw
        # From its lasting distribution on.
        self._begin(0, draw(0, 0) < unavailability(up_h, down_h))

    def _begin(self, day: int, out: NDArray[np.bool_]) -> None:
        """Hold no day but one that begins with some out."""
        self._first, self._out, self._days = day, out, [self._of_day(day, out)]
        self._join()

    def _of_day(self, day: int, out: NDArray[np.bool_]) -> Changes:
        found = changes_of_day(
            out, lambda change: self._draw(day, change), self._up_h, self._down_h
        )
        return Changes(found.rows, found.at_ms + day * DAY_MS, found.out)

    def _join(self) -> None:
        """Join the days that are held, and the times of which each is out."""
        days = self._days
        self.changes = Changes(
            *(np.concatenate([getattr(d, n) for d in days]) for n in ("rows", "at_ms", "out"))
        )
        begin, end = self._first * DAY_MS, (self._first + len(days)) * DAY_MS
        held, fails = self.changes, self.changes.out
        already, still = np.flatnonzero(self._out), np.flatnonzero(self._out_after())
        rows = np.concatenate((already, held.rows[fails]))
        begins = np.concatenate((np.full(len(already), begin), held.at_ms[fails]))
        ends_of = np.concatenate((held.rows[~fails], still))
        ends = np.concatenate((held.at_ms[~fails], np.full(len(still), end)))
        # The n-th failure of a row ends with its n-th repair.
        order = np.argsort(rows, kind="stable")
        self._rows, self._begins = rows[order], begins[order]
        self._ends = ends[np.argsort(ends_of, kind="stable")]

    def _out_after(self) -> NDArray[np.bool_]:
        """Return what is out as the last day that is held ends."""
        out = self._out.copy()
        # Of several changes of a row the last one stays.
        out[self.changes.rows] = self.changes.out
        return out

    def reach(self, begin_ms: int, end_ms: int) -> bool:
        """Draw the days up to a moment, and forget those before another; return whether any."""
        drawn = False
        while (self._first + len(self._days)) * DAY_MS < end_ms:
            day = self._first + len(self._days)
            self._days.append(self._of_day(day, self._out_after()))
            self._join()
            drawn = True
        while begin_ms >= (self._first + 1) * DAY_MS and len(self._days) > 1:
            gone = self._days.pop(0)
            self._out = self._out.copy()
            self._out[gone.rows] = gone.out
            self._first += 1
            self._join()
        return drawn

    def parts(self, begin_ms: int, end_ms: int) -> FloatArray:
        """Return for which part of a step each is out, 0..1, shape (size,)."""
        self.reach(begin_ms, end_ms)
        touched = (self._begins < end_ms) & (self._ends > begin_ms)
        rows = self._rows[touched]
        out_ms = np.minimum(self._ends[touched], end_ms) - np.maximum(
            self._begins[touched], begin_ms
        )
        return np.bincount(rows, out_ms, self.size) / (end_ms - begin_ms)

    def spans(self, row: int, begin_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Return from when to when one is out, as far as it touches a step [ms]."""
        self.reach(begin_ms, end_ms)
        mine = (self._rows == row) & (self._begins < end_ms) & (self._ends > begin_ms)
        return list(zip(self._begins[mine].tolist(), self._ends[mine].tolist(), strict=True))

    def changes_in(self, begin_ms: int, end_ms: int) -> Changes:
        """Return the failures and repairs from a moment to before another."""
        self.reach(begin_ms, end_ms)
        held = self.changes
        now = (held.at_ms >= begin_ms) & (held.at_ms < end_ms)
        return Changes(held.rows[now], held.at_ms[now], held.out[now])

    def state(self) -> dict[str, Any]:
        """Return what the days that are held begin with."""
        return {"day": self._first, "out": self._out}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self._begin(state["day"], state["out"])
