"""Which energy vehicles carry from community to community, followed step by step."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.energy_origin import shares_after_charging

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.step import VehicleSharing

# Of more vehicles times communities the energy is not followed.
MOST_CELLS = 5_000_000


class CarriedEnergy:
    """Where the energy in the batteries comes from, and what is brought from where in a step.

    Energy in store when a vehicle was first in a community counts as charged there.

    Parameters
    ----------
    vehicles, communities : int
        How many they are.
    """

    def __init__(self, vehicles: int, communities: int) -> None:
        self.communities = communities
        self._shares = np.zeros((vehicles, communities))
        self._begun = np.zeros(vehicles, dtype=np.bool_)

    @classmethod
    def of(cls, vehicles: int, communities: int) -> "CarriedEnergy | None":
        """Return what follows so many vehicles; None where they are too many, or stay where."""
        worth = communities > 1 and vehicles * communities <= MOST_CELLS
        return cls(vehicles, communities) if worth else None

    def read(self, scheme: "VehicleSharing") -> FloatArray:
        """Return the energy brought from each community to each other in a step [kWh].

        It must follow every step, once the exchange is known and before batteries move.
        """
        fleet = scheme.fleet.population
        exchange = scheme.exchange_kwh()
        rows = np.flatnonzero(fleet["community"] >= 0)
        where = fleet["community"][rows].astype(np.intp)
        new = ~self._begun[rows]
        self._shares[rows[new], where[new]] = 1.0
        self._begun[rows] = True
        given = np.maximum(-exchange[rows], 0.0)
        brought = np.zeros((self.communities, self.communities))
        np.add.at(brought.T, where, self._shares[rows] * given[:, None])
        np.fill_diagonal(brought, 0.0)
        charges = rows[exchange[rows] > 0]
        if len(charges):
            added = exchange[charges] * fleet["charge_efficiency"][charges]
            place = fleet["community"][charges].astype(np.intp)
            self._shares[charges] = shares_after_charging(
                self._shares[charges], fleet["energy_kwh"][charges], added, place
            )
        return brought
