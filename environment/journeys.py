"""Trips that batteries do not reach: stops at fast chargers, delays, and trips that are not made.

Most vehicles drive as they mean to, and for them nothing is done but a comparison of arrays. Those
that do not reach their goal are followed one by one, event after event.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.fast_charging import (
    FastPlugs,
    PlaceOnWay,
    WaysPastChargers,
    first_stop,
    reaches,
    stop_ms,
)
from hmesh.environment.last_digits import DUST_KWH
from hmesh.environment.moments import MS_PER_H, SECOND_MS
from hmesh.environment.population import Population
from hmesh.environment.trips import TripBatch, joined

ON_THE_WAY = -1
# In the column of energy charged on the way, of those that are at no stop.
NOT_ON_THE_WAY = -1.0
# What ends: a drive to a stop, a stop, a drive to the goal. At one moment in this order.
TO_GOAL, AT_STOP, TO_STOP, _DEPARTS = range(4)
_NOBODY: NDArray[np.intp] = np.empty(0, dtype=np.intp)


@dataclass(slots=True)
class Trip:
    """A trip as it is meant; moments in milliseconds from the start of the run."""

    departs_ms: int
    arrives_ms: int
    origin: int
    destination: int
    km: float
    night_follows: int
    next_km: float


@dataclass(slots=True)
class Journey:
    """A vehicle on a trip that does not go as it is meant, or on one before such a trip.

    Attributes
    ----------
    vehicle
        Row of the fleet.
    trip
        The trip.
    stage, at_ms
        `TO_STOP`, `AT_STOP` or `TO_GOAL`, and when that ends [ms].
    place
        Community of the stop, else the destination.
    set_out_ms, begun
        When it departed [ms], and 1 once it has.
    done_km
        Distance from the origin to the last place where it stopped [km].
    leg_from_ms, leg_km
        When the drive began on which it is, and its length.
    arrived_ms, from_ms, plug, power_kw, drawn_kwh
        When it came to its stop and was plugged in [ms], at which plug of the place, with how much
        power [kW], and what it has drawn in the steps before [kWh].
    """

    vehicle: int
    trip: Trip
    stage: int
    at_ms: int
    place: int
    set_out_ms: int
    begun: int = 0
    done_km: float = 0.0
    leg_from_ms: int = 0
    leg_km: float = 0.0
    arrived_ms: int = 0
    from_ms: int = 0
    plug: int = -1
    power_kw: float = 0.0
    drawn_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop that is over, moments in milliseconds."""

    vehicle: int
    place: int
    kind: str
    arrived_ms: int
    from_ms: int
    to_ms: int
    drawn_kwh: float


@dataclass(frozen=True, slots=True)
class ChangedTrip:
    """A trip that was late, or not made; moments in milliseconds, the last two -1 if not made."""

    vehicle: int
    departs_ms: int
    arrives_ms: int
    set_out_ms: int
    arrived_ms: int
    stops: int


@dataclass(frozen=True, slots=True)
class AtStop:
    """What a vehicle does in a step in which it is at a stop.

    Attributes
    ----------
    place
        Where it charges, -1 where it only waits.
    plugged_ms, drawn_kwh
        How long it charges in the step [ms], and how much [kWh].
    until_ms
        When it leaves the plug within the step, or the step ends [ms].
    km_before
        How far it drives in the step before [km].
    """

    place: int
    plugged_ms: int
    drawn_kwh: float
    until_ms: int
    km_before: float


@dataclass(slots=True)
class _Vehicle:
    """A vehicle within a step: where it is, -1 on its way, and what it holds."""

    where: int
    held_kwh: float
    driven_km: float = 0.0
    last_leg: int = -1


@dataclass(slots=True)
class Ability:
    """What the vehicles of a fleet do whose battery does not reach, each of shape (vehicles,).

    Attributes
    ----------
    stops : array of bool
        Whether it stops to charge, or stays; else it arrives all the same.
    most_kw : array
        Highest power that it takes at a fast charger; infinite where only the plug limits it [kW].
    margin : array
        State of charge with which it means to arrive [-].
    """

    stops: NDArray[np.bool_]
    most_kw: NDArray[np.float64]
    margin: NDArray[np.float64]


class Journeys:
    """Follows the vehicles whose battery does not reach.

    A vehicle sees as it sets out whether its battery reaches: by what it held as the step began,
    less what it has driven since. Else it stops at the next place with a fast charger on its way,
    waits for a plug, first come, first served, charges for the rest of its way and a margin, and
    goes on. If it reaches no charger, or none leads on, it stays: the trip is not made, and none
    that begins where it is not.

    Parameters
    ----------
    fleet : Population
        Columns of the vehicles.
    ability : Ability
        What each does.
    ways : WaysPastChargers
        Which chargers lie on which way.
    plugs : mapping of int to sequence of FastPlugs
        Fast chargers by community.

    Attributes
    ----------
    stops, changed : list
        Stops that end in the step, and trips found late or not made in it.
    at_stops : dict
        What each vehicle does that is at a stop in the step.
    counts : Counter
        ``trips_not_made`` and ``stops_on_the_way`` of the step.
    delayed_ms : int
        By how much later than meant vehicles have arrived in the step [ms].
    noted : list
        Events of the step: kind, moment [ms], vehicle, place and value.
    stranded : list of int
        Vehicles parked all the step that have not made a trip in it.
    under_way : TripBatch or None
        Drives that go on beyond the step.
    """

    def __init__(
        self,
        fleet: Population,
        ability: Ability,
        ways: WaysPastChargers,
        plugs: Mapping[int, Sequence[FastPlugs]],
    ) -> None:
        self.fleet = fleet
        self.ability = ability
        self.ways = ways
        self._kinds = {
            place: [(kind.name, kind.power_kw) for kind in kinds for _ in range(kind.count)]
            for place, kinds in plugs.items()
        }
        self._free_ms = {place: [0] * len(each) for place, each in self._kinds.items()}
        self._journeys: dict[int, Journey] = {}
        self._waiting: dict[int, list[Trip]] = {}
        self._stopped: dict[int, int] = {}
        self.under_way: TripBatch | None = None
        self.forget()

    def forget(self) -> None:
        """Forget what happened in the step."""
        self.stops: list[Stop] = []
        self.changed: list[ChangedTrip] = []
        self.at_stops: dict[int, AtStop] = {}
        self.counts: Counter[str] = Counter()
        self.delayed_ms = 0
        self.noted: list[tuple[str, int, int, int, float]] = []
        self.stranded: list[int] = []

    def drive(
        self,
        departing: Sequence[TripBatch],
        under_way: TripBatch | None,
        begin_ms: int,
        end_ms: int,
        dark: NDArray[np.bool_],
    ) -> list[TripBatch]:
        """Return the drives that begin in a step, of the trips that are meant to.

        A drive that ends at a stop, or begins there, has the place -1.

        Parameters
        ----------
        departing
            Trips that are meant to depart in the step.
        under_way
            Drives that go on as it begins.
        begin_ms, end_ms
            The step.
        dark : array of bool, shape (communities,)
            Where there is no supply in the step.
        """
        self._begin_ms = begin_ms
        trips = joined(departing) if departing else None
        odd = self._odd(trips, under_way)
        if len(odd) == 0 and not self._journeys:
            return list(departing)
        step = _Step(self, begin_ms, end_ms, dark)
        if trips is not None:
            step.take(odd, trips, under_way)
        step.go()
        ordinary = [each.where(~np.isin(each.vehicles, odd)) for each in departing]
        drives = [*ordinary, *step.drives()]
        return [each for each in drives if len(each.vehicles)]

    def _odd(self, trips: TripBatch | None, under_way: TripBatch | None) -> NDArray[np.intp]:
        """Return the vehicles of some trips that cannot make all of them as they are meant."""
        if trips is None:
            return _NOBODY
        fleet, vehicle = self.fleet, trips.vehicles
        order = np.lexsort((np.asarray(trips.departs_ms), vehicle))
        ordered = trips.where(order)
        vehicle = ordered.vehicles
        opens = np.ones(len(vehicle), dtype=np.bool_)
        opens[1:] = vehicle[1:] != vehicle[:-1]
        bound_for = fleet["place"].astype(np.int64)
        rest_kwh = np.zeros(len(fleet))
        used = fleet["consumption_kwh_per_km"]
        if under_way is not None:
            on = under_way.vehicles
            bound_for[on] = under_way.destination
            rest_kwh[on] = self._rest_km(under_way) * used[on]
        need = np.asarray(ordered.km) * used[vehicle]
        so_far = np.cumsum(need)
        owner = np.cumsum(opens) - 1
        so_far -= (so_far - need)[np.flatnonzero(opens)][owner]
        held = fleet["energy_kwh"][vehicle] - rest_kwh[vehicle]
        was = np.where(opens, bound_for[vehicle], np.roll(ordered.destination, 1))
        fine = (so_far <= held - DUST_KWH) & (np.asarray(ordered.origin) == was)
        fine |= ~self.ability.stops[vehicle]
        on_journey = np.fromiter(self._journeys, np.int64, len(self._journeys))
        fine &= ~np.isin(vehicle, on_journey)
        odd: NDArray[np.intp] = np.unique(vehicle[~fine])
        return odd

    def _rest_km(self, under_way: TripBatch) -> NDArray[np.float64]:
        """Return what is left to drive of drives as the step begins [km]."""
        departs, arrives = np.asarray(under_way.departs_ms), np.asarray(under_way.arrives_ms)
        rest = arrives - np.maximum(departs, self._begin_ms)
        km: NDArray[np.float64] = under_way.km * np.maximum(rest, 0) / (arrives - departs)
        return km

    def mark(self, end_ms: int) -> NDArray[np.intp]:
        """Let the columns of vehicles at stops say so; return their rows.

        Who charges at a stop pays the price there, and exchanges nowhere else in the step.
        """
        fleet = self.fleet
        stuck = np.array(self.stranded, dtype=np.intp)
        stuck = stuck[fleet["place"][stuck] >= 0]
        # A vehicle that cannot go charges where it is, as in its night at home.
        fleet["night_now"][stuck] = fleet["day_finished"][stuck] = True
        rows = np.fromiter(self.at_stops, np.intp, len(self.at_stops))
        fleet["way_kwh"][:] = NOT_ON_THE_WAY
        if len(rows) == 0:
            return rows
        seen = list(self.at_stops.values())
        fleet["community"][rows] = [each.place for each in seen]
        part = np.array([each.plugged_ms for each in seen]) / (end_ms - self._begin_ms)
        fleet["plugged_part"][rows] = part
        fleet["km_before_plug"][rows] = [each.km_before for each in seen]
        fleet["way_kwh"][rows] = [each.drawn_kwh for each in seen]
        return rows

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Return what goes on from step to step, as tables."""
        journeys = [_as_row(each) for each in self._journeys.values()]
        waiting = [
            [float(vehicle), *(float(each) for each in astuple(trip))]
            for vehicle, trips in self._waiting.items()
            for trip in trips
        ]
        under_way = [] if self.under_way is None else _rows_of(self.under_way)
        drives = [
            [float(vehicle), *(float(each) for each in astuple(trip))]
            for vehicle, trip in under_way
        ]
        free = [[place, at] for place, each in self._free_ms.items() for at in each]
        stopped = [[vehicle, count] for vehicle, count in self._stopped.items()]
        return {
            "journeys": np.array(journeys, dtype=np.float64).reshape(-1, _JOURNEY_WIDTH),
            "waiting": np.array(waiting, dtype=np.float64).reshape(-1, 1 + _TRIP_WIDTH),
            "under_way": np.array(drives, dtype=np.float64).reshape(-1, 1 + _TRIP_WIDTH),
            "free_ms": np.array(free, dtype=np.float64).reshape(-1, 2),
            "stopped": np.array(stopped, dtype=np.float64).reshape(-1, 2),
        }

    def restore(self, state: Mapping[str, NDArray[np.float64]]) -> None:
        """Go on from an earlier `state`."""
        self._journeys = {}
        for row in state["journeys"].tolist():
            journey = _from_row(row)
            self._journeys[journey.vehicle] = journey
        self._waiting = {}
        for vehicle, *row in state["waiting"].tolist():
            self._waiting.setdefault(int(vehicle), []).append(_trip_of(row))
        self.under_way = _batch_of(state["under_way"])
        self._free_ms = {place: [] for place in self._kinds}
        for place, at in state["free_ms"].tolist():
            self._free_ms[int(place)].append(int(at))
        self._stopped = {int(vehicle): int(count) for vehicle, count in state["stopped"].tolist()}


class _Step:
    """The events of one step."""

    def __init__(
        self, journeys: Journeys, begin_ms: int, end_ms: int, dark: NDArray[np.bool_]
    ) -> None:
        self.all = journeys
        self.begin, self.end, self.dark = begin_ms, end_ms, dark
        self.used = journeys.fleet["consumption_kwh_per_km"]
        self.capacity = journeys.fleet["capacity_kwh"]
        self.efficiency = journeys.fleet["charge_efficiency"]
        self.full = journeys.fleet["soc_max"] * self.capacity
        self.now: dict[int, _Vehicle] = {}
        self.legs: list[list[Any]] = []
        self._events: list[tuple[int, int, int, int, Trip | None]] = []
        self._number = 0
        self._pause()
        for journey in list(journeys._journeys.values()):
            self._follow(journey)

    def take(
        self, odd: NDArray[np.intp], trips: TripBatch, under_way: TripBatch | None
    ) -> None:
        """Take over the trips of some vehicles, and the drives on which they are."""
        journeys = self.all
        if under_way is not None:
            known = np.fromiter(journeys._journeys, np.int64, len(journeys._journeys))
            on = np.isin(under_way.vehicles, odd) & ~np.isin(under_way.vehicles, known)
            for vehicle, trip in _rows_of(under_way.where(on)):
                journey = Journey(
                    vehicle, trip, TO_GOAL, trip.arrives_ms, trip.destination, trip.departs_ms,
                    leg_from_ms=trip.departs_ms, leg_km=trip.km,
                )  # fmt: skip
                journeys._journeys[vehicle] = journey
                self._follow(journey)
        for vehicle, trip in _rows_of(trips.where(np.isin(trips.vehicles, odd))):
            self._push(trip.departs_ms, _DEPARTS, vehicle, trip)
            self._vehicle(vehicle)

    def _vehicle(self, vehicle: int) -> _Vehicle:
        if vehicle not in self.now:
            fleet = self.all.fleet
            on_way = vehicle in self.all._journeys
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
            free = journeys._free_ms.get(place, [])
            free[:] = [at + length if at > self.begin else at for at in free]
        for journey in journeys._journeys.values():
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
                journey = self.all._journeys[vehicle]
                (self._arrives, self._goes_on, self._stops)[what](journey, at)

    def _sets_out(self, vehicle: int, trip: Trip, at: int) -> None:
        if vehicle in self.all._journeys:
            self.all._waiting.setdefault(vehicle, []).append(trip)
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
        self.all._journeys[vehicle] = journey

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
        free = journeys._free_ms[place]
        begins, minus_kw, plug = min(
            (max(earliest, free[number]), -min(power, most), number)
            for number, (_, power) in enumerate(journeys._kinds[place])
        )
        length = stop_ms(
            now.held_kwh, rest_kwh + margin, self.full[vehicle], -minus_kw,
            float(self.efficiency[vehicle]),
        )  # fmt: skip
        if length == 0:
            begins = at
        else:
            free[plug] = begins + length
        journey.stage, journey.at_ms = AT_STOP, begins + length
        journey.from_ms, journey.plug, journey.power_kw = begins, plug, -minus_kw
        journeys._stopped[vehicle] = journeys._stopped.get(vehicle, 0) + 1
        journeys.counts["stops_on_the_way"] += 1
        self._charge(journey)
        self._push(journey.at_ms, AT_STOP, vehicle)

    def _charge(self, journey: Journey) -> None:
        """Let a vehicle charge for the part of its stop that lies in the step."""
        now, place = self._vehicle(journey.vehicle), journey.place
        begins = max(journey.from_ms, self.begin)
        until = min(journey.at_ms, self.end)
        length = 0 if self.dark[place] else max(until - begins, 0)
        drawn = journey.power_kw * length / MS_PER_H
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
        kind = journeys._kinds[journey.place][journey.plug][0]
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
        del journeys._journeys[vehicle]
        now = self._vehicle(vehicle)
        now.where = trip.destination
        stopped = journeys._stopped.pop(vehicle, 0)
        if at != trip.arrives_ms or stopped:
            journeys.delayed_ms += at - trip.arrives_ms
            planned = trip.departs_ms, trip.arrives_ms
            journeys.changed.append(
                ChangedTrip(vehicle, *planned, journey.set_out_ms, at, stopped)
            )
        for waiting in journeys._waiting.pop(vehicle, []):
            self._sets_out(vehicle, waiting, at)

    def drives(self) -> list[TripBatch]:
        """Return the drives that have begun, a batch for all of them."""
        if not self.legs:
            return []
        batch = _batch_of(np.array(self.legs, dtype=np.float64))
        return [] if batch is None else [batch]


_TRIP_WIDTH = len(Trip.__slots__)
_JOURNEY_WIDTH = len(Journey.__slots__) - 1 + _TRIP_WIDTH


def _rows_of(trips: TripBatch) -> list[tuple[int, Trip]]:
    """Return some trips one by one, each with its vehicle."""
    names = ("departs_ms", "arrives_ms", "origin", "destination", "km", "night_follows", "next_km")
    size = trips.vehicles.shape
    columns = [np.broadcast_to(getattr(trips, name), size).tolist() for name in names]
    return [
        (vehicle, Trip(*row[:5], int(row[5]), row[6]))
        for vehicle, *row in zip(trips.vehicles.tolist(), *columns, strict=True)
    ]


def _trip_of(row: Sequence[float]) -> Trip:
    """Return the trip of a row of a table."""
    departs, arrives, origin, destination, km, night, next_km = row
    return Trip(int(departs), int(arrives), int(origin), int(destination), km, int(night), next_km)


def _batch_of(rows: NDArray[np.float64]) -> TripBatch | None:
    """Return the drives of a table as one batch; None of an empty one."""
    if len(rows) == 0:
        return None
    whole = rows[:, :5].astype(np.int64)
    km, night, next_km = rows[:, 5:].T.copy()
    return TripBatch(*whole.T.copy(), km, night != 0.0, next_km)


def _as_row(journey: Journey) -> list[float]:
    """Return a journey as a row of a table, that of its trip last."""
    values = [getattr(journey, name) for name in Journey.__slots__ if name != "trip"]
    return [float(each) for each in (*values, *astuple(journey.trip))]


def _from_row(row: Sequence[float]) -> Journey:
    """Return the journey of a row of a table."""
    names = [name for name in Journey.__slots__ if name != "trip"]
    lengths = {"done_km", "leg_km", "power_kw", "drawn_kwh"}
    given = {
        name: value if name in lengths else int(value)
        for name, value in zip(names, row[: len(names)], strict=True)
    }
    return Journey(trip=_trip_of(row[len(names) :]), **given)  # type: ignore[arg-type]
