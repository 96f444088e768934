"""The strategy of leaders that do not best-respond: fixed markups, learning, cartels."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import demand_at
from hmesh.markets.cost_based_prices import solve_at_cost
from hmesh.markets.leader_learning import Bandits, Climbers, price_at_cost
from hmesh.markets.price_game import Game, Outcome
from hmesh.markets.price_search import search_price
from hmesh.markets.shared_limits import within_shared_limits
from hmesh.markets.three_level_game import follow_exact
from hmesh.runs.scenarios.leader_section import LeaderLearning, Leaders

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

A_DAY_H = 24.0


class LeaderRules:
    """How utility and aggregators of one world set prices, and what they have learned.

    Parameters
    ----------
    simulation : Simulation
        The world.
    """

    def __init__(self, simulation: "Simulation") -> None:
        self.given: Leaders = simulation.setting.scenario.game.leaders
        names = simulation.setting.communities
        members = self.given.aggregators.members or names
        self._cartel = np.isin(names, members)
        self._learners: dict[str, Climbers | Bandits] = {}
        for who, leader, count in (
            ("utility", self.given.utility, 1),
            ("aggregators", self.given.aggregators, len(names)),
        ):
            if leader.learning is not None:
                self._learners[who] = _learners(leader.learning, count)

    def outcome(self, game: Game, simulation: "Simulation", tariff: float) -> Outcome:
        """Return the prices of a step.

        They keep the limits of lines as far as those of the games do: an aggregator those of its
        own lines, the utility those that communities share, unless it asks its tariff.
        """
        slot = self._slots(simulation)
        tolerance = simulation.setting.scenario.game.tolerance
        if self.given.utility.rule == "tariff":
            return self._aggregators(game, tariff, slot)
        if self.given.aggregators.rule == "cartel":
            return solve_at_cost(game, 1.0 + self.given.utility.markup, self._cartel)

        def followers(
            prices: FloatArray,
        ) -> tuple[FloatArray, FloatArray]:
            found = [self._aggregators(game, price, slot) for price in prices.tolist()]
            asked = np.stack([each.community_price for each in found], axis=1)
            return asked, np.stack([each.demand_kwh for each in found], axis=1)

        solve = lambda game: self._led(game, slot, tolerance)  # noqa: E731
        return within_shared_limits(game, solve, lambda: followers)

    def unlimited(self, game: Game, simulation: "Simulation", tariff: float) -> Outcome:
        """Return what the prices of a step would be if no line had a limit."""
        feed = None if game.feed is None else game.feed.without_limits()
        return self.outcome(replace(game, limits_kwh=None, feed=feed), simulation, tariff)

    def _led(self, game: Game, slot: dict[str, int], tolerance: float) -> Outcome:
        """Return the prices of a utility that leads, whatever shared lines carry."""
        bounds = game.bounds
        lowest, highest = bounds.utility_lower, bounds.utility_upper

        def demand(price: float) -> FloatArray:
            return self._aggregators(game, price, slot).demand_kwh

        match self.given.utility.rule:
            case "learning":
                price = min(max(float(self._asked("utility", slot)[0]), lowest), highest)
            case "best_response":
                total = lambda price: float(demand(price).sum())  # noqa: E731
                price = search_price(total, game.cost, lowest, highest, tolerance).price
            case _ if self.given.aggregators.rule == "best_response":
                return solve_at_cost(game, 1.0 + self.given.utility.markup)
            case _:
                price = self._at_cost(game, demand)
        return self._aggregators(game, price, slot)

    def _at_cost(self, game: Game, demand_kwh: Any) -> float:
        """Return the utility's price that follows its cost."""
        factor = 1.0 + self.given.utility.markup

        def asked(price: float) -> float:
            return factor * game.cost.marginal(float(demand_kwh(price).sum()))

        return price_at_cost(asked, game.bounds.utility_lower, game.bounds.utility_upper)

    def _aggregators(self, game: Game, price: float, slot: dict[str, int]) -> Outcome:
        """Return what aggregators ask at a price of the utility."""
        match self.given.aggregators.rule:
            case "fixed_markup":
                asked = np.full(len(game.kinks), price * (1.0 + self.given.aggregators.markup))
            case "learning":
                asked = price + self._asked("aggregators", slot)
            case _:
                return follow_exact(game, price)
        bounds = [game.aggregator_bounds(m) for m in range(len(game.kinks))]
        asked = np.clip(asked, [low for low, _ in bounds], [high for _, high in bounds])
        demand = np.array(
            [demand_at(answers, p) for answers, p in zip(game.kinks, asked.tolist(), strict=True)]
        )
        return Outcome(price, asked, demand)

    def _slots(self, simulation: "Simulation") -> dict[str, int]:
        """Return for which part of the day each learns."""
        hour = simulation.calendar.hour_of_day(simulation.step_index)
        found = {}
        for who, leader in (
            ("utility", self.given.utility),
            ("aggregators", self.given.aggregators),
        ):
            if leader.learning is not None:
                found[who] = int(hour * leader.learning.hours_apart / A_DAY_H)
        return found

    def _asked(self, who: str, slot: dict[str, int]) -> FloatArray:
        asked: FloatArray = self._learners[who].asked()[:, slot[who]]
        return asked

    def learn(self, simulation: "Simulation") -> None:
        """Let those who learn take in what they have earned in the step that is settled."""
        if not self._learners:
            return
        slot, decision = self._slots(simulation), simulation.market.decision
        bought = simulation.net_kwh - simulation.direct_kwh
        margin = np.where(
            simulation.supplied, (decision.community_price - decision.utility_price) * bought, 0.0
        )
        for who, learner in self._learners.items():
            earned = margin if who == "aggregators" else np.array([simulation.utility_earned()])
            there = simulation.supplied if who == "aggregators" else np.array([True])
            profit = np.zeros(learner.asked().shape)
            heard = np.zeros(profit.shape, dtype=np.bool_)
            profit[:, slot[who]], heard[:, slot[who]] = earned, there
            learner.learn(profit, heard)

    def state(self) -> dict[str, Any]:
        """Return what they have learned."""
        return {who: dict(each.state()) for who, each in self._learners.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        for who, held in state.items():
            for name, values in held.items():
                setattr(self._learners[who], name, values.copy())


def _learners(given: LeaderLearning, count: int) -> Climbers | Bandits:
    shape = count, given.hours_apart
    if given.method == "bandit":
        return Bandits.of(given.lowest, given.highest, given.arms, shape)
    return Climbers.of(given.lowest, given.highest, shape)
