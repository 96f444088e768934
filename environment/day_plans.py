"""Day plans of vehicles: the trips that a vehicle drives, day after day.

A plan may drive other trips on other kinds of day; on a kind without any it stays parked. A public
holiday is like a Sunday for a plan that names no trips of holidays, a school holiday like a weekday
for one that names none of those.

The shipped plans, `data/day_plans.csv`, are the ten patterns of R. Khwanrit, Hierarchical
Multi-Communities Energy Sharing Management System using Energy Storage, dissertation, JAIST, 2024,
Table 5.1. A trip printed in slot s takes the clock hour from s to s + 1, and the distance of a
lunch trip is that of the whole way there and back.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import DAY_KINDS, DayKind
from hmesh.environment.day_plan_sequence import PlanTrip, driven_on, sequence_problems
from hmesh.environment.errors import (
    InputError,
    Problem,
    missing_columns,
    missing_file,
    nearest,
    shortened,
)
from hmesh.environment.roads import Ways, length_and_time
from hmesh.environment.table_file import LARGEST

_REQUIRED = ("plan", "departs_h", "km", "origin", "destination")
_OPTIONAL = ("duration_h", "via", "day")
_DAY_H = 24.0


@dataclass(frozen=True, slots=True, eq=False)
class DayPlans:
    """Day plans and their trips, ordered by plan and departure.

    Attributes
    ----------
    names : tuple of str
        Names of the plans.
    trip_plan : array of int, shape (trips,)
        Plan of each trip, an index into `names`.
    departs_h : array, shape (trips,)
        When each trip departs, by the clock of the day [h].
    arrives_h : array, shape (trips,)
        When it arrives [h]; beyond 24 on the day after.
    km : array, shape (trips,)
        How far it goes [km].
    origin, via, destination : array of int, shape (trips,)
        Where it begins, what it passes by and where it ends, indices into the communities; via is
        -1 where it passes by none.
    start : array of int, shape (plans,)
        Community in which the day of each plan begins and ends.
    last_arrival_h : array, shape (plans,)
        When the last trip of each plan arrives [h].
    day : array of int, shape (trips,)
        Kind of day on which each trip is driven, an index into
        `hmesh.environment.calendar.DAY_KINDS`; -1 for every day.
    """

    names: tuple[str, ...]
    trip_plan: NDArray[np.int64]
    departs_h: FloatArray
    arrives_h: FloatArray
    km: FloatArray
    origin: NDArray[np.int64]
    via: NDArray[np.int64]
    destination: NDArray[np.int64]
    start: NDArray[np.int64]
    last_arrival_h: FloatArray
    day: NDArray[np.int64]

    @classmethod
    def blank(cls, name: str) -> Self:
        """Return one plan without trips, for vehicles that follow none."""
        hours, places = np.empty(0), np.empty(0, dtype=np.int64)
        none, start = np.zeros(1), np.zeros(1, dtype=np.int64)
        return cls(
            (name,), places, hours, hours, hours, places, places, places, start, none, places
        )

    def trips_of(self, plan: int, kind: DayKind) -> list[int]:
        """Return the trips of a plan on a kind of day, by departure."""
        mine = self.trip_plan == plan
        return driven_on(np.flatnonzero(mine).tolist(), self.day[mine].tolist(), kind)


def read_day_plans(
    path: Path | str | None,
    communities: Sequence[str],
    *,
    holidays: bool = False,
    school_holidays: bool = False,
    ways: Ways | None = None,
) -> DayPlans:
    """Read day plans from a CSV file, or take the shipped ones.

    Parameters
    ----------
    path : Path or str, or None
        File with the columns plan, departs_h, km, origin, destination and, where wanted,
        duration_h, via and day (weekday, saturday, sunday, holiday or
        school_holiday; every day where left out); None for the ten published patterns, which go
        between communities named homes, malls and offices.
    communities : sequence of str
        Names of the communities.
    holidays : bool, optional
        Whether there are public holidays, which may come before and after any other day.
    school_holidays : bool, optional
        Whether there are school holidays, which may take the place of any weekday.
    ways : Ways, optional
        Ways between the communities, from which km follows where it is left out, and duration_h
        where the ways have speeds; else duration_h is 1 where left out.

    Returns
    -------
    DayPlans
        The plans, in the order in which the file first names them.

    Raises
    ------
    InputError
        With every problem found: missing columns, cells that cannot be used, unknown communities,
        and plans that cannot be driven day after day, because a trip departs before the one
        before it has arrived or from where the vehicle is not, or because a day does not begin
        where the one before it ends.
    """
    name, rows = _rows(None if path is None else Path(path))
    trips = _trips(name, rows, communities, holidays, school_holidays, ways)
    plans = list(trips.values())
    each = [trip for plan in plans for trip in plan]
    return DayPlans(
        names=tuple(trips),
        trip_plan=np.repeat(np.arange(len(plans)), [len(plan) for plan in plans]),
        departs_h=np.array([trip.departs_h for trip in each], dtype=np.float64),
        arrives_h=np.array([trip.arrives_h for trip in each], dtype=np.float64),
        km=np.array([trip.km for trip in each], dtype=np.float64),
        origin=np.array([trip.origin for trip in each], dtype=np.int64),
        via=np.array([trip.via for trip in each], dtype=np.int64),
        destination=np.array([trip.destination for trip in each], dtype=np.int64),
        start=np.array([plan[0].origin for plan in plans], dtype=np.int64),
        last_arrival_h=np.array(
            [max(trip.arrives_h for trip in plan) for plan in plans], dtype=np.float64
        ),
        day=np.array([trip.day for trip in each], dtype=np.int64),
    )


def _rows(path: Path | None) -> tuple[str, list[tuple[int, list[str]]]]:
    """Return the name of the file, as problems state it, and its rows with their line numbers."""
    if path is None:
        name = "shipped day plans"
        text = (
            resources.files("hmesh.environment").joinpath("data/day_plans.csv").read_text("utf-8")
        )
    else:
        name = str(path)
        if problems := missing_file(Path(path)):
            raise InputError(problems)
        try:
            text = Path(path).read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            message = f"byte {error.object[error.start]:#x} is no text"
            raise InputError([Problem(f"{name}, line {line}", message, "UTF-8")]) from error
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        return name, [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        problem = Problem(f"{name}, line {reader.line_num}", f"cannot be read: {error}", "CSV")
        raise InputError([problem]) from error


def _trips(
    name: str,
    rows: list[tuple[int, list[str]]],
    communities: Sequence[str],
    holidays: bool,
    school_holidays: bool,
    ways: Ways | None,
) -> dict[str, list[PlanTrip]]:
    """Return the trips of each plan by departure; raise where there is a problem."""
    first_line, names = rows[0] if rows else (1, [])
    header = [column.strip() for column in names]
    problems = _header_problems(f"{name}, line {first_line}", header, ways)
    if problems:
        raise InputError(problems)
    trips: dict[str, list[PlanTrip]] = {}
    unusable: set[str] = set()
    for line, cells in rows[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        row = _Row(f"{name}, line {line}", header, cells, communities, ways)
        problems.extend(row.problems)
        plan = trips.setdefault(row.plan, [])
        if row.trip is None:
            unusable.add(row.plan)
        else:
            plan.append(row.trip)
    if not trips:
        problems.append(Problem(name, "holds no trips", "one row for each trip"))
    for plan_name, plan in trips.items():
        plan.sort(key=lambda trip: trip.departs_h)
        # What follows from a row that cannot be used is not reported as well.
        if plan_name not in unusable:
            problems += sequence_problems(plan_name, plan, communities, holidays, school_holidays)
    if problems:
        raise InputError(shortened(problems, 50))
    return trips


def _header_problems(place: str, header: list[str], ways: Ways | None) -> list[Problem]:
    if len(header) == 1 and ";" in header[0]:
        return [Problem(place, "the columns are separated by ';'", "columns separated by ','")]
    on_roads = ("km",) if ways is not None else ()
    needed = [column for column in _REQUIRED if column not in on_roads]
    problems = missing_columns(place, header, needed)
    absent = [column for column in _OPTIONAL if column not in header]
    known = (*_REQUIRED, *_OPTIONAL)
    for column in header:
        if header.count(column) > 1 and column in known:
            problems.append(Problem(place, f"column '{column}' stands there twice", "once"))
        # Another column is the person's own, unless it looks like one that would be left out.
        elif column not in known and (meant := nearest(column, absent)):
            problems.append(
                Problem(place, f"column '{column}' is unknown", ", ".join(known), meant)
            )
    return list(dict.fromkeys(problems))


class _Row:
    """One row of a file of day plans: its trip, or the problems that it has."""

    def __init__(
        self,
        place: str,
        header: list[str],
        cells: list[str],
        communities: Sequence[str],
        ways: Ways | None,
    ) -> None:
        self.place = place
        self.problems: list[Problem] = []
        self._ways = ways
        self._cells = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        self._communities = communities
        self.plan = self._cells.get("plan", "")
        self.trip = None
        if len(cells) != len(header):
            self._report(
                "", f"there are {len(cells)} cells", f"{len(header)} cells, one for each column"
            )
            return
        if not self.plan:
            self._report("plan", "the name of the plan is missing", "a name")
        departs_h = self._number("departs_h", "an hour from 0 to below 24", 0.0, _DAY_H)
        way_km, way_h = self._way()
        duration_h = self._number("duration_h", "hours above 0", math.ulp(0), LARGEST, way_h)
        km = self._number("km", "kilometres above 0", math.ulp(0), LARGEST, way_km)
        origin, via, destination = map(self._community, ("origin", "via", "destination"))
        day = self._day()
        if not self.problems:
            arrives_h = departs_h + duration_h
            self.trip = PlanTrip(place, departs_h, arrives_h, km, origin, via, destination, day)

    def _report(self, column: str, message: str, allowed: str, suggestion: str = "") -> None:
        place = f"{self.place}, column {column}" if column else self.place
        self.problems.append(Problem(place, message, allowed, suggestion))

    def _way(self) -> tuple[float | None, float]:
        """Return what follows from the roads where it is left out: length and duration."""
        given = self._cells
        names = [given[name] for name in ("origin", "via", "destination") if given.get(name)]
        known = given.get("origin") and given.get("destination")
        if self._ways is None or not known or not set(names) <= set(self._communities):
            return None, 1.0
        try:
            km, hours = length_and_time(self._ways, names)
        except InputError:  # a length that is left out is reported
            return None, 1.0
        return km or None, hours or 1.0

    def _number(
        self,
        column: str,
        allowed: str,
        least: float,
        below: float,
        unless_given: float | None = None,
    ) -> float:
        text = self._cells.get(column, "")
        if unless_given is not None and not text:
            return unless_given
        try:
            number = float(text)
        except ValueError:
            self._report(column, f"'{text}' is no number" if text else "is empty", allowed)
            return math.nan
        if not least <= number < below:
            self._report(column, f"{text} cannot be", allowed)
        return number

    def _day(self) -> int:
        kind = self._cells.get("day", "")
        if kind and kind not in DAY_KINDS:
            allowed = f"{', '.join(DAY_KINDS)}, or nothing for every day"
            self._report("day", f"'{kind}' is no kind of day", allowed, nearest(kind, DAY_KINDS))
        return DAY_KINDS.index(kind) if kind in DAY_KINDS else -1

    def _community(self, column: str) -> int:
        name = self._cells.get(column, "")
        if name in self._communities:
            return self._communities.index(name)
        if column == "via" and not name:
            return -1
        message = f"'{name}' is no community" if name else "is empty"
        allowed = f"one of {', '.join(self._communities)}"
        self._report(column, message, allowed, nearest(name, self._communities))
        return -1
