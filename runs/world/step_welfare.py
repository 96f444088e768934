"""The welfare of a step, and what a planner would have made of the same state."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hmesh.markets.planner import planned_prices
from hmesh.markets.welfare import price_of_anarchy
from hmesh.runs.world.decision import Exchange
from hmesh.runs.world.step_games import planned_game_of

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


@dataclass(frozen=True, slots=True)
class StepWelfare:
    """The welfare of a step [money].

    Attributes
    ----------
    welfare : float
        What those gain that answer to prices, less the cost of generation.
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

    def worth(exchange: Exchange) -> float:
        demand, valued = market.passive_kwh.copy(), 0.0
        for name, energies in exchange.items():
            for m, (group, energy) in enumerate(zip(market.answering[name], energies, strict=True)):
                if len(energy):
                    demand[m] += group.total_kwh(energy)
                    valued += group.worth(energy)
        return valued - cost.total(float(feed.generation_kwh(demand[:, None])[0]))

    price = planned_prices(game)[1].tolist()
    best = {
        name: [
            group.best_kwh(asked) if len(group) else np.empty(0)
            for group, asked in zip(groups, price, strict=True)
        ]
        for name, groups in market.answering.items()
    }
    return StepWelfare(worth(market.decision.exchange_kwh), worth(best))
