"""Where every vehicle has to be: by the trips written down, and by those of the scenario."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.clock import Clock
from hmesh.environment.streams import Streams
from hmesh.environment.traffic import Traffic
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.reference.whereabouts import Trip, whereabouts
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.schemes.vehicles.audit_habits import HabitAudit
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.setting import VehicleSetting

ON_THE_ROAD = -1
MS_PER_H = 3_600_000
_TRIP = ("vehicle", "departs", "arrives", "origin", "destination", "km")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the recorded vehicles are in some steps, each of shape (steps, worlds, vehicles).

    There is a world for each strategy where vehicles plug in by habits, else one for all of them.

    Attributes
    ----------
    community
        Where each is plugged in longest in the step, if nowhere parked longest, -1 on the road or
        not yet there.
    parked
        Part of the step in which it is plugged in there.
    km, km_before
        How far it drives, and how far of it before it leaves that place for the last time [km].
    departures
        By step, world and vehicle, for each trip that begins then how far it has driven in the step
        [km], and whether it has left that place for the last time.
    """

    community: NDArray[np.int64]
    parked: NDArray[np.float64]
    km: NDArray[np.float64]
    km_before: NDArray[np.float64]
    departures: dict[tuple[int, int, int], list[tuple[float, bool]]]

    @property
    def worlds(self) -> int:
        """How many worlds there are."""
        return int(self.community.shape[1])


@dataclass(frozen=True, slots=True)
class Travel:
    """What the trips of the scenario come to in some steps, for the recorded vehicles.

    Attributes
    ----------
    where
        Community, below 0 where it is in none, shape (steps, worlds, vehicles) as in `Whereabouts`.
    finished
        Whether no trip is left on the day, likewise.
    reserve_kwh
        Energy kept back for the next trip [kWh], likewise.
    trips
        The trips that depart, as rows of trips.parquet with moments for times [ms].
    counts
        What became of trips and fleet, each of shape (steps,).
    """

    where: NDArray[np.int64]
    finished: NDArray[np.bool_]
    reserve_kwh: NDArray[np.float64]
    trips: Columns
    counts: dict[str, NDArray[np.int64]]


class ScenarioTravel:
    """Lets the vehicles of a scenario drive once more, and do nothing else.

    Where they plug in by habits they do so in the world of each strategy, with what their batteries
    hold there.

    Parameters
    ----------
    inputs
        What the scenario settles.
    setting
        Its vehicles before anybody acts.
    """

    def __init__(self, inputs: VehicleRunInputs, setting: VehicleSetting) -> None:
        self.inputs = inputs
        self._traffic = [
            self._begun(setting) for _ in range(len(inputs.strategies) if setting.habits else 1)
        ]

    def _begun(self, setting: VehicleSetting) -> Traffic:
        """Return the traffic of a world at its start."""
        inputs, fleet = self.inputs, setting.fleet.fork()
        traffic = Traffic(
            Clock(),
            inputs.calendar,
            setting.trips_of(fleet, inputs.calendar),
            fleet,
            keep_reserve=any(group.trip_reserve for group in inputs.scenario.vehicles.every),
            habits=setting.habits_of(fleet, Streams(inputs.scenario.seed)),
        )
        traffic.begin()
        return traffic

    def block(self, first: int, last: int, soc: NDArray[np.float64]) -> Travel:
        """Return what becomes of the vehicles in the next steps, from first to before last.

        They hold what vehicles.parquet says as a step begins, of shape (steps, strategies,
        vehicles).
        """
        recorded = self.inputs.recorded
        shape = last - first, len(self._traffic), recorded
        travel = Travel(
            np.empty(shape, np.int64), np.empty(shape, np.bool_), np.empty(shape), {}, {}
        )
        rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _TRIP}
        for step in range(first, last):
            for world, traffic in enumerate(self._traffic):
                fleet, at = traffic.fleet, (step - first, world)
                if len(self._traffic) > 1:
                    held = soc[at] * fleet["capacity_kwh"][:recorded]
                    fleet["energy_kwh"][:recorded] = np.nan_to_num(held)
                traffic.clock.run_until(step * self.inputs.step_h)
                travel.where[at] = fleet["community"][:recorded]
                travel.finished[at] = fleet["day_finished"][:recorded]
                travel.reserve_kwh[at] = fleet["reserve_kwh"][:recorded]
            for departed in self._traffic[0].departed:
                batch = departed.where(departed.vehicles < recorded)
                columns = (
                    batch.vehicles, batch.departs_ms, batch.arrives_ms, batch.origin,
                    batch.destination, batch.km,
                )  # fmt: skip
                for name, values in zip(_TRIP, columns, strict=True):
                    rows[name].append(np.broadcast_to(values, len(batch.vehicles)) + 0.0)
            for name, count in self._traffic[0].counts.items():
                counted = travel.counts.setdefault(name, np.zeros(last - first, np.int64))
                counted[step - first] = count
            for traffic in self._traffic:
                traffic.end_step()
        for name, parts in rows.items():
            travel.trips[name] = np.concatenate([np.empty(0), *parts])
        return travel


class TrafficAudit:
    """Follows the trips that are written down, and says where every vehicle is.

    Parameters
    ----------
    inputs
        What the scenario settles.
    trips
        The rows of trips.parquet.
    fleet
        The columns of fleet.parquet.
    """

    def __init__(self, inputs: VehicleRunInputs, trips: TableReader, fleet: Columns) -> None:
        self.inputs = inputs
        self._consumption = fleet["consumption_kwh_per_km"]
        self._habits = None
        if inputs.scenario.vehicles.habits:
            self._habits = HabitAudit(inputs, fleet)
        self._reader = trips
        self._parked: NDArray[np.int64] | None = None
        self._bound_for: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._under_way: Columns = {}
        self._as_given = Tally("trips: those of the scenario", EXACT)
        self._connected = Tally("trips: each begins where the one before ended", 0.0)
        self._energy = Tally("trips: energy is distance times consumption", EXACT, "kWh")
        if inputs.setting is None:
            self._as_given.tell(FILE_GONE)

    def block(self, first: int, last: int, rows: Columns, travel: Travel | None) -> Whereabouts:
        """Return where the recorded vehicles are in some steps, and how far they drive.

        Parameters
        ----------
        first, last
            Steps from the first to before the last; blocks follow each other.
        rows
            Columns of vehicles.parquet, of shape (last - first, strategies, recorded).
        travel
            What the trips of the scenario come to, None where they are not known.
        """
        new = self._departing(first, last)
        where = (rows["community"] if travel is None else travel.where)[:, 0]
        if self._parked is None:
            self._begin(where[0], new)
        joining = self._join(first, last, where, new)
        self._compare(new)
        if travel is not None:
            off, label = _unlike(new, travel.trips, self.inputs)
            self._as_given.add(off, label, None)
        there = np.arange(self.inputs.recorded) < self.inputs.there[first:last, None]
        found = self._follow(new, first, last, joining, rows["soc"])
        absent = np.broadcast_to(~there[:, None], found.community.shape)
        found.community[absent] = ON_THE_ROAD
        found.parked[absent] = 0.0
        return found

    def checks(self) -> list[Check]:
        """Return what was found."""
        if len(self._reader.rest()["vehicle"]):
            raise DamagedTableError("trips", "there are trips that depart after the run")
        return [tally.check() for tally in (self._as_given, self._connected, self._energy)]

    def _departing(self, first: int, last: int) -> Columns:
        step_h = self.inputs.step_h
        rows = self._reader.before("departs", last * step_h - 1e-6)
        # Times are written in whole milliseconds.
        rows |= {
            name: np.rint(rows[name] * MS_PER_H).astype(np.int64) for name in ("departs", "arrives")
        }
        wrong = (
            (rows["departs"] < self._moment(first))
            | (rows["arrives"] <= rows["departs"])
            | (rows["vehicle"] < 0)
            | (rows["vehicle"] >= self.inputs.recorded)
        )
        if wrong.any():
            row = int(np.argmax(wrong))
            told = ", ".join(f"{name} {rows[name][row]}" for name in _TRIP[:3])
            raise DamagedTableError("trips", f"a trip that cannot be, in ms: {told}")
        return rows

    def _begin(self, where: NDArray[np.int64], new: Columns) -> None:
        """Park the vehicles where they were before the run's first trips."""
        parked = where.copy()
        first, row = _firsts(new)
        # Where it drives in the first step, a vehicle may be parked longest where it arrives.
        away = (parked[first] < 0) | (new["departs"][row] < self._moment(1))
        parked[first[away]] = new["origin"][row[away]]
        self._parked, self._bound_for = parked, parked.copy()
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
        driven, row = _firsts(new)
        origin = np.full(self.inputs.recorded, -1)
        departs = np.full(self.inputs.recorded, self._moment(last))
        origin[driven], departs[driven] = new["origin"][row], new["departs"][row]
        joined = np.array([self._moment(first + int(step) + 1) for step in steps], dtype=np.int64)
        places = np.where((places < 0) | (departs[vehicles] < joined), origin[vehicles], places)
        self._bound_for[vehicles] = places
        return vehicles, steps, places

    def _compare(self, new: Columns) -> None:
        """Hold the trips that depart against each other."""
        label = _trip_label(new["vehicle"], new["departs"], self.inputs)
        used = new["km"] * self._consumption[new["vehicle"]]
        self._energy.add(np.abs(new["energy_kwh"] - used), label, None)
        order = np.argsort(new["vehicle"], kind="stable")
        vehicle, destination = new["vehicle"][order], new["destination"][order]
        edge = np.concatenate(([True], vehicle[1:] != vehicle[:-1], [True]))
        opens, closes = edge[: len(vehicle)], edge[1:][: len(vehicle)]
        before = np.where(opens, self._bound_for[vehicle], np.roll(destination, 1))
        apart = np.zeros(len(vehicle))
        apart[order] = new["origin"][order] != before
        self._connected.add(apart, label, None)
        self._bound_for[vehicle[closes]] = destination[closes]

    def _follow(
        self,
        new: Columns,
        first: int,
        last: int,
        joining: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
        soc: NDArray[np.float64],
    ) -> Whereabouts:
        """Follow the vehicles one by one where trips touch a step; the others stay there."""
        assert self._parked is not None
        trips = {name: np.concatenate((self._under_way[name], new[name])) for name in new}
        begins = [self._moment(step) for step in range(first, last + 1)]
        touched: list[dict[int, list[Trip]]] = [{} for _ in range(first, last)]
        names = ("vehicle", "departs", "arrives", "destination", "km")
        order = np.lexsort((trips["departs"], trips["vehicle"]))
        for vehicle, departs, arrives, destination, km in zip(
            *(trips[name][order].tolist() for name in names), strict=True
        ):
            trip = Trip(departs, arrives, int(destination), km)
            earliest = max(bisect_right(begins, departs) - 1, 0)
            for step in range(earliest, min(bisect_right(begins, arrives), last - first)):
                touched[step].setdefault(int(vehicle), []).append(trip)
        worlds = 1 if self._habits is None else len(self.inputs.strategies)
        shape = last - first, worlds, self.inputs.recorded
        found = Whereabouts(
            np.empty(shape, np.int64), np.ones(shape), np.zeros(shape), np.zeros(shape), {}
        )
        joins: list[list[tuple[int, int]]] = [[] for _ in range(first, last)]
        for vehicle, step, place in zip(*(each.tolist() for each in joining), strict=True):
            joins[step].append((vehicle, place))
        for step in range(last - first):
            for vehicle, place in joins[step]:
                self._parked[vehicle] = place
            found.community[step] = self._parked
            begin, end = begins[step], begins[step + 1]
            if self._habits is not None:
                there = [vehicle for vehicle, _ in joins[step]]
                there = list(range(self.inputs.there[0])) if first + step == 0 else there
                self._habits.settle(first + step, there, self._parked, soc[step])
                found.parked[step] = self._habits.plugs_in
            for vehicle, its in touched[step].items():
                for world in range(worlds):
                    place, plugs = int(self._parked[vehicle]), None
                    if self._habits is not None:
                        at = (first + step, world, vehicle)
                        plugs = self._habits.follow(at, its, (begin, end), soc[step])
                    told = whereabouts(place, its, begin, end, plugs)
                    here = step, world, vehicle
                    found.community[here] = told.community
                    found.parked[here] = told.parked_ms / (end - begin)
                    found.km[here], found.km_before[here] = told.km, told.km_before
                    if told.departures:
                        found.departures[first + step, world, vehicle] = told.departures
                self._parked[vehicle] = told.place
        found.parked[found.community < 0] = 0.0
        self._under_way = {
            name: values[trips["arrives"] >= begins[-1]] for name, values in trips.items()
        }
        return found

    def _moment(self, step: int) -> int:
        """Return when a step begins [ms]."""
        return round(step * self.inputs.step_h * MS_PER_H)


def _firsts(trips: Columns) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the vehicles of trips, and the row of the first trip of each."""
    order = np.lexsort((trips["departs"], trips["vehicle"]))
    vehicles, row = np.unique(trips["vehicle"][order], return_index=True)
    return vehicles, order[row]


def _unlike(
    rows: Columns, expected: Columns, inputs: VehicleRunInputs
) -> tuple[NDArray[np.float64], Label]:
    """Return how far trips are from those expected, 1 or more where one is missing or new."""
    found, wanted = (
        np.stack([table[name].astype(np.float64) for name in _TRIP], axis=1)[
            np.lexsort((table["arrives"], table["departs"], table["vehicle"]))
        ]
        for table in (rows, expected)
    )
    common = min(len(found), len(wanted))
    off = np.abs(found[:common] - wanted[:common]).max(axis=1, initial=0.0)
    more = np.ones(abs(len(found) - len(wanted)))
    longer = found if len(found) > len(wanted) else wanted
    label = _trip_label(longer[:, 0], longer[:, 1], inputs)
    return np.concatenate((off, more)), label


def _trip_label(
    vehicle: NDArray[np.number], departs_ms: NDArray[np.number], inputs: VehicleRunInputs
) -> Label:
    def label(place: tuple[int, ...]) -> str:
        step = int(departs_ms[place[0]] / (inputs.step_h * MS_PER_H))
        return f"vehicle {int(vehicle[place[0]])}, departs in {inputs.places.step(step)}"

    return label
