"""Where every vehicle has to be, by the trips that are written down."""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.reference.journeys import JourneyStep
from hmesh.runs.audits.reference.whereabouts import (
    Stay,
    StepWhereabouts,
    TripMade,
    stays_in_step,
    whereabouts,
)
from hmesh.runs.audits.table_reader import Columns, TableReader
from hmesh.runs.schemes.vehicles.audit_habits import HabitAudit
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.audit_journeys import JourneyAudit
from hmesh.runs.schemes.vehicles.audit_plugs import PlugAudit
from hmesh.runs.schemes.vehicles.audit_scenario_travel import Travel
from hmesh.runs.schemes.vehicles.audit_trip_rows import TripRows, firsts, moment
from hmesh.runs.schemes.vehicles.audit_whereabouts import Whereabouts

ON_THE_ROAD = -1


class TrafficAudit:
    """Follows the trips that are written down, and says where every vehicle is.

    Parameters
    ----------
    inputs : VehicleRunInputs
        What the scenario settles.
    trips : TableReader
        The rows of trips.parquet.
    fleet : dict of array
        The columns of fleet.parquet.
    plugs : PlugAudit, optional
        Who holds a plug; None where every vehicle has one, or not all vehicles are recorded.
    journeys : JourneyAudit, optional
        Whose battery does not reach; None where all arrive all the same.
    """

    def __init__(
        self,
        inputs: VehicleRunInputs,
        trips: TableReader,
        fleet: Columns,
        plugs: PlugAudit | None = None,
        journeys: JourneyAudit | None = None,
    ) -> None:
        self.inputs = inputs
        self.plugs = plugs
        self.journeys = journeys
        self._placed: list[NDArray[np.int64]] = []
        self._rows = TripRows(inputs, trips, fleet["consumption_kwh_per_km"])
        self._habits = None
        if inputs.scenario.vehicles.habits:
            self._habits = HabitAudit(inputs, fleet)
        self._parked: NDArray[np.int64] | None = None
        self._under_way: Columns = {}

    def block(self, first: int, last: int, rows: Columns, travel: Travel | None) -> Whereabouts:
        """Return where the recorded vehicles are in some steps, and how far they drive.

        Parameters
        ----------
        first, last : int
            Steps from the first to before the last; blocks follow each other.
        rows : dict of array, shape (steps, strategies, vehicles)
            Columns of vehicles.parquet.
        travel : Travel or None
            What the trips of the scenario amount to, None where they are not known.
        """
        new = self._rows.departing(first, last)
        where = rows["community"][:, 0] if travel is None else travel.where
        if self._parked is None:
            self._begin(where[0], new)
        joining = self._join(first, last, where, new)
        self._rows.compare(new, travel)
        there = np.arange(self.inputs.recorded) < self.inputs.there[first:last, None]
        found = self._follow(new, first, last, joining, rows)
        absent = np.broadcast_to(~there[:, None], found.community.shape)
        found.community[absent] = ON_THE_ROAD
        found.plugged[absent] = 0.0
        return found

    def checks(self) -> list[Check]:
        """Return what was found."""
        return self._rows.checks()

    def _begin(self, where: NDArray[np.int64], new: Columns) -> None:
        """Park the vehicles where they were before the run's first trips."""
        parked = where.copy()
        first, row = firsts(new)
        # Where it drives in the first step, a vehicle may be parked longest where it arrives.
        away = (parked[first] < 0) | (new["departs"][row] < moment(self.inputs, 1))
        parked[first[away]] = new["origin"][row[away]]
        self._parked, self._rows.bound_for = parked, parked.copy()
        self._under_way = {name: values[:0] for name, values in new.items()}

    def _join(
        self, first: int, last: int, where: NDArray[np.int64], new: Columns
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return who joins in some steps: vehicles, their steps, and where they are then."""
        there = self.inputs.there
        vehicles = np.arange(there[max(first - 1, 0)], there[last - 1])
        steps = np.searchsorted(there, vehicles, side="right") - first
        places = where[steps, vehicles]
        # Who sets out at once was where the trip begins.
        driven, row = firsts(new)
        origin = np.full(self.inputs.recorded, -1)
        departs = np.full(self.inputs.recorded, moment(self.inputs, last))
        origin[driven], departs[driven] = new["origin"][row], new["departs"][row]
        joined = np.array(
            [moment(self.inputs, first + int(step) + 1) for step in steps], dtype=np.int64
        )
        places = np.where((places < 0) | (departs[vehicles] < joined), origin[vehicles], places)
        self._rows.bound_for[vehicles] = places
        return vehicles, steps, places

    def _follow(
        self,
        new: Columns,
        first: int,
        last: int,
        joining: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
        rows: Columns,
    ) -> Whereabouts:
        """Follow the vehicles one by one where trips touch a step; the others stay there."""
        assert self._parked is not None
        trips = {name: np.concatenate((self._under_way[name], new[name])) for name in new}
        begins = [moment(self.inputs, step) for step in range(first, last + 1)]
        touched: list[dict[int, list[TripMade]]] = [{} for _ in range(first, last)]
        # Of many vehicles the plans are the same: what follows of them is worked out once.
        same_plans: dict[tuple[int | float, ...], TripMade] = {}
        names = ("vehicle", "departs", "arrives", "origin", "destination", "km")
        order = np.lexsort((trips["departs"], trips["vehicle"]))
        for vehicle, *which in zip(*(trips[name][order].tolist() for name in names), strict=True):
            departs, arrives, origin, destination, km = which
            trip = same_plans.get(tuple(which))
            if trip is None:
                trip = TripMade(departs, arrives, int(origin), int(destination), km)
                same_plans[tuple(which)] = trip
            earliest = max(bisect_right(begins, departs) - 1, 0)
            for step in range(earliest, min(bisect_right(begins, arrives), last - first)):
                touched[step].setdefault(int(vehicle), []).append(trip)
        plugs = self.plugs
        alike = plugs is None and self._habits is None and self.journeys is None
        strategies = 1 if alike else len(self.inputs.strategies)
        found = Whereabouts.blank((last - first, strategies, self.inputs.recorded))
        joins: list[list[tuple[int, int]]] = [[] for _ in range(first, last)]
        for vehicle, step, place in zip(*(each.tolist() for each in joining), strict=True):
            joins[step].append((vehicle, place))
        for k in range(last - first):
            for each in (self._parked, *self._placed):
                each[[vehicle for vehicle, _ in joins[k]]] = [place for _, place in joins[k]]
            there = [vehicle for vehicle, _ in joins[k]] if first + k else self._here(first)
            if self._habits is not None:
                self._habits.settle(first + k, there, self._parked, rows["soc"][k])
                found.plugged[k] = self._habits.plugs_in
            if plugs is not None and there:
                plugs.arrive(there, self._parked, begins[k], self._habits)
            self._step(first + k, found, k, touched[k], (begins[k], begins[k + 1]), rows)
        found.plugged[found.community < 0] = 0.0
        self._under_way = {
            name: values[trips["arrives"] >= begins[-1]] for name, values in trips.items()
        }
        if plugs is not None:
            if last == self.inputs.steps:
                self._leave_open(plugs, last)
            plugs.compare(first, last)
        if self.journeys is not None:
            self.journeys.compare(last)
        return found

    def _leave_open(self, plugs: PlugAudit, steps: int) -> None:
        """Let sessions go on that do as the run ends."""
        assert self._parked is not None
        there = int(self.inputs.there[steps - 1])
        for s in range(len(self.inputs.strategies)):
            place = self._placed[s] if self._placed else self._parked
            wants = None if self._habits is None else self._habits.plugs_in[s]
            plugs.leave_open(s, place[:there], wants)

    def _here(self, step: int) -> list[int]:
        """Return the vehicles that are there in a step."""
        return list(range(int(self.inputs.there[step])))

    def _step(
        self,
        step: int,
        found: Whereabouts,
        k: int,
        touched: dict[int, list[TripMade]],
        span: tuple[int, int],
        rows: Columns,
    ) -> None:
        """Follow the vehicles of one step, which is the k-th of its block."""
        assert self._parked is not None
        begin, end = span
        place, after = self._parked, {}
        stays: dict[int, list[Stay]] = {}
        lengths: dict[int, list[int]] = {}
        parked: dict[int, StepWhereabouts] = {}
        known: dict[tuple[int, ...], tuple[list[Stay], int, list[int], StepWhereabouts]] = {}
        for (vehicle, its), at in zip(touched.items(), place[[*touched]].tolist(), strict=True):
            which = (at, *map(id, its))
            if which not in known:
                there, then = stays_in_step(at, its, begin, end)
                parts = [each.ends_ms - each.begins_ms for each in there]
                known[which] = there, then, parts, whereabouts(there, parts, its, begin, end)
            stays[vehicle], after[vehicle], lengths[vehicle], parked[vehicle] = known[which]
        found.community[k] = place
        meant = touched
        if self.journeys is not None and not self._placed:
            self._placed = [place.copy() for _ in self.inputs.strategies]
        for s in range(found.community.shape[1]):
            journey = None
            if self.journeys is not None:
                place = self._placed[s]
                journey = self.journeys.step(s, step, span, meant, rows["soc"][k, s], place)
                touched = journey.legs
                stays, after = {}, {}
                for vehicle, its in touched.items():
                    at = int(place[vehicle])
                    stays[vehicle], after[vehicle] = stays_in_step(at, its, begin, end)
                lengths = {v: [each.ends_ms - each.begins_ms for each in its]
                           for v, its in stays.items()}  # fmt: skip
                parked = {
                    v: whereabouts(stays[v], lengths[v], its, begin, end)
                    for v, its in touched.items()
                }
                found.community[k, s] = place
            seen, wants = parked, {}
            if self._habits is not None:
                soc = rows["soc"][k]
                wants = {
                    v: self._habits.follow((step, s, v), touched[v], stays[v], span, soc)
                    for v in touched
                }
                counted = {
                    v: [ms * wanted for ms, wanted in zip(lengths[v], wants[v], strict=True)]
                    for v in touched
                }
                seen = {
                    v: whereabouts(stays[v], counted[v], its, begin, end)
                    for v, its in touched.items()
                }
            if self.plugs is not None:
                soc = rows["soc"][k, s]
                driving, waiting = self.plugs.step(s, step, span, place, stays, soc, wants)
                seen = {
                    v: whereabouts(stays[v], [ms for ms, _ in driving[v]], its, begin, end)
                    for v, its in touched.items()
                }
                self._rest(s, found, k, touched, waiting, span)
                exchanged = rows["energy_kwh"][k, s].copy()
                if journey is not None:
                    exchanged[list(journey.at_stop)] = 0.0
                for vehicle, where in seen.items():
                    energy = float(exchanged[vehicle])
                    self.plugs.close(s, vehicle, where.stay if where.plugged_ms else -1, energy)
                    if where.stay >= 0:
                        kind = driving[vehicle][where.stay][1]
                        self._rate(found, (k, s, vehicle), where.community, kind)
                    self._report_trips(s, vehicle, touched[vehicle], span)
                self.plugs.exchange(s, exchanged, touched)
                for event in () if journey is None else journey.events:
                    self.plugs.note(s, *event)
            those = k, s, [*seen]
            found.community[those] = [each.community for each in seen.values()]
            found.plugged[those] = [each.plugged_ms / (end - begin) for each in seen.values()]
            found.km[those] = [each.km for each in seen.values()]
            found.km_before[those] = [each.km_before for each in seen.values()]
            found.as_parked[those] = [each.stay == parked[v].stay for v, each in seen.items()]
            for vehicle, where in seen.items():
                if not where.departures:
                    continue
                found.departures[step, s, vehicle] = where.departures
                out = [trip for trip in touched[vehicle] if trip.departs_ms >= begin]
                out = [trip for trip in out if trip.origin >= 0]
                found.kept_km[k, s, vehicle] = sum(
                    trip.km for trip, (_, gone) in zip(out, where.departures, strict=True) if gone
                )
            if journey is not None:
                self._at_stops(found, (k, s), journey, end - begin)
                for vehicle, then in after.items():
                    place[vehicle] = then
        if self.journeys is None:
            for vehicle, then in after.items():
                place[vehicle] = then

    def _at_stops(
        self, found: Whereabouts, at: tuple[int, int], journey: JourneyStep, length: int
    ) -> None:
        """Say what those do that are at stops, and who does something else than it meant."""
        k, s = at
        odd = list(journey.odd)
        found.as_parked[k, s, odd] = False
        for vehicle, stop in journey.at_stop.items():
            here = k, s, vehicle
            found.community[here] = stop.place
            found.plugged[here] = stop.plugged_ms / length
            found.km_before[here] = stop.km_before
            found.way_kwh[here] = stop.drawn_kwh
            found.plug_kw[here] = found.plug_v2g_kw[here] = np.inf

    def _rest(
        self,
        s: int,
        found: Whereabouts,
        k: int,
        touched: dict[int, list[TripMade]],
        waiting: dict[int, tuple[int, int]],
        span: tuple[int, int],
    ) -> None:
        """Say for how much of a step those are plugged in that do not drive."""
        assert self._parked is not None
        assert self.plugs is not None
        parked = self._placed[s] if self._placed else self._parked
        for vehicle, place in enumerate(parked.tolist()):
            if vehicle in touched or place < 0 or not self.plugs.kinds[place]:
                continue
            length = span[1] - span[0] if self.plugs.plugged(s, vehicle, place) else 0
            length = waiting[vehicle][0] if vehicle in waiting else length
            found.plugged[k, s, vehicle] = length / (span[1] - span[0])
            self._rate(found, (k, s, vehicle), place, self.plugs.kind_of(s, vehicle))

    def _rate(
        self, found: Whereabouts, at: tuple[int, int, int], place: int, kind: int | None
    ) -> None:
        """Say what the plug of a vehicle allows."""
        if self.plugs is not None and kind is not None:
            charger = self.plugs.kinds[place][kind]
            found.plug_kw[at], found.plug_v2g_kw[at] = charger.power_kw, charger.v2g_kw

    def _report_trips(
        self, s: int, vehicle: int, trips: list[TripMade], span: tuple[int, int]
    ) -> None:
        """Note departures and arrivals of a step as events."""
        assert self.plugs is not None
        for trip in trips:
            for at, kind, place in (
                (trip.departs_ms, "departs", trip.origin),
                (trip.arrives_ms, "arrives", trip.destination),
            ):
                if span[0] <= at < span[1] and place >= 0:
                    self.plugs.trips(s, at, kind, vehicle, place, trip.km)
