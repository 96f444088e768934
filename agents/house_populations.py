"""The columns of all houses with storages of a world: households, managers and devices."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.house_devices import HeatPump, HouseBattery, RooftopPhotovoltaics, ThermalTank
from hmesh.agents.storage_household import HomeEnergyManager, StorageHousehold
from hmesh.environment.population import Population

KINDS = {
    "households": StorageHousehold,
    "managers": HomeEnergyManager,
    "photovoltaics": RooftopPhotovoltaics,
    "heat_pumps": HeatPump,
    "batteries": HouseBattery,
    "tanks": ThermalTank,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HousePopulations:
    """The columns of all houses, a row for each in every one of them."""

    households: Population
    managers: Population
    photovoltaics: Population
    heat_pumps: Population
    batteries: Population
    tanks: Population

    @classmethod
    def of(cls, houses: int) -> "HousePopulations":
        """Return the columns of some houses, filled with defaults."""
        return cls(**{name: Population(kind.attributes(), houses) for name, kind in KINDS.items()})

    def fork(self) -> "HousePopulations":
        """Return the same houses for another world."""
        return HousePopulations(**{name: getattr(self, name).fork() for name in KINDS})

    def rows(self, houses: NDArray[np.intp]) -> "HousePopulations":
        """Return the columns of some of the houses, copied."""
        some = HousePopulations.of(len(houses))
        for name in KINDS:
            columns, own = getattr(some, name), getattr(self, name)
            for attribute in own.attributes:
                columns[attribute][:] = own[attribute][houses]
        return some

    def state(self) -> dict[str, Any]:
        """Return the columns that change during a run; they are live, not copies."""
        return {name: getattr(self, name).state() for name in KINDS}

    def restore(self, state: dict[str, Any]) -> None:
        """Write back the columns of an earlier `state`."""
        for name in KINDS:
            getattr(self, name).restore(state[name])
