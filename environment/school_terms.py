"""School terms: the days on which there is school."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.school_years import SCHOOL_YEARS, SchoolYear, Term


@dataclass(frozen=True, slots=True)
class SchoolTerms:
    """Terms, the days off within them, and days with school besides.

    There is school from Monday to Friday within a term, but not on public holidays and days off;
    and on extra days, whatever else they are.

    Attributes
    ----------
    terms : tuple of (date, date)
        First and last day of each term, one after another.
    every_year : SchoolYear or None
        Rules that give the terms of every year, in place of `terms`; None for none.
    days_off : frozenset of date
        Days without school within the terms.
    extra_days : frozenset of date
        Days with school after all.

    Raises
    ------
    InputError
        If a term ends before it begins or begins before the last one has ended, if there is none,
        or if a day is both off and extra.
    """

    terms: tuple[Term, ...] = ()
    every_year: SchoolYear | None = None
    days_off: frozenset[date] = frozenset()
    extra_days: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        problems = [
            replace(problem, place=f"terms.{problem.place}")
            for problem in term_problems(self.terms)
        ]
        if self.every_year is None and not self.terms and not self.extra_days:
            problems.append(Problem("terms", "there is no day with school", "at least one term"))
        problems += [
            replace(problem, place="extra_days")
            for problem in clashes(self.days_off, self.extra_days)
        ]
        if problems:
            raise InputError(problems)

    @classmethod
    def built_in(
        cls,
        name: str,
        days_off: Iterable[date] = (),
        extra_days: Iterable[date] = (),
    ) -> Self:
        """Return the terms of a built-in school year, which hold in any year.

        Raises
        ------
        InputError
            If no school year has this name, or a day is both off and extra.
        """
        if name not in SCHOOL_YEARS:
            allowed, near = ", ".join(SCHOOL_YEARS), nearest(name, SCHOOL_YEARS)
            message = f"no school year is called {name!r}"
            raise InputError([Problem("built_in", message, allowed, near)])
        years = SCHOOL_YEARS[name]
        off, extra = frozenset(days_off), frozenset(extra_days)
        return cls(every_year=years, days_off=off, extra_days=extra)

    @property
    def span(self) -> Term | None:
        """The first and the last day of the terms; None where they cover all days."""
        if self.every_year is not None:
            return None
        ends = [day for term in self.terms for day in term]
        return min((*ends, *self.extra_days)), max((*ends, *self.extra_days))

    def covers(self, day: date) -> bool:
        """Return whether a date lies between the first and the last day of all terms."""
        return self.span is None or self.span[0] <= day <= self.span[1]

    def school_days(self, year: int, holidays: Iterable[date] = ()) -> NDArray[np.bool_]:
        """Return which days of a calendar year have school.

        Parameters
        ----------
        year : int
            The year.
        holidays : iterable of date, optional
            Its public holidays.

        Returns
        -------
        array of bool, shape (365 or 366,)
            Whether there is school, from 1 January on.
        """
        days = np.arange(f"{year:04d}-01-01", f"{year + 1:04d}-01-01", dtype="datetime64[D]")
        within = np.zeros(days.size, dtype=bool)
        for first, last in self._terms_of(year):
            within |= (np.datetime64(first) <= days) & (days <= np.datetime64(last))
        within &= np.is_busday(days, holidays=_dates((*holidays, *self.days_off)))
        within[np.isin(days, _dates(self.extra_days))] = True
        return within

    def _terms_of(self, year: int) -> Iterable[Term]:
        """Return the terms of which days may lie in a calendar year."""
        if self.every_year is None:
            return self.terms
        return (*self.every_year.terms(year - 1), *self.every_year.terms(year))


def term_problems(terms: Sequence[Term]) -> list[Problem]:
    """Return what is wrong with terms, each placed by the position of its term."""
    problems = [
        Problem(f"{index}", f"ends on {last}, before it begins on {first}", "[first, last]")
        for index, (first, last) in enumerate(terms)
        if last < first
    ]
    for index, (before, term) in enumerate(pairwise(terms), start=1):
        if term[0] <= before[1]:
            overlaps = term[1] >= before[0]
            message = (
                f"begins on {term[0]}, when the term before it lasts until {before[1]}"
                if overlaps
                else f"lies before the term above it, which begins on {before[0]}"
            )
            problems.append(Problem(f"{index}", message, "terms one after another"))
    return problems


def clashes(days_off: Collection[date], extra_days: Collection[date]) -> list[Problem]:
    """Return a problem for each day that is both off and extra."""
    both = sorted(set(days_off) & set(extra_days))
    return [Problem("", f"{day} is a day off too", "one of the two") for day in both]


def _dates(days: Iterable[date]) -> NDArray[np.datetime64]:
    return np.array(sorted(days), dtype="datetime64[D]")
