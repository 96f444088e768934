"""School years that follow the same rules every year."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

type Term = tuple[date, date]

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class YearlyDays:
    """Days in a row that come every year, from a weekday on or after a date.

    Attributes
    ----------
    name : str
        What they are.
    month, day : int
        The date.
    weekday : int
        The first of the days is the first such weekday on or after the date, 0 for Monday.
    days : int
        How many they are.
    """

    name: str
    month: int
    day: int
    weekday: int
    days: int = 1

    def first(self, year: int) -> date:
        """Return the first of the days in a calendar year."""
        earliest = date(year, self.month, self.day)
        return earliest + timedelta(days=(self.weekday - earliest.weekday()) % 7)


@dataclass(frozen=True, slots=True)
class SchoolYear:
    """A school year, from its first day until so many days of instruction were given.

    Attributes
    ----------
    first_day : YearlyDays
        When it begins.
    instruction_days : int
        How many weekdays have school, those of the breaks aside.
    breaks : tuple of YearlyDays
        Days without school, also outside the school year.
    """

    first_day: YearlyDays
    instruction_days: int
    breaks: tuple[YearlyDays, ...]

    def terms(self, year: int) -> tuple[Term, ...]:
        """Return the first and last days of its weeks, for the one that begins in a year."""
        return _terms(self, year)


@lru_cache(maxsize=256)
def _terms(rules: SchoolYear, year: int) -> tuple[Term, ...]:
    off = {
        days.first(each) + timedelta(days=number)
        for days in rules.breaks
        for each in (year, year + 1)
        for number in range(days.days)
    }
    day = rules.first_day.first(year)
    school_days: list[date] = []
    while len(school_days) < rules.instruction_days:
        if day.weekday() < 5 and day not in off:
            school_days.append(day)
        day += timedelta(days=1)
    return stretches(school_days)


def stretches(days: Iterable[date]) -> tuple[Term, ...]:
    """Return the first and the last day of each unbroken row of days."""
    found: list[Term] = []
    for day in sorted(days):
        if found and day - found[-1][1] <= timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return tuple(found)


# Michigan. First day, winter break and spring break: Guidelines for a Perpetual Common School
# Calendar for Washtenaw County School Districts. Days of instruction: State School Aid Act, MCL
# 388.1701. The other days off are those that most districts there give.
MICHIGAN = SchoolYear(
    first_day=YearlyDays("first day, after Labor Day", 9, 2, 1),
    instruction_days=180,
    breaks=(
        YearlyDays("Thanksgiving", 11, 22, 3, days=2),
        YearlyDays("winter break", 12, 20, 0, days=12),
        YearlyDays("winter break, where it would begin on 26 December", 12, 23, 4),
        YearlyDays("Martin Luther King Jr. Day", 1, 15, 0),
        YearlyDays("midwinter break, to Presidents' Day", 2, 12, 4, days=4),
        YearlyDays("spring break", 3, 25, 0, days=5),
        YearlyDays("Memorial Day", 5, 25, 0),
    ),
)

SCHOOL_YEARS: dict[str, SchoolYear] = {"michigan": MICHIGAN}
