"""Vehicles on the road: who departs, who arrives, and how far each drives in a step.

A vehicle that drives in any part of a step belongs to no community for the whole step. Departures
and arrivals are events of groups: one event moves every vehicle that sets out, or arrives, in a
step. What is pending names only the day whose trips they are, for these can be made again.
"""

import math
from collections import Counter
from datetime import timedelta

import numpy as np

from hmesh.environment.calendar import Calendar
from hmesh.environment.clock import Clock
from hmesh.environment.population import Population
from hmesh.environment.trips import TripBatch, TripSource, part

ON_THE_ROAD = -1
ABSENT = -2
ARRIVE, DEPART = 0, 1


class Traffic:
    """Moves the vehicles of a fleet through their trips.

    Parameters
    ----------
    clock : Clock
        Where departures and arrivals are pending.
    calendar : Calendar
        What the clocks show.
    trips : TripSource
        The trips of every day.
    fleet : Population
        Has the columns ``capacity_kwh``, ``consumption_kwh_per_km``, ``soc_start`` (with which
        vehicles join) and ``keeps_reserve``, and these, which traffic
        writes: ``community`` (-1 on the road, -2 not yet there), ``trips_under_way``,
        ``driven_km`` (in this step), ``day_finished`` (in its night at home), ``reserve_kwh`` (for
        the next trip) and, as a vehicle joins, ``energy_kwh``.
    keep_reserve : bool
        Whether any vehicle keeps back the energy of its next trip.

    Attributes
    ----------
    departed : list of TripBatch
        Trips begun in this step.
    counts : Counter
        What became of the trips and the fleet in this step.
    joined_kwh : float
        Energy that vehicles brought which joined in this step [kWh].
    """

    def __init__(
        self,
        clock: Clock,
        calendar: Calendar,
        trips: TripSource,
        fleet: Population,
        *,
        keep_reserve: bool = False,
    ) -> None:
        self.clock = clock
        self.calendar = calendar
        self.trips = trips
        self.fleet = fleet
        self.keep_reserve = keep_reserve
        self.end_step()
        clock.on("day", self._begin_day)
        clock.on("depart", self._depart)
        clock.on("arrive", self._arrive)

    def end_step(self) -> None:
        """Forget what happened in this step."""
        self.departed: list[TripBatch] = []
        self.counts: Counter[str] = Counter()
        self.joined_kwh = 0.0

    @property
    def vehicles_there(self) -> int:
        """How many vehicles there are by now: the first rows of the fleet."""
        if self.trips.growth is None:
            return len(self.fleet)
        return int(np.count_nonzero(self.fleet["community"] != ABSENT))

    def begin(self) -> None:
        """Park every vehicle where it is at the start of the run."""
        today = self.trips.day(0)
        self._park(0, self.trips.joined(0), 0)
        self.fleet["community"][self.trips.joined(0) :] = ABSENT
        for step in today.departures:
            if step >= 0:
                break
            for batch in today.departing(step):
                self.fleet["community"][batch.vehicles] = batch.destination
                self.fleet["day_finished"][batch.vehicles] = batch.night_follows
                self._reserve(batch, following=True)
        self.clock.schedule(0.0, "day", 0)

    def _park(self, first: int, end: int, day: int) -> None:
        """Park rows of the fleet where they are as a day begins."""
        rows = slice(first, end)
        self.fleet["community"][rows] = self.trips.parked_at(day)[rows]
        # Vehicles that drive today have not come home yet, and plug in after today's trips.
        self.fleet["day_finished"][rows] = self.trips.home_at(day)[rows]
        for batch in self.trips.day(day).first():
            new = batch.where((batch.vehicles >= first) & (batch.vehicles < end))
            self.fleet["day_finished"][new.vehicles] = False
            self._reserve(new, following=False)

    def _begin_day(self, day: int) -> None:
        """Make the trips of a day pending, and the day after it."""
        today = self.trips.day(day)
        step_h = self.calendar.step_h
        if day > 0:
            for batch in today.first():
                self._reserve(batch, following=False)
            self._join(day)
        self.counts.update(today.counts)
        for step in today.departures:
            if step * step_h >= self.clock.now_h:
                self.clock.schedule(step * step_h, "depart", day, priority=DEPART)
        for step in today.arrivals:
            if step * step_h >= self.clock.now_h:
                self.clock.schedule(step * step_h, "arrive", day, priority=ARRIVE)
        tomorrow = self.calendar.start.date() + timedelta(days=day + 1)
        midnight_h = self.calendar.elapsed_h(tomorrow, 0.0)
        # A trip soon after midnight may belong to a step that begins before it.
        self.clock.schedule(math.floor(midnight_h / step_h + 1e-9) * step_h, "day", day + 1)

    def _join(self, day: int) -> None:
        """Let the vehicles join whose first day it is, with the energy that they bring."""
        if self.trips.growth is None:
            return
        first, end = self.trips.joined(day - 1), min(self.trips.joined(day), len(self.fleet))
        if first >= end:
            return
        self._park(first, end, day)
        brought = self.fleet["soc_start"][first:end] * self.fleet["capacity_kwh"][first:end]
        self.fleet["energy_kwh"][first:end] = brought
        self.joined_kwh += float(brought.sum())
        self.counts["vehicles_joined"] += end - first

    def _now(self) -> int:
        return round(self.clock.now_h / self.calendar.step_h)

    def _depart(self, day: int) -> None:
        fleet = self.fleet
        for batch in self.trips.day(day).departing(self._now()):
            vehicles = batch.vehicles
            fleet["community"][vehicles] = ON_THE_ROAD
            fleet["trips_under_way"][vehicles] += 1
            fleet["driven_km"][vehicles] += batch.km / (batch.arrives_step - batch.departs_step)
            fleet["day_finished"][vehicles] = False
            self._reserve(batch, following=True)
            self.departed.append(batch)

    def _arrive(self, day: int) -> None:
        fleet = self.fleet
        for batch in self.trips.day(day).arriving(self._now()):
            if day == 0:
                # Who set out before the run began was parked where that trip goes.
                batch = batch.where(np.broadcast_to(batch.departs_step >= 0, batch.vehicles.shape))
            vehicles = batch.vehicles
            fleet["trips_under_way"][vehicles] -= 1
            fleet["driven_km"][vehicles] -= batch.km / (batch.arrives_step - batch.departs_step)
            # Short trips may share a step: who set out again in it is still on the road.
            there = fleet["trips_under_way"][vehicles] == 0
            parked = vehicles[there]
            fleet["driven_km"][parked] = 0.0
            fleet["community"][parked] = part(batch.destination, there)
            fleet["day_finished"][parked] = part(batch.night_follows, there)

    def _reserve(self, batch: TripBatch, *, following: bool) -> None:
        """Let vehicles keep back the energy of a trip, or of the one that follows it."""
        if self.keep_reserve:
            km = batch.next_km if following else batch.km
            rows = batch.vehicles
            used = km * self.fleet["consumption_kwh_per_km"][rows]
            keeps = self.fleet["keeps_reserve"][rows]
            self.fleet["reserve_kwh"][rows] = np.where(keeps, used, 0.0)
