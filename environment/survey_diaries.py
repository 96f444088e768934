"""Diaries of the vehicles of a survey: the trips of a dataset, day by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.diaries import Diaries, diaries_of, kind_of
from hmesh.environment.diary_sequence import DiaryRows
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.number_words import counted

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOME = "home"
_DAY_H = 24.0
_SAME_H = 1e-9
# A day of a survey begins in the night: by this hour at the latest.
_LATEST_BEGIN_H = 6.0


@dataclass(frozen=True, slots=True)
class PlacesOfSurvey:
    """Which community each place of a survey is.

    Attributes
    ----------
    communities : sequence of str
        Names of the communities.
    named : mapping of str
        Community of places that are called otherwise.
    elsewhere : str or None
        Community of all other places, None where these are refused.
    """

    communities: Sequence[str]
    named: Mapping[str, str]
    elsewhere: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """The diaries of a survey, and what was left out of it.

    Attributes
    ----------
    diaries : Diaries
        Those that can be driven day after day.
    days : int
        How many days of vehicles the survey has.
    left_out : dict of int
        How many of them were left out, by the reason.
    vehicles : tuple of str
        Names of the vehicles that have some, in the order in which they are dealt.
    """

    diaries: Diaries
    days: int
    left_out: dict[str, int]
    vehicles: tuple[str, ...]


def read_survey(
    place: str,
    trips: Mapping[str, NDArray[Any]],
    vehicles: Mapping[str, NDArray[Any]] | None,
    places: PlacesOfSurvey,
    calendar: Calendar,
    *,
    each_vehicle: bool,
    refuse: bool,
) -> Survey:
    """Return the diaries of a survey.

    The trips of a vehicle on a day are a diary. Days over whose nights a vehicle is away belong
    together, also from Sunday to Monday. A day of the survey begins at that hour between midnight
    and 6 at which fewest of its days are under way.

    Parameters
    ----------
    place : str
        The table of trips, as messages name it.
    trips : mapping of array
        Its columns: vehicle, departs and arrives [h], km, origin, destination, and where wanted
        day, a day of the week, and weight.
    vehicles : mapping of array, or None
        The columns of the table of vehicles, which may say in which community each is at home.
    places : PlacesOfSurvey
        Which community each place is.
    calendar : Calendar
        Of the run.
    each_vehicle : bool
        Whether a vehicle is dealt the days of one vehicle of the survey alone, so that none has to
        be home before others depart.
    refuse : bool
        Whether days are refused that cannot be driven; else they are left out.

    Raises
    ------
    InputError
        If a place is no community, no day can be driven, or some cannot and are refused.
    """
    if missing := [name for name in ("origin", "destination") if name not in trips]:
        message = f"has no column {missing[0]}, without which nobody knows where trips lead"
        raise InputError([Problem(place, message, "origin and destination")])
    count = len(trips["vehicle"])
    person = np.unique(trips["vehicle"].astype(str), return_inverse=True)[1]
    # In the order in which they first come.
    order = np.argsort(np.unique(person, return_index=True)[1])
    person = np.argsort(order)[person].astype(np.int64)
    origin, destination = _communities(place, trips, vehicles, places)
    day, kind, dates = _days(trips.get("day"), count, calendar)
    departs, arrives = (trips[name].astype(np.float64).copy() for name in ("departs", "arrives"))
    weight = trips["weight"].astype(np.float64) if "weight" in trips else np.ones(count)
    weight = np.where(np.isnan(weight), 1.0, weight)
    rows = DiaryRows(
        person, day, dates, departs, arrives, origin, destination, np.zeros(count, np.bool_)
    )
    days = int(rows.in_order()[1].sum())
    left_out: dict[str, int] = {}
    _drop(rows, _overlapping(rows), "trips that overlap or begin elsewhere", left_out)
    _from_monday(rows)
    stays = np.zeros(count, dtype=np.bool_)
    length = rows.join_days_away(stays)
    _drop(rows, _away(rows), "days that end elsewhere than they begin", left_out)
    begins_h = np.zeros(count)
    if not rows.dropped.all():
        if each_vehicle:
            begins_h = _each_begins_h(rows)
        else:
            begins_h[:] = _common_begin_h(rows, length)
        early = rows.departs_h < begins_h - _SAME_H
        _drop(rows, early, "days that begin before others end", left_out)
        late = rows.arrives_h > begins_h + _DAY_H * length[rows.heads()] + _SAME_H
        _drop(rows, late, "days that end after others begin", left_out)
    if left_out and refuse:
        message = f"{sum(left_out.values()):,} of {days:,} days cannot be driven day after day"
        text = "; ".join(f"{number:,} {reason}" for reason, number in left_out.items())
        raise InputError([Problem(place, f"{message}: {text}", "open_days: leave_out")])
    if rows.dropped.all():
        text = "; ".join(f"{number:,} {reason}" for reason, number in left_out.items())
        raise InputError([Problem(place, f"no day can be driven day after day: {text}")])
    km = trips["km"].astype(np.float64)
    diaries = diaries_of(rows, length, begins_h, kind, stays, weight, km, calendar)
    names = trips["vehicle"].astype(str)
    first = np.unique(person, return_index=True)[1]
    # Vehicles whose days begin in several communities are dealt as several.
    pairs = np.unique(np.stack([diaries.person, diaries.home], axis=1), axis=0)
    return Survey(diaries, days, left_out, tuple(names[first[pairs[:, 0]]].tolist()))


def _communities(
    place: str,
    trips: Mapping[str, NDArray[Any]],
    vehicles: Mapping[str, NDArray[Any]] | None,
    places: PlacesOfSurvey,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return origin and destination of each trip as numbers of communities."""
    number = {name: m for m, name in enumerate(places.communities)}
    of_place = {name: number[name] for name in places.communities} | {
        name: number[community] for name, community in places.named.items()
    }
    homes: dict[str, int] = {}
    if vehicles is not None and "community" in vehicles and HOME not in of_place:
        pairs = zip(vehicles["vehicle"].tolist(), vehicles["community"].tolist(), strict=True)
        homes = {str(vehicle): number[name] for vehicle, name in pairs if name in number}
    other = -1 if places.elsewhere is None else number[places.elsewhere]
    owners = trips["vehicle"].astype(str).tolist()
    found: list[NDArray[np.int64]] = []
    unknown: dict[str, int] = {}
    for column in ("origin", "destination"):
        at = []
        for owner, name in zip(owners, trips[column].tolist(), strict=True):
            known = homes.get(owner, other) if name == HOME and homes else other
            at.append(of_place.get(name, known))
            if at[-1] < 0:
                unknown[name] = unknown.get(name, 0) + 1
        found.append(np.array(at, dtype=np.int64))
    problems = [
        Problem(
            place,
            f"the place {name!r} of {counted(trips, 'trip')} is no community",
            f"{', '.join(places.communities)}; travel.places, or travel.elsewhere",
            nearest(str(name), places.communities),
        )
        for name, trips in unknown.items()
    ]
    if problems:
        raise InputError(problems)
    return found[0], found[1]


def _days(
    column: NDArray[Any] | None, count: int, calendar: Calendar
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return day, kind of day and date of each trip.

    The first days of the calendar stand for those of the week: day 1 was a Monday.
    """
    if column is None:
        every = np.full(count, -1, dtype=np.int64)
        return every, every.copy(), np.zeros(count, dtype=np.int64)
    number = {name: n for n, name in enumerate(WEEK, 1)}
    dates = np.array([number.get(str(name), 0) for name in column.tolist()], dtype=np.int64)
    kinds = np.array([-1, *[kind_of(n, calendar) for n in range(1, 8)]])
    return dates.copy(), kinds[dates], dates


def _drop(rows: DiaryRows, wrong: NDArray[np.bool_], reason: str, left_out: dict[str, int]) -> None:
    """Leave out the diaries in which a trip is wrong, and count them."""
    heads = rows.heads()
    bad = np.unique(heads[wrong & ~rows.dropped])
    if len(bad):
        left_out[reason] = left_out.get(reason, 0) + len(bad)
        rows.dropped |= np.isin(heads, bad)


def _overlapping(rows: DiaryRows) -> NDArray[np.bool_]:
    """Return which trips begin before the one before has ended, or elsewhere."""
    order, new = rows.in_order()
    wrong = np.zeros(len(rows.person), dtype=np.bool_)
    before, after = order[:-1][~new[1:]], order[1:][~new[1:]]
    wrong[after] = (rows.departs_h[after] < rows.arrives_h[before] - _SAME_H) | (
        rows.origin[after] != rows.destination[before]
    )
    return wrong | ~(rows.arrives_h > rows.departs_h)


def _away(rows: DiaryRows) -> NDArray[np.bool_]:
    """Return which trips end a diary elsewhere than it begins."""
    order, new = rows.in_order()
    last = order[np.append(new[1:], True)]
    wrong = np.zeros(len(rows.person), dtype=np.bool_)
    wrong[last] = rows.destination[last] != rows.origin[order[new]]
    return wrong


def _from_monday(rows: DiaryRows) -> None:
    """Let days at the begin of the week follow its end where fewer nights are away then."""
    order, new = rows.in_order()
    first = order[new]
    last = order[np.append(new[1:], True)]
    dated = rows.dates[first] > 0
    away = dated & (rows.origin[first] != rows.destination[last])
    for person in np.unique(rows.person[first[away]]).tolist():
        mine = np.flatnonzero((rows.person[first] == person) & dated)
        mine = mine[np.argsort(rows.dates[first[mine]], kind="stable")]
        days = [
            (int(rows.dates[first[n]]), int(rows.origin[first[n]]), int(rows.destination[last[n]]))
            for n in mine
        ]
        later = [
            [*days[turn:], *((date + len(WEEK), *ends) for date, *ends in days[:turn])]
            for turn in range(len(days))
        ]
        turn = int(np.argmin([_days_away(each) for each in later]))
        for n in mine[:turn].tolist():
            rows.dates[(rows.person == person) & (rows.day == rows.day[first[n]])] += len(WEEK)


def _days_away(days: Sequence[Sequence[int]]) -> int:
    """Return how many days diaries take; each is a date, an origin and a destination.

    One that never comes back counts as more than a week.
    """
    total, at = 0, 0
    while at < len(days):
        date, home, there = days[at]
        end = at
        while there != home and end + 1 < len(days) and days[end + 1][1] == there:
            end += 1
            there = days[end][2]
        total += days[end][0] - date + 1 if there == home else 2 * len(WEEK)
        at = end + 1
    return total


def _each_begins_h(rows: DiaryRows) -> FloatArray:
    """Return the hour of each vehicle's own earliest departure, shape (rows,) [h]."""
    earliest = np.full(int(rows.person.max()) + 1, np.inf)
    kept = ~rows.dropped
    np.fmin.at(earliest, rows.person[kept], rows.departs_h[kept])
    begins_h: FloatArray = np.where(np.isinf(earliest), 0.0, earliest)[rows.person]
    return begins_h


def _common_begin_h(rows: DiaryRows, length: NDArray[np.int64]) -> float:
    """Return the hour at which the days of all vehicles begin, so that fewest are left out [h]."""
    order, new = rows.in_order()
    begins = rows.departs_h[order[new]]
    ends = rows.arrives_h[order[np.append(new[1:], True)]] - _DAY_H * length[order[new]]
    candidates = np.unique(np.concatenate(([0.0], begins, ends)))
    candidates = candidates[(candidates >= 0.0) & (candidates <= _LATEST_BEGIN_H)]
    begins, ends = np.sort(begins), np.sort(ends)
    early = np.searchsorted(begins, candidates - _SAME_H, side="left")
    late = len(ends) - np.searchsorted(ends, candidates + _SAME_H, side="right")
    return float(candidates[np.argmin(early + late)])
