"""Where every vehicle has to be: by the trips written down, and by those of the scenario."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.clock import Clock
from hmesh.environment.traffic import Traffic
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.setting import VehicleSetting

ON_THE_ROAD = -1
_TRIP = ("vehicle", "departs", "arrives", "origin", "destination", "km")


@dataclass(frozen=True, slots=True)
class Travel:
    """What the trips of the scenario come to in some steps, for the recorded vehicles.

    Attributes
    ----------
    where
        Community, below 0 where it is in none, shape (steps, vehicles).
    finished
        Whether no trip is left on the day, shape (steps, vehicles).
    reserve_kwh
        Energy kept back for the next trip [kWh], shape (steps, vehicles).
    trips
        The trips that depart, as rows of trips.parquet with steps for times.
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

    Parameters
    ----------
    inputs
        What the scenario settles.
    setting
        Its vehicles before anybody acts.
    """

    def __init__(self, inputs: VehicleRunInputs, setting: VehicleSetting) -> None:
        self.inputs = inputs
        self._fleet = setting.fleet.fork()
        self._traffic = Traffic(
            Clock(),
            inputs.calendar,
            setting.trips_of(self._fleet, inputs.calendar),
            self._fleet,
            keep_reserve=any(group.trip_reserve for group in inputs.scenario.vehicles.every),
        )
        self._traffic.begin()

    def block(self, first: int, last: int) -> Travel:
        """Return what becomes of the vehicles in the next steps, from first to before last."""
        recorded = self.inputs.recorded
        shape = last - first, recorded
        travel = Travel(
            np.empty(shape, np.int64), np.empty(shape, np.bool_), np.empty(shape), {}, {}
        )
        rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _TRIP}
        for step in range(first, last):
            self._traffic.clock.run_until(step * self.inputs.step_h)
            travel.where[step - first] = self._fleet["community"][:recorded]
            travel.finished[step - first] = self._fleet["day_finished"][:recorded]
            travel.reserve_kwh[step - first] = self._fleet["reserve_kwh"][:recorded]
            for departed in self._traffic.departed:
                batch = departed.where(departed.vehicles < recorded)
                columns = (
                    batch.vehicles, batch.departs_step, batch.arrives_step, batch.origin,
                    batch.destination, batch.km,
                )  # fmt: skip
                for name, values in zip(_TRIP, columns, strict=True):
                    rows[name].append(np.broadcast_to(values, len(batch.vehicles)) + 0.0)
            for name, count in self._traffic.counts.items():
                counted = travel.counts.setdefault(name, np.zeros(last - first, np.int64))
                counted[step - first] = count
            self._traffic.end_step()
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
    consumption
        What each recorded vehicle uses [kWh/km].
    """

    def __init__(
        self, inputs: VehicleRunInputs, trips: TableReader, consumption: NDArray[np.float64]
    ) -> None:
        self.inputs = inputs
        self._consumption = consumption
        self._reader = trips
        self._parked: NDArray[np.int64] | None = None
        self._bound_for: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._under_way: Columns = {}
        self._as_given = Tally("trips: those of the scenario", EXACT)
        self._connected = Tally("trips: each begins where the one before ended", 0.0)
        self._energy = Tally("trips: energy is distance times consumption", EXACT, "kWh")
        if inputs.setting is None:
            self._as_given.tell(FILE_GONE)

    def block(
        self, first: int, last: int, seen: NDArray[np.int64], travel: Travel | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return where the recorded vehicles are in some steps, and how far they drive.

        Parameters
        ----------
        first, last
            Steps from the first to before the last; blocks follow each other.
        seen
            Where vehicles.parquet has each vehicle, shape (last - first, recorded).
        travel
            What the trips of the scenario come to, None where they are not known.

        Returns
        -------
        where
            Community of each vehicle, -1 on the road or not yet there, shape
            (last - first, recorded).
        km
            Distance [km], of the same shape.
        """
        new = self._departing(first, last)
        where = seen if travel is None else travel.where
        if self._parked is None:
            self._begin(where[0], new)
        joining = self._join(first, last, where, new)
        self._compare(new)
        if travel is not None:
            off, label = _unlike(new, travel.trips, self.inputs)
            self._as_given.add(off, label, None)
        there = np.arange(self.inputs.recorded) < self.inputs.there[first:last, None]
        where, km = self._drive(new, first, last, joining)
        return np.where(there, where, ON_THE_ROAD), km

    def checks(self) -> list[Check]:
        """Return what was found."""
        if len(self._reader.rest()["vehicle"]):
            raise DamagedTableError("trips", "there are trips that depart after the run")
        return [tally.check() for tally in (self._as_given, self._connected, self._energy)]

    def _departing(self, first: int, last: int) -> Columns:
        step_h = self.inputs.step_h
        rows = self._reader.before("departs", last * step_h - 1e-6)
        rows |= {name: _whole_steps(rows[name], step_h) for name in ("departs", "arrives")}
        wrong = (
            (rows["departs"] < first)
            | (rows["arrives"] <= rows["departs"])
            | (rows["vehicle"] < 0)
            | (rows["vehicle"] >= self.inputs.recorded)
        )
        if wrong.any():
            row = int(np.argmax(wrong))
            told = ", ".join(f"{name} {rows[name][row]}" for name in _TRIP[:3])
            raise DamagedTableError("trips", f"a trip that cannot be, in steps: {told}")
        return rows

    def _begin(self, where: NDArray[np.int64], new: Columns) -> None:
        """Park the vehicles where they were before the run's first trips."""
        parked = where.copy()
        first, row = np.unique(new["vehicle"], return_index=True)
        away = parked[first] < 0
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
        driven, row = np.unique(new["vehicle"], return_index=True)
        origin = np.full(self.inputs.recorded, -1)
        origin[driven] = new["origin"][row]
        places = np.where(places < 0, origin[vehicles], places)
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

    def _drive(
        self,
        new: Columns,
        first: int,
        last: int,
        joining: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        assert self._parked is not None
        trips = {name: np.concatenate((self._under_way[name], new[name])) for name in new}
        shape = last - first, self.inputs.recorded
        km, driving = np.zeros(shape), np.zeros(shape, dtype=bool)
        begins = np.maximum(trips["departs"], first)
        lasts = np.minimum(trips["arrives"], last) - begins
        vehicle = np.repeat(trips["vehicle"], lasts)
        step = np.arange(lasts.sum()) - np.repeat(np.cumsum(lasts) - lasts, lasts)
        step += np.repeat(begins - first, lasts)
        each_km = trips["km"] / (trips["arrives"] - trips["departs"])
        np.add.at(km, (step, vehicle), np.repeat(each_km, lasts))
        driving[step, vehicle] = True
        # The last arrival so far is where a vehicle is parked.
        arriving = trips["arrives"] < last
        arrival = np.full(shape, -1, dtype=np.int64)
        arrival[0] = self._parked
        joined, joins_in, places = joining
        arrival[joins_in, joined] = places
        in_step = trips["arrives"][arriving] - first
        arrival[in_step, trips["vehicle"][arriving]] = trips["destination"][arriving]
        for before, now in pairwise(arrival):
            np.copyto(now, before, where=now < 0)
        self._parked = arrival[-1].copy()
        self._under_way = {name: values[~arriving] for name, values in trips.items()}
        return np.where(driving, ON_THE_ROAD, arrival), km


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
    vehicle: NDArray[np.number], departs: NDArray[np.number], inputs: VehicleRunInputs
) -> Label:
    return lambda place: (
        f"vehicle {int(vehicle[place[0]])}, departs in {inputs.places.step(int(departs[place[0]]))}"
    )


def _whole_steps(hours: NDArray[np.float64], step_h: float) -> NDArray[np.int64]:
    """Return the steps that start at hours since the start of the run, -1 where none does."""
    steps = np.rint(hours / step_h)
    # Times are written in whole milliseconds.
    near = np.abs(steps * step_h - hours) <= 1e-6
    return np.where(near & (steps >= 0), steps, -1).astype(np.int64)
