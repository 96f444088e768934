"""Vehicles on the road: who departs, who arrives, and how far each drives in a step.

A vehicle that drives in any part of a step belongs to no community for the whole step. Trips repeat
by day plan, so departures and arrivals are events of groups: one event moves every vehicle of a
plan.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from environment.calendar import Calendar
from environment.clock import Clock
from environment.day_plans import DayPlans
from environment.population import Population

ON_THE_ROAD = -1
ARRIVE, DEPART = 0, 1


@dataclass(frozen=True, slots=True)
class TripBatch:
    """Vehicles that set out together.

    Attributes
    ----------
    vehicles : array of int, shape (n,)
        Rows of the fleet.
    departs_step, arrives_step : int
        First step on the road, and first step parked again.
    origin, destination : int
        Communities.
    km : float
        Length of the trip [km].
    """

    vehicles: NDArray[np.intp]
    departs_step: int
    arrives_step: int
    origin: int
    destination: int
    km: float


class Traffic:
    """Moves the vehicles of a fleet through their day plans.

    Parameters
    ----------
    clock : Clock
        Where departures and arrivals are pending.
    calendar : Calendar
        What the clocks show.
    plans : DayPlans
        Trips of a day; plans repeat every day.
    fleet : Population
        Has the columns ``day_plan`` and ``consumption_kwh_per_km``, and these, which traffic
        writes: ``community`` (-1 on the road), ``trips_under_way``, ``driven_km`` (in this step),
        ``day_finished`` (no trip left today) and ``reserve_kwh`` (for the next trip).
    keep_reserve : bool
        Whether vehicles keep back the energy of their next trip.

    Attributes
    ----------
    departed : list of TripBatch
        Trips begun since it was last emptied.
    """

    def __init__(
        self,
        clock: Clock,
        calendar: Calendar,
        plans: DayPlans,
        fleet: Population,
        *,
        keep_reserve: bool = False,
    ) -> None:
        self.clock = clock
        self.calendar = calendar
        self.plans = plans
        self.fleet = fleet
        self.keep_reserve = keep_reserve
        self.departed: list[TripBatch] = []
        order = np.argsort(fleet["day_plan"], kind="stable")
        bounds = np.searchsorted(fleet["day_plan"][order], np.arange(len(plans.names) + 1))
        self._members = [order[a:b] for a, b in pairwise(bounds)]
        self._next_trip = _next_trips(plans)
        clock.on("day", self._begin_day)
        clock.on("depart", self._depart)
        clock.on("arrive", self._arrive)

    def begin(self) -> None:
        """Park every vehicle where its plan has it at the start of the run."""
        plans, today = self.plans, self.calendar.start.date()
        self.fleet["community"][:] = plans.start[self.fleet["day_plan"]]
        for plan, members in enumerate(self._members):
            trips = np.flatnonzero(plans.trip_plan == plan)
            done = [int(trip) for trip in trips if self._steps_of(int(trip), today)[0] < 0]
            if done:
                self.fleet["community"][members] = plans.destination[done[-1]]
                self.fleet["day_finished"][members] = len(done) == len(trips)
            if self.keep_reserve and len(trips):
                self._reserve(members, int(trips[len(done) % len(trips)]))
        self.clock.schedule(0.0, "day", 0)

    def _steps_of(self, trip: int, day: date) -> tuple[int, int]:
        """Return the first step on the road and the first step parked again."""
        step_h = self.calendar.step_h
        departs_h = self.calendar.elapsed_h(day, float(self.plans.departs_h[trip]))
        arrives_h = departs_h + float(self.plans.arrives_h[trip] - self.plans.departs_h[trip])
        departs = math.floor(departs_h / step_h + 1e-9)
        return departs, max(math.ceil(arrives_h / step_h - 1e-9), departs + 1)

    def _begin_day(self, day: int) -> None:
        """Make the trips of a day pending, and the day after it."""
        today = self.calendar.start.date() + timedelta(days=day)
        step_h = self.calendar.step_h
        for trip in range(len(self.plans.km)):
            departs, arrives = self._steps_of(trip, today)
            if departs * step_h >= self.clock.now_h:
                self.clock.schedule(departs * step_h, "depart", trip, priority=DEPART)
                self.clock.schedule(arrives * step_h, "arrive", trip, priority=ARRIVE)
        midnight_h = self.calendar.elapsed_h(today + timedelta(days=1), 0.0)
        # A trip soon after midnight may belong to a step that begins before it.
        self.clock.schedule(math.floor(midnight_h / step_h + 1e-9) * step_h, "day", day + 1)

    def _depart(self, trip: int) -> None:
        fleet, plans = self.fleet, self.plans
        vehicles = self._members[plans.trip_plan[trip]]
        departs, arrives = self._span(trip, 0)
        fleet["community"][vehicles] = ON_THE_ROAD
        fleet["trips_under_way"][vehicles] += 1
        fleet["driven_km"][vehicles] += plans.km[trip] / (arrives - departs)
        fleet["day_finished"][vehicles] = False
        origin, destination = int(plans.origin[trip]), int(plans.destination[trip])
        km = float(plans.km[trip])
        self.departed.append(TripBatch(vehicles, departs, arrives, origin, destination, km))

    def _span(self, trip: int, which: Literal[0, 1]) -> tuple[int, int]:
        """Return the steps in which the trip departs and arrives, one of which is now."""
        now = round(self.clock.now_h / self.calendar.step_h)
        today = self.calendar.date_of(now)
        for days in (0, 1, -1):
            span = self._steps_of(trip, today + timedelta(days=days))
            if span[which] == now:
                return span
        raise RuntimeError(f"trip {trip} neither departs nor arrives in step {now}")

    def _arrive(self, trip: int) -> None:
        fleet, plans = self.fleet, self.plans
        vehicles = self._members[plans.trip_plan[trip]]
        following = int(self._next_trip[trip])
        departs, arrives = self._span(trip, 1)
        fleet["trips_under_way"][vehicles] -= 1
        fleet["driven_km"][vehicles] -= plans.km[trip] / (arrives - departs)
        # Short trips may share a step: who set out again in it is still on the road.
        parked = vehicles[fleet["trips_under_way"][vehicles] == 0]
        fleet["driven_km"][parked] = 0.0
        fleet["community"][parked] = plans.destination[trip]
        fleet["day_finished"][parked] = following <= trip
        if self.keep_reserve:
            self._reserve(vehicles, following)

    def _reserve(self, vehicles: NDArray[np.intp], trip: int) -> None:
        used = self.fleet["consumption_kwh_per_km"][vehicles]
        self.fleet["reserve_kwh"][vehicles] = self.plans.km[trip] * used


def _next_trips(plans: DayPlans) -> NDArray[np.intp]:
    """Return the trip after each trip of the same plan; after its last, its first."""
    following = np.arange(1, len(plans.km) + 1)
    for plan in range(len(plans.names)):
        trips = np.flatnonzero(plans.trip_plan == plan)
        if len(trips):
            following[trips] = np.roll(trips, -1)
    return following
