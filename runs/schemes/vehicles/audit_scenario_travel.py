"""The trips of the scenario driven once more, to compare those that were written down with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.clock import Clock
from hmesh.environment.traffic import Traffic
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.setting import VehicleSetting

TRIP = ("vehicle", "departs", "arrives", "origin", "destination", "km")


@dataclass(frozen=True, slots=True)
class Travel:
    """What the trips of the scenario amount to in some steps, for the recorded vehicles.

    Attributes
    ----------
    where : array of int, shape (steps, vehicles)
        Community, below 0 where it is in none.
    finished : array of bool, shape (steps, vehicles)
        Whether no trip is left on the day.
    reserve_kwh : array, shape (steps, vehicles)
        Energy kept back for the next trip [kWh].
    trips : dict of array
        The trips that depart, as rows of trips.parquet with moments for times [ms].
    counts : dict of array of int, shape (steps,)
        The outcome of trips and fleet.
    """

    where: NDArray[np.int64]
    finished: NDArray[np.bool_]
    reserve_kwh: FloatArray
    trips: Columns
    counts: dict[str, NDArray[np.int64]]


class ScenarioTravel:
    """Lets the vehicles of a scenario drive once more, and do nothing else.

    Parameters
    ----------
    inputs : VehicleRunInputs
        What the scenario settles.
    setting : VehicleSetting
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
        rows: dict[str, list[FloatArray]] = {name: [] for name in TRIP}
        for step in range(first, last):
            self._traffic.clock.run_until(step * self.inputs.step_h)
            travel.where[step - first] = self._fleet["community"][:recorded]
            travel.finished[step - first] = self._fleet["day_finished"][:recorded]
            travel.reserve_kwh[step - first] = self._fleet["reserve_kwh"][:recorded]
            for departed in self._traffic.departed:
                batch = departed.where(departed.vehicles < recorded)
                columns = (
                    batch.vehicles, batch.departs_ms, batch.arrives_ms, batch.origin,
                    batch.destination, batch.km,
                )  # fmt: skip
                for name, values in zip(TRIP, columns, strict=True):
                    rows[name].append(np.broadcast_to(values, len(batch.vehicles)) + 0.0)
            for name, count in self._traffic.counts.items():
                counted = travel.counts.setdefault(name, np.zeros(last - first, np.int64))
                counted[step - first] = count
            self._traffic.end_step()
        for name, parts in rows.items():
            travel.trips[name] = np.concatenate([np.empty(0), *parts])
        return travel
