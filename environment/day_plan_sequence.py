"""Whether the trips of a day plan can be driven one after another, on every kind of day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hmesh.environment.calendar import DAY_KINDS, LIKE_KIND, DayKind
from hmesh.environment.errors import Problem

_DAY_H = 24.0
# Two times nearer than this are the same: hours such as 16.1 + 0.2 are no exact numbers.
_SAME_H = 1e-9

_NEXT: dict[DayKind, tuple[DayKind, ...]] = {
    "weekday": ("weekday", "saturday"),
    "saturday": ("sunday",),
    "sunday": ("weekday",),
    "holiday": (),
    "school_holiday": (),
}


@dataclass(frozen=True, slots=True)
class PlanTrip:
    """A trip of a plan, with the place where it stands.

    Attributes
    ----------
    place : str
        Line of the file.
    departs_h, arrives_h : float
        Clock hours of the day, above 24 on the day after [h].
    km : float
        Distance [km].
    origin, via, destination : int
        Communities; via is -1 where there is none.
    day : int
        Kind of day, an index into `hmesh.environment.calendar.DAY_KINDS`; -1 for every day.
    """

    place: str
    departs_h: float
    arrives_h: float
    km: float
    origin: int
    via: int
    destination: int
    day: int


def driven_on[T](trips: Sequence[T], days: Sequence[int], kind: DayKind) -> list[T]:
    """Return those of a plan's trips that are driven on a kind of day.

    A plan without trips of holidays is driven as on a Sunday, one without trips of school holidays
    as on a weekday.

    Parameters
    ----------
    trips : sequence
        Trips of one plan.
    days : sequence of int
        Kind of day of each, -1 for every day.
    kind : {"weekday", "saturday", "sunday", "holiday", "school_holiday"}
        A kind of `hmesh.environment.calendar.DAY_KINDS`.
    """
    wanted = DAY_KINDS.index(kind)
    if kind in LIKE_KIND and wanted not in days:
        wanted = DAY_KINDS.index(LIKE_KIND[kind])
    return [trip for trip, day in zip(trips, days, strict=True) if day in (-1, wanted)]


def sequence_problems(
    name: str,
    trips: Sequence[PlanTrip],
    communities: Sequence[str],
    holidays: bool,
    school_holidays: bool = False,
) -> list[Problem]:
    """Return why a vehicle cannot drive a plan day after day.

    Parameters
    ----------
    name : str
        Name of the plan.
    trips : sequence of PlanTrip
        Its trips, ordered by departure.
    communities : sequence of str
        Names of the communities.
    holidays : bool
        Whether there are public holidays, which may come before and after any other day.
    school_holidays : bool, optional
        Whether there are school holidays, which may take the place of any weekday.
    """
    days = [trip.day for trip in trips]
    if all(day == -1 for day in days):
        return [
            *_day_problems(name, trips, communities),
            *_night_problems(name, trips[-1], trips[0], 1, communities, ("day", "day")),
        ]
    driven = {kind: driven_on(trips, days, kind) for kind in DAY_KINDS}
    problems = [
        problem for each in driven.values() for problem in _day_problems(name, each, communities)
    ]
    # A plan without trips of school holidays has none that differ from its weekdays.
    school_holidays &= DAY_KINDS.index("school_holiday") in days
    for kind, following, nights in _nights(driven, _follows(holidays, school_holidays)):
        last, first = driven[kind][-1], driven[following][0]
        problems += _night_problems(name, last, first, nights, communities, (kind, following))
    return list(dict.fromkeys(problems))


def _follows(holidays: bool, school_holidays: bool) -> dict[DayKind, tuple[DayKind, ...]]:
    """Return the kinds of day that may come the day after each."""
    follows = dict(_NEXT)
    if school_holidays:
        follows = {
            kind: (*after, "school_holiday") if "weekday" in after else after
            for kind, after in follows.items()
        }
        follows["school_holiday"] = follows["weekday"]
    if holidays:
        there = tuple(kind for kind in DAY_KINDS if kind != "school_holiday" or school_holidays)
        follows = {kind: (*follows[kind], "holiday") for kind in there}
        follows["holiday"] = there
    return follows


def _nights(
    driven: dict[DayKind, list[PlanTrip]], follows: dict[DayKind, tuple[DayKind, ...]]
) -> Iterator[tuple[DayKind, DayKind, int]]:
    """Yield the kinds of day that may follow each other, and how many nights lie between.

    Between them may lie days on which the plan stays parked.
    """
    for kind in follows:
        reached, wave, nights = {kind}, [kind], 0
        found: list[DayKind] = []
        while wave and driven[kind]:
            nights += 1
            wave = list(dict.fromkeys(after for before in wave for after in follows[before]))
            new = [after for after in wave if driven[after] and after not in found]
            found += new
            yield from ((kind, after, nights) for after in new)
            wave = [after for after in wave if not driven[after] and after not in reached]
            reached.update(wave)


def _day_problems(
    name: str, trips: Sequence[PlanTrip], communities: Sequence[str]
) -> Iterator[Problem]:
    for before, trip in pairwise(trips):
        if trip.departs_h < before.arrives_h - _SAME_H:
            message = (
                f"plan '{name}' departs at {trip.departs_h:g} h, while on the trip of "
                f"{_line(before)} until {before.arrives_h:g} h"
            )
            yield Problem(f"{trip.place}, column departs_h", message, "trips one after another")
        if trip.origin != before.destination:
            message = (
                f"plan '{name}' departs from {communities[trip.origin]}, but the vehicle is at "
                f"{communities[before.destination]} since {_line(before)}"
            )
            allowed = communities[before.destination]
            yield Problem(f"{trip.place}, column origin", message, allowed)


def _night_problems(
    name: str,
    last: PlanTrip,
    first: PlanTrip,
    nights: int,
    communities: Sequence[str],
    kinds: tuple[str, str],
) -> Iterator[Problem]:
    """Yield why a day whose last trip is given cannot come before one whose first trip is."""
    day, following = kinds
    departs_h = first.departs_h + nights * _DAY_H
    if departs_h < last.arrives_h - _SAME_H:
        next_day = "the next day's" if following == "day" else f"the following {following}'s"
        message = (
            f"plan '{name}' arrives at {last.arrives_h:g} h, when {next_day} first trip "
            f"({_line(first)}) has departed at {departs_h:g} h"
        )
        yield Problem(last.place, message, f"an arrival by {departs_h:g} h")
    if last.destination != first.origin:
        there, here = communities[last.destination], communities[first.origin]
        if following == "day":
            begins = f"but begins it at {here} ({_line(first)}); days repeat"
        else:
            begins = f"but begins the {following} after it at {here} ({_line(first)})"
        message = f"plan '{name}' ends its {day} at {there}, {begins}"
        yield Problem(f"{last.place}, column destination", message, here)


def _line(trip: PlanTrip) -> str:
    return trip.place.rpartition(", ")[2]
