"""Vehicles whose battery does not reach: one event after another, all vehicles alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, floor, inf

import numpy as np

from hmesh.runs.audits.reference.batteries import hours_between, most_along_curve
from hmesh.runs.audits.reference.whereabouts import ON_THE_ROAD, TripMade

SECOND_MS, HOUR_MS = 1000, 3_600_000
DUST_KWH = 1e-9
# Seconds that rounding may leave.
_TIE = 1e-6

type Curve = Sequence[tuple[float, float]]
type Way = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Able:
    """What a vehicle can do: see the keys of the scenario of the same names.

    Attributes
    ----------
    stops : bool
        Whether it stops on its way or stays; else it arrives all the same.
    most_kw, margin : float
        Highest power at a fast charger [kW], state of charge with which it means to arrive [-].
    kwh_per_km, full_kwh, capacity_kwh, charge_efficiency : float
        Consumption, energy at the highest state of charge, capacity, stored per energy drawn.
    curve : sequence of (float, float), or None
        Points of its charging curve, by which it charges on its way too; None where it has none.
    """

    stops: bool
    most_kw: float
    margin: float
    kwh_per_km: float
    full_kwh: float
    capacity_kwh: float
    charge_efficiency: float
    curve: Curve | None = None

    @property
    def fullest_kwh(self) -> float:
        """The energy up to which it charges on its way [kWh].

        A curve that ends at a share of 0 counts as at its end where the share is a hundredth.
        """
        if self.curve is None or self.curve[-1][1] > 0.0:
            return self.full_kwh
        (soc, share), (last, _) = self.curve[-2:]
        fall = (last - soc) / share
        return min(self.full_kwh, max(last - 0.01 * fall, soc) * self.capacity_kwh)


@dataclass(slots=True)
class _Going:
    """A trip under way: the drive or the stop at which the vehicle is, and what comes after it."""

    trip: TripMade
    planned: TripMade
    done_km: float
    leg: TripMade | None = None
    stop: tuple[int, float] | None = None
    arrived: int = 0
    plug: int = 0
    from_ms: int = 0
    to_ms: int = 0
    power_kw: float = 0.0
    drawn_kwh: float = 0.0
    stops: int = 0


@dataclass(slots=True)
class StepAtStop:
    """What a step at a stop is: place or -1, time charging, energy, end, and km before it."""

    place: int
    plugged_ms: int
    drawn_kwh: float
    until_ms: int
    km_before: float


@dataclass(slots=True)
class JourneyStep:
    """The outcome of a step.

    Attributes
    ----------
    legs : dict of int to list of TripMade
        Drives that touch the step by vehicle; a place on the way is -1.
    at_stop : dict of int to StepAtStop
        Vehicles at stops.
    events : list of (str, int, int, int, float)
        Kind, moment, vehicle, place, value.
    stops : list of (int, int, int, int, int, int, float)
        Vehicle, place, number of the plug, when it arrived, was plugged in and left, energy.
    changed : list of (int, int, int, int, int, int)
        Vehicle, departure and arrival as meant and as made (-1 twice if not made), stops.
    late_ms : int
        By how much vehicles arrived late.
    odd : set of int
        Vehicles that did anything else than they meant in the step, or did before and have not yet
        made a trip as meant.
    """

    legs: dict[int, list[TripMade]] = field(default_factory=dict)
    at_stop: dict[int, StepAtStop] = field(default_factory=dict)
    events: list[tuple[str, int, int, int, float]] = field(default_factory=list)
    stops: list[tuple[int, int, int, int, int, int, float]] = field(default_factory=list)
    changed: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    late_ms: int = 0
    odd: set[int] = field(default_factory=set)


class PlainJourneys:
    """Follows all vehicles of one strategy.

    Parameters
    ----------
    able : sequence of Able
        What each can do.
    plugs : mapping of int to sequence of float
        Power of every fast plug, by community [kW].
    way : callable
        Returns the communities with fast chargers between two, and which part of the way lies
        before each.
    """

    def __init__(
        self,
        able: Sequence[Able],
        plugs: Mapping[int, Sequence[float]],
        way: Callable[[int, int], Way],
    ) -> None:
        self.able, self.plugs, self.way = able, plugs, way
        self._free = {place: [0] * len(each) for place, each in plugs.items()}
        self._going: dict[int, _Going] = {}
        self._late: dict[int, list[TripMade]] = {}
        self._odd: set[int] = set()

    def step(
        self,
        span: tuple[int, int],
        meant: Mapping[int, Sequence[TripMade]],
        held_kwh: Sequence[float],
        place: Sequence[int],
        dark: set[int],
    ) -> JourneyStep:
        """Follow a step.

        Parameters
        ----------
        span : (int, int)
            When it begins and ends [ms].
        meant : mapping of int to sequence of TripMade
            Trips that are meant to depart in it, by vehicle.
        held_kwh, place : sequence of float, sequence of int
            Stored energy of each vehicle as it begins [kWh], and where it is, -1 on the way.
        dark : set of int
            Communities without supply.
        """
        self.span, self.dark = span, dark
        self.reported = stated = JourneyStep(odd=set(self._odd))
        self._held = {v: float(held_kwh[v]) for v in {*meant, *self._going}}
        self._where = {v: ON_THE_ROAD if v in self._going else int(place[v]) for v in self._held}
        self._km = dict.fromkeys(self._held, 0.0)
        length = span[1] - span[0]
        for community in dark:
            self._free[community] = [
                at + length if at > span[0] else at for at in self._free.get(community, [])
            ]
        for vehicle, going in self._going.items():
            if going.leg is not None:
                stated.legs[vehicle] = [going.leg]
            elif going.stop is not None:
                if going.stop[0] in dark:
                    going.from_ms += length if going.from_ms >= span[0] else 0
                    going.to_ms += length
                self._charge(vehicle, going)
        waiting = [(t.departs_ms, v, t) for v, trips in meant.items() for t in trips]
        while True:
            ends = [(self._ends(going), self._rank(going), v) for v, going in self._going.items()]
            sets = [(at, 3, v) for at, v, _ in waiting]
            due = min((each for each in (*ends, *sets) if each[0] < span[1]), default=None)
            if due is None:
                break
            at, what, vehicle = due
            if what == 3:
                mine = min((w for w in waiting if w[:2] == (at, vehicle)), key=lambda w: w[0])
                waiting.remove(mine)
                self._sets_out(vehicle, mine[2], at)
            else:
                (self._arrives, self._goes_on, self._arrives_at_stop)[what](vehicle, at)
        stated.odd |= self._odd
        return stated

    def open_stops(self) -> list[tuple[int, int, int, int, int, float]]:
        """Return who is plugged in at a stop as the step ends, as rows of `Stated.stops`."""
        return [
            (v, going.stop[0], going.plug, going.arrived, going.from_ms, going.drawn_kwh)
            for v, going in self._going.items()
            if going.leg is None and going.stop is not None and going.from_ms < self.span[1]
        ]

    def _ends(self, going: _Going) -> int:
        return going.to_ms if going.leg is None else going.leg.arrives_ms

    def _rank(self, going: _Going) -> int:
        """Return 0 for a drive to the goal, 1 for a stop, 2 for a drive to a stop."""
        if going.leg is None:
            return 1
        return 0 if going.stop is None else 2

    def _reach(self, vehicle: int, km: float, held: float) -> bool:
        return km == 0.0 or km * self.able[vehicle].kwh_per_km <= held - DUST_KWH

    def _sets_out(self, vehicle: int, trip: TripMade, at: int) -> None:
        if vehicle in self._going:
            self._late.setdefault(vehicle, []).append(trip)
            self._odd.add(vehicle)
            return
        able, held = self.able[vehicle], self._held[vehicle]
        going = _Going(
            TripMade(at, at + trip.arrives_ms - trip.departs_ms, *_rest_of(trip)), trip, 0.0
        )
        if at != trip.departs_ms:
            self._odd.add(vehicle)
        if able.stops and self._where[vehicle] != trip.origin:
            self._not_made(vehicle, trip, at)
            return
        if able.stops and not self._reach(vehicle, trip.km, held):
            self._odd.add(vehicle)
            way = self.way(trip.origin, trip.destination)
            marks = [part * trip.km for _, part in way] + [trip.km]
            possible = len(way) > 0 and self._reach(vehicle, marks[0], held)
            for here, there in pairwise(marks):
                possible = possible and self._reach(vehicle, there - here, able.fullest_kwh)
            if not possible:
                self._not_made(vehicle, trip, at)
                return
            going.stop = way[0]
        self._where[vehicle] = ON_THE_ROAD
        self._going[vehicle] = going
        self._drive(vehicle, at, trip.origin)

    def _not_made(self, vehicle: int, trip: TripMade, at: int) -> None:
        self._odd.add(vehicle)
        row = (vehicle, trip.departs_ms, trip.arrives_ms, -1, -1, 0)
        self.reported.changed.append(row)
        self.reported.events.append(("not_made", at, vehicle, self._where[vehicle], trip.km))

    def _drive(self, vehicle: int, at: int, origin: int) -> None:
        """Let a vehicle drive to its stop, else to its goal."""
        going = self._going[vehicle]
        trip = going.trip
        whole = trip.arrives_ms - trip.departs_ms
        goal = going.stop is None
        to_km = trip.km if going.stop is None else going.stop[1] * trip.km
        km = to_km - going.done_km
        seconds = max(round(whole * km / trip.km / SECOND_MS), 1)
        arrives = at + seconds * SECOND_MS
        if goal and origin >= 0:
            arrives = at + whole
        there = trip.destination if goal else ON_THE_ROAD
        going.leg = TripMade(at, arrives, origin, there, km)
        self.reported.legs.setdefault(vehicle, []).append(going.leg)

    def _has_driven(self, vehicle: int) -> None:
        going = self._going[vehicle]
        leg = going.leg
        assert leg is not None
        part = (leg.arrives_ms - max(leg.departs_ms, self.span[0])) / (
            leg.arrives_ms - leg.departs_ms
        )
        km = leg.km * part
        self._km[vehicle] += km
        used = km * self.able[vehicle].kwh_per_km
        self._held[vehicle] = max(self._held[vehicle] - used, 0.0)
        going.done_km += leg.km
        going.leg = None

    def _arrives_at_stop(self, vehicle: int, at: int) -> None:
        going, able = self._going[vehicle], self.able[vehicle]
        assert going.leg is not None
        assert going.stop is not None
        self.reported.events.append(("stops", at, vehicle, going.stop[0], going.leg.km))
        self._has_driven(vehicle)
        place, held = going.stop[0], self._held[vehicle]
        later = place in self.dark or vehicle in self.reported.at_stop
        ready = self.span[1] if later else at
        best = (inf, 0.0, 0)
        for number, kw in enumerate(self.plugs[place]):
            offer = (max(ready, self._free[place][number]), -min(kw, able.most_kw), number)
            best = min(best, offer)
        begins, power = int(best[0]), -best[1]
        rest = (going.trip.km - going.done_km) * able.kwh_per_km
        wants = rest + max(able.margin * able.capacity_kwh, 2 * DUST_KWH)
        full = able.fullest_kwh
        takes = _seconds_to(
            able, held, max(min(wants, full), held), power, self.plugs[place][best[2]]
        )
        fills = _seconds_to(able, held, max(full, held), power, self.plugs[place][best[2]])
        seconds = min(ceil(takes - _TIE), floor(fills + _TIE))
        begins = begins if seconds else at
        going.arrived, going.plug, going.power_kw = at, best[2], power
        going.from_ms, going.to_ms = begins, begins + seconds * SECOND_MS
        going.drawn_kwh = 0.0
        going.stops += 1
        if seconds:
            self._free[place][going.plug] = going.to_ms
        self._charge(vehicle, going)

    def _charge(self, vehicle: int, going: _Going) -> None:
        """Let a vehicle charge for the part of its stop that lies in the step."""
        assert going.stop is not None
        place, (begin, end) = going.stop[0], self.span
        first = max(going.from_ms, begin)
        until = min(going.to_ms, end)
        length = 0 if place in self.dark else max(until - first, 0)
        drawn = _drawn(
            self.able[vehicle], self._held[vehicle], going.power_kw,
            self.plugs[place][going.plug], length,
        )  # fmt: skip
        if begin <= going.from_ms < end and going.to_ms > going.from_ms:
            waited = (going.from_ms - going.arrived) / HOUR_MS
            self.reported.events.append(("plugs_in", going.from_ms, vehicle, place, waited))
        going.drawn_kwh += drawn
        self._held[vehicle] += drawn * self.able[vehicle].charge_efficiency
        if vehicle not in self.reported.at_stop:
            there = place if length else ON_THE_ROAD
            self.reported.at_stop[vehicle] = StepAtStop(
                there, length, drawn, until, self._km[vehicle]
            )

    def _goes_on(self, vehicle: int, at: int) -> None:
        going = self._going[vehicle]
        assert going.stop is not None
        place = going.stop[0]
        self.reported.stops.append(
            (vehicle, place, going.plug, going.arrived, going.from_ms, at, going.drawn_kwh)
        )
        plugged = (at - going.from_ms) / HOUR_MS
        self.reported.events.append(("goes_on", at, vehicle, place, plugged))
        trip, going.stop = going.trip, None
        if not self._reach(vehicle, trip.km - going.done_km, self._held[vehicle]):
            for stop in self.way(trip.origin, trip.destination):
                if stop[1] * trip.km > going.done_km + 1e-9 * trip.km:
                    going.stop = stop
                    break
        self._drive(vehicle, at, ON_THE_ROAD)

    def _arrives(self, vehicle: int, at: int) -> None:
        self._has_driven(vehicle)
        going = self._going.pop(vehicle)
        self._where[vehicle] = going.trip.destination
        planned = going.planned
        if at != planned.arrives_ms or going.stops:
            self.reported.late_ms += at - planned.arrives_ms
            meant = planned.departs_ms, planned.arrives_ms
            made = going.trip.departs_ms, at, going.stops
            self.reported.changed.append((vehicle, *meant, *made))
        elif vehicle not in self._late:
            self._odd.discard(vehicle)
        for trip in self._late.pop(vehicle, []):
            self._sets_out(vehicle, trip, at)


def _seconds_to(able: Able, held: float, until: float, power_kw: float, plug_kw: float) -> float:
    """Return how long charging takes from an energy to another [s]."""
    if able.curve is None:
        return (until - held) / (power_kw * able.charge_efficiency / 3600.0)
    rated = plug_kw if able.most_kw == inf else able.most_kw
    begin, end = (np.array([kwh / able.capacity_kwh]) for kwh in (held, until))
    full_hours = hours_between(able.curve, begin, end, min(plug_kw / rated, 1.0))
    return float(full_hours[0]) * able.capacity_kwh / (rated * able.charge_efficiency) * 3600.0


def _drawn(able: Able, held: float, power_kw: float, plug_kw: float, length_ms: int) -> float:
    """Return what is drawn at a stop in some time [kWh]."""
    if able.curve is None:
        return power_kw * length_ms / HOUR_MS
    rated = plug_kw if able.most_kw == inf else able.most_kw
    into = able.charge_efficiency / able.capacity_kwh
    soc = np.array([held / able.capacity_kwh])
    passed = np.array([rated * length_ms / HOUR_MS * into])
    there = most_along_curve(able.curve, soc, passed, min(plug_kw / rated, 1.0))
    return float((there - soc)[0] / into)


def _rest_of(trip: TripMade) -> tuple[int, int, float]:
    return trip.origin, trip.destination, trip.km
