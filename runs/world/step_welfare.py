"""The welfare of a step, and what a planner would have made of the same state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.battery import charged
from hmesh.markets.planner import solve_planner
from hmesh.markets.welfare import price_of_anarchy, satisfaction
from hmesh.runs.world.market import planned_game_of

if TYPE_CHECKING:
    from hmesh.agents.fleet import ParkedVehicles
    from hmesh.runs.world.simulation import Simulation


@dataclass(frozen=True, slots=True)
class StepWelfare:
    """The welfare of a step [money].

    Attributes
    ----------
    welfare : float
        What vehicles hold is worth to them, less the cost of generation.
    planner : float
        The same at the planner's prices, from the same state.
    """

    welfare: float
    planner: float

    @property
    def loss(self) -> float:
        """What the planner's exchange is worth more."""
        return self.planner - self.welfare

    def sums(self) -> dict[str, float]:
        """Return the figures of the step that add up over a run."""
        return {
            "welfare": self.welfare,
            "planner_welfare": self.planner,
            "welfare_loss": self.loss,
        }

    def row(self) -> dict[str, float]:
        """Return the columns of the table of welfare."""
        return self.sums() | {"price_of_anarchy": price_of_anarchy(self.planner, self.welfare)}


def step_welfare(simulation: "Simulation") -> StepWelfare:
    """Return the welfare of the step that was decided, and that of the planner.

    Inelastic loads are left out of it, and count as served, since nobody says what they are worth.
    """
    market, cost = simulation.market, simulation.setting.cost
    game = planned_game_of(simulation)
    feed = game.feed
    assert feed is not None

    def worth(exchange: Sequence[NDArray[np.float64]]) -> float:
        demand = market.passive_kwh + np.array([float(energy.sum()) for energy in exchange])
        generated = float(feed.generation_kwh(demand[:, None])[0])
        held = zip(market.parked, exchange, strict=True)
        return sum(_satisfaction(parked, energy) for parked, energy in held) - cost.total(generated)

    done = market.decision.exchange_kwh or [np.zeros(len(parked)) for parked in market.parked]
    price = solve_planner(game).community_price
    best = [
        parked.best_kwh(float(asked)) for parked, asked in zip(market.parked, price, strict=True)
    ]
    return StepWelfare(worth(done), worth(best))


def _satisfaction(parked: "ParkedVehicles", energy_kwh: NDArray[np.float64]) -> float:
    """Return what the vehicles of a community value that they hold after an exchange [money]."""
    if len(parked) == 0:
        return 0.0
    fleet = parked.fleet
    held = charged(
        parked.usable_kwh,
        energy_kwh,
        fleet.each("charge_efficiency", parked.rows),
        fleet.each("discharge_efficiency", parked.rows),
    )
    return float(satisfaction(parked.lam, parked.theta, held).sum())
