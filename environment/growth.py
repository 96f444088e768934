"""How a fleet grows: its vehicles join one after another, in the order of their rows."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar

_DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True)
class Growth:
    """How many vehicles of a fleet there are on a day.

    Attributes
    ----------
    calendar : Calendar
        When the run starts.
    first : int
        Vehicles at the start of the run.
    vehicles_per_year : float
        How many join in a year.
    joins : str
        Whether they join on the first of every month, or as each day begins.
    joining : tuple of (int, int)
        Days, counted from the start of the run, on which others join, and how many.
    """

    calendar: Calendar
    first: int
    vehicles_per_year: float
    joins: Literal["month", "day"] = "month"
    joining: tuple[tuple[int, int], ...] = ()

    def joined(self, day: int) -> int:
        """Return how many vehicles there are on a day, counted from the start of the run."""
        begin = self.calendar.start.date()
        today = begin + timedelta(days=day)
        if self.joins == "month":
            years = (today.year - begin.year) + (today.month - begin.month) / 12
        else:
            years = day / _DAYS_PER_YEAR
        others = sum(count for first_day, count in self.joining if first_day <= day)
        return self.first + math.floor(self.vehicles_per_year * years + 1e-9) + others

    def in_steps(self, steps: int) -> NDArray[np.int64]:
        """Return how many vehicles there are in every step, shape (steps,).

        A day begins in the step in which its midnight lies.
        """
        there = np.full(steps, self.joined(0), dtype=np.int64)
        begin, day = self.calendar.start.date(), 1
        while True:
            midnight_h = self.calendar.elapsed_h(begin + timedelta(days=day), 0.0)
            step = math.floor(midnight_h / self.calendar.step_h + 1e-9)
            if step >= steps:
                return there
            there[step:] = self.joined(day)
            day += 1

    def final(self, steps: int) -> int:
        """Return how many vehicles there are in the last of some steps."""
        return int(self.in_steps(steps)[-1]) if steps > 0 else self.joined(0)
