"""The events of one step of vehicles whose battery does not reach, in the order of time."""

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.fast_charging import PlaceOnWay, first_stop, reaches, stop_ms
from hmesh.environment.journey_records import (
    AT_STOP,
    ON_THE_WAY,
    TO_GOAL,
    TO_STOP,
    AtStop,
    ChangedTrip,
    Journey,
    Stop,
    Trip,
    batch_of,
    rows_of,
)
from hmesh.environment.last_digits import DUST_KWH
from hmesh.environment.moments import MS_PER_H, SECOND_MS
from hmesh.environment.trips import TripBatch

if TYPE_CHECKING:
    from hmesh.environment.journeys import Journeys

# A departure comes after what else happens at its moment.
_DEPARTS = 3


@dataclass(slots=True)
class _Vehicle:
    """A vehicle within a step: where it is, -1 on its way, and what it holds."""

    where: int
    held_kwh: float
    driven_km: float = 0.0
    last_leg: int = -1


class JourneyStep:
    """The events of one step."""

    def __init__(
        self, journeys: "Journeys", begin_ms: int, end_ms: int, dark: NDArray[np.bool_]
    ) -> None:
        self.all = journeys
        self.begin, self.end, self.dark = begin_ms, end_ms, dark
        self.used = journeys.fleet["consumption_kwh_per_km"]
        self.capacity = journeys.fleet["capacity_kwh"]
        self.efficiency = journeys.fleet["charge_efficiency"]
        self.full = journeys.full_kwh
        self.now: dict[int, _Vehicle] = {}
        self.legs: list[list[Any]] = []
        self._events: list[tuple[int, int, int, int, Trip | None]] = []
        self._number = 0
        self._pause()
        for journey in list(journeys.by_vehicle.values()):
            self._follow(journey)

    def take(self, odd: NDArray[np.intp], trips: TripBatch, under_way: TripBatch | None) -> None:
        """Take over the trips of some vehicles, and the drives on which they are."""
        journeys = self.all
        if under_way is not None:
            known = np.fromiter(journeys.by_vehicle, np.int64, len(journeys.by_vehicle))
            on = np.isin(under_way.vehicles, odd) & ~np.isin(under_way.vehicles, known)
            for vehicle, trip in rows_of(under_way.where(on)):
                journey = Journey(
                    vehicle, trip, TO_GOAL, trip.arrives_ms, trip.destination, trip.departs_ms,
                    leg_from_ms=trip.departs_ms, leg_km=trip.km,
                )  # fmt: skip
                journeys.by_vehicle[vehicle] = journey
                self._follow(journey)
        for vehicle, trip in rows_of(trips.where(np.isin(trips.vehicles, odd))):
            self._push(trip.departs_ms, _DEPARTS, vehicle, trip)
            self._vehicle(vehicle)

    def _vehicle(self, vehicle: int) -> _Vehicle:
        if vehicle not in self.now:
            fleet = self.all.fleet
            on_way = vehicle in self.all.by_vehicle
            where = ON_THE_WAY if on_way else int(fleet["place"][vehicle])
            self.now[vehicle] = _Vehicle(where, float(fleet["energy_kwh"][vehicle]))
        return self.now[vehicle]

    def _push(self, at_ms: int, what: int, vehicle: int, trip: Trip | None = None) -> None:
        if at_ms < self.end:
            heapq.heappush(self._events, (at_ms, what, vehicle, self._number, trip))
            self._number += 1

    def _pause(self) -> None:
        """Let stops where there is no supply go on after the step."""
        length, journeys = self.end - self.begin, self.all
        for place in np.flatnonzero(self.dark).tolist():
            free = journeys.free_ms.get(place, [])
            free[:] = [at + length if at > self.begin else at for at in free]
        for journey in journeys.by_vehicle.values():
            if journey.stage == AT_STOP and self.dark[journey.place]:
                if journey.from_ms >= self.begin:
                    journey.from_ms += length
                journey.at_ms += length

    def _follow(self, journey: Journey) -> None:
        """Let a journey go on that is under way as the step begins."""
        self._vehicle(journey.vehicle)
        self._push(journey.at_ms, journey.stage, journey.vehicle)
        if journey.stage == AT_STOP:
            self._charge(journey)

    def go(self) -> None:
        """Handle all events of the step, in the order of time."""
        while self._events:
            at, what, vehicle, _, trip = heapq.heappop(self._events)
            if trip is not None:
                self._sets_out(vehicle, trip, at)
            else:
                journey = self.all.by_vehicle[vehicle]
                (self._arrives, self._goes_on, self._stops)[what](journey, at)

    def _sets_out(self, vehicle: int, trip: Trip, at: int) -> None:
        if vehicle in self.all.by_vehicle:
            self.all.waiting.setdefault(vehicle, []).append(trip)
            return
        now, used, full = self._vehicle(vehicle), self.used[vehicle], self.full[vehicle]
        if now.where != trip.origin:
            self._stays(vehicle, trip, at)
            return
        length = trip.arrives_ms - trip.departs_ms
        journey = Journey(vehicle, trip, TO_GOAL, at + length, trip.destination, at)
        if reaches(trip.km, now.held_kwh, used):
            self._drive(journey, at, trip.km)
        else:
            way = self.all.ways.between(trip.origin, trip.destination)
            places = [part * trip.km for _, part in way]
            if first_stop(places, trip.km, now.held_kwh, full, used) is None:
                self._stays(vehicle, trip, at)
                return
            self._head_for(journey, way[0], at)
        now.where = ON_THE_WAY
        self.all.by_vehicle[vehicle] = journey

    def _stays(self, vehicle: int, trip: Trip, at: int) -> None:
        """Let a vehicle not make a trip, and charge where it is."""
        journeys, now = self.all, self._vehicle(vehicle)
        journeys.counts["trips_not_made"] += 1
        planned = trip.departs_ms, trip.arrives_ms
        journeys.changed.append(ChangedTrip(vehicle, *planned, -1, -1, 0))
        journeys.noted.append(("not_made", at, vehicle, now.where, trip.km))
        if now.last_leg >= 0:
            self.legs[now.last_leg][6] = 1
        else:
            journeys.stranded.append(vehicle)

    def _drive(self, journey: Journey, at: int, km: float) -> None:
        """Let a vehicle drive to the place for which it is bound, `at_ms` being when it arrives."""
        trip, goal = journey.trip, journey.stage == TO_GOAL
        journey.leg_from_ms, journey.leg_km = at, km
        origin = ON_THE_WAY if journey.begun else trip.origin
        journey.begun = 1
        destination = trip.destination if goal else ON_THE_WAY
        night = trip.night_follows if goal else 0
        self._vehicle(journey.vehicle).last_leg = len(self.legs)
        leg = [journey.vehicle, at, journey.at_ms, origin, destination, km, night, trip.next_km]
        self.legs.append(leg)
        self._push(journey.at_ms, journey.stage, journey.vehicle)

    def _head_for(self, journey: Journey, stop: PlaceOnWay, at: int) -> None:
        """Let a vehicle drive to a stop."""
        place, part = stop
        trip = journey.trip
        km = part * trip.km - journey.done_km
        journey.stage, journey.place = TO_STOP, place
        journey.at_ms = at + self._time(trip, km)
        self._drive(journey, at, km)

    def _time(self, trip: Trip, km: float) -> int:
        """Return how long a part of a trip takes: whole seconds [ms]."""
        whole = trip.arrives_ms - trip.departs_ms
        return max(round(whole * km / trip.km / SECOND_MS), 1) * SECOND_MS

    def _has_driven(self, journey: Journey, at: int) -> None:
        """Take the energy of a drive that ends from the battery."""
        now = self._vehicle(journey.vehicle)
        here = at - max(journey.leg_from_ms, self.begin)
        km = journey.leg_km * here / (at - journey.leg_from_ms)
        now.driven_km += km
        now.held_kwh = max(now.held_kwh - km * self.used[journey.vehicle], 0.0)
        journey.done_km += journey.leg_km

    def _stops(self, journey: Journey, at: int) -> None:
        """Let a vehicle arrive at a stop, and queue for a plug."""
        self._has_driven(journey, at)
        journeys, vehicle, place = self.all, journey.vehicle, journey.place
        now, trip = self._vehicle(vehicle), journey.trip
        journey.arrived_ms, journey.drawn_kwh = at, 0.0
        journeys.noted.append(("stops", at, vehicle, place, journey.leg_km))
        rest_kwh = (trip.km - journey.done_km) * self.used[vehicle]
        margin = max(journeys.ability.margin[vehicle] * self.capacity[vehicle], 2 * DUST_KWH)
        # At a second place it charges from the next step on: it exchanges at one place in a step.
        earliest = self.end if vehicle in journeys.at_stops else at
        earliest = self.end if self.dark[place] else earliest
        most = journeys.ability.most_kw[vehicle]
        free = journeys.free_ms[place]
        begins, minus_kw, plug = min(
            (max(earliest, free[number]), -min(power, most), number)
            for number, (_, power) in enumerate(journeys.kinds[place])
        )
        wanted, full = rest_kwh + margin, self.full[vehicle]
        curve = journeys.curve_at_stop(vehicle, place, plug)
        if curve is not None:
            length = curve.stop_ms(now.held_kwh, wanted, full)
        else:
            into = float(self.efficiency[vehicle])
            length = stop_ms(now.held_kwh, wanted, full, -minus_kw, into)
        if length == 0:
            begins = at
        else:
            free[plug] = begins + length
        journey.stage, journey.at_ms = AT_STOP, begins + length
        journey.from_ms, journey.plug, journey.power_kw = begins, plug, -minus_kw
        journeys.stopped[vehicle] = journeys.stopped.get(vehicle, 0) + 1
        journeys.counts["stops_on_the_way"] += 1
        self._charge(journey)
        self._push(journey.at_ms, AT_STOP, vehicle)

    def _charge(self, journey: Journey) -> None:
        """Let a vehicle charge for the part of its stop that lies in the step."""
        now, place = self._vehicle(journey.vehicle), journey.place
        begins = max(journey.from_ms, self.begin)
        until = min(journey.at_ms, self.end)
        length = 0 if self.dark[place] else max(until - begins, 0)
        curve = self.all.curve_at_stop(journey.vehicle, place, journey.plug)
        if curve is None:
            drawn = journey.power_kw * length / MS_PER_H
        else:
            drawn = curve.drawn_kwh(now.held_kwh, length)
        if begins < self.end:
            what = ("plugs_in", journey.from_ms, journey.vehicle, place)
            if journey.from_ms >= self.begin and journey.at_ms > journey.from_ms:
                waited = (journey.from_ms - journey.arrived_ms) / MS_PER_H
                self.all.noted.append((*what, waited))
        journey.drawn_kwh += drawn
        now.held_kwh += drawn * float(self.efficiency[journey.vehicle])
        if journey.vehicle in self.all.at_stops:
            return
        self.all.at_stops[journey.vehicle] = AtStop(
            place if length else ON_THE_WAY, length, drawn, until, now.driven_km
        )

    def _goes_on(self, journey: Journey, at: int) -> None:
        """Let a vehicle leave its stop: for its goal, or for the next one."""
        journeys, vehicle, trip = self.all, journey.vehicle, journey.trip
        kind = journeys.kinds[journey.place][journey.plug][0]
        journeys.stops.append(
            Stop(vehicle, journey.place, kind, journey.arrived_ms, journey.from_ms, at,
                 journey.drawn_kwh)
        )  # fmt: skip
        plugged = (at - journey.from_ms) / MS_PER_H
        journeys.noted.append(("goes_on", at, vehicle, journey.place, plugged))
        now, rest = self._vehicle(vehicle), trip.km - journey.done_km
        if not reaches(rest, now.held_kwh, self.used[vehicle]):
            ahead = [
                stop
                for stop in journeys.ways.between(trip.origin, trip.destination)
                if stop[1] * trip.km > journey.done_km + 1e-9 * trip.km
            ]
            if ahead:
                self._head_for(journey, ahead[0], at)
                return
        journey.stage, journey.place = TO_GOAL, trip.destination
        journey.at_ms = at + self._time(trip, rest)
        self._drive(journey, at, rest)

    def _arrives(self, journey: Journey, at: int) -> None:
        """Let a vehicle arrive, and set out again if it should have by then."""
        self._has_driven(journey, at)
        journeys, vehicle, trip = self.all, journey.vehicle, journey.trip
        del journeys.by_vehicle[vehicle]
        now = self._vehicle(vehicle)
        now.where = trip.destination
        stopped = journeys.stopped.pop(vehicle, 0)
        if at != trip.arrives_ms or stopped:
            journeys.delayed_ms += at - trip.arrives_ms
            planned = trip.departs_ms, trip.arrives_ms
            journeys.changed.append(ChangedTrip(vehicle, *planned, journey.set_out_ms, at, stopped))
        for waiting in journeys.waiting.pop(vehicle, []):
            self._sets_out(vehicle, waiting, at)

    def drives(self) -> list[TripBatch]:
        """Return the drives that have begun, a batch for all of them."""
        if not self.legs:
            return []
        batch = batch_of(np.array(self.legs, dtype=np.float64))
        return [] if batch is None else [batch]
