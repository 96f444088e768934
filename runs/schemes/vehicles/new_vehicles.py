"""The vehicles of a new world: held by its process, or by workers."""

from typing import TYPE_CHECKING

from hmesh.environment.row_blocks import row_blocks
from hmesh.runs.schemes.vehicles.step import VehicleSharing

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


def new_vehicles(simulation: "Simulation") -> VehicleSharing:
    """Return the vehicles of a new world, which holds them itself unless the run is spread.

    A fleet of one block has nothing to spread, and its demand curve is made of all lines at once,
    whose last digits are not those of kinks that a worker merged.
    """
    fleet = simulation.setting.schemes["vehicles"].fleet
    if simulation.setting.spread is None or len(row_blocks(len(fleet))) == 1:
        return VehicleSharing(simulation)
    from hmesh.runs.schemes.vehicles.spread_vehicles import SpreadVehicles

    return SpreadVehicles(simulation)
