"""Who answers to the price of a step and what was decided: its game as an audit sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.others_answers import OthersStep
from hmesh.runs.audits.reference.demand import Demand, demand_of
from hmesh.runs.audits.reference.lines import Tree
from hmesh.runs.audits.reference.planner import PlannedStep, welfare
from hmesh.runs.audits.reference.stores import Answer, AnsweringStores
from hmesh.runs.audits.reference.utility import PriceGame
from hmesh.runs.audits.run_inputs import RunInputs

if TYPE_CHECKING:
    from hmesh.runs.audits.limits import AuditedGrid


@dataclass(frozen=True)
class GameStep:
    """What those have to decide that answer to the price of a step, and what is decided.

    Attributes
    ----------
    step, strategy : int
        Where it belongs, by number.
    where : array of int, shape (vehicles,)
        Community in which each vehicle is plugged in, -1 where it is not.
    stores : AnsweringStores
        What each could do, columns of shape (vehicles,).
    energy_kwh : array, shape (vehicles,)
        What each exchanges [kWh].
    utility_price, community_price : float, array
        Prices [money/kWh], the latter of shape (communities,) and NaN where there is no supply.
    passive_kwh : array, shape (communities,)
        What answers to no price, generation subtracted [kWh].
    grid : AuditedGrid
        The grid with what its nodes took.
    others : sequence of OthersStep
        Those who answer beside the vehicles.
    """

    step: int
    strategy: int
    where: NDArray[np.int64]
    stores: AnsweringStores
    energy_kwh: FloatArray
    utility_price: float
    community_price: FloatArray
    passive_kwh: FloatArray
    grid: "AuditedGrid"
    others: Sequence[OthersStep] = ()

    def price_of_each(self, community_price: FloatArray) -> FloatArray:
        """Return the price that every vehicle meets [money/kWh], 0 where not plugged in."""
        return np.append(community_price, 0.0)[self.where]

    def answers_kwh(self, community_price: FloatArray) -> FloatArray:
        """Return what every vehicle exchanges at some prices, 0 where not plugged in."""
        energy = self.stores.best_exchange(self.price_of_each(community_price))
        return np.where(self.where >= 0, energy, 0.0)

    def demand_kwh(self, community_price: FloatArray) -> FloatArray:
        """Return what every community draws at some prices, shape (communities,)."""
        return self._drawn_kwh(community_price, self.answers_kwh(community_price))

    def _drawn_kwh(self, community_price: FloatArray, answers_kwh: FloatArray) -> FloatArray:
        """Return what every community draws where vehicles answer so, shape (communities,)."""
        drawn = self.passive_kwh + self.exchanged_kwh(answers_kwh)
        for each in self.others:
            for m, price in enumerate(community_price.tolist()):
                if not np.isnan(price):
                    drawn[m] += float(each.sums_kwh(m, np.array([price]))[0])
        return drawn

    def exchanged_kwh(self, energy_kwh: FloatArray) -> FloatArray:
        """Return what the vehicles of every community exchange [kWh], shape (communities,)."""
        there = self.where >= 0
        count = len(self.passive_kwh)
        return np.bincount(self.where[there], energy_kwh[there], count).astype(np.float64)

    def tree(self) -> Tree:
        """Return the lines of the step, of which the demands of communities alone are open."""
        answered = self.exchanged_kwh(self.energy_kwh)
        answered = answered + sum(each.exchanged_kwh for each in self.others)
        return self.grid.of_step(self.step, self.strategy, answered, self.passive_kwh)

    def game(self, inputs: RunInputs, *, limited: bool = True) -> PriceGame:
        """Return the game of the step, or what it would be if no line had a limit."""
        bounds, tree = inputs.bounds_at(self.step), self.tree()
        if not limited:
            tree = replace(tree, rating_kwh=[np.inf] * len(tree.parent))
        demands = self._demands(bounds.aggregator_lower, bounds.aggregator_upper)
        if self.grid.keeps and limited:
            demands = [
                demand if isinstance(demand, float) else demand.within(*tree.kept_by(m))
                for m, demand in enumerate(demands)
            ]
        if not self.grid.losses_known:
            tree = replace(tree, loss_rate=[0.0] * len(tree.parent))
        rule = inputs.scenario.prices.without_vehicles
        return PriceGame(demands, inputs.cost, bounds, tree, rule)

    def planned(self, inputs: RunInputs) -> PlannedStep:
        """Return what a planner decides on, limits kept as far as aggregators' prices could."""
        tree, bounds = self.tree(), inputs.bounds_at(self.step)
        cuts = np.concatenate(
            [np.empty(0), *(each.cuts.ravel() for found in self._answers for each in found)]
        )
        low, high = float(cuts.min(initial=0.0)) - 1.0, float(cuts.max(initial=0.0)) + 1.0
        low, high = min(low, bounds.aggregator_lower), max(high, bounds.aggregator_upper)
        demands = self._demands(low, high)
        if not self.grid.keeps:
            return PlannedStep(demands, inputs.cost, tree)
        limits = []
        for m, demand in enumerate(demands):
            least, most = tree.kept_by(m)
            if isinstance(demand, Demand):
                least = min(least, demand.at(bounds.aggregator_lower)[1])
                most = max(most, demand.at(bounds.aggregator_upper)[1])
            limits.append((least, most))
        ratings = zip(tree.rating_kwh, tree.owner, strict=True)
        shared = [rating if owner < 0 else np.inf for rating, owner in ratings]
        return PlannedStep(demands, inputs.cost, replace(tree, rating_kwh=shared), limits)

    def welfare(self, inputs: RunInputs) -> tuple[float, float]:
        """Return the welfare of the step, and the planner's from the same state [money]."""
        there, tree = self.where >= 0, self.tree()

        def worth(energy: FloatArray, drawn: FloatArray, others: float) -> float:
            cost = inputs.cost.total(tree.generated(drawn.tolist()))
            return welfare(self.stores.satisfaction(energy)[there], cost) + others

        done = self.passive_kwh + self.exchanged_kwh(self.energy_kwh)
        done = done + sum(each.exchanged_kwh for each in self.others)
        prices = np.array(self.planned(inputs).best().price)
        answers = self.answers_kwh(prices)
        return (
            worth(self.energy_kwh, done, sum(each.worth for each in self.others)),
            worth(
                answers,
                self._drawn_kwh(prices, answers),
                sum(each.worth_at(prices) for each in self.others),
            ),
        )

    @cached_property
    def _answers(self) -> list[list[Answer]]:
        """How those answer to every price who are in each community."""
        found = []
        for m in range(len(self.passive_kwh)):
            mine = self.where == m
            answers = [self.stores.rows(mine).answer()] if mine.any() else []
            answers += [answer for each in self.others for answer in each.answers(m)]
            found.append(answers)
        return found

    def _demands(self, lowest: float, highest: float) -> list[Demand | float]:
        """Return what every community draws between two prices."""
        return [
            demand_of(passive, answers, lowest, highest) if answers else passive
            for passive, answers in zip(self.passive_kwh.tolist(), self._answers, strict=True)
        ]
