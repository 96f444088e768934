"""Commercial buildings of a district, made from standard load profiles: open days and a hot summer.

Every business follows the curve of a working day of its standard profile on the days on which it
is open, and uses what it uses at night on those on which it is closed. What it does by day and
what runs all night grow with the heat of summer and, less, with the cold of winter. The figures
are set so that 39 of them amount to the load that was published of 39 commercial buildings in
Kitakyushu, whose hourly loads were not: a highest hour of 44,300 kWh on a summer day whose lowest
is about 12,800, 28,000 at most in winter (battery sharing among commercial buildings, Frontiers in
Energy Research 10 (2022) 929693, section 4.3).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.standard_profiles import typical_day_kw
from hmesh.environment.streams import Streams

type ClosedDays = Literal["none", "sunday", "weekend"]

# Profile and closed days of one building after another, again from the start after the last. Of
# 39 measured ones 15 were never closed, 4 on Sundays and 20 at weekends.
BUSINESSES: tuple[tuple[str, ClosedDays], ...] = (
    ("g1", "weekend"), ("g4", "none"), ("g0", "weekend"), ("g4", "sunday"), ("g1", "weekend"),
    ("g3", "none"), ("g0", "weekend"), ("g2", "none"), ("g1", "weekend"), ("g0", "none"),
    ("g0", "weekend"), ("g6", "none"), ("g1", "weekend"), ("g2", "sunday"), ("g0", "weekend"),
    ("g4", "none"), ("g1", "weekend"), ("g3", "none"), ("g0", "weekend"), ("g2", "none"),
    ("g1", "weekend"), ("g0", "none"), ("g0", "weekend"), ("g5", "sunday"), ("g1", "weekend"),
    ("g6", "none"), ("g0", "weekend"), ("g4", "none"), ("g1", "weekend"), ("g3", "none"),
    ("g0", "weekend"), ("g2", "none"), ("g1", "weekend"), ("g0", "sunday"), ("g0", "weekend"),
    ("g0", "none"), ("g1", "weekend"), ("g6", "none"), ("g0", "weekend"),
)  # fmt: skip
_PROFILES = ("g0", "g1", "g2", "g3", "g4", "g5", "g6")
_DAYS_PER_YEAR = 365.0
_QUARTERS = 96


@dataclass(frozen=True, slots=True)
class District:
    """How the loads of its buildings come about.

    Attributes
    ----------
    peak_kw : float
        Highest mean power of an hour of all buildings together, in the year from the start [kW].
    size_spread, activity_spread, heat_spread : float
        Standard deviations of the logarithm of the sizes of buildings, of what each does on a day,
        and of the heat of a summer's days [-].
    hottest_day : float
        Day of the year on which the heat is greatest, 1 on 1 January.
    heat_exponent : float
        How steeply the heat rises towards that day [-].
    heat_by_day, heat_by_night : float
        What is added on the hottest day to what is used when open, and to what runs all night,
        per what is used on neither hot nor cold days [-].
    cold : float
        What is added to both on the coldest day [-].
    night : float
        What runs all night, per the lowest load of the profile [-].
    closed : float
        What runs on days on which a building is closed, per what runs all night [-].
    """

    peak_kw: float = 44_300.0
    size_spread: float = 0.8
    activity_spread: float = 0.15
    heat_spread: float = 0.1
    hottest_day: float = 216.0
    heat_exponent: float = 12.0
    heat_by_day: float = 1.1
    heat_by_night: float = 0.75
    cold: float = 0.28
    night: float = 2.5
    closed: float = 0.2


class CommercialBuildings:
    """The loads of the commercial buildings of a district.

    Parameters
    ----------
    calendar : Calendar
        The calendar of the run; public holidays are Sundays.
    streams : Streams
        Where sizes, activity and heat are drawn from. More buildings change nothing of those
        before them but their common scale.
    count : int
        How many, at least 1.
    district : District
        How their loads come about.
    name : str
        For whom is drawn; the heat of the days is the same for all districts.

    Attributes
    ----------
    profile : tuple of str
        Standard profile of each.
    closed : tuple of str
        Days on which each is closed.
    """

    def __init__(
        self,
        calendar: Calendar,
        streams: Streams,
        count: int,
        district: District | None = None,
        name: str = "district/businesses",
    ) -> None:
        businesses = [BUSINESSES[row % len(BUSINESSES)] for row in range(count)]
        self.profile = tuple(profile for profile, _ in businesses)
        self.closed = tuple(days for _, days in businesses)
        self._calendar, self._streams, self._name = calendar, streams, name
        self._district = district or District()
        self._curve_at = np.array([_PROFILES.index(name) for name in self.profile])
        closed = np.array(self.closed)
        self._closed_on = {5: closed == "weekend", 6: closed != "none"}
        curves = typical_day_kw(_PROFILES, "transition", "weekday")
        curves = curves / curves.mean(axis=0)
        self._lowest = curves.min(axis=0)
        self._activity = curves - self._lowest
        spread = self._district.size_spread
        draws = streams.generator("size of buildings", name).standard_normal(count)
        self._size_kw = np.exp(spread * draws)
        self._active_in: dict[int, FloatArray] = {}
        self._day: tuple[date, FloatArray, FloatArray] | None = None
        self._size_kw *= self._district.peak_kw / self._highest_kw()

    def __len__(self) -> int:
        return len(self.profile)

    def load_kwh(self, step: int) -> FloatArray:
        """Return the load of every building in a step [kWh], shape (buildings,)."""
        begins = self._calendar.time_of(step)
        day = begins.date()
        if self._day is None or self._day[0] != day:
            self._day = day, *self._of_day(day)
        _, night_kw, activity_kw = self._day
        active = self._active(_quarter_of(begins))
        power_kw: FloatArray = night_kw + activity_kw * active[self._curve_at]
        return power_kw * self._calendar.step_h

    def _active(self, quarter: int) -> FloatArray:
        """Return what every profile does in a step that begins with a quarter of the day [-]."""
        if quarter not in self._active_in:
            quarters = max(round(self._calendar.step_h * 4), 1)
            rows = np.arange(quarter, quarter + quarters) % _QUARTERS
            self._active_in[quarter] = self._activity[rows].mean(axis=0)
        return self._active_in[quarter]

    def _of_day(self, day: date) -> tuple[FloatArray, FloatArray]:
        """Return what runs all day, and the scale of what is done when open [kW], (buildings,)."""
        given = self._district
        # Streams of days are numbered from 1970; the numbers of earlier days come round from above.
        number = (day.toordinal() - date(1970, 1, 1).toordinal()) % 2**32
        turn = 2.0 * np.pi * (day.timetuple().tm_yday - given.hottest_day) / _DAYS_PER_YEAR
        summer = (1.0 + np.cos(turn)) / 2.0
        drawn = self._streams.generator("heat of a day", "building", number).standard_normal()
        spread = given.heat_spread
        heat = summer**given.heat_exponent * np.exp(spread * drawn - spread**2 / 2)
        cold = given.cold * (1.0 - summer) ** given.heat_exponent
        busy = self._streams.generator("activity of a day", self._name, number)
        spread = given.activity_spread
        activity = np.exp(spread * busy.standard_normal(len(self)) - spread**2 / 2)
        weekday = 6 if self._calendar.day_type(day) == "sunday" else day.weekday()
        night = given.night * self._lowest[self._curve_at]
        if weekday in self._closed_on:
            closed = self._closed_on[weekday]
            activity = np.where(closed, 0.0, activity)
            night = np.where(closed, given.closed * night, night)
        return (
            self._size_kw * night * (1.0 + given.heat_by_night * heat + cold),
            self._size_kw * activity * (1.0 + given.heat_by_day * heat + cold),
        )

    def _highest_kw(self) -> float:
        """Return the highest mean power of a step in the year from the start [kW]."""
        step_h = self._calendar.step_h
        steps = round(_DAYS_PER_YEAR * 24.0 / step_h)
        highest = 0.0
        step = 0
        while step < steps:
            day, quarters = self._steps_of_day(step, steps)
            night_kw, activity_kw = self._of_day(day)
            active = np.array([self._active(quarter)[self._curve_at] for quarter in quarters])
            power_kw = night_kw + activity_kw * active
            highest = max(highest, float((power_kw * step_h).sum(axis=1).max()))
            step += len(quarters)
        return highest / step_h

    def _steps_of_day(self, step: int, steps: int) -> tuple[date, list[int]]:
        """Return the date of a step, and the quarters at which its steps from there on begin."""
        begins = self._calendar.time_of(step)
        quarters = [_quarter_of(begins)]
        while step + len(quarters) < steps:
            then = self._calendar.time_of(step + len(quarters))
            if then.date() != begins.date():
                break
            quarters.append(_quarter_of(then))
        return begins.date(), quarters


def _quarter_of(time: datetime) -> int:
    """Return the quarter of an hour of its day in which a time lies, 0 to 95."""
    return (time.hour * 60 + time.minute) // 15
