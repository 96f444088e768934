"""How the schemes of a simulation are made, each imported when it takes part."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from runs.schemes.scheme import Scheme

if TYPE_CHECKING:
    from runs.world.simulation import Simulation


def _smart_homes(simulation: "Simulation") -> Scheme:
    from runs.schemes.smart_homes.step import SmartHomeSharing

    return SmartHomeSharing(simulation)


def _composite_storage(simulation: "Simulation") -> Scheme:
    from runs.schemes.composite_storage.step import CompositeStorageHouses

    return CompositeStorageHouses(simulation)


def _battery_sharing(simulation: "Simulation") -> Scheme:
    from runs.schemes.battery_sharing.step import BatterySharing

    return BatterySharing(simulation)


def _school_buses(simulation: "Simulation") -> Scheme:
    from runs.schemes.school_buses.step import SchoolBusSharing

    return SchoolBusSharing(simulation)


def _community_storage(simulation: "Simulation") -> Scheme:
    from runs.schemes.community_storage.step import CommunityStorageSharing

    return CommunityStorageSharing(simulation)


# All but the vehicles, which every world has.
_MAKERS: Mapping[str, Callable[["Simulation"], Scheme]] = MappingProxyType(
    {
        "smart_homes": _smart_homes,
        "composite_storage": _composite_storage,
        "battery_sharing": _battery_sharing,
        "community_storage": _community_storage,
        "school_buses": _school_buses,
    }
)


def make_scheme(name: str, simulation: "Simulation") -> Scheme:
    """Return a scheme of a simulation by its name."""
    return _MAKERS[name](simulation)
