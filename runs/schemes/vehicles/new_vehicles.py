"""The vehicles of a new world: held by its process, or by workers."""

from typing import TYPE_CHECKING

from hmesh.runs.schemes.vehicles.step import VehicleSharing

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


def new_vehicles(simulation: "Simulation") -> VehicleSharing:
    """Return the vehicles of a new world, which holds them itself unless the run is spread."""
    if simulation.setting.spread is None:
        return VehicleSharing(simulation)
    from hmesh.runs.schemes.vehicles.spread_vehicles import SpreadVehicles

    return SpreadVehicles(simulation)
