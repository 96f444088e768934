"""What is read off a world in a step, before any battery moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from environment.traffic import ABSENT

if TYPE_CHECKING:
    from runs.world.simulation import Simulation

type Energies = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stores:
    """The storages of a scheme that stay in a community, or belong there.

    Attributes
    ----------
    names : tuple of str
        Who owns them.
    community : array of int, shape (n,)
        Where they are.
    energy_kwh, capacity_kwh : array, shape (n,)
        What each holds, and could hold [kWh].
    """

    names: tuple[str, ...]
    community: NDArray[np.intp]
    energy_kwh: Energies
    capacity_kwh: Energies


@dataclass(frozen=True, slots=True)
class Reading:
    """What a step of a world comes to.

    Attributes
    ----------
    step : int
        Its number, from 0.
    time : datetime
        When it starts.
    hour_kwh : dict of array, shape (communities,)
        Energies by the names that they have in the results [kWh].
    net_kwh : array, shape (communities,)
        What every community draws from the utility [kWh].
    community_price : array, shape (communities,)
        What every community pays; NaN where it is without supply [money/kWh].
    utility_price : float
        What the utility asks [money/kWh].
    loading : array, shape (lines,)
        Power of every line over its rating [-].
    soc : dict of float
        How full the storages of every scheme are together [-].
    incentive_price : float
        What schools are paid on average for a kWh; NaN where they sell none [money/kWh].
    homes : dict of float
        What happens within smart homes, by what it is called [kWh].
    """

    step: int
    time: datetime
    hour_kwh: dict[str, Energies]
    net_kwh: Energies
    community_price: Energies
    utility_price: float
    loading: Energies
    soc: dict[str, float]
    incentive_price: float = float("nan")
    homes: dict[str, float] = field(default_factory=dict)

    def price(self, community: int) -> float | None:
        """Return what a community pays [money/kWh]; None where it is without supply."""
        price = float(self.community_price[community])
        return price if np.isfinite(price) else None


def read(world: "Simulation") -> Reading:
    """Read a world off, in the middle of its step."""
    decision = world.vehicles.decision
    supplied = np.where(world.supplied, decision.community_price, np.nan)
    return Reading(
        step=world.step_index,
        time=world.calendar.time_of(world.step_index),
        hour_kwh={name: energy.copy() for name, energy in world.hour_kwh.items()},
        net_kwh=world.net_kwh.copy(),
        community_price=supplied,
        utility_price=float(decision.utility_price),
        loading=world.loading.copy(),
        soc=_soc(world),
        incentive_price=_incentive_price(world),
        homes=_homes(world),
    )


def stores_of(world: "Simulation") -> dict[str, Stores]:
    """Return the storages that stay, by scheme."""
    return {name: _STORES[name](world.schemes[name]) for name in world.schemes if name in _STORES}


def _soc(world: "Simulation") -> dict[str, float]:
    held = {
        name: (float(stores.energy_kwh.sum()), float(stores.capacity_kwh.sum()))
        for name, stores in stores_of(world).items()
    }
    if "vehicles" in world.schemes:
        fleet = world.vehicles.fleet.population
        there = fleet["community"] != ABSENT
        held["vehicles"] = (
            float(fleet["energy_kwh"][there].sum()), float(fleet["capacity_kwh"][there].sum())
        )  # fmt: skip
    return {name: energy / capacity for name, (energy, capacity) in held.items() if capacity > 0}


def _of_schools(scheme: Any) -> Stores:
    district, buses = scheme.district, scheme.district.buses.population
    return Stores(
        tuple(f"school {number + 1}" for number in range(len(district))),
        scheme.community,
        district.by_school(buses["energy_kwh"]),
        district.by_school(buses["capacity_kwh"]),
    )


def _of_batteries(scheme: Any) -> Stores:
    batteries = scheme.batteries
    return Stores(
        tuple(scheme.shared.names),
        scheme.community,
        np.array(batteries["energy_kwh"]),
        np.array(batteries["capacity_kwh"]),
    )


def _of_homes(scheme: Any) -> Stores:
    names, community, energy, capacity = [], [], [], []
    for group, homes in zip(scheme.setting.groups, scheme.groups, strict=True):
        names.append(group.settings.name)
        community.append(group.community)
        energy.append(float(homes.energy_kwh.sum()))
        capacity.append(float(homes.bank.capacity_kwh.sum()))
    return Stores(tuple(names), np.array(community, np.intp), np.array(energy), np.array(capacity))


def _of_communities(scheme: Any) -> Stores:
    storages, shared = scheme.controllers.population, scheme.shared
    held = np.array(storages["energy_kwh"]), np.array(storages["capacity_kwh"])
    return Stores(tuple(shared.names), np.asarray(shared.community, np.intp), *held)


def _of_houses(scheme: Any) -> Stores:
    batteries, community = scheme.houses.columns.batteries, scheme.setting.community
    names = tuple(f"house {number + 1}" for number in range(len(community)))
    held = np.array(batteries["energy_kwh"]), np.array(batteries["capacity_kwh"])
    return Stores(names, np.asarray(community, np.intp), *held)


_STORES: Mapping[str, Callable[[Any], Stores]] = MappingProxyType(
    {
        "school_buses": _of_schools,
        "battery_sharing": _of_batteries,
        "smart_homes": _of_homes,
        "community_storage": _of_communities,
        "composite_storage": _of_houses,
    }
)


def _incentive_price(world: "Simulation") -> float:
    if "school_buses" not in world.schemes:
        return float("nan")
    scheme = cast(Any, world.schemes["school_buses"])
    sold = float(scheme.sold_kwh.sum())
    paid = np.nan_to_num(scheme.decision.price)
    return float((scheme.sold_kwh * paid).sum()) / sold if sold > 0 else float("nan")


# What happens within homes, in the order in which it is drawn.
_OF_HOMES = MappingProxyType(
    {
        "direct_kwh": "generation used at once",
        "discharged_kwh": "out of storages",
        "imported_kwh": "from the grid",
        "charged_kwh": "into storages",
        "exported_kwh": "to the grid",
        "curtailed_kwh": "curtailed",
        "wanted_kwh": "wanted",
    }
)


def _homes(world: "Simulation") -> dict[str, float]:
    if "smart_homes" not in world.schemes:
        return {}
    groups = cast(Any, world.schemes["smart_homes"]).of_step
    return {
        text: sum(group.totals_kwh[name] for group in groups) for name, text in _OF_HOMES.items()
    }
