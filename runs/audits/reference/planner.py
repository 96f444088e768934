"""Whether prices are those of most welfare: what one more kWh costs where it is delivered.

What all hold is worth less and less with each kWh, and generation costs more and more, so welfare
is most exactly where nobody values a kWh otherwise than it costs to bring it there. A line that
carries energy away from the utility makes it dearer by its loss rate, one that carries energy
towards it cheaper by as much, and one that carries nothing has a price between these two. A line
at its rating raises the price beyond it where it is drawn through, and lowers it where it is
delivered through.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hmesh.runs.audits.reference.demand import Demand
from hmesh.runs.audits.reference.generation import Generation
from hmesh.runs.audits.reference.lines import Tree
from hmesh.runs.audits.reference.stores import Array

_SHARE = 1e-9


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a planner decides on.

    Attributes
    ----------
    demands
        Of every community; of one that answers to no price the energy it draws [kWh].
    generation, tree
        What generation costs, and the lines with the ratings that are kept.
    """

    demands: Sequence[Demand | float]
    generation: Generation
    tree: Tree

    def wrong_by(self, marginal_cost: float, price: Sequence[float]) -> tuple[float, Array]:
        """Return how far prices are from those of most welfare [money/kWh].

        Parameters
        ----------
        marginal_cost
            Price of the utility [money/kWh].
        price
            Price of each community [money/kWh].

        Returns
        -------
        utility, communities
            Of the price of the utility, and of each community; 0 for one that answers to no price.
        """
        energies = [
            (demand, demand) if isinstance(demand, float) else demand.at(p)
            for demand, p in zip(self.demands, price, strict=True)
        ]
        least, most = ([pair[side] for pair in energies] for side in (0, 1))
        ends = [self.generation.marginal(self.tree.generated(drawn)) for drawn in (least, most)]
        utility = max(ends[0] - marginal_cost, marginal_cost - ends[1], 0.0)
        low, high = self._node_prices(marginal_cost, least, most)
        off = np.zeros(len(price))
        for m, (place, own) in enumerate(zip(self.tree.place, price, strict=True)):
            if isinstance(self.demands[m], Demand):
                off[m] = max(low[place] - own, own - high[place], 0.0)
        return utility, off

    def _node_prices(
        self, marginal_cost: float, least_kwh: list[float], most_kwh: list[float]
    ) -> tuple[list[float], list[float]]:
        """Return between which prices the far end of each line lies; at last the utility's."""
        tree = self.tree
        least, most = tree.arriving(least_kwh)[0], tree.arriving(most_kwh)[0]
        dust = _SHARE * max(1.0, *(abs(energy) for energy in [*least, *most]))
        low, high = [marginal_cost] * (len(least) + 1), [marginal_cost] * (len(least) + 1)
        for line, (parent, rate) in enumerate(zip(tree.parent, tree.loss_rate, strict=True)):
            directions = []
            if most[line] >= -dust:
                directions.append(1 + rate)
            if least[line] <= dust:
                directions.append(1 - rate)
            ends = [near * factor for near in (low[parent], high[parent]) for factor in directions]
            low[line], high[line] = min(ends), max(ends)
            if most[line] >= tree.rating_kwh[line] - dust:
                high[line] = np.inf
            if least[line] <= -tree.rating_kwh[line] + dust:
                low[line] = -np.inf
        return low, high


def welfare(satisfaction: Array, generation_cost: float) -> float:
    """Return what all hold is worth, less what its generation costs [money]."""
    return float(satisfaction.sum()) - generation_cost
