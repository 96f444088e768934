"""Trips of vehicles that follow day plans."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise, zip_longest

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar, DayKind
from hmesh.environment.day_plans import DayPlans
from hmesh.environment.growth import Growth
from hmesh.environment.moments import SECOND_MS, moment
from hmesh.environment.night_at_home import homes_among, nights_at_home
from hmesh.environment.trips import DayTrips, GroupTrips, TripBatch, TripSource

# Within so many days every kind of day comes, public and school holidays aside.
_AHEAD = 14


class PlannedTrips(TripSource):
    """The trips of day plans, which repeat by the kind of day.

    Parameters
    ----------
    plans : DayPlans
        The plans.
    calendar : Calendar
        What kind of day a date is.
    day_plan : array of int, shape (size,)
        Plan of every vehicle.
    growth : Growth, optional
        When vehicles join the fleet.
    residential : array of bool, shape (communities,), optional
        Where people live; wherever a vehicle stays longest unless given.
    """

    def __init__(
        self,
        plans: DayPlans,
        calendar: Calendar,
        day_plan: NDArray[np.integer],
        growth: Growth | None = None,
        residential: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__(len(day_plan), growth)
        self.plans = plans
        self.calendar = calendar
        self._day_plan = day_plan
        self._home = _homes(plans, residential)
        self._nights: dict[tuple[int, tuple[DayKind, ...]], dict[int, bool]] = {}
        order = np.argsort(day_plan, kind="stable")
        bounds = np.searchsorted(day_plan[order], np.arange(len(plans.names) + 1))
        self._members = [order[a:b] for a, b in pairwise(bounds)]

    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the community in which each vehicle is as a day begins, shape (size,)."""
        parked: NDArray[np.int16] = np.array(self._origins(day), dtype=np.int16)[self._day_plan]
        return parked

    def homes(self) -> NDArray[np.int16]:
        """Return the community of each vehicle's home, shape (size,).

        It is where its plan begins if people live there, else the first such place of its trips.
        """
        plans = self.plans
        homes = plans.start.astype(np.int16)
        for plan, start in enumerate(plans.start.tolist()):
            stops = plans.destination[plans.trip_plan == plan]
            homes_of_plan = stops[self._home[plan, stops]]
            if len(homes_of_plan) and not self._home[plan, start]:
                homes[plan] = homes_of_plan[0]
        mine: NDArray[np.int16] = homes[self._day_plan]
        return mine

    def home_at(self, day: int) -> NDArray[np.bool_]:
        """Return whether each vehicle is at home as a day begins, shape (size,)."""
        at_home = [bool(self._home[plan, m]) for plan, m in enumerate(self._origins(day))]
        there: NDArray[np.bool_] = np.array(at_home, dtype=np.bool_)[self._day_plan]
        return there

    def _origins(self, day: int) -> list[int]:
        """Return the community in which vehicles of each plan are as a day begins."""
        where = [self._next_trip(plan, day) for plan in range(len(self.plans.names))]
        return [
            int(self.plans.start[plan] if trip is None else self.plans.origin[trip])
            for plan, trip in enumerate(where)
        ]

    def _make(self, day: int) -> DayTrips:
        present = self.joined(day)
        batches: list[TripBatch] = []
        firsts: list[TripBatch] = []
        for plan, members in enumerate(self._members):
            vehicles = members[: np.searchsorted(members, present)]
            drives = self._drives(plan, day)
            day_batches = [
                self._batch(drive, following, plan, vehicles, day)
                for drive, following in zip_longest(drives, drives[1:])
            ]
            batches += day_batches
            firsts += day_batches[:1]
        return GroupTrips(batches, firsts)

    def _batch(
        self,
        drive: "_Drive",
        following: "_Drive | None",
        plan: int,
        vehicles: NDArray[np.intp],
        day: int,
    ) -> TripBatch:
        plans, trip = self.plans, drive.trip
        departs = moment(drive.departs_h)
        arrives = max(moment(drive.arrives_h), departs + SECOND_MS)
        next_trip = following.trip if following else self._next_trip(plan, day + 1)
        return TripBatch(
            vehicles=vehicles,
            departs_ms=departs,
            arrives_ms=arrives,
            origin=int(plans.origin[trip]),
            destination=int(plans.destination[trip]),
            km=float(plans.km[trip]),
            night_follows=drive.night_follows,
            next_km=0.0 if next_trip is None else float(plans.km[next_trip]),
        )

    def _date(self, day: int) -> date:
        return self.calendar.start.date() + timedelta(days=day)

    def _trips_of(self, plan: int, day: int) -> list[int]:
        kind = self.calendar.day_kind(self._date(day))
        return self.plans.trips_of(plan, kind)

    def _next_trip(self, plan: int, day: int) -> int | None:
        """Return the first trip of a plan from a day on; None where the vehicle stays parked."""
        for later in range(day, day + _AHEAD):
            if trips := self._trips_of(plan, later):
                return trips[0]
        return None

    def _drives(self, plan: int, day: int) -> list["_Drive"]:
        """Return the trips of a plan on a day.

        Where the clocks skip an hour a vehicle is late, and its next trips wait for it.
        """
        drives: list[_Drive] = []
        late = self._skips_an_hour(day) or self._skips_an_hour(day - 1)
        before = self._drives(plan, day - 1) if late else []
        arrived_h = before[-1].arrives_h if before else -math.inf
        nights = self._nights_after(plan, day)
        for trip in self._trips_of(plan, day):
            departs_h = self.calendar.elapsed_h(self._date(day), float(self.plans.departs_h[trip]))
            departs_h = max(departs_h, arrived_h)
            arrived_h = departs_h + float(self.plans.arrives_h[trip] - self.plans.departs_h[trip])
            drives.append(_Drive(trip, departs_h, arrived_h, nights[trip]))
        return drives

    def _nights_after(self, plan: int, day: int) -> dict[int, bool]:
        """Return whether the night at home follows each trip of a plan on a day, by the clock."""
        around = tuple(
            self.calendar.day_kind(self._date(other)) for other in range(day - 1, day + 3)
        )
        if (plan, around) not in self._nights:
            plans = self.plans
            trips = [
                (24.0 * number, trip)
                for number, kind in enumerate(around)
                for trip in plans.trips_of(plan, kind)
            ]
            number = np.array([trip for _, trip in trips], dtype=np.int64)
            offset = np.array([hours for hours, _ in trips])
            departs, arrives = offset + plans.departs_h[number], offset + plans.arrives_h[number]
            # Beyond the days looked at all stays are long.
            ends = np.append(departs, np.inf)[1:]
            night = nights_at_home(arrives, ends, self._home[plan, plans.destination[number]])
            today = offset == 24.0
            self._nights[plan, around] = dict(
                zip(number[today].tolist(), night[today].tolist(), strict=True)
            )
        return self._nights[plan, around]

    def _skips_an_hour(self, day: int) -> bool:
        elapsed_h, today = self.calendar.elapsed_h, self._date(day)
        return elapsed_h(today + timedelta(days=1), 0.0) - elapsed_h(today, 0.0) < 24.0


@dataclass(frozen=True, slots=True)
class _Drive:
    """A trip of a plan on a day, in hours from the start of the run."""

    trip: int
    departs_h: float
    arrives_h: float
    night_follows: bool


def _homes(plans: DayPlans, residential: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return which communities are the home of each plan, shape (plans, communities)."""
    places = 1 + max(
        int(plans.destination.max(initial=0)),
        int(plans.start.max(initial=0)),
        -1 if residential is None else len(residential) - 1,
    )
    home = np.zeros((len(plans.names), places), dtype=np.bool_)
    for plan in range(len(plans.names)):
        stops = plans.destination[plans.trip_plan == plan]
        stops = stops if len(stops) else plans.start[plan : plan + 1]
        home[plan, stops] = homes_among(stops, residential)
    return home
