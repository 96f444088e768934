"""When school buses charge and utilities need help, worked out again from the clock."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

DAY_H = 24.0
_ROUNDING_H = 1e-9


class SchoolHours:
    """The charging windows, rounds and critical hours of a run, step by step.

    Parameters
    ----------
    clock, days : sequence of float, sequence of int
        Clock hour at which each step begins [h], and its day, counted from that of the start.
    step_h : float
        Length of a step [h].
    window : (float, float)
        Clock hours at which the charging window opens and closes [h].
    rounds : sequence of (int, int)
        When each round begins and ends, from the start of the run [ms].
    expected_kwh : callable
        Gives the demand expected in a step [kWh].
    base_kw, share_of_peak : float or None
        What the utility meets without help: a power [kW], or a share of the day's highest demand.

    Notes
    -----
    Written from Khwanrit (2024), section 4.3, and the description of the keys of school buses. A
    step belongs to a window that it lies in as a whole.
    """

    def __init__(
        self,
        clock: Sequence[float],
        days: Sequence[int],
        step_h: float,
        window: tuple[float, float],
        rounds: Sequence[tuple[int, int]],
        expected_kwh: Callable[[int], float],
        base_kw: float | None,
        share_of_peak: float | None,
    ) -> None:
        self.clock, self.days, self.step_h = clock, days, step_h
        self._opens_at, self._open_h = window[0], window[1] - window[0]
        if self._open_h < 0.0:
            self._open_h += DAY_H
        self._expected, self._base_kw, self._share = expected_kwh, base_kw, share_of_peak
        edges = [round(step * step_h * 3_600_000) for step in range(len(clock) + 1)]
        self._base_of_day: dict[int, float] = {}
        self._critical: dict[int, bool] = {}
        self._begins = [0] * len(clock)
        self._on_the_road = [False] * len(clock)
        self._closes = any(not self.is_open(each) for each in range(len(clock)))
        for begin, end in rounds:
            first = bisect_right(edges, begin) - 1
            if 0 <= begin < edges[-1]:
                self._begins[first] += 1
            for step in range(max(first, 0), len(clock)):
                if edges[step] >= end:
                    break
                self._on_the_road[step] = True

    def _since_opening(self, step: int) -> float:
        """Return how long before a step the window opened last [h], below 24."""
        since = (self.clock[step] - self._opens_at) % DAY_H
        return 0.0 if since > DAY_H - _ROUNDING_H else since

    def is_open(self, step: int) -> bool:
        """Return whether a step lies within a window."""
        last = self._since_opening(step) + self.step_h
        return self._open_h == DAY_H or last <= self._open_h + _ROUNDING_H

    def opens(self, step: int) -> bool:
        """Return whether a step is the first of a window."""
        if not self.is_open(step):
            return False
        return step == 0 or not self.is_open(step - 1) or self._night(step) > self._night(step - 1)

    def _night(self, step: int) -> int:
        """Return the day on which the window of a step opened."""
        before_opening = self.clock[step] < self._opens_at - _ROUNDING_H
        return self.days[step] - before_opening

    def ahead(self, step: int) -> int:
        """Return how many rounds begin after a step and before there was time to charge again.

        That is before the next window opens, and within it; where windows never close, before the
        next one opens.
        """
        later = step + 1
        while later < len(self.clock) and not self.opens(later):
            later += 1
        while self._closes and later < len(self.clock) and self.is_open(later):
            later += 1
        return sum(self._begins[step + 1 : later])

    def base_kwh(self, step: int) -> float:
        """Return the demand that the utility meets without help on the date of a step [kWh]."""
        if self._base_kw is not None:
            return self._base_kw * self.step_h
        day = self.days[step]
        if day not in self._base_of_day:
            of_day = [s for s, other in enumerate(self.days) if other == day]
            highest = max(self._expected(s) for s in of_day)
            self._base_of_day[day] = (self._share or 0.0) * highest
        return self._base_of_day[day]

    def is_critical(self, step: int) -> bool:
        """Return whether more demand is expected in a step than the utility meets without help."""
        if step not in self._critical:
            self._critical[step] = self._expected(step) > self.base_kwh(step)
        return self._critical[step]

    def valley(self, step: int) -> list[int]:
        """Return the steps to charge in, from a step on to the end of its window.

        Steps on the road and critical ones are none of them.
        """
        found, later = [], step
        while later < len(self.clock):
            if later > step and (self.opens(later) or not self.is_open(later)):
                break
            if not self._on_the_road[later] and not self.is_critical(later):
                found.append(later)
            later += 1
        return found

    def critical_block(self, step: int) -> list[int]:
        """Return the critical steps from a step to the next round or the end of its date."""
        found, later = [], step
        while later < len(self.clock) and self.days[later] == self.days[step]:
            if self._on_the_road[later]:
                break
            if self.is_critical(later):
                found.append(later)
            later += 1
        return found
