"""When the rows of a CityLearn folder begin: what its columns say, and what a person says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.datasets.readers.foreign import ImportOptions, numbers
from hmesh.environment.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

# What a column is called, and was called in the first releases.
_MONTH, _HOUR, _DAY_TYPE = ("month", "Month"), ("hour", "Hour"), ("day_type", "Day Type")
# Columns of the calendar, from which the start is found; the scenario has holidays of its own.
CALENDAR = (
    _MONTH, _HOUR, _DAY_TYPE, ("minutes",),
    ("daylight_savings_status", "Daylight Savings Status"),
)  # fmt: skip
# Days of the week are 1 to 7; what is above is a special day.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOUR_OF_CHANGE = timedelta(hours=1)
_EXAMPLE = "2016-08-01T00:00, or the year alone"


@dataclass(frozen=True, slots=True)
class FirstRow:
    """What the columns of a building's file say of its first row.

    Attributes
    ----------
    path : Path
        The file.
    month, hour : int or None
        Month from 1, and hour from 0 at which the row begins; None without such a column.
    day_type : int or None
        Day of the week from 1 for Monday; None without such a column, or on special days.
    month_ends_after : timedelta or None
        Time until the month changes, None where it does not.
    """

    path: Path
    month: int | None
    hour: int | None
    day_type: int | None
    month_ends_after: timedelta | None

    @classmethod
    def of(cls, table: "pd.DataFrame", path: Path, step: timedelta) -> "FirstRow":
        """Return the first row of a building's table."""
        months, hours, days = (_column(table, names, path) for names in (_MONTH, _HOUR, _DAY_TYPE))
        change = next((row for row, month in enumerate(months) if month != months[0]), None)
        # Hours count from 1 to 24, in some folders from 0 to 23.
        from_one = 0 not in hours
        day_type = days[0] if days and 1 <= days[0] <= len(_DAYS) else None
        return cls(
            path,
            months[0] if months else None,
            (hours[0] - from_one) % 24 if hours else None,
            day_type,
            None if change is None else change * step,
        )

    def start_in(self, year: int) -> datetime:
        """Return the start in a year.

        Raises
        ------
        InputError
            If the columns do not say on which day of the month it lies.
        """
        if self.month is None or self.month_ends_after is None:
            message = f"{self.path} does not say on which day of {year} it begins"
            raise InputError([Problem("--start", message, f"such as --start {year}-08-01T00:00")])
        following = datetime(year + self.month // 12, self.month % 12 + 1, 1)
        start = following - self.month_ends_after
        if self.hour is not None and start.hour != self.hour:
            # Clocks that change within the month move what lies before the change.
            beside = (start - _HOUR_OF_CHANGE, start + _HOUR_OF_CHANGE)
            start = next((time for time in beside if time.hour == self.hour), start)
        return start

    def problems(self, start: datetime) -> list[Problem]:
        """Return where the columns say something else than a start."""
        place, given = f"{self.path}, line 2", f"the start {start.isoformat(timespec='minutes')}"
        problems = []
        if self.month not in (None, start.month):
            message = f"month {self.month} is not that of {given}"
            problems.append(Problem(f"{place}, column month", message, "another --start"))
        if self.hour not in (None, start.hour):
            message = f"the hour begins at {self.hour}:00, which is not that of {given}"
            problems.append(Problem(f"{place}, column hour", message, "another --start"))
        if not problems and self.month is not None and self.month_ends_after is not None:
            own = self.start_in(start.year)
            if abs(own - start) > _HOUR_OF_CHANGE:
                message = f"the month ends {self.month_ends_after} after the first row, not {given}"
                allowed = f"--start {own.isoformat(timespec='minutes')}, or another year"
                problems.append(Problem(f"{place}, column month", message, allowed))
        return problems

    def warnings(self, start: datetime) -> list[Problem]:
        """Return where the day of the week is another one than that of a start."""
        if self.day_type in (None, start.isoweekday()):
            return []
        assert self.day_type is not None
        message = (
            f"the first row is a {_DAYS[self.day_type - 1]}, {start:%Y-%m-%d} is a "
            f"{_DAYS[start.weekday()]}: holidays and weekends of the run are others than those of "
            "the data"
        )
        return [Problem(f"{self.path}, line 2, column day_type", message)]


def special_rows(table: "pd.DataFrame", path: Path) -> list[int]:
    """Return the rows of a building's table that lie in special days, such as public holidays."""
    days = _column(table, _DAY_TYPE, path)
    return [row for row, day in enumerate(days) if day > len(_DAYS)]


def given_start(schema: Mapping[str, Any], options: ImportOptions) -> str:
    """Return the start that is given, by the person or else by the schema.

    Raises
    ------
    InputError
        If there is none.
    """
    own = schema.get("start_date")
    why = "the files of CityLearn state no year, and the schema has no start_date"
    return options.start or (options.needed("start", why, _EXAMPLE) if own is None else str(own))


def find_start(
    schema: Mapping[str, Any], place: Path, options: ImportOptions, rows: list[FirstRow]
) -> tuple[datetime, list[Problem]]:
    """Return when a folder begins, and what a person should know of that.

    The start of the person goes before the ``start_date`` of the schema; a year alone, in either,
    is completed by the columns.

    Raises
    ------
    InputError
        If there is no start, or the columns say another one.
    """
    given = schema.get("start_date")
    own = None if given is None else str(given)
    text = given_start(schema, options)
    try:
        year_alone = re.fullmatch(r"\d{4}", text)
        start = rows[0].start_in(int(text)) if year_alone else datetime.fromisoformat(text)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        source = "--start" if options.start else f"{place}: start_date"
        raise InputError([Problem(source, f"{text!r} is no time", _EXAMPLE)]) from None
    if not options.start and len(text) == len("2016-08-01") and rows[0].hour is not None:
        start = start.replace(hour=rows[0].hour)
    start = start.replace(tzinfo=None)
    if problems := [problem for row in rows for problem in row.problems(start)]:
        raise InputError(problems)
    warnings = [warning for row in rows[:1] for warning in row.warnings(start)]
    if options.start and own is not None and not start.isoformat().startswith(own[:10]):
        message = f"{own} is not the start {start.isoformat(timespec='minutes')} that was given"
        warnings.append(Problem(f"{place}: start_date", message))
    return start, warnings


def _column(table: "pd.DataFrame", names: tuple[str, ...], path: Path) -> list[int]:
    there = [name for name in names if name in table.columns]
    if not there:
        return []
    return [int(value) for value in numbers(table, there[0], path).ffill().fillna(0).tolist()]
