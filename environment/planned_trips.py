"""Trips of vehicles that follow day plans."""

import math
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from environment.calendar import Calendar
from environment.day_plans import DayPlans
from environment.growth import Growth
from environment.trips import DayTrips, GroupTrips, TripBatch, TripSource

# Within so many days every kind of day comes, holidays aside.
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
    """

    def __init__(
        self,
        plans: DayPlans,
        calendar: Calendar,
        day_plan: NDArray[np.integer],
        growth: Growth | None = None,
    ) -> None:
        super().__init__(len(day_plan), growth)
        self.plans = plans
        self.calendar = calendar
        self._day_plan = day_plan
        order = np.argsort(day_plan, kind="stable")
        bounds = np.searchsorted(day_plan[order], np.arange(len(plans.names) + 1))
        self._members = [order[a:b] for a, b in pairwise(bounds)]

    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the community in which each vehicle is as a day begins, shape (size,)."""
        where = [self._next_trip(plan, day) for plan in range(len(self.plans.names))]
        origins = [
            int(self.plans.start[plan] if trip is None else self.plans.origin[trip])
            for plan, trip in enumerate(where)
        ]
        parked: NDArray[np.int16] = np.array(origins, dtype=np.int16)[self._day_plan]
        return parked

    def _make(self, day: int) -> DayTrips:
        present = self.joined(day)
        batches: list[TripBatch] = []
        firsts: list[TripBatch] = []
        for plan, members in enumerate(self._members):
            vehicles = members[: np.searchsorted(members, present)]
            trips = self._trips_of(plan, day)
            following: list[int | None] = [*trips[1:], None]
            day_batches = [
                self._batch(trip, next_trip, plan, vehicles, day)
                for trip, next_trip in zip(trips, following, strict=False)
            ]
            batches += day_batches
            firsts += day_batches[:1]
        return GroupTrips(batches, firsts)

    def _batch(
        self, trip: int, following: int | None, plan: int, vehicles: NDArray[np.intp], day: int
    ) -> TripBatch:
        plans = self.plans
        departs, arrives = self._steps_of(trip, self._date(day))
        next_trip = self._next_trip(plan, day + 1) if following is None else following
        return TripBatch(
            vehicles=vehicles,
            departs_step=departs,
            arrives_step=arrives,
            origin=int(plans.origin[trip]),
            destination=int(plans.destination[trip]),
            km=float(plans.km[trip]),
            last=following is None,
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

    def _steps_of(self, trip: int, day: date) -> tuple[int, int]:
        """Return the first step on the road and the first step parked again."""
        step_h = self.calendar.step_h
        departs_h = self.calendar.elapsed_h(day, float(self.plans.departs_h[trip]))
        arrives_h = departs_h + float(self.plans.arrives_h[trip] - self.plans.departs_h[trip])
        departs = math.floor(departs_h / step_h + 1e-9)
        return departs, max(math.ceil(arrives_h / step_h - 1e-9), departs + 1)
