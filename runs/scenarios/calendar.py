"""The calendar of a scenario, with its public holidays and school terms."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError
from hmesh.environment.school_terms import SchoolTerms
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.school import is_dataset_folder, timetable_of
from hmesh.runs.world.dataset_files import load_dataset, load_description


def calendar_of(scenario: Scenario, *, with_files: bool = True) -> Calendar:
    """Return the calendar of a scenario.

    Parameters
    ----------
    scenario : Scenario
        The scenario.
    with_files : bool, optional
        Whether the files that it names can be read; without them a timetable states no school
        terms, and a dataset no holidays.

    Raises
    ------
    InputError
        If the timetable that states the school terms, or the dataset that states holidays, cannot
        be used.
    """
    country, subdivision, days = _holidays_of(scenario, with_files=with_files)
    known = with_files or timetable_of(scenario.school_terms) is None
    return Calendar(
        scenario.start,
        scenario.time_zone,
        scenario.step_h,
        country,
        subdivision,
        school_terms_of(scenario) if known else None,
        days,
    )


def _holidays_of(
    scenario: Scenario, *, with_files: bool
) -> tuple[str | None, str | None, tuple[date, ...]]:
    """Return country, subdivision and further dates of the holidays of a scenario.

    Those of a dataset are added; where both name a country, that of the scenario holds.
    """
    holidays = scenario.holidays
    if holidays is None:
        return None, None, ()
    country, subdivision, days = holidays.country, holidays.subdivision, holidays.days
    if holidays.dataset is not None and with_files:
        described = load_description(scenario.path_of(holidays.dataset))
        days = (*days, *described.special_days)
        if country is None and described.holidays is not None:
            country, subdivision = described.holidays.country, described.holidays.subdivision
    return country, subdivision, days


def school_terms_of(
    scenario: Scenario, days_off: Iterable[date] | None = None
) -> SchoolTerms | None:
    """Return when there is school in a scenario; None where it does not say.

    Parameters
    ----------
    scenario : Scenario
        The scenario.
    days_off : iterable of date, optional
        Days off in place of the scenario's.

    Raises
    ------
    InputError
        If the timetable cannot be used.
    """
    settings = scenario.school_terms
    if settings is None:
        return None
    off = settings.off if days_off is None else frozenset(days_off)
    if settings.built_in is not None:
        return SchoolTerms.built_in(settings.built_in, off, settings.extra)
    if settings.gtfs is None:
        return SchoolTerms(settings.pairs, None, off, settings.extra)
    # Slow to import, and not needed where no timetable is named.
    from hmesh.environment.datasets.gtfs_terms import read_gtfs_terms, terms_of_services

    folder = scenario.path_of(settings.gtfs)
    try:
        if is_dataset_folder(folder):
            found = load_dataset(folder, ("calendar", "calendar_dates")).records
            return terms_of_services(found, folder, settings.services, off, settings.extra)
        return read_gtfs_terms(folder, settings.services, off, settings.extra)
    except InputError as error:
        raise InputError(
            [
                replace(problem, place=f"school_terms.{problem.place}")
                if problem.place.startswith("services.")
                else problem
                for problem in error.problems
            ]
        ) from None
