"""Which vehicles outages keep from their plugs in a step, and for which part of it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.moments import step_moment
from hmesh.environment.outages import Outages
from hmesh.runs.schemes.vehicles.records import recorded_vehicles
from hmesh.runs.world.travel import AGENT_TYPE

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing


class PlugSupply:
    """The supply of the plugs of all vehicles: feeders that are out, chargers that fail.

    Parameters
    ----------
    vehicles : VehicleSharing
        The vehicles of one strategy, and the world they live in.
    """

    def __init__(self, vehicles: "VehicleSharing") -> None:
        self.vehicles, self.simulation = vehicles, vehicles.simulation
        self.setting = vehicles.setting
        self.fleet = vehicles.fleet.population
        self.charger_outages = self._outages_of_chargers()
        self._cut_short: FloatArray | None = None

    def _outages_of_chargers(self) -> Outages | None:
        """Return the failures that chance brings to chargers; None where it brings none."""
        given, streams = self.setting.scenario.chance.charger_outages, self.simulation.streams
        if given is None:
            return None
        groups = self.vehicles.vehicles.groups
        return Outages(
            len(self.vehicles.fleet),
            given.mean_time_between_failures_h,
            given.mean_time_to_repair_h,
            lambda day, change: groups.draw(streams, f"charger outages {change}", AGENT_TYPE, day),
        )

    def begin_step(self) -> None:
        """Let chargers fail or be repaired, and cut off the vehicles behind them."""
        fleet, chance = self.fleet, self.simulation.chance
        self._cut_short = None
        where = fleet["community"]
        if chance.lost_part.any():
            self._cut(np.where(where >= 0, 1.0 - chance.lost_part[where], 1.0))
        if self.charger_outages is not None:
            # At a stop on the way a vehicle uses no charger of its own.
            out = np.where(fleet["way_kwh"] < 0.0, self._chargers_out(self.charger_outages), 0.0)
            fleet["charger_out"][:] = out == 1.0
            if ((out > 0.0) & (out < 1.0)).any():
                self._cut(np.where(out < 1.0, 1.0 - out, 1.0))
        if self.setting.scenario.outages:
            unsupplied = chance.feeder_out[np.maximum(where, 0)]
            fleet["cut_off"][:] = (where >= 0) & (fleet["charger_out"] | unsupplied)

    def _cut(self, part: FloatArray) -> None:
        """Let vehicles be plugged in for a part of the time for which they would be."""
        fleet = self.fleet
        if self._cut_short is None:
            # Until batteries have moved: who is plugged in all the step stays so.
            self._cut_short = fleet["plugged_part"].copy()
        fleet["plugged_part"][:] *= part

    def _chargers_out(self, outages: Outages) -> FloatArray:
        """Return for which part of the step the charger of each vehicle is out."""
        simulation = self.simulation
        step, step_h = simulation.step_index, simulation.step_h
        span = step_moment(step, step_h), step_moment(step + 1, step_h)
        if simulation.log.wanted:
            changes = outages.changes_in(*span)
            recorded = min(recorded_vehicles(self.setting), self.vehicles.traffic.vehicles_there)
            for kind, out in (("fails", True), ("repaired", False)):
                mine = (changes.rows < recorded) & (changes.out == out)
                simulation.log.note(kind, "charger", changes.at_ms[mine], changes.rows[mine])
        return outages.parts(*span)

    def not_whole(self) -> NDArray[np.bool_]:
        """Return where nobody charges on the way in the step: an outage, if only for a part."""
        chance = self.simulation.chance
        out: NDArray[np.bool_] = chance.feeder_out | (chance.lost_part > 0.0)
        return out

    def end_step(self) -> None:
        """Plug in again who was cut off for a part of the step."""
        if self._cut_short is not None:
            self.fleet["plugged_part"][:] = self._cut_short

    def state(self) -> dict[str, Any]:
        """Return which chargers are out."""
        return (
            {}
            if self.charger_outages is None
            else {"charger_outages": self.charger_outages.state()}
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from an earlier `state`."""
        if self.charger_outages is not None:
            self.charger_outages.restore(state["charger_outages"])
