"""Rounds, charging windows and critical hours of each day, as events of the clock."""

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.moments import MS_PER_H, moment, step_moment
from hmesh.environment.school_rounds import DAY_H, rounds_of_days
from hmesh.runs.schemes.school_buses.records import recorded_schools
from hmesh.runs.schemes.school_buses.setting import SchoolSetting

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

DAY, SETS_OUT, IS_BACK, CRITICAL, WINDOW = (
    "school day", "school round begins", "school round ends", "critical hours", "charging window",
)  # fmt: skip
# What a step begins with is there before anybody acts.
_BEFORE_ALL = -1


class SchoolDays:
    """Lets buses set out and come back, windows open and close, and critical hours begin and end.

    As a day begins what happens on it is pending at its own second. The forecast of the day says
    which hours are critical.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    schools : SchoolSetting
        What all strategies share of the schools.

    Attributes
    ----------
    critical : bool
        Whether it is a critical hour.
    """

    def __init__(self, simulation: "Simulation", schools: SchoolSetting) -> None:
        self.simulation, self.schools = simulation, schools
        self.critical = False
        clock = simulation.clock
        clock.on(DAY, self._begin_day)
        clock.on(SETS_OUT, lambda _: self._drive("departs"))
        clock.on(IS_BACK, lambda _: self._drive("arrives"))
        clock.on(CRITICAL, self._set_critical)
        clock.on(WINDOW, self._note_window)
        clock.schedule(0.0, DAY, 0, priority=_BEFORE_ALL)

    def _begin_day(self, day: int) -> None:
        """Let what happens on a day be pending, and the next day."""
        self._pend_rounds(day)
        self._pend_windows(day)
        self._pend_critical(day)
        calendar = self.simulation.calendar
        tomorrow = calendar.start.date() + timedelta(days=day + 1)
        self._pend(moment(calendar.elapsed_h(tomorrow, 0.0)), DAY, day + 1)

    def _pend(self, at_ms: int, kind: str, subject: int = 0) -> None:
        now_h = self.simulation.clock.now_h
        if at_ms >= round(now_h * MS_PER_H):
            at_h = max(at_ms / MS_PER_H, now_h)
            self.simulation.clock.schedule(at_h, kind, subject, priority=_BEFORE_ALL)

    def _pend_rounds(self, day: int) -> None:
        calendar = self.simulation.calendar
        # A round of the day before the run may end within it.
        first = day - (day == 0)
        for begin, end in rounds_of_days(calendar, first, day, self.schools.hours):
            if begin >= 0:
                self._pend(begin, SETS_OUT)
            self._pend(end, IS_BACK)

    def _pend_windows(self, day: int) -> None:
        opens, closes = self.schools.rules.charging_window
        calendar = self.simulation.calendar
        date = calendar.start.date() + timedelta(days=day)
        for hour, opening in ((closes, False), (opens, True)):
            # A window of the whole day closes as the next one opens.
            if hour < DAY_H:
                self._pend(moment(calendar.elapsed_h(date, hour)), WINDOW, int(opening))

    def _pend_critical(self, day: int) -> None:
        steps = self.schools.forecast.steps_of(day)
        for begin, end in runs_of([step for step in steps if self.schools.is_critical(step)]):
            step_h = self.simulation.step_h
            self._pend(step_moment(begin, step_h), CRITICAL, 1)
            self._pend(step_moment(end, step_h), CRITICAL, 0)

    def _set_critical(self, begins: int) -> None:
        self.critical = bool(begins)
        self._note("critical_begins" if begins else "critical_ends")

    def _note_window(self, opens: int) -> None:
        self._note("window_opens" if opens else "window_closes")

    def _note(self, kind: str) -> None:
        self.simulation.log.note(kind, "utility", self._now_ms, 0)

    @property
    def _now_ms(self) -> int:
        return round(self.simulation.clock.now_h * MS_PER_H)

    def _drive(self, what: str) -> None:
        """Note that the recorded buses that drive rounds set out, or are back."""
        log = self.simulation.log
        if not log.wanted:
            return
        buses, schools = self.schools.buses, self.schools.schools
        recorded = recorded_schools(self.simulation.setting.scenario.record.schools, len(schools))
        out: NDArray[np.intp] = np.flatnonzero(
            (buses["school"] < recorded) & (buses["round_km"] > 0)
        )
        place = schools["community"][buses["school"][out]].astype(np.int64)
        log.note(what, "bus", self._now_ms, out, place, buses["round_km"][out])


def runs_of(steps: list[int]) -> list[tuple[int, int]]:
    """Return from where to before where whole numbers, ascending, follow each other."""
    found: list[tuple[int, int]] = []
    for step in steps:
        if found and found[-1][1] == step:
            found[-1] = found[-1][0], step + 1
        else:
            found.append((step, step + 1))
    return found
