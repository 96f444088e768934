"""School terms from the calendar of a timetable in GTFS."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.datasets.data_file import Findings
from hmesh.environment.datasets.records import Records, read_rows
from hmesh.environment.datasets.service_days import added_days, service_days
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.school_terms import SchoolTerms
from hmesh.environment.school_years import stretches

GTFS_FILES = {"calendar": "calendar.txt", "calendar_dates": "calendar_dates.txt"}


def gtfs_files(folder: Path) -> list[str]:
    """Return which of the files that state the days of services a folder has."""
    return [file for file in GTFS_FILES.values() if (folder / file).is_file()]


def read_gtfs_terms(
    folder: Path,
    services: Collection[str] = (),
    days_off: Iterable[date] = (),
    extra_days: Iterable[date] = (),
) -> SchoolTerms:
    """Read when there is school from `calendar.txt` and `calendar_dates.txt`.

    There is school where one of the services runs. The days of the week in `calendar.txt` are the
    terms, whose Saturdays, Sundays and public holidays have no school. A date that
    `calendar_dates.txt` adds has school whatever day it is.

    Parameters
    ----------
    folder : Path
        Folder with one of the two files, or both.
    services : collection of str, optional
        Services of which the days count; none given: all.
    days_off : iterable of date, optional
        Days without school besides, whatever the files say.
    extra_days : iterable of date, optional
        Days with school besides.

    Raises
    ------
    InputError
        With everything that is wrong in the files, or for a service that neither of them names.
    """
    return terms_of_services(_read(folder), folder, services, days_off, extra_days)


def terms_of_services(
    found: Mapping[str, Records],
    folder: Path,
    services: Collection[str] = (),
    days_off: Iterable[date] = (),
    extra_days: Iterable[date] = (),
) -> SchoolTerms:
    """Return when there is school by the tables calendar and calendar_dates.

    Parameters
    ----------
    found : mapping of Records
        These tables by their names, one of them or both.
    folder : Path
        Where they are.
    services, days_off, extra_days : collection of str, iterable of date, iterable of date, optional
        As in `read_gtfs_terms`.

    Raises
    ------
    InputError
        For a service that neither of them names, or where none runs on any day.
    """
    regular = service_days(found.get("calendar"), found.get("calendar_dates"))
    added = added_days(found.get("calendar_dates"))
    if problems := _unknown(folder, services, regular):
        raise InputError(problems)
    chosen = set(services or regular)
    running = {day for name in chosen for day in _dates(regular, name)}
    off, extra = frozenset(days_off), running & {d for name in chosen for d in _dates(added, name)}
    if not running:
        place, message = str(folder), "no service runs on any day"
        raise InputError([Problem(place, message, "services that run")])
    return SchoolTerms(
        terms=stretches(running - extra),
        days_off=off,
        extra_days=frozenset(extra) - off | frozenset(extra_days),
    )


def _read(folder: Path) -> dict[str, Records]:
    findings = Findings()
    there = {
        table: folder / file
        for table, file in GTFS_FILES.items()
        if (folder / file).is_file() and _has_rows(folder / file)
    }
    if not there:
        allowed = f"a folder with {' or '.join(GTFS_FILES.values())}, unpacked"
        message = "states no days of services"
        raise InputError([Problem(str(folder), message, allowed)])
    found = {table: read_rows([path], table, findings) for table, path in there.items()}
    findings.check()
    return found


def _has_rows(path: Path) -> bool:
    """Return whether a file has more than its header; in GTFS one of the two may have no more."""
    with path.open("rb") as file:
        return sum(bool(line.strip()) for _, line in zip(range(1000), file, strict=False)) > 1


def _unknown(folder: Path, services: Collection[str], known: Collection[str]) -> list[Problem]:
    names = sorted(known)
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")
    return [
        Problem(
            f"services.{index}",
            f"no service of {folder} is called {name!r}",
            shown,
            nearest(name, names),
        )
        for index, name in enumerate(services)
        if name not in known
    ]


def _dates(days: Mapping[str, NDArray[np.datetime64]], service: str) -> list[date]:
    found: list[date] = days[service].tolist() if service in days else []
    return found
