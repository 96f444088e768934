"""Trips that batteries do not reach: stops at fast chargers, delays, and trips that are not made.

Most vehicles drive as they mean to, and for them nothing is done but a comparison of arrays. Those
that do not reach their goal are followed one by one, event after event.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.charging_curve import ChargingCurves
from hmesh.environment.fast_charging import CurveOfStop, FastPlugs, WaysPastChargers
from hmesh.environment.journey_records import (
    AT_STOP,
    JOURNEY_WIDTH,
    TRIP_WIDTH,
    Ability,
    AtStop,
    ChangedTrip,
    Journey,
    Stop,
    Trip,
    as_row,
    batch_of,
    from_row,
    rows_of,
    trip_of,
)
from hmesh.environment.journey_step import JourneyStep
from hmesh.environment.last_digits import DUST_KWH
from hmesh.environment.population import Population
from hmesh.environment.trips import TripBatch, joined

# In the column of energy charged on the way, of those that are at no stop.
NOT_ON_THE_WAY = -1.0
_NOBODY: NDArray[np.intp] = np.empty(0, dtype=np.intp)


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
    curves : ChargingCurves, optional
        Charging curves of the batteries, which bound what they take at stops too.

    Attributes
    ----------
    full_kwh : array, shape (vehicles,)
        Stored energy above which none charges on its way [kWh].
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
        curves: ChargingCurves | None = None,
    ) -> None:
        self.curves = curves
        self.full_kwh = fleet["soc_max"] * fleet["capacity_kwh"]
        if curves is not None:
            which = fleet["charging_curve"]
            fullest = np.where(which >= 0, curves.fullest()[which], np.inf)
            self.full_kwh = np.minimum(fleet["soc_max"], fullest) * fleet["capacity_kwh"]
        self.fleet = fleet
        self.ability = ability
        self.ways = ways
        self.kinds = {
            place: [(kind.name, kind.power_kw) for kind in kinds for _ in range(kind.count)]
            for place, kinds in plugs.items()
        }
        self.free_ms = {place: [0] * len(each) for place, each in self.kinds.items()}
        self.by_vehicle: dict[int, Journey] = {}
        self.waiting: dict[int, list[Trip]] = {}
        self.stopped: dict[int, int] = {}
        self.under_way: TripBatch | None = None
        self.forget()

    def curve_at_stop(self, vehicle: int, place: int, plug: int) -> CurveOfStop | None:
        """Return what a vehicle draws at a plug by its charging curve; None where it has none."""
        if self.curves is None or (which := int(self.fleet["charging_curve"][vehicle])) < 0:
            return None
        plug_kw, most_kw = self.kinds[place][plug][1], float(self.ability.most_kw[vehicle])
        return CurveOfStop(
            self.curves, which, float(self.fleet["capacity_kwh"][vehicle]),
            float(self.fleet["charge_efficiency"][vehicle]),
            plug_kw if np.isinf(most_kw) else most_kw, plug_kw,
        )  # fmt: skip

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
        departing : sequence of TripBatch
            Trips that are meant to depart in the step.
        under_way : TripBatch or None
            Drives that go on as it begins.
        begin_ms, end_ms : int
            The step.
        dark : array of bool, shape (communities,)
            Where there is no supply in the step.
        """
        self._begin_ms = begin_ms
        trips = joined(departing) if departing else None
        odd = self._odd(trips, under_way)
        if len(odd) == 0 and not self.by_vehicle:
            return list(departing)
        step = JourneyStep(self, begin_ms, end_ms, dark)
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
        on_journey = np.fromiter(self.by_vehicle, np.int64, len(self.by_vehicle))
        fine &= ~np.isin(vehicle, on_journey)
        odd: NDArray[np.intp] = np.unique(vehicle[~fine])
        return odd

    def _rest_km(self, under_way: TripBatch) -> FloatArray:
        """Return what is left to drive of drives as the step begins [km]."""
        departs, arrives = np.asarray(under_way.departs_ms), np.asarray(under_way.arrives_ms)
        rest = arrives - np.maximum(departs, self._begin_ms)
        km: FloatArray = under_way.km * np.maximum(rest, 0) / (arrives - departs)
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

    def open_stops(self, end_ms: int) -> list[Stop]:
        """Return the stops of those that are plugged in as a step ends, which end never."""
        return [
            Stop(each.vehicle, each.place, self.kinds[each.place][each.plug][0],
                 each.arrived_ms, each.from_ms, -1, each.drawn_kwh)
            for each in self.by_vehicle.values()
            if each.stage == AT_STOP and each.from_ms < end_ms
        ]  # fmt: skip

    def state(self) -> dict[str, FloatArray]:
        """Return what goes on from step to step, as tables."""
        journeys = [as_row(each) for each in self.by_vehicle.values()]
        waiting = [
            [float(vehicle), *(float(each) for each in astuple(trip))]
            for vehicle, trips in self.waiting.items()
            for trip in trips
        ]
        under_way = [] if self.under_way is None else rows_of(self.under_way)
        drives = [
            [float(vehicle), *(float(each) for each in astuple(trip))]
            for vehicle, trip in under_way
        ]
        free = [[place, at] for place, each in self.free_ms.items() for at in each]
        stopped = [[vehicle, count] for vehicle, count in self.stopped.items()]
        return {
            "journeys": np.array(journeys, dtype=np.float64).reshape(-1, JOURNEY_WIDTH),
            "waiting": np.array(waiting, dtype=np.float64).reshape(-1, 1 + TRIP_WIDTH),
            "under_way": np.array(drives, dtype=np.float64).reshape(-1, 1 + TRIP_WIDTH),
            "free_ms": np.array(free, dtype=np.float64).reshape(-1, 2),
            "stopped": np.array(stopped, dtype=np.float64).reshape(-1, 2),
        }

    def restore(self, state: Mapping[str, FloatArray]) -> None:
        """Go on from an earlier `state`."""
        self.by_vehicle = {}
        for row in state["journeys"].tolist():
            journey = from_row(row)
            self.by_vehicle[journey.vehicle] = journey
        self.waiting = {}
        for vehicle, *row in state["waiting"].tolist():
            self.waiting.setdefault(int(vehicle), []).append(trip_of(row))
        self.under_way = batch_of(state["under_way"])
        self.free_ms = {place: [] for place in self.kinds}
        for place, at in state["free_ms"].tolist():
            self.free_ms[int(place)].append(int(at))
        self.stopped = {int(vehicle): int(count) for vehicle, count in state["stopped"].tolist()}
