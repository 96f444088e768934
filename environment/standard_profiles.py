"""Standard load profiles of households, businesses and farms.

The figures are the representative load profiles that the German association of the electricity
industry (VDEW, today BDEW) published in 1999 (VDEW-Materialien M-28/99): mean power in each
quarter hour of nine typical days. They stand in `data/standard_load_profiles.csv` as [kW] for a
consumer of about 1,000 kWh a year, each row labelled by the start of its quarter hour, and were
taken from the copy in demandlib 0.2.2 (MIT licence).

Those of 2025 (h25, g25, l25, p25, s25; BDEW, standard load profiles of electricity) have a
typical day for each kind of day of every month. They stand as published, in kWh of a quarter hour
for 1,000,000 kWh a year, in `data/standard_load_profiles_2025.csv`, and were taken from the copy in
demandlib (MIT licence, revision 109c1c8). h25, p25 and s25 are dynamised like households of 1999.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar, DayType
from hmesh.environment.errors import InputError, Problem, nearest

type Season = Literal["winter", "transition", "summer"]

OF_1999 = ("h0", "h0_dynamic", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "l0", "l1", "l2")
OF_2025 = ("h25", "g25", "l25", "p25", "s25")
PROFILES = (*OF_1999, *OF_2025)
DYNAMIC = ("h0_dynamic", "h25", "p25", "s25")

# What each name stands for, stated where a name is unknown.
_MEANINGS = (
    "h0 households, h0_dynamic the same smoothed over the year, g0 businesses, "
    "g1 on weekdays from 8 to 18, g2 in the evening, g3 all round the clock, "
    "g4 shops and hairdressers, g5 bakeries, g6 at weekends, l0 farms, l1 with milk, l2 others; "
    "of 2025: h25 households, g25 businesses, l25 farms, p25 households with photovoltaics, "
    "s25 with a battery too"
)
_YEAR_KWH = 1000.0
_QUARTER = timedelta(minutes=15)
_DAY = timedelta(days=1)
# A run looks at one day at a time, and forecasts at a few.
_DAYS_KEPT = 8


def season_of(day: date) -> Season:
    """Return the season of the standard load profiles in which a date lies.

    Winter lasts from 1 November to 20 March, summer from 15 May to 14 September; between them
    lie the two times of transition.
    """
    month_day = (day.month, day.day)
    if month_day >= (11, 1) or month_day <= (3, 20):
        return "winter"
    return "summer" if (5, 15) <= month_day <= (9, 14) else "transition"


def dynamisation(day_of_year: float) -> float:
    """Return the factor that smooths the household profile over the year.

    Parameters
    ----------
    day_of_year : float
        Number of the day in its year, 1 on 1 January.

    Returns
    -------
    float
        -3.92e-10 t^4 + 3.2e-7 t^3 - 7.02e-5 t^2 + 2.1e-3 t + 1.24 (VDEW-Materialien M-05/2000).
    """
    factor = 0.0
    for coefficient in (-3.92e-10, 3.2e-7, -7.02e-5, 2.1e-3, 1.24):
        factor = factor * day_of_year + coefficient
    return factor


def typical_day_kw(names: Sequence[str], season: Season, day_type: DayType) -> FloatArray:
    """Return the published curves of a typical day.

    Parameters
    ----------
    names : sequence of str
        Profiles wanted, each one of `OF_1999` but h0_dynamic.
    season, day_type : str
        The typical day.

    Returns
    -------
    FloatArray
        Mean power of a consumer of about 1,000 kWh a year in each quarter hour of the wall clock
        [kW], shape (96, names).
    """
    return _figures()[season, day_type][:, [_COLUMNS.index(name) for name in names]]


class StandardProfiles:
    """Standard load profiles along the calendar of a run.

    Public holidays are Sundays; 24 and 31 December are Saturdays unless they are Sundays, as
    the profiles prescribe. Local wall-clock time decides which quarter hour holds. Each
    profile is scaled so that every calendar year, with its own holidays and its own length, sums
    to 1,000 kWh.

    Parameters
    ----------
    calendar : Calendar
        The calendar of the run.
    names : sequence of str
        Profiles wanted, each one of `PROFILES`.

    Attributes
    ----------
    names : tuple of str
        The profiles, in the order of the columns of the power.

    Raises
    ------
    InputError
        With one problem for each name that is none of `PROFILES`.
    """

    def __init__(self, calendar: Calendar, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in PROFILES]
        if unknown:
            raise InputError(
                [
                    Problem(
                        "profile",
                        f"'{name}' is no standard load profile",
                        _MEANINGS,
                        nearest(str(name), PROFILES),
                    )
                    for name in unknown
                ]
            )
        self.names = tuple(names)
        self._calendar = calendar
        self._dynamic = np.array([name in DYNAMIC for name in names], dtype=np.bool_)
        old = [name for name in names if name in OF_1999]
        columns = [_COLUMNS.index(name.removesuffix("_dynamic")) for name in old]
        self._figures_kw = {day: table[:, columns] for day, table in _figures().items()}
        self._of_2025 = np.array([name in OF_2025 for name in names], dtype=np.bool_)
        self._columns_2025 = [OF_2025.index(name) for name in names if name in OF_2025]
        self._scale: dict[int, FloatArray] = {}
        self._days: dict[date, tuple[FloatArray, FloatArray]] = {}
        self._steps: dict[date, FloatArray | None] = {}

    def power_kw(self, step: int) -> FloatArray:
        """Return the mean power over a step of a consumer of 1,000 kWh a year.

        Parameters
        ----------
        step : int
            Number of the step.

        Returns
        -------
        FloatArray
            Mean power [kW], shape (profiles,).
        """
        if not self.names:
            return np.zeros(0)
        local = self._calendar.time_of(step)
        # Most days are worked out at once: a step is a row of them.
        steps = self._steps_of(local.date())
        if steps is not None:
            since = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
            place, past = divmod(since, timedelta(hours=self._calendar.step_h))
            if not past and not local.microsecond:
                of_step: FloatArray = steps[place].copy()
                return of_step
        begins, ends = (time.astimezone(UTC) for time in (local, self._calendar.time_of(step + 1)))
        day = local.date()
        # Where the clocks are put back across midnight, a date may begin within the one before.
        if self._midnight(day) > begins:
            day -= _DAY
        energy_kwh = np.zeros(len(self.names))
        while self._midnight(day) < ends:
            energy_kwh += self._energy_kwh(day, begins, ends)
            day += _DAY
        return energy_kwh / _hours(begins, ends)

    def _steps_of(self, day: date) -> FloatArray | None:
        """Return the mean power over each step that begins with the day [kW], (steps, profiles).

        None where the clocks change, or steps are no few quarters of an hour that fill a day.
        """
        if day not in self._steps:
            while len(self._steps) >= _DAYS_KEPT:
                del self._steps[next(iter(self._steps))]
            self._steps[day] = None
            quarters = 4 * self._calendar.step_h
            # Sums of eight and more are not made one after another.
            if (
                quarters in (1, 2, 3, 4, 6)
                and self._midnight(day + _DAY) - self._midnight(day) == _DAY
            ):
                energy_kwh = (0.25 * self._scaled_kw(day)).reshape(
                    -1, int(quarters), len(self.names)
                )
                self._steps[day] = energy_kwh.sum(axis=1) / self._calendar.step_h
        return self._steps[day]

    def _energy_kwh(self, day: date, begins: datetime, ends: datetime) -> FloatArray:
        """Return the energy between two times, as far as they lie within a day [profiles]."""
        if day not in self._days:
            # A run looks at one day at a time; what came before is not asked again.
            while len(self._days) >= _DAYS_KEPT:
                del self._days[next(iter(self._days))]
            edges_h, quarters = self._quarters(day)
            self._days[day] = edges_h, self._scaled_kw(day)[quarters]
        edges_h, power_kw = self._days[day]
        midnight = self._midnight(day)
        since_h, until_h = _hours(midnight, begins), _hours(midnight, ends)
        first = max(int(np.searchsorted(edges_h, since_h, side="right")) - 1, 0)
        last = int(np.searchsorted(edges_h[:-1], until_h, side="left"))
        spans_h = np.diff(np.clip(edges_h[first : last + 1], since_h, until_h))
        energy_kwh: FloatArray = (spans_h[:, None] * power_kw[first:last]).sum(axis=0)
        return energy_kwh

    def _scaled_kw(self, day: date) -> FloatArray:
        """Return the power in each quarter hour of the wall clock [96, profiles]."""
        if day.year not in self._scale:
            year_kwh = np.zeros(len(self.names))
            today = date(day.year, 1, 1)
            while today.year == day.year:
                edges_h, quarters = self._quarters(today)
                power_kw = self._unscaled_kw(today)
                year_kwh += (np.diff(edges_h)[:, None] * power_kw[quarters]).sum(axis=0)
                today += _DAY
            self._scale[day.year] = _YEAR_KWH / year_kwh
        return self._unscaled_kw(day) * self._scale[day.year]

    def _unscaled_kw(self, day: date) -> FloatArray:
        figures_kw = self._figures_kw[season_of(day), self._day_type(day)]
        if self._columns_2025:
            both = np.empty((96, len(self.names)))
            both[:, ~self._of_2025] = figures_kw
            of_2025 = _figures_of_2025()[day.month, self._day_type(day)]
            both[:, self._of_2025] = of_2025[:, self._columns_2025]
            figures_kw = both
        return figures_kw * np.where(self._dynamic, dynamisation(day.timetuple().tm_yday), 1.0)

    def _day_type(self, day: date) -> DayType:
        day_type = self._calendar.day_type(day)
        year_end = day.month == 12 and day.day in (24, 31)
        return "saturday" if year_end and day_type == "weekday" else day_type

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self._calendar.zone).astimezone(UTC)

    def _quarters(self, day: date) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return the spans of a day within which one quarter hour of the wall clock holds.

        Returns
        -------
        edges_h, quarters : array
            Edges of the spans in elapsed hours since midnight [spans + 1] and the quarter hour of
            the wall clock that holds within each [spans].
        """
        begins, ends = self._midnight(day), self._midnight(day + _DAY)
        if ends - begins == _DAY:
            return np.arange(97) / 4, np.arange(96)
        edges, quarters = [begins], []
        while edges[-1] < ends:
            local = edges[-1].astimezone(self._calendar.zone)
            since_midnight = timedelta(
                hours=local.hour,
                minutes=local.minute,
                seconds=local.second,
                microseconds=local.microsecond,
            )
            quarters.append(since_midnight // _QUARTER)
            edges.append(min(edges[-1] + _QUARTER - since_midnight % _QUARTER, ends))
        return np.array([_hours(begins, edge) for edge in edges]), np.array(
            quarters, dtype=np.int64
        )


def _hours(begins: datetime, ends: datetime) -> float:
    return (ends - begins) / timedelta(hours=1)


_COLUMNS = tuple(name for name in OF_1999 if name != "h0_dynamic")


@cache
def _figures() -> dict[tuple[str, str], FloatArray]:
    """Return the published power by season and kind of day [96, profiles] in [kW]."""
    source = resources.files("hmesh.environment").joinpath("data/standard_load_profiles.csv")
    days: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for row in csv.DictReader(source.read_text(encoding="utf-8").splitlines()):
        days[row["season"], row["day_type"]].append([float(row[name]) for name in _COLUMNS])
    return {day: np.array(table) for day, table in days.items()}


@cache
def _figures_of_2025() -> dict[tuple[int, str], FloatArray]:
    """Return the power of 2025 by month and kind of day, 1,000 kWh a year [96, profiles] [kW]."""
    source = resources.files("hmesh.environment").joinpath("data/standard_load_profiles_2025.csv")
    days: dict[tuple[int, str], list[list[float]]] = defaultdict(list)
    for row in csv.DictReader(source.read_text(encoding="utf-8").splitlines()):
        # A kWh in a quarter of an hour of 1,000,000 kWh is 4 W of 1,000 kWh.
        powers = [float(row[name]) * 4.0 / 1000.0 for name in OF_2025]
        days[int(row["month"]), row["day_type"]].append(powers)
    return {day: np.array(table) for day, table in days.items()}
