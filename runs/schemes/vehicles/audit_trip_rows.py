"""The rows of trips.parquet: those of the scenario, each from where the one before ended."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.audit_scenario_travel import TRIP, Travel

MS_PER_H = 3_600_000


class TripRows:
    """Reads the trips that are written down, and compares them.

    Parameters
    ----------
    inputs : VehicleRunInputs
        What the scenario settles.
    reader : TableReader
        The rows of trips.parquet.
    consumption_kwh_per_km : array, shape (vehicles,)
        Of each recorded vehicle.

    Attributes
    ----------
    bound_for : array of int, shape (vehicles,)
        Where the last trip so far of each vehicle leads.
    """

    def __init__(
        self,
        inputs: VehicleRunInputs,
        reader: TableReader,
        consumption_kwh_per_km: FloatArray,
    ) -> None:
        self.inputs = inputs
        self._reader = reader
        self._consumption = consumption_kwh_per_km
        self.bound_for: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._as_given = Tally("trips: those of the scenario", EXACT)
        self._connected = Tally("trips: each begins where the one before ended", 0.0)
        self._energy = Tally("trips: energy is distance times consumption", EXACT, "kWh")
        if inputs.setting is None:
            self._as_given.note(FILE_GONE)

    def departing(self, first: int, last: int) -> Columns:
        """Return the rows of the trips that depart in some steps, with moments for times [ms]."""
        step_h = self.inputs.step_h
        rows = self._reader.before("departs", last * step_h - 1e-6)
        # Times are written in whole milliseconds.
        rows |= {
            name: np.rint(rows[name] * MS_PER_H).astype(np.int64) for name in ("departs", "arrives")
        }
        wrong = (
            (rows["departs"] < moment(self.inputs, first))
            | (rows["arrives"] <= rows["departs"])
            | (rows["vehicle"] < 0)
            | (rows["vehicle"] >= self.inputs.recorded)
        )
        if wrong.any():
            row = int(np.argmax(wrong))
            text = ", ".join(f"{name} {rows[name][row]}" for name in TRIP[:3])
            raise DamagedTableError("trips", f"a trip that cannot be, in ms: {text}")
        return rows

    def compare(self, new: Columns, travel: Travel | None) -> None:
        """Compare the trips that depart with each other, and with those of the scenario."""
        if travel is not None:
            off, label = _unlike(new, travel.trips, self.inputs)
            self._as_given.add(off, label, None)
        label = _trip_label(new["vehicle"], new["departs"], self.inputs)
        used = new["km"] * self._consumption[new["vehicle"]]
        self._energy.add(np.abs(new["energy_kwh"] - used), label, None)
        order = np.argsort(new["vehicle"], kind="stable")
        vehicle, destination = new["vehicle"][order], new["destination"][order]
        edge = np.concatenate(([True], vehicle[1:] != vehicle[:-1], [True]))
        opens, closes = edge[: len(vehicle)], edge[1:][: len(vehicle)]
        before = np.where(opens, self.bound_for[vehicle], np.roll(destination, 1))
        apart = np.zeros(len(vehicle))
        apart[order] = new["origin"][order] != before
        self._connected.add(apart, label, None)
        self.bound_for[vehicle[closes]] = destination[closes]

    def checks(self) -> list[Check]:
        """Return what was found."""
        if len(self._reader.rest()["vehicle"]):
            raise DamagedTableError("trips", "there are trips that depart after the run")
        return [tally.check() for tally in (self._as_given, self._connected, self._energy)]


def moment(inputs: VehicleRunInputs, step: int) -> int:
    """Return when a step begins [ms]."""
    return round(step * inputs.step_h * MS_PER_H)


def firsts(trips: Columns) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the vehicles of trips, and the row of the first trip of each."""
    order = np.lexsort((trips["departs"], trips["vehicle"]))
    vehicles, row = np.unique(trips["vehicle"][order], return_index=True)
    return vehicles, order[row]


def _unlike(rows: Columns, expected: Columns, inputs: VehicleRunInputs) -> tuple[FloatArray, Label]:
    """Return how far trips are from those expected, 1 or more where one is missing or new."""
    found, wanted = (
        np.stack([table[name].astype(np.float64) for name in TRIP], axis=1)[
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
