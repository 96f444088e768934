"""When there is school: a built-in school year, terms one by one, or services of a timetable."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, nearest, refuse_all
from hmesh.environment.school_terms import clashes, term_problems
from hmesh.runs.scenarios.base import AS_TUPLE, Section, looked_up, refuse

# More days in a row than these are a mistake in a year.
_LONGEST = timedelta(days=366)


def _date(value: object) -> object:
    """Refuse what is no date; a date of YAML is text."""
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise refuse(f"{value!r} is no date", allowed="a date such as 2023-09-05") from None


def _in_order(days: tuple[str, str]) -> tuple[str, str]:
    if problems := term_problems([(_day(days[0]), _day(days[1]))]):
        raise InputError([replace(problem, place="") for problem in problems])
    return days


def _not_long(days: tuple[str, str]) -> tuple[str, str]:
    first, last = map(_day, days)
    if last - first > _LONGEST:
        raise refuse(f"{first} to {last} is more than a year", allowed="at most a year in a row")
    return days


def _one_or_more(value: object) -> str:
    return "days" if isinstance(value, list | tuple) else "day"


Day = Annotated[str, BeforeValidator(_date), Field(json_schema_extra={"format": "date"})]
Pair = Annotated[tuple[Day, Day], AS_TUPLE, AfterValidator(_in_order)]
Days = Annotated[
    Annotated[Day, Tag("day")] | Annotated[Pair, AfterValidator(_not_long), Tag("days")],
    Discriminator(_one_or_more),
]


class SchoolTermSettings(Section):
    """When there is school: Monday to Friday within terms, but on no public holiday."""

    built_in: Literal["michigan"] | None = Field(
        default=None, description="school year that comes every year, or null"
    )
    terms: Annotated[tuple[Pair, ...], AS_TUPLE] | None = Field(
        default=None, description="first and last day of each term, one after another, or null"
    )
    gtfs: str | None = Field(
        default=None,
        description="folder with the calendar.txt or calendar_dates.txt of GTFS, or a dataset with "
        "these tables, or null",
    )
    services: Annotated[tuple[str, ...], AS_TUPLE] = Field(
        default=(), description="services in gtfs on whose days there is school; none given: all"
    )
    days_off: Annotated[tuple[Days, ...], AS_TUPLE] = Field(
        default=(), description="days without school within the terms, or first and last of many"
    )
    extra_days: Annotated[tuple[Days, ...], AS_TUPLE] = Field(
        default=(), description="days with school after all, also on weekends and holidays"
    )

    @property
    def off(self) -> frozenset[date]:
        """The days off, each of them."""
        return days_of(self.days_off)

    @property
    def extra(self) -> frozenset[date]:
        """The extra days, each of them."""
        return days_of(self.extra_days)

    @property
    def pairs(self) -> tuple[tuple[date, date], ...]:
        """The first and the last day of each term that is given."""
        return tuple((_day(first), _day(last)) for first, last in self.terms or ())

    @check("terms")
    @classmethod
    def _one_after_another(cls, terms: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if terms is None:
            return None
        if not terms:
            raise refuse("there is no term", allowed="at least one, or another source")
        refuse_all(term_problems([(_day(first), _day(last)) for first, last in terms]))
        return terms

    @check("gtfs")
    @classmethod
    def _one_source(cls, gtfs: str | None, info: ValidationInfo) -> str | None:
        given = [name for name in ("built_in", "terms") if info.data.get(name) is not None]
        given += ["gtfs"] if gtfs is not None else []
        if len(given) > 1:
            message = f"the terms are stated by {' and '.join(given)}"
            raise refuse(message, allowed="one of built_in, terms and gtfs")
        # Where another key is wrong it was meant to state them.
        if not given and {"built_in", "terms"} <= info.data.keys():
            raise refuse("nothing states the terms", allowed="one of built_in, terms and gtfs")
        return None if gtfs is None else _existing_gtfs(gtfs, info)

    @check("services")
    @classmethod
    def _of_a_timetable(cls, services: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if services and info.data.get("gtfs", "") is None:
            raise refuse("there is no timetable whose services these are", allowed="gtfs as well")
        return services

    @check("extra_days")
    @classmethod
    def _not_off(cls, extra: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        refuse_all(clashes(days_of(info.data.get("days_off", ())), days_of(extra)))
        return extra


def timetable_of(settings: SchoolTermSettings | None) -> str | None:
    """Return the folder of the timetable that states the terms, if one does."""
    return None if settings is None else settings.gtfs


def is_dataset_folder(folder: Path) -> bool:
    """Return whether a folder is a dataset."""
    return (folder / "dataset.yaml").is_file()


def timetable_files(
    settings: SchoolTermSettings | None, path_of: Callable[[str], Path]
) -> list[str]:
    """Return the files of the timetable that states the terms, seen from the scenario's folder."""
    folder = timetable_of(settings)
    if folder is None:
        return []
    from hmesh.environment.datasets.gtfs_terms import GTFS_FILES, gtfs_files

    if is_dataset_folder(path_of(folder)):
        return []
    files = gtfs_files(path_of(folder)) or GTFS_FILES.values()
    return [f"{folder}/{file}" for file in files]


def days_of(entries: tuple[Any, ...]) -> frozenset[date]:
    """Return the days of entries that are days, or the first and the last of several."""
    found: set[date] = set()
    for entry in entries:
        first, last = (entry, entry) if isinstance(entry, str) else entry
        day = _day(first)
        while day <= _day(last):
            found.add(day)
            day += timedelta(days=1)
    return frozenset(found)


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _existing_gtfs(folder: str, info: ValidationInfo) -> str:
    """Return the name of a folder of GTFS that is there, seen from the scenario's folder."""
    seen_from: Path | None = (info.context or {}).get("check_files_in")
    if seen_from is None:
        return folder
    # Slow to import, and not needed where no timetable is named.
    from hmesh.environment.datasets.gtfs_terms import GTFS_FILES, gtfs_files

    path = seen_from / folder
    looked_up(path)
    if path.is_dir() and (gtfs_files(path) or is_dataset_folder(path)):
        return folder
    allowed = f"a folder with {' or '.join(GTFS_FILES.values())}"
    if path.is_file():
        raise refuse(f"{path} is a file", allowed=f"{allowed}, unpacked")
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    near = nearest(path.name, [entry.name for entry in beside if gtfs_files(entry)])
    suggestion = (Path(folder).parent / near).as_posix() if near else ""
    raise refuse(f"{path} holds no calendar of GTFS", allowed=allowed, suggestion=suggestion)
