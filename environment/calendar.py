"""The calendar of a run: from the number of a step to local time, date and kind of day."""

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.school_terms import SchoolTerms

type DayType = Literal["weekday", "saturday", "sunday"]
type DayKind = Literal["weekday", "saturday", "sunday", "holiday", "school_holiday"]

DAY_KINDS: tuple[DayKind, ...] = ("weekday", "saturday", "sunday", "holiday", "school_holiday")
# A kind of day that is not given is like the kind named here.
LIKE_KIND: dict[DayKind, DayKind] = {"holiday": "sunday", "school_holiday": "weekday"}
_MICROSECONDS_PER_HOUR = 3.6e9
_MOST_TIMES = 512


class Calendar:
    """Steps of equal length, counted in elapsed time and stated in local time.

    A step is labelled by its start. Step n starts n * step_h elapsed hours after the start of the
    run, so the hour that the clocks skip in spring has no step and the one they repeat in autumn
    has two.

    Parameters
    ----------
    start : str or datetime
        When step 0 starts: local wall-clock time in ISO 8601, e.g. "2024-01-01" or
        "2024-01-01 06:00". A time that the clocks show twice is the first of the two; a time
        with an offset from UTC is turned into local time.
    time_zone : str
        Name of the time zone, e.g. "Europe/Berlin".
    step_h : float, optional
        Length of a step [h].
    holiday_country : str, optional
        Country whose public holidays count as Sundays, e.g. "DE"; None for no holidays.
    holiday_subdivision : str, optional
        Part of that country, e.g. "BY"; None for the holidays that all its parts share.
    school_terms : SchoolTerms, optional
        When there is school; None where it is not known.
    special_days : iterable of date, optional
        Further days that count as public holidays.

    Attributes
    ----------
    start : datetime
        When step 0 starts, with the time zone.
    zone : ZoneInfo
        The time zone.
    step_h : float
        Length of a step [h].

    Raises
    ------
    InputError
        With one problem for each argument that cannot be used.
    """

    def __init__(
        self,
        start: str | datetime,
        time_zone: str,
        step_h: float = 1.0,
        holiday_country: str | None = None,
        holiday_subdivision: str | None = None,
        school_terms: SchoolTerms | None = None,
        special_days: Iterable[date] = (),
    ) -> None:
        problems: list[Problem] = []
        zone = _zone(time_zone, problems)
        begin = _start(start, zone or ZoneInfo("UTC"), problems)
        _check_step(step_h, problems)
        _check_holidays(holiday_country, holiday_subdivision, problems)
        if zone is None or begin is None or problems:
            raise InputError(problems)
        self.start = begin
        self.zone = zone
        self.step_h = float(step_h)
        self.holiday_country = holiday_country
        self.holiday_subdivision = holiday_subdivision
        self.school_terms = school_terms
        self.special_days = frozenset(special_days)
        self._start_utc = begin.astimezone(UTC)
        self._holidays: dict[int, frozenset[date]] = {}
        self._school_days: dict[int, NDArray[np.bool_]] = {}
        self._times: dict[int, datetime] = {}

    def time_of(self, step: int) -> datetime:
        """Return the local time at which a step starts, with its time zone."""
        # Much is asked of the same few steps in a row.
        if step not in self._times:
            if len(self._times) >= _MOST_TIMES:
                self._times.clear()
            since_start = timedelta(hours=step * self.step_h)
            self._times[step] = (self._start_utc + since_start).astimezone(self.zone)
        return self._times[step]

    def hour_of_day(self, step: int) -> float:
        """Return what the local clock shows as a step starts [h], at least 0 and below 24."""
        time = self.time_of(step)
        seconds = time.hour * 3600 + time.minute * 60 + time.second
        return (seconds + time.microsecond / 1e6) / 3600

    def date_of(self, step: int) -> date:
        """Return the local date on which a step starts."""
        return self.time_of(step).date()

    def day_of(self, step: int) -> int:
        """Return how many local dates lie between the start of the run and that of a step."""
        return (self.date_of(step) - self.start.date()).days

    def elapsed_h(self, day: date, clock_h: float) -> float:
        """Return how long after the start of the run the local clock shows an hour of a date [h].

        An hour above 24 belongs to the date after; one that the clocks skip is the hour after it.
        """
        local = datetime.combine(day, time(0), self.zone) + timedelta(hours=clock_h)
        return (local.astimezone(UTC) - self._start_utc) / timedelta(hours=1)

    def elapsed_hours(self, day: date, clock_h: FloatArray) -> FloatArray:
        """Return `elapsed_h` of many hours of a date [h], from 0 on and of the shape given.

        The clocks change on a quarter of an hour, if they do.
        """
        if clock_h.size == 0:
            return clock_h.astype(np.float64)
        quarters = np.floor(clock_h * 4).astype(np.intp)
        begins = [self.elapsed_h(day, quarter / 4) for quarter in range(int(quarters.max()) + 1)]
        elapsed: FloatArray = np.array(begins)[quarters] + (clock_h - quarters / 4)
        return elapsed

    def is_holiday(self, day: date) -> bool:
        """Return whether a date is a public holiday; never, where none are named."""
        return day in self._holidays_of(day.year)

    def is_school_day(self, day: date) -> bool:
        """Return whether a date has school; never, where no school terms are stated."""
        if self.school_terms is None:
            return False
        return bool(self._school_days_of(self.school_terms, day.year)[_day_of_year(day)])

    def school_days(self, day: int, days: int) -> NDArray[np.bool_]:
        """Return whether some dates in a row have school, shape (days,).

        Parameters
        ----------
        day : int
            The first of them, counted from the start of the run as `day_of` does.
        days : int
            How many they are.
        """
        if self.school_terms is None:
            return np.zeros(days, dtype=bool)
        first = self.start.date() + timedelta(days=day)
        last = first + timedelta(days=max(days - 1, 0))
        years = [
            self._school_days_of(self.school_terms, year)
            for year in range(first.year, last.year + 1)
        ]
        begins = _day_of_year(first)
        return np.concatenate(years)[begins : begins + days]

    def school_steps(self, step: int, steps: int) -> NDArray[np.bool_]:
        """Return whether the dates on which some steps in a row start have school, shape (steps,).

        Parameters
        ----------
        step : int
            The first of them.
        steps : int
            How many they are.
        """
        days = self.days_of(step, steps)
        if days.size == 0:
            return np.zeros(0, dtype=bool)
        by_day = self.school_days(int(days[0]), int(days[-1] - days[0]) + 1)
        school: NDArray[np.bool_] = by_day[days - days[0]]
        return school

    def days_of(self, step: int, steps: int) -> NDArray[np.intp]:
        """Return `day_of` of some steps in a row, shape (steps,)."""
        if steps <= 0:
            return np.zeros(0, dtype=np.intp)
        first, last = self.day_of(step), self.day_of(step + steps - 1)
        today = self.start.date()
        begins = [
            round(self.elapsed_h(today + timedelta(days=day), 0.0) * _MICROSECONDS_PER_HOUR)
            for day in range(first + 1, last + 1)
        ]
        # Times are stated to the microsecond, and so are the steps of a third of an hour.
        starts = np.rint(np.arange(step, step + steps) * (self.step_h * _MICROSECONDS_PER_HOUR))
        days: NDArray[np.intp] = first + np.searchsorted(np.array(begins), starts, side="right")
        return days

    def day_type(self, day: date) -> DayType:
        """Return the kind of day that a date is; a public holiday is like a Sunday."""
        if day.weekday() == 6 or self.is_holiday(day):
            return "sunday"
        return "saturday" if day.weekday() == 5 else "weekday"

    def day_kind(self, day: date) -> DayKind:
        """Return the kind of day that a date is.

        Public holidays are a separate kind, and where school terms are stated so are the other
        days from Monday to Friday without school.
        """
        if self.is_holiday(day):
            return "holiday"
        kind = self.day_type(day)
        if kind == "weekday" and self.school_terms is not None and not self.is_school_day(day):
            return "school_holiday"
        return kind

    def _holidays_of(self, year: int) -> frozenset[date]:
        if self.holiday_country is None:
            return self.special_days
        if year not in self._holidays:
            of_country = _holidays(self.holiday_country, self.holiday_subdivision, year)
            self._holidays[year] = of_country | self.special_days
        return self._holidays[year]

    def _school_days_of(self, terms: SchoolTerms, year: int) -> NDArray[np.bool_]:
        if year not in self._school_days:
            self._school_days[year] = terms.school_days(year, self._holidays_of(year))
        return self._school_days[year]


def _day_of_year(day: date) -> int:
    return day.timetuple().tm_yday - 1


def _zone(name: str, problems: list[Problem]) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, TypeError, ValueError, KeyError):
        # Also a city alone names its zone: "Berlin" is near "Europe/Berlin".
        zones = sorted(available_timezones())
        cities = {zone.rpartition("/")[2]: zone for zone in zones}
        near = cities.get(nearest(str(name), cities), "") if "/" not in str(name) else ""
        problems.append(
            Problem(
                "time_zone",
                f"'{name}' is no time zone",
                "a name of the IANA time zone database, such as Europe/Berlin",
                near or nearest(str(name), zones),
            )
        )
        return None


def _start(start: str | datetime, zone: ZoneInfo, problems: list[Problem]) -> datetime | None:
    try:
        time = datetime.fromisoformat(start.strip()) if isinstance(start, str) else start
        if time.tzinfo is not None:
            return time.astimezone(zone)
        local = time.replace(tzinfo=zone)
        shown = local.astimezone(UTC).astimezone(zone)
    except (AttributeError, OverflowError, ValueError):
        allowed = "a date or a time in ISO 8601, such as 2024-01-01 or 2024-01-01 06:00"
        problems.append(Problem("start", f"'{start}' is no time", allowed))
        return None
    # Times without a zone are compared as they are written, whichever of two they mean.
    if shown.replace(tzinfo=None) != time:
        allowed = f"a time that the clocks there show, such as {shown:%Y-%m-%d %H:%M}"
        message = f"{time:%Y-%m-%d %H:%M} does not exist in {zone.key}: the clocks skip it"
        problems.append(Problem("start", message, allowed))
        return None
    return local


def _check_step(step_h: float, problems: list[Problem]) -> None:
    try:
        usable = math.isfinite(step_h) and timedelta(hours=step_h) > timedelta(0)
    except (OverflowError, TypeError):
        usable = False
    if not usable:
        allowed = "a number of hours above 0, such as 1 or 0.25"
        problems.append(Problem("step_h", f"{step_h!r} is no length of a step", allowed))


def _check_holidays(country: str | None, subdivision: str | None, problems: list[Problem]) -> None:
    if country is None:
        if subdivision is not None:
            message = f"'{subdivision}' is part of no country, for none is named"
            problems.append(Problem("holiday_subdivision", message, "holiday_country as well"))
        return
    # Slow to import, and not needed where no holidays are wanted.
    import holidays

    subdivisions = holidays.list_supported_countries()
    if country not in subdivisions:
        # Also the name of a country is near its letters: "Germany" is near "DE".
        names = {names[0]: names[1] for names in holidays.registry.COUNTRIES.values()}
        near = names.get(nearest(str(country), names), "") if len(str(country)) > 3 else ""
        message = f"no public holidays are known for '{country}'"
        allowed = "the two letters of a country in ISO 3166, such as DE"
        suggestion = near or nearest(str(country), subdivisions)
        problems.append(Problem("holiday_country", message, allowed, suggestion))
    elif subdivision is not None and subdivision not in subdivisions[country]:
        options = subdivisions[country]
        message = f"'{subdivision}' is no part of {country} with its own holidays"
        allowed = ", ".join(options) or "nothing, for its holidays are the same everywhere"
        suggestion = nearest(str(subdivision), options)
        problems.append(Problem("holiday_subdivision", message, allowed, suggestion))


def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    import holidays

    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))
