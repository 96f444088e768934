"""Who answers to the price of a step and what was decided: its game as an audit sees it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.answers import battery_answers
from hmesh.markets.three_level_game import Game
from hmesh.markets.vehicle_response import best_response
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
    lam, theta, usable_kwh, lower_kwh, upper_kwh
        As `hmesh.markets.best_response` takes them, shape (vehicles,).
    charge_efficiency, discharge_efficiency
        Likewise; one number for all or of shape (vehicles,).
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
    lam: NDArray[np.float64]
    theta: NDArray[np.float64]
    usable_kwh: NDArray[np.float64]
    lower_kwh: NDArray[np.float64]
    upper_kwh: NDArray[np.float64]
    energy_kwh: NDArray[np.float64]
    utility_price: float
    community_price: NDArray[np.float64]
    passive_kwh: NDArray[np.float64]
    charge_efficiency: float | NDArray[np.float64] = 1.0
    discharge_efficiency: float | NDArray[np.float64] = 1.0

    def wanted_kwh(self, community_price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what every vehicle wants at some prices, unbounded; 0 where not plugged in."""
        price = np.append(community_price, 0.0)[self.where]
        wanted = best_response(
            price, self.lam, self.theta, self.usable_kwh, -np.inf, np.inf,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip
        return np.where(self.where >= 0, wanted, 0.0)

    def answers_kwh(self, community_price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what every vehicle exchanges at some prices, 0 where not plugged in."""
        price = np.append(community_price, 0.0)[self.where]
        energy = best_response(
            price, self.lam, self.theta, self.usable_kwh, self.lower_kwh, self.upper_kwh,
            self.charge_efficiency, self.discharge_efficiency,
        )  # fmt: skip
        return np.where(self.where >= 0, energy, 0.0)

    def demand_kwh(self, community_price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what every community draws at some prices, shape (communities,)."""
        parked = self.where >= 0
        answers = self.answers_kwh(community_price)[parked]
        return self.passive_kwh + np.bincount(self.where[parked], answers, len(self.passive_kwh))

    def of(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "GameStep":
        """Return what some of the vehicles have to decide."""
        columns = (
            "where", "lam", "theta", "usable_kwh", "lower_kwh", "upper_kwh", "energy_kwh",
            "charge_efficiency", "discharge_efficiency",
        )  # fmt: skip
        taken = {name: getattr(self, name) for name in columns}
        return replace(
            self, **{k: v if isinstance(v, float) else v[rows] for k, v in taken.items()}
        )

    def game(self, inputs: RunInputs) -> Game:
        """Return the game of the step."""
        order = np.argsort(self.where, kind="stable")
        cuts = np.searchsorted(self.where[order], np.arange(len(self.passive_kwh) + 1))
        kinks = []
        for m, passive in enumerate(self.passive_kwh.tolist()):
            rows = order[cuts[m] : cuts[m + 1]]
            one = self.of(rows)
            kinks.append(
                battery_answers(
                    passive, one.lam, one.theta, one.usable_kwh, one.lower_kwh, one.upper_kwh,
                    one.charge_efficiency, one.discharge_efficiency,
                )
            )  # fmt: skip
        prices = inputs.scenario.prices
        return Game(tuple(kinks), inputs.cost, inputs.bounds, prices.without_vehicles)
