"""With how much energy vehicles set out that want some then: who, how much, and what they lack."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.reference.batteries import held_after
from hmesh.runs.audits.run_inputs import EXACT, FILE_GONE
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.audit_scenario_travel import Travel
from hmesh.runs.schemes.vehicles.audit_trip_rows import MS_PER_H
from hmesh.runs.schemes.vehicles.audit_whereabouts import Whereabouts

# Less than this is no energy that anybody misses [kWh].
NOTHING = 1e-9


class DepartureAudit:
    """Checks departures.parquet against trips, stores and what vehicles want.

    Parameters
    ----------
    inputs : VehicleRunInputs
        What the scenario settles.
    departures : TableReader
        The rows of departures.parquet.
    fleet : dict of array
        The columns of fleet.parquet.

    Attributes
    ----------
    short, short_kwh : array, shape (steps, strategies)
        How many trips of each step begin short of energy and of how much, by the rows.
    short_of_group : array, shape (groups, steps, strategies)
        How many of them are of each group.
    """

    def __init__(self, inputs: VehicleRunInputs, departures: TableReader, fleet: Columns) -> None:
        self.inputs, self._reader, self._fleet = inputs, departures, fleet
        groups = len(inputs.scenario.vehicles.groups)
        self.short_of_group = np.zeros((groups, inputs.steps, len(inputs.strategies)))
        self.short, self.short_kwh = np.zeros((2, inputs.steps, len(inputs.strategies)))
        self._who = Tally("departures: the trips of those that want energy", 0.0)
        self._energies = Tally("departures: energy held and wanted as vehicles set out", EXACT)
        if inputs.setting is None:
            self._who.note(FILE_GONE)

    def block(
        self, first: int, last: int, rows: Columns, where: Whereabouts, travel: Travel | None
    ) -> None:
        """Check some steps.

        Parameters
        ----------
        first, last : int
            Steps from the first to before the last; blocks follow each other.
        rows : dict of array, shape (steps, strategies, vehicles)
            Columns of vehicles.parquet.
        where : Whereabouts
            Where the trips have every vehicle, and how far it drives.
        travel : Travel or None
            What the trips of the scenario amount to, None where they are not known.
        """
        reported = self._reader.before("step", last)
        step, strategy, vehicle = (
            reported[name].astype(int) for name in ("step", "strategy", "vehicle")
        )
        wrong = (step < first) | (strategy < 0) | (vehicle < 0) | (vehicle >= self.inputs.recorded)
        if wrong.any():
            raise DamagedTableError("departures", "a row belongs to no step, strategy or vehicle")
        fleet, at = self._fleet, (step - first, strategy, vehicle)
        capacity = fleet["capacity_kwh"][vehicle]
        stored = rows["soc"][at] * capacity
        used, before = fleet["consumption_kwh_per_km"][vehicle], self._at(where.km_before, *at)
        exchanged = held_after(
            np.maximum(stored - before * used, 0.0),
            rows["energy_kwh"][at],
            fleet["charge_efficiency"][vehicle],
            fleet["discharge_efficiency"][vehicle],
        )
        so_far, after = self._departures(step, strategy, vehicle, where)
        held = np.where(after, exchanged - (so_far - before) * used, stored - so_far * used)
        held = np.maximum(held, 0.0)
        wanted = fleet["wanted_kwh"][vehicle] + fleet["soc_min"][vehicle] * capacity
        lacks = np.maximum(wanted - held, 0.0)
        label = self._label(step, vehicle)
        for name, expected in (("held", held), ("wanted", wanted), ("short", lacks)):
            self._energies.add(np.abs(reported[f"{name}_kwh"] - expected), label, None)
        np.add.at(self.short, (step, strategy), lacks > NOTHING)
        for number, of_group in enumerate(self.short_of_group):
            mine = fleet["group"][vehicle] == number
            np.add.at(of_group, (step, strategy), (lacks > NOTHING) & mine)
        np.add.at(self.short_kwh, (step, strategy), lacks)
        if travel is not None:
            self._compare(first, last, step, strategy, vehicle, travel)

    def _at(
        self,
        values: FloatArray,
        step: NDArray[np.int64],
        strategy: NDArray[np.int64],
        vehicle: NDArray[np.int64],
    ) -> FloatArray:
        """Return what each has of a quantity that may be the same under all strategies."""
        found: FloatArray = values[step, np.minimum(strategy, values.shape[1] - 1), vehicle]
        return found

    def _departures(
        self,
        step: NDArray[np.int64],
        strategy: NDArray[np.int64],
        vehicle: NDArray[np.int64],
        where: Whereabouts,
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return how far each has driven in the step by then, and whether it has left its plug."""
        seen: dict[tuple[int, int, int], int] = {}
        so_far, after = np.full(len(step), np.nan), np.zeros(len(step), dtype=np.bool_)
        rows = zip(step.tolist(), strategy.tolist(), vehicle.tolist(), strict=True)
        for row, (now, under, who) in enumerate(rows):
            number = seen.get((now, under, who), 0)
            seen[now, under, who] = number + 1
            under = min(under, where.km.shape[1] - 1)
            trips = where.departures.get((now, under, who), [])
            if number < len(trips):
                so_far[row], after[row] = trips[number]
        return so_far, after

    def _compare(
        self,
        first: int,
        last: int,
        step: NDArray[np.int64],
        strategy: NDArray[np.int64],
        vehicle: NDArray[np.int64],
        travel: Travel,
    ) -> None:
        """Check that there is a row for each trip of those that want energy, and no other."""
        count = len(self._fleet["miss_weight"])
        trips = travel.trips["vehicle"].astype(int)
        wanting = self._fleet["miss_weight"][trips] > 0.0
        step_ms = self.inputs.step_h * MS_PER_H
        departs = np.floor(travel.trips["departs"][wanting] / step_ms + 1e-9).astype(int) - first
        due = np.zeros((last - first, count))
        np.add.at(due, (departs, trips[wanting]), 1.0)
        for s, name in enumerate(self.inputs.strategies):
            found = np.zeros_like(due)
            mine = strategy == s
            np.add.at(found, (step[mine] - first, vehicle[mine]), 1.0)
            places = self.inputs.places.label("vehicle", first, [name])
            self._who.add(np.abs(found - due)[:, None, :], places, first)

    def _label(self, step: NDArray[np.int64], vehicle: NDArray[np.int64]) -> Label:
        places = self.inputs.places
        return lambda at: f"vehicle {int(vehicle[at[0]])}, {places.step(int(step[at[0]]))}"

    def checks(self) -> list[Check]:
        """Return what was found."""
        if len(self._reader.rest()["step"]):
            raise DamagedTableError("departures", "there are departures after the run")
        return [self._who.check(), self._energies.check()]
