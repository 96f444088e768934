"""Whether prices are those of most welfare: what one more kWh costs where it is delivered.

What all hold is worth less and less with each kWh, and generation costs more and more, so welfare
is most exactly where nobody values a kWh otherwise than it costs to bring it there. A line that
carries energy away from the utility makes it more expensive by its loss rate, one that carries
energy towards it cheaper by as much, and one that carries nothing has a price between these two. A
line at its rating raises the price beyond it where it is drawn through, and lowers it where it is
delivered through.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hmesh.runs.audits.reference.arrays import FloatArray
from hmesh.runs.audits.reference.demand import Demand
from hmesh.runs.audits.reference.generation import Generation
from hmesh.runs.audits.reference.lines import Tree, last_below, last_kept

_SHARE = 1e-9
# Beyond all prices at which anybody answers.
_FAR = 1e6


@dataclass(frozen=True)
class PlannedStep:
    """What a planner decides on.

    Attributes
    ----------
    demands : sequence of Demand or float
        Of every community; of one that answers to no price the energy it draws [kWh].
    generation, tree : Generation, Tree
        What generation costs, and the lines with the ratings that are kept of those that several
        communities share.
    limits_kwh : sequence of (float, float)
        Between which energies each community's own lines let it draw, as far as prices can keep
        them [kWh]; none where they are left out.
    """

    demands: Sequence[Demand | float]
    generation: Generation
    tree: Tree
    limits_kwh: Sequence[tuple[float, float]] = ()

    def wrong_by(self, marginal_cost: float, price: Sequence[float]) -> tuple[float, FloatArray]:
        """Return how far prices are from those of most welfare [money/kWh].

        Parameters
        ----------
        marginal_cost : float
            Price of the utility [money/kWh].
        price : sequence of float
            Price of each community [money/kWh].

        Returns
        -------
        utility, communities : float, array
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
            demand = self.demands[m]
            if isinstance(demand, float):
                continue
            fewest, greatest = self._limits(m)
            kept = demand.within(fewest, greatest)
            dust = _SHARE * max(1.0, abs(least[m]), abs(most[m]))
            # At a limit the price is raised, or lowered, to where it is kept and no further.
            costliest = max(high[place], kept.lowest if most[m] >= greatest - dust else -np.inf)
            cheapest = min(low[place], kept.highest if least[m] <= fewest + dust else np.inf)
            off[m] = max(cheapest - own, own - costliest, 0.0)
            if least[m] > greatest + dust or most[m] < fewest - dust:
                off[m] = max(off[m], kept.lowest - own, own - kept.highest)
        return utility, off

    def _limits(self, m: int) -> tuple[float, float]:
        """Return between which energies a community may draw; no more where both cannot be kept."""
        fewest, greatest = self.limits_kwh[m] if self.limits_kwh else (-np.inf, np.inf)
        return min(fewest, greatest), greatest

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
            # Where no price keeps a line nobody beyond it is to draw or deliver more than needed.
            if least[line] > tree.rating_kwh[line] + dust:
                low[line] = max([d.least_from for d in self._beyond(line)], default=low[line])
            if most[line] < -tree.rating_kwh[line] - dust:
                high[line] = min([d.most_to for d in self._beyond(line)], default=high[line])
        return low, high

    def _beyond(self, line: int) -> list[Demand]:
        """Return the demands beyond a line that answer to a price."""
        return [
            demand
            for m, demand in enumerate(self.demands)
            if isinstance(demand, Demand) and line in self.tree.path(m)
        ]

    def best(self) -> "Plan":
        """Return the prices of most welfare.

        What all lines need falls as the marginal cost rises, and the marginal cost with it; so the
        one that is its own is found by halving.
        """
        cost = self.generation
        answering = [demand for demand in self.demands if isinstance(demand, Demand)]
        low = min([demand.lowest for demand in answering], default=0.0)
        high = max([demand.highest for demand in answering], default=0.0)
        # Lines with losses make no price more than that much more expensive or cheaper.
        rates = [1 - rate for rate in self.tree.loss_rate]
        widest = float(np.prod(rates)) if rates else 1.0
        low, high = -abs(low) / widest - 1.0, abs(high) / widest + 1.0
        ends = [cost.marginal(self.taken(-1, price)) for price in (low, high)]
        low, high = min(low, *ends) - 1.0, max(high, *ends) + 1.0
        high = last_below(lambda price: cost.marginal(self.taken(-1, price)) - price, high, low)
        prices = self._prices(high)
        demands = [
            demand if isinstance(demand, float) else demand.at(price)[1]
            for demand, price in zip(self.demands, prices, strict=True)
        ]
        return Plan(high, prices, demands)

    def taken(self, node: int, price: float) -> float:
        """Return what is taken at a node where a kWh costs a price, the more where it jumps [kWh].

        Parameters
        ----------
        node : int
            The far end of a line, -1 for the utility's.
        price : float
            The price there [money/kWh].
        """
        tree = self.tree
        taken = tree.fixed_at_utility_kwh
        if node >= 0:
            taken = tree.fixed_kwh[node] if tree.fixed_kwh else 0.0
        communities, lines = self._at_nodes[node + 1]
        for m in communities:
            taken += self._drawn(m, price)
        for line in lines:
            taken += self._sent(line, price)
        return taken

    @cached_property
    def _at_nodes(self) -> list[tuple[list[int], list[int]]]:
        """The communities at each node and the lines that begin there, the utility's node first."""
        tree = self.tree
        return [
            (
                [m for m, place in enumerate(tree.place) if place == node],
                [line for line, parent in enumerate(tree.parent) if parent == node],
            )
            for node in range(-1, len(tree.parent))
        ]

    def _sent(self, line: int, price: float) -> float:
        """Return what a line is sent where a kWh costs a price at its near end [kWh]."""
        rate, rating = self.tree.loss_rate[line], self.tree.rating_kwh[line]
        drawn = self.taken(line, price * (1 + rate))
        if drawn > 0:
            # Where no price keeps a line, it carries as little as any price makes it.
            kept = drawn if drawn <= rating else max(rating, self.taken(line, _FAR))
            return min(drawn, kept) * (1 + rate)
        delivered = drawn if rate == 0 else self.taken(line, price * (1 - rate))
        if delivered < -rating:
            delivered = max(delivered, min(-rating, self.taken(line, -_FAR)))
        return delivered * (1 - rate) if delivered < 0 else 0.0

    def _drawn(self, m: int, price: float) -> float:
        """Return what a community draws where a kWh costs a price at its place [kWh]."""
        demand = self.demands[m]
        if isinstance(demand, float):
            return demand
        drawn = demand.at(min(max(price, demand.lowest), demand.highest))[1]
        fewest, greatest = self._limits(m)
        return min(max(drawn, fewest), greatest)

    def _prices(self, marginal_cost: float) -> list[float]:
        """Return the price of each community at a marginal cost of generation."""
        tree = self.tree
        far: list[float] = []
        for line, parent in enumerate(tree.parent):
            near = marginal_cost if parent < 0 else far[parent]
            far.append(self._far_price(line, near))
        fed_at = [marginal_cost if place < 0 else far[place] for place in tree.place]
        return [self._own_price(m, price) for m, price in enumerate(fed_at)]

    def _own_price(self, m: int, price: float) -> float:
        """Return the price of a community where it is fed at a price, its limits kept."""
        demand = self.demands[m]
        if isinstance(demand, float):
            return price
        fewest, greatest = self._limits(m)
        drawn = demand.at(min(max(price, demand.lowest), demand.highest))[1]
        if fewest <= drawn <= greatest:
            return price
        kept = demand.within(fewest, greatest)
        return max(price, kept.lowest) if drawn > greatest else min(price, kept.highest)

    def _far_price(self, line: int, near: float) -> float:
        """Return the price at the far end of a line, from that at its near end."""
        rate, rating = self.tree.loss_rate[line], self.tree.rating_kwh[line]
        draw, deliver = near * (1 + rate), near * (1 - rate)
        over = (self.taken(line, draw), self.taken(line, deliver))
        if over[0] > rating:
            return self._high_enough(line, rating, draw, draw + _FAR)
        if over[0] > 0:
            return draw
        if over[1] < -rating:
            return self._high_enough(line, -rating, deliver - _FAR, deliver)
        if over[1] < 0:
            return deliver
        return self._high_enough(line, 0.0, min(draw, deliver), max(draw, deliver))

    def _high_enough(self, line: int, energy_kwh: float, low: float, high: float) -> float:
        """Return the lowest price at which no more than an energy is taken at a line's far end."""
        if self.taken(line, high) > energy_kwh:
            return low if high - low >= _FAR else high  # No price is: where nobody answers.
        return last_kept(lambda price: self.taken(line, price) > energy_kwh, high, low)


@dataclass(frozen=True, slots=True)
class Plan:
    """The prices of most welfare.

    Attributes
    ----------
    marginal_cost : float
        Of generation [money/kWh].
    price, demand_kwh : list of float
        Of each community [money/kWh, kWh].
    """

    marginal_cost: float
    price: list[float]
    demand_kwh: list[float]


def welfare(satisfaction: FloatArray, generation_cost: float) -> float:
    """Return what all hold is worth, less what its generation costs [money]."""
    return float(satisfaction.sum()) - generation_cost
