"""Stores that answer to the price of a step beside the vehicles, as an audit sees them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.reference.stores import Answer, AnsweringStores


@dataclass(frozen=True, slots=True)
class StoresStep:
    """The stores of a scheme that answer to the price of a step, an `OthersStep`.

    Attributes
    ----------
    name : str
        What they are called in messages, before the name of their community.
    communities : int
        How many communities there are.
    where : array of int, shape (stores,)
        Community of each store, -1 where it does not answer.
    stores : AnsweringStores
        What each could do, columns of shape (stores,).
    energy_kwh : array, shape (stores,)
        What each exchanged [kWh].
    """

    name: str
    communities: int
    where: NDArray[np.intp]
    stores: AnsweringStores
    energy_kwh: FloatArray

    @property
    def exchanged_kwh(self) -> FloatArray:
        """What those of each community exchanged [kWh]."""
        return self._by_community(self.energy_kwh)

    @property
    def least_kwh(self) -> FloatArray:
        """What those of each community could exchange at least [kWh]."""
        return self._by_community(self.stores.lower_kwh)

    @property
    def worth(self) -> float:
        """What all of them value that they hold after the exchange [money]."""
        return float(self.stores.satisfaction(self.energy_kwh)[self.where >= 0].sum())

    def answers(self, community: int) -> list[Answer]:
        """Return the answers of those of a community."""
        mine = self.where == community
        return [self.stores.rows(mine).answer()] if mine.any() else []

    def count(self, community: int) -> int:
        """Return how many of them are in a community."""
        return int(np.count_nonzero(self.where == community))

    def sums_kwh(self, community: int, price: FloatArray) -> FloatArray:
        """Return what those of a community exchange together at each of some prices [kWh]."""
        best = self.stores.rows(self.where == community).best_exchange(price[:, None])
        sums: FloatArray = best.sum(axis=1)
        return sums

    def wrong_by(self, community_price: FloatArray) -> FloatArray:
        """Return how far the exchange of each is from its best one at some prices [kWh]."""
        price = np.append(community_price, np.nan)[self.where]
        off = self.stores.wrong_by(np.nan_to_num(price), self.energy_kwh)
        return np.where(np.isnan(price), np.abs(self.energy_kwh), off)

    def worth_at(self, community_price: FloatArray) -> float:
        """Return what all of them value that they hold after their best exchange [money]."""
        price = np.append(community_price, np.nan)[self.where]
        energy = np.where(np.isnan(price), 0.0, self.stores.best_exchange(np.nan_to_num(price)))
        return float(self.stores.satisfaction(energy)[self.where >= 0].sum())

    def at_bound(self, community_price: FloatArray) -> bool:
        """Return whether some prices take any of them to a bound, or leave it as it is."""
        price = np.append(community_price, np.nan)[self.where]
        energy = self.stores.best_exchange(np.nan_to_num(price))
        bound = (energy <= self.stores.lower_kwh) | (energy >= self.stores.upper_kwh)
        return bool(((bound | (energy == 0.0)) & ~np.isnan(price)).any())

    def _by_community(self, energy_kwh: FloatArray) -> FloatArray:
        there = self.where >= 0
        sums = np.bincount(self.where[there], energy_kwh[there], self.communities)
        return sums.astype(np.float64)
