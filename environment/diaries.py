"""Trip diaries: what people drove on a day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import DAY_KINDS, LIKE_KIND, Calendar, DayKind
from hmesh.environment.diary_sequence import DiaryRows, report_sequence
from hmesh.environment.errors import InputError, missing_columns, nearest
from hmesh.environment.roads import Ways, length_and_time
from hmesh.environment.table_file import LARGEST, TableFile, names, numbers, plain

_DAY_H = 24.0
# Ordinals up to this one stand for days of the week, from Monday, which is 1.
LAST_OF_WEEKDAYS = 21
_OPTIONAL = ("day", "duration_h", "arrives_h", "weight")


@dataclass(frozen=True, slots=True, eq=False)
class Diaries:
    """Diaries, one for each person and day or days away, and their trips in order.

    Attributes
    ----------
    person, kind : array of int, shape (diaries,)
        Whose it is, and the kind of day, an index into
        `hmesh.environment.calendar.DAY_KINDS`; -1 for every day.
    date, days : array of int, shape (diaries,)
        Its date as `date.toordinal`, from 1 to 7 a day of the week from Monday, 0 where it names
        none; and how many days it takes: more than one where the person is away over night.
    later : array of int, shape (diaries, most days - 1)
        The kinds of the days after its first, -1 beyond its last.
    home : array of int, shape (diaries,)
        Community in which it begins and ends.
    weight : array, shape (diaries,)
        How often it is dealt, against others.
    first, trips : array of int, shape (diaries,)
        Its first trip, and how many it has.
    departs_h, arrives_h, km : array, shape (trips,)
        Clock hours of its day, above 24 on the day after [h], and lengths [km].
    destination : array of int, shape (trips,)
        Where each trip goes.
    begins_h : array, shape (diaries,)
        Clock hour of the earliest departure of all diaries that may be dealt the day after; none
        of them ends later on that day [h].
    """

    person: NDArray[np.int64]
    kind: NDArray[np.int64]
    date: NDArray[np.int64]
    days: NDArray[np.int64]
    later: NDArray[np.int64]
    home: NDArray[np.int64]
    weight: FloatArray
    first: NDArray[np.int64]
    trips: NDArray[np.int64]
    departs_h: FloatArray
    arrives_h: FloatArray
    km: FloatArray
    destination: NDArray[np.int64]
    begins_h: FloatArray

    def of(self, kind: DayKind, later: Sequence[DayKind] | None = None) -> NDArray[np.bool_]:
        """Return which diaries are of a kind of day; without any, those of the kind it is like.

        Parameters
        ----------
        kind : {"weekday", "saturday", "sunday", "holiday", "school_holiday"}
            Kind of the day on which they begin.
        later : sequence of str, optional
            Kinds of the days after it, which those of several days have to meet as well.
        """
        wanted = DAY_KINDS.index(kind)
        if kind in LIKE_KIND and not (self.kind == wanted).any():
            wanted = DAY_KINDS.index(LIKE_KIND[kind])
        chosen: NDArray[np.bool_] = (self.kind == wanted) | (self.kind == -1)
        for number, following in enumerate((later or ())[: self.later.shape[1]]):
            expected = self.later[:, number]
            chosen &= (expected == -1) | (expected == _like(DAY_KINDS.index(following)))
        return chosen


class _DiaryFile(TableFile):
    """The columns of a file of diaries.

    Parameters
    ----------
    path : Path
        The file.
    on_roads : bool
        Whether lengths and durations that are left out follow from roads.
    """

    def __init__(self, path: Path, *, on_roads: bool) -> None:
        self._on_roads = on_roads
        super().__init__(path)

    def _columns(self, place: str, header: list[str]) -> list[str]:
        who = "vehicle" if "vehicle" in header and "person" not in header else "person"
        how_long = "arrives_h" if "arrives_h" in header else "duration_h"
        wanted = [who, "departs_h", how_long, "origin", "destination", "km"]
        # What follows from the roads may be left out.
        from_roads = [how_long, "km"] if self._on_roads else []
        needed = [column for column in wanted if column not in from_roads]
        if problems := missing_columns(place, header, needed):
            raise InputError(problems)
        there = [column for column in wanted if column in header]
        return [*there, *(column for column in ("day", "weight") if column in header)]

    def _types(self) -> Iterable[tuple[str, str]]:
        text = ("person", "vehicle", "origin", "destination", "day")
        hours = ("departs_h", "arrives_h")
        for column in self.table.column_names:
            is_time = column in text or (column in hours and self._is_text)
            yield column, "text" if is_time else "number"


def read_diaries(
    path: Path | str,
    communities: Sequence[str],
    calendar: Calendar,
    *,
    each_person: bool = False,
    ways: Ways | None = None,
) -> Diaries:
    """Read trip diaries.

    Parameters
    ----------
    path : Path or str
        CSV or Parquet file, a row for each trip: person (or vehicle), departs_h, arrives_h or
        duration_h, origin, destination, km and, where wanted, day (a kind of day, or a date;
        every day where left out) and weight (of the diary; 1 where left out). Hours are numbers
        or times such as 25:30, above 24 on the day after. A row without hours and km is a day on
        which the person stays in its origin.
    communities : sequence of str
        Names of the communities.
    calendar : Calendar
        What kind of day a date is.
    each_person : bool, optional
        Whether a vehicle is dealt the diaries of one person alone, so that none has to be home
        before others depart.
    ways : Ways, optional
        Ways between the communities, from which km follows where it is left out, and the duration
        where the ways have speeds.

    Returns
    -------
    Diaries
        One for each person and day. Where a date ends elsewhere than it began, the person's next
        dates belong to the same diary, until one ends where the first began.

    Raises
    ------
    InputError
        With every problem found: cells that cannot be used, trips that overlap or begin where the
        person is not, days that end elsewhere than they begin or later than others begin.
    """
    file = _DiaryFile(Path(path), on_roads=ways is not None)
    table = {name: file.table.column(name) for name in file.table.column_names}
    who = "person" if "person" in table else "vehicle"
    person, _ = names(table[who])
    file.report(np.flatnonzero(person < 0), who, lambda row: "is empty", "a name or number")
    day, kind, dates = _days(file, table.get("day"), calendar, len(person))
    departs = _hours(file, "departs_h")
    ends = "arrives_h" if "arrives_h" in table else "duration_h"
    arrives = np.full(len(person), np.nan)
    if ends in table:
        arrives = _hours(file, ends) if ends == "arrives_h" else departs + numbers(table[ends])
    km = numbers(table["km"]) if "km" in table else np.full(len(person), np.nan)
    weight = numbers(table["weight"]) if "weight" in table else np.ones(len(person))
    stays = np.isnan(departs) & np.isnan(km) & np.isnan(arrives)
    origin = _places(file, "origin", communities, np.zeros_like(stays))
    destination = np.where(stays, origin, _places(file, "destination", communities, stays))
    there = ~stays
    if ways is not None:
        _from_ways(ways, (origin, destination), there, departs, arrives, km)
    _report(file, there & ~(departs >= 0), "departs_h", departs, "an hour of at least 0")
    # Without a departure nothing can be said of the arrival.
    early = there & (departs >= 0) & ~(arrives > departs)
    _report(file, early, ends, arrives, "an arrival after the departure")
    _report(file, there & ~((km > 0) & (km <= LARGEST)), "km", km, "kilometres above 0")
    _report(
        file, ~((weight >= 0) & (weight <= LARGEST)), "weight", weight, "a number of at least 0"
    )
    if file.problems:
        raise InputError(file.problems)
    rows = DiaryRows(
        person.astype(np.int64),
        day,
        dates,
        departs,
        arrives,
        origin,
        destination,
        dropped=np.zeros(len(person), dtype=np.bool_),
    )
    days = rows.join_days_away(stays)
    begins_h = rows.begins_h(each_person=each_person)
    latest_h = begins_h + _DAY_H * days[rows.heads()]
    report_sequence(file, rows, latest_h, communities, each_person=each_person)
    if file.problems:
        raise InputError(file.problems)
    return diaries_of(rows, days, begins_h, kind, stays, weight, km, calendar)


def diaries_of(
    rows: DiaryRows,
    days: NDArray[np.int64],
    begins_h: FloatArray,
    kind: NDArray[np.int64],
    stays: NDArray[np.bool_],
    weight: FloatArray,
    km: FloatArray,
    calendar: Calendar,
) -> Diaries:
    """Return the diaries of rows that can be driven.

    Parameters
    ----------
    rows : DiaryRows
        The rows; those that are dropped belong to no diary.
    days : array of int, shape (rows,)
        How many days the diary takes that begins with each row.
    begins_h : array, shape (rows,)
        Hour of the earliest departure of diaries that may be dealt the day after [h].
    kind, stays, weight, km : array, shape (rows,)
        Kind of day; whether it is a day without trips; weight of its diary; length [km].
    calendar : Calendar
        What kind of day a date is.
    """
    # One who stays has one row; sorted by departure, NaN last.
    order, new = rows.in_order()
    heads = order[new]
    trips = order[~stays[order]]
    diary = np.cumsum(new)[~stays[order]] - 1
    counts = np.bincount(diary, minlength=len(heads))
    return Diaries(
        person=rows.person[heads],
        kind=kind[heads],
        date=rows.dates[heads],
        days=days[heads],
        later=_later(rows.dates[heads], days[heads], calendar),
        home=rows.origin[heads],
        weight=weight[heads],
        first=np.cumsum(counts) - counts,
        trips=counts,
        departs_h=rows.departs_h[trips],
        arrives_h=rows.arrives_h[trips],
        km=km[trips],
        destination=rows.destination[trips],
        begins_h=begins_h[heads],
    )


def _from_ways(
    ways: Ways,
    ends: tuple[NDArray[np.int64], NDArray[np.int64]],
    there: NDArray[np.bool_],
    departs: FloatArray,
    arrives: FloatArray,
    km: FloatArray,
) -> None:
    """Fill in what is left out of trips: lengths and arrivals by the ways between communities.

    A trip within a community has no way, and neither has one between places that none joins.
    """
    empty = there & (np.isnan(km) | np.isnan(arrives)) & (ends[0] >= 0) & (ends[1] >= 0)
    pairs = np.column_stack(ends)
    for pair in np.unique(pairs[empty & (ends[0] != ends[1])], axis=0).tolist():
        rows = empty & (pairs == pair).all(axis=1)
        try:
            length, hours = length_and_time(ways, [ways.communities[end] for end in pair])
        except InputError:  # what stays empty is reported
            continue
        km[rows & np.isnan(km)] = length
        if hours is not None:
            late = rows & np.isnan(arrives)
            arrives[late] = departs[late] + hours


def _report(
    file: TableFile,
    wrong: NDArray[np.bool_],
    column: str,
    values: NDArray[np.generic],
    allowed: str,
) -> None:
    def message(row: int) -> str:
        value = float(values[row])
        return "is empty or no number" if np.isnan(value) else f"{value:g} cannot be"

    file.report(np.flatnonzero(wrong), column, message, allowed)


def _hours(file: TableFile, column: str) -> FloatArray:
    """Return hours that are written as numbers or as times of the clock; NaN where neither."""
    from pyarrow import types

    values = plain(file.table.column(column))
    found = numbers(values).copy()
    if types.is_string(values.type) or types.is_large_string(values.type):
        for row in np.flatnonzero(np.isnan(found)).tolist():
            found[row] = _clock(values[row].as_py() or "")
    return found


def _clock(text: str) -> float:
    parts = text.strip().split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isdigit() for part in parts):
        return np.nan
    return sum((int(part) / 60**place for place, part in enumerate(parts)), 0.0)


def _places(
    file: TableFile, column: str, communities: Sequence[str], may_be_empty: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return communities by their number, -1 where there is none."""
    codes, known = names(file.table.column(column))
    index = np.array([*(communities.index(n) if n in communities else -2 for n in known), -1])
    places: NDArray[np.int64] = index[codes]
    allowed = f"one of {', '.join(communities)}"

    def message(row: int) -> str:
        name = known[codes[row]] if codes[row] >= 0 else ""
        near = nearest(name, communities)
        wording = f"'{name}' is no community" if name else "is empty"
        return f"{wording}; did you mean '{near}'?" if near else wording

    wrong = np.where(may_be_empty, places == -2, places < 0)
    file.report(np.flatnonzero(wrong), column, message, allowed)
    return places


def _days(
    file: TableFile, column: object, calendar: Calendar, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the day of each row as a number, its kind, -1 for every day, and its date, or 0."""
    if column is None:
        return np.full(rows, -1), np.full(rows, -1), np.zeros(rows, dtype=np.int64)
    codes, known = names(column)
    kinds = [_kind(name, calendar) for name in known]
    allowed = f"{', '.join(DAY_KINDS)}, a date, or nothing for every day"
    kind = np.array([*kinds, -1], dtype=np.int64)[codes]
    file.report(
        np.flatnonzero(kind == -2), "day", lambda row: f"'{known[codes[row]]}' is no day", allowed
    )
    dates = np.array([*(_ordinal(name) for name in known), 0], dtype=np.int64)
    return codes.astype(np.int64), kind, dates[codes]


def _ordinal(name: str) -> int:
    """Return a date as a number of days, 0 where the name is none."""
    try:
        return date.fromisoformat(name.strip()).toordinal()
    except ValueError:
        return 0


def _later(
    first: NDArray[np.int64], days: NDArray[np.int64], calendar: Calendar
) -> NDArray[np.int64]:
    """Return the kinds of the days after the first of each diary, -1 beyond its last."""
    most = int(days.max(initial=1))
    later = np.full((len(days), most - 1), -1)
    for diary in np.flatnonzero(days > 1).tolist():
        for number in range(int(days[diary]) - 1):
            later[diary, number] = _like(kind_of(int(first[diary]) + number + 1, calendar))
    return later


def kind_of(ordinal: int, calendar: Calendar) -> int:
    """Return the kind of a date; the first two weeks of all stand for days of the week."""
    if ordinal <= LAST_OF_WEEKDAYS:
        return DAY_KINDS.index({6: "saturday", 0: "sunday"}.get(ordinal % 7, "weekday"))
    return _kind(date.fromordinal(ordinal).isoformat(), calendar)


def _like(kind: int) -> int:
    """Return the kind of day that a kind is like where only the days of the week count."""
    name = DAY_KINDS[kind]
    return DAY_KINDS.index(LIKE_KIND.get(name, name))


def _kind(name: str, calendar: Calendar) -> int:
    if name in DAY_KINDS:
        return DAY_KINDS.index(name)
    try:
        day = date.fromisoformat(name.strip())
    except ValueError:
        return -2
    kind, terms = calendar.day_kind(day), calendar.school_terms
    # Whether there was school before or after all terms is not known.
    if kind == "school_holiday" and terms is not None and not terms.covers(day):
        kind = "weekday"
    return DAY_KINDS.index(kind)
