"""Who answers to the price of a step and what was decided: its game as an audit sees it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.demand import Demand, demand_of
from hmesh.runs.audits.reference.stores import Stores
from hmesh.runs.audits.reference.utility import PriceGame
from hmesh.runs.audits.run_inputs import RunInputs


@dataclass(frozen=True, slots=True)
class GameStep:
    """What those have to decide that answer to the price of a step, and what is decided.

    Attributes
    ----------
    step, strategy
        Where it belongs, by number.
    where
        Community in which each vehicle is plugged in, -1 where it is not, shape (vehicles,).
    stores
        What each could do, columns of shape (vehicles,).
    energy_kwh
        What each exchanges [kWh], shape (vehicles,).
    utility_price, community_price
        Prices [money/kWh], the latter of shape (communities,) and NaN where there is no supply.
    passive_kwh
        What answers to no price, generation subtracted [kWh], shape (communities,).
    """

    step: int
    strategy: int
    where: NDArray[np.int64]
    stores: Stores
    energy_kwh: NDArray[np.float64]
    utility_price: float
    community_price: NDArray[np.float64]
    passive_kwh: NDArray[np.float64]

    def price_of_each(self, community_price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the price that every vehicle meets [money/kWh], 0 where not plugged in."""
        return np.append(community_price, 0.0)[self.where]

    def answers_kwh(self, community_price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what every vehicle exchanges at some prices, 0 where not plugged in."""
        energy = self.stores.best_exchange(self.price_of_each(community_price))
        return np.where(self.where >= 0, energy, 0.0)

    def demand_kwh(self, community_price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what every community draws at some prices, shape (communities,)."""
        parked = self.where >= 0
        answers = self.answers_kwh(community_price)[parked]
        return self.passive_kwh + np.bincount(self.where[parked], answers, len(self.passive_kwh))

    def game(self, inputs: RunInputs) -> PriceGame:
        """Return the game of the step."""
        bounds = inputs.bounds
        demands: list[Demand | float] = []
        for m, passive in enumerate(self.passive_kwh.tolist()):
            mine = self.where == m
            if mine.any():
                answers = [self.stores.rows(mine).answer()]
                lowest, highest = bounds.aggregator_lower, bounds.aggregator_upper
                demands.append(demand_of(passive, answers, lowest, highest))
            else:
                demands.append(passive)
        return PriceGame(
            demands, inputs.cost, bounds, inputs.tree, inputs.scenario.prices.without_vehicles
        )
