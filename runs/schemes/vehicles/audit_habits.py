"""Which vehicles plug in where they arrive, worked out again in the world of each strategy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams
from hmesh.runs.audits.reference.plugging import plugs_in
from hmesh.runs.audits.reference.whereabouts import Stay, TripMade
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs


class HabitAudit:
    """Follows by their habits who is plugged in.

    Parameters
    ----------
    inputs : VehicleRunInputs
        What the scenario settles.
    fleet : dict of array
        The columns of fleet.parquet.

    Attributes
    ----------
    plugs_in : array of bool, shape (strategies, vehicles)
        Whether each recorded vehicle plugs in where it is.
    """

    def __init__(self, inputs: VehicleRunInputs, fleet: Columns) -> None:
        vehicles = inputs.scenario.vehicles
        self._fleet = fleet
        self._group = np.maximum(fleet["group"], 0)
        self._habits = [group.plug_in for group in vehicles.every]
        self._names = [
            f"electric vehicle of {group.name}" if group.name else "electric vehicle"
            for group in vehicles.every
        ]
        # Each vehicle has the draw of its place within its group.
        self._number = np.zeros(len(self._group), dtype=np.int64)
        for number in range(len(self._names)):
            mine = np.flatnonzero(self._group == number)
            self._number[mine] = np.arange(len(mine))
        self._streams = Streams(inputs.scenario.seed)
        self._drawn: dict[int, dict[int, FloatArray]] = {}
        self.plugs_in = np.ones((len(inputs.strategies), inputs.recorded), dtype=np.bool_)

    def settle(
        self,
        step: int,
        vehicles: Sequence[int],
        place: NDArray[np.int64],
        soc: FloatArray,
    ) -> None:
        """Let vehicles decide that are there as the run begins, or as they join in a step."""
        for vehicle in vehicles:
            for world in range(len(self.plugs_in)):
                held = float(soc[world, vehicle])
                self.plugs_in[world, vehicle] = self._decides(
                    step, vehicle, int(place[vehicle]), held
                )

    def follow(
        self,
        at: tuple[int, int, int],
        trips: Sequence[TripMade],
        stays: Sequence[Stay],
        span: tuple[int, int],
        soc: FloatArray,
    ) -> list[bool]:
        """Return whether a vehicle wants to be plugged in during each of its stays of a step.

        Parameters
        ----------
        at : (int, int, int)
            Step, world and vehicle.
        trips, stays : sequence of TripMade, sequence of Stay
            Its trips that touch the step, and its stays.
        span : (int, int)
            From when to when the step lasts [ms].
        soc : array, shape (strategies, vehicles)
            States of charge as the step begins.
        """
        step, world, vehicle = at
        before = bool(self.plugs_in[world, vehicle])
        after: dict[int, bool] = {}
        capacity = float(self._fleet["capacity_kwh"][vehicle])
        used = float(self._fleet["consumption_kwh_per_km"][vehicle])
        km = 0.0
        for trip in trips:
            driven_ms = min(trip.arrives_ms, span[1]) - max(trip.departs_ms, span[0])
            km += trip.km * max(driven_ms, 0) / (trip.arrives_ms - trip.departs_ms)
            if trip.arrives_ms < span[1]:
                held = max(float(soc[world, vehicle]) - km * used / capacity, 0.0)
                decided = self._decides(step, vehicle, trip.destination, held)
                after[max(trip.arrives_ms, span[0])] = decided
                self.plugs_in[world, vehicle] = decided
        return [after[stay.begins_ms] if stay.arrives else before for stay in stays]

    def _decides(self, step: int, vehicle: int, place: int, soc: float) -> bool:
        group = int(self._group[vehicle])
        habit = self._habits[group]
        if isinstance(habit, str):
            return habit == "always" or place == int(self._fleet["home"][vehicle])
        draw = 0.0
        if habit.probability is not None:
            draw = float(self._draws(step, group)[self._number[vehicle]])
        return plugs_in(
            only_at=int(self._fleet["home"][vehicle]) if habit.at_home else None,
            below=habit.below,
            points=habit.probability,
            place=place,
            soc=soc,
            draw=draw,
        )

    def _draws(self, step: int, group: int) -> FloatArray:
        """Return the draws of a group in a step; those of other steps are forgotten."""
        if step not in self._drawn:
            self._drawn = {step: {}}
        known = self._drawn[step]
        if group not in known:
            stream = self._streams.generator("plug in", self._names[group], step)
            known[group] = stream.random(int(np.count_nonzero(self._group == group)))
        return known[group]
