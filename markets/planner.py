"""Prices that maximise welfare: locational marginal prices of energy.

A planner values what vehicles hold as they do, and pays for generation. Its prices follow from one
number, the marginal cost of generation: a line that carries energy to a community adds its loss
rate to the price, one that carries energy from it subtracts it, and a line at its limit raises or
lowers it until the limit is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.demand_curve import DemandCurve, bending_prices, demand_curve
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.price_game import Game, Outcome


@dataclass(frozen=True, slots=True)
class Steps:
    """Demand at every price: straight between points, constant beyond the first and the last.

    Attributes
    ----------
    price : array, shape (points,)
        Non-decreasing prices [money/kWh]; the demand jumps where one stands twice.
    energy_kwh : array, shape (points,)
        Non-increasing demands [kWh].
    """

    price: FloatArray
    energy_kwh: FloatArray

    def at(self, price: FloatArray, side: str = "left") -> FloatArray:
        """Return the demand at prices, at a jump the one before it or, "right", after it [kWh]."""
        points = len(self.price)
        right = self.price.searchsorted(price, "left" if side == "left" else "right")
        after, before = np.minimum(right, points - 1), np.maximum(right - 1, 0)
        start, energy = self.price[before], self.energy_kwh[before]
        width = self.price[after]
        width -= start
        change = self.energy_kwh[after]
        change -= energy
        share = np.divide(price - start, width, out=np.zeros(len(price)), where=width > 0)
        share *= change
        energy += share
        return energy

    def energy_at(self, price: float) -> float:
        """Return the demand at one price, the larger one at a jump [kWh]."""
        # As `at` has it, in numbers: a single price needs no arrays.
        points = len(self.price)
        right = int(self.price.searchsorted(price))
        after, before = min(right, points - 1), max(right - 1, 0)
        start, energy = float(self.price[before]), float(self.energy_kwh[before])
        width = float(self.price[after]) - start
        share = (price - start) / width if width > 0.0 else 0.0
        return energy + share * (float(self.energy_kwh[after]) - energy)

    def floor(self, most_kwh: float) -> float:
        """Return the lowest price at which no more than ``most_kwh`` is demanded.

        That is the last price of all where more is demanded at every price.
        """
        k = int(np.argmax(self.energy_kwh <= most_kwh))
        if self.energy_kwh[k] > most_kwh:
            return float(self.price[-1])
        return float(self.price[0]) if k == 0 else self._between(k - 1, most_kwh)

    def ceiling(self, least_kwh: float) -> float:
        """Return the highest price at which no less than ``least_kwh`` is demanded.

        That is the first price of all where less is demanded at every price.
        """
        k = len(self.price) - 1 - int(np.argmax(self.energy_kwh[::-1] >= least_kwh))
        if self.energy_kwh[k] < least_kwh:
            return float(self.price[0])
        last = k == len(self.price) - 1
        return float(self.price[k]) if last else self._between(k, least_kwh)

    def _between(self, k: int, energy_kwh: float) -> float:
        """Return the price of a demand between two neighbouring points."""
        fall = float(self.energy_kwh[k] - self.energy_kwh[k + 1])
        share = (float(self.energy_kwh[k]) - energy_kwh) / fall if fall > 0 else 0.0
        return float(self.price[k] + share * (self.price[k + 1] - self.price[k]))

    def clipped(self, least_kwh: float, most_kwh: float) -> "Steps":
        """Return the demand kept within limits by its price, as far as a price can."""
        most = max(most_kwh, float(self.energy_kwh[-1]))
        least = min(least_kwh, most, float(self.energy_kwh[0]))
        inside = (self.energy_kwh <= most) & (self.energy_kwh >= least)
        if inside.all():
            return self
        price, energy = self.price[inside], self.energy_kwh[inside]
        if most < self.energy_kwh[0]:
            price, energy = np.append(self.floor(most), price), np.append(most, energy)
        if least > self.energy_kwh[-1]:
            price, energy = np.append(price, self.ceiling(least)), np.append(energy, least)
        return Steps(price, energy)

    def sent(self, loss_rate: float) -> "Steps":
        """Return what a line is sent for this demand, by the price at its other end."""
        if loss_rate == 0:
            return self
        draws, delivers = self.energy_kwh > 0, self.energy_kwh < 0
        if not (draws.any() or delivers.any()):
            return self
        # Where neither is demanded the price lies between what both directions would ask. At prices
        # below 0 both would do; then it is drawn as long as that is wanted.
        last_draw = self.floor(0.0) / (1.0 + loss_rate)
        first_deliver = self.ceiling(0.0) / (1.0 - loss_rate)
        if draws.any():
            first_deliver = max(first_deliver, last_draw)
        price, energy = [], []
        if draws.any():
            price.append(self.price[draws] / (1.0 + loss_rate))
            energy.append(self.energy_kwh[draws] * (1.0 + loss_rate))
            if not draws.all():
                price.append(np.array([last_draw]))
                energy.append(np.zeros(1))
        if delivers.any():
            if not delivers.all():
                price.append(np.array([first_deliver]))
                energy.append(np.zeros(1))
            delivered = self.price[delivers] / (1.0 - loss_rate)
            later = np.ones(len(delivered), dtype=bool)
            if draws.any():
                # Where drawing ends at a price at which some would be delivered, it jumps to that.
                start = self.energy_at(first_deliver * (1.0 - loss_rate))
                price.append(np.array([first_deliver]))
                energy.append(np.array([min(start, 0.0) * (1.0 - loss_rate)]))
                later = delivered > first_deliver
            price.append(delivered[later])
            energy.append(self.energy_kwh[delivers][later] * (1.0 - loss_rate))
        return Steps(np.concatenate(price), np.concatenate(energy))


def steps_of(curve: DemandCurve) -> Steps:
    """Return the demand of a community, constant beyond the ends of its curve."""
    price = np.stack((curve.edges[:-1], curve.edges[1:]), axis=1)
    energy = curve.intercept[:, None] - curve.slope[:, None] * price
    # Rounding may leave a rise where two pieces meet.
    return Steps(price.ravel(), np.minimum.accumulate(energy.ravel()))


def _added(parts: Sequence[Steps], constant_kwh: float) -> Steps:
    """Return the sum of demands and a constant."""
    if not parts:
        return Steps(np.zeros(1), np.full(1, constant_kwh))
    if len(parts) == 1:
        return Steps(parts[0].price, parts[0].energy_kwh + constant_kwh)
    price = np.unique(np.concatenate([part.price for part in parts]))
    before, after = (
        constant_kwh + np.sum([part.at(price, side) for part in parts], axis=0)
        for side in ("left", "right")
    )
    energy = np.stack((before, after), axis=1).ravel()
    return Steps(np.repeat(price, 2), np.minimum.accumulate(energy))


def marginal_cost(demand: Steps, cost: GenerationCost) -> float:
    """Return where a price equals the marginal cost of what is demanded at it [money/kWh].

    The price less the marginal cost rises with the price, so there is one such price; at a jump of
    the demand it is that of the jump.
    """
    over = demand.price - cost.marginal(demand.energy_kwh)
    k = int(over.searchsorted(0.0))
    if k == 0:
        return float(cost.marginal(float(demand.energy_kwh[0])))
    if k == len(over):
        return float(cost.marginal(float(demand.energy_kwh[-1])))
    share = -over[k - 1] / (over[k] - over[k - 1])
    return float(demand.price[k - 1] + share * (demand.price[k] - demand.price[k - 1]))


def solve_planner(game: Game) -> Outcome:
    """Find the prices that maximise welfare: vehicles' satisfaction less cost of generation.

    Parameters
    ----------
    game : Game
        As for the games. Since nobody gains by a price, its bounds do not apply, but for one
        thing: a limit raises or lowers a price no further than to the bounds of the aggregators,
        beyond which they could not keep it either.

    Returns
    -------
    Outcome
        The utility's price is the marginal cost of generation. A community without vehicles pays
        what energy costs there.

    Notes
    -----
    From the communities upwards the demand beyond each line becomes a demand at the line's other
    end; its price is then found by one root, and the prices from the utility downwards. All is
    exact for demands made of lines and jumps. At a marginal cost below 0, where losses are welcome
    too, a line whose both directions pay changes direction at the price between them.
    """
    cost, community_price = planned_prices(game)
    demand = np.empty(len(game.kinks))
    for m, kinks in enumerate(game.kinks):
        price = float(community_price[m])
        demand[m] = float(demand_curve(kinks, price, price).demand_kwh(price))
    return Outcome(cost, community_price, demand)


def planned_prices(game: Game) -> tuple[float, FloatArray]:
    """Return the marginal cost of generation and every community's price, as `solve_planner`."""
    grid = _Demands(game)
    cost = marginal_cost(grid.total, game.cost)
    return cost, grid.prices(cost)


def prices_at(game: Game, cost: float) -> FloatArray:
    """Return what energy costs every community where the utility's costs ``cost`` [money/kWh]."""
    return _Demands(game).prices(cost)


class _Demands:
    """Demands of a game at every price: of the communities, beyond each line, and in all."""

    def __init__(self, game: Game) -> None:
        self.game, feed = game, game.feed
        self.own = [_demand(game, m) for m in range(len(game.kinks))]
        demands = _within_limits(game, self.own)
        self.lines = () if feed is None else tuple(feed.lines)
        self.answering = tuple(range(len(demands))) if feed is None else feed.answering
        self.beyond: list[tuple[Steps, tuple[float, float]]] = []
        sent: dict[int, list[Steps]] = {k: [] for k in range(-1, len(self.lines))}
        for k in range(len(self.lines) - 1, -1, -1):
            line = self.lines[k]
            held = _added([*(demands[m] for m in line.answering), *sent[k]], line.passive_kwh)
            limits = _attainable(game, held, -line.limit_kwh, line.limit_kwh)
            self.beyond.append((held, limits))
            sent[line.above].append(held.clipped(*limits).sent(line.loss_rate))
        self.beyond.reverse()
        loads = 0.0 if feed is None else feed.passive_kwh
        self.total = _added([*(demands[m] for m in self.answering), *sent[-1]], loads)

    def prices(self, cost: float) -> FloatArray:
        """Return the price of every community where the utility's is ``cost`` [money/kWh]."""
        # The price at the far end of each line, and at last the utility's.
        price = np.empty(len(self.lines) + 1)
        price[-1] = cost
        for k, line in enumerate(self.lines):
            above = float(price[line.above])
            price[k] = _far_price(*self.beyond[k], line.loss_rate, above)
        community_price = np.empty(len(self.game.kinks))
        places = [(-1, self.answering), *((k, line.answering) for k, line in enumerate(self.lines))]
        for k, where in places:
            for m in where:
                community_price[m] = _own_price(self.game, m, self.own[m], float(price[k]))
        return community_price


def _within_limits(game: Game, own: Sequence[Steps]) -> list[Steps]:
    """Return what every community demands at every price, kept within its own limits."""
    demands = []
    for m, (kinks, held) in enumerate(zip(game.kinks, own, strict=True)):
        if game.limits_kwh is not None and kinks.answering:
            least, most = (float(limit[m]) for limit in game.limits_kwh)
            demands.append(held.clipped(*_attainable(game, held, least, most)))
        else:
            demands.append(held)
    return demands


def _attainable(
    game: Game, demand: Steps, least_kwh: float, most_kwh: float
) -> tuple[float, float]:
    """Return limits that a price within the bounds of the aggregators can keep [kWh]."""
    cheapest, costliest = (
        demand.energy_at(price)
        for price in (game.bounds.aggregator_lower, game.bounds.aggregator_upper)
    )
    return min(least_kwh, cheapest), max(most_kwh, costliest)


def _demand(game: Game, community: int) -> Steps:
    """Return what a community demands at every price."""
    kinks = game.kinks[community]
    if not kinks.answering:
        return Steps(np.zeros(1), np.array([kinks.saturated_kwh]))
    low, high = bending_prices(kinks)
    margin = 1.0 + 1e-6 * (abs(low) + abs(high))
    return steps_of(demand_curve(kinks, low - margin, high + margin))


def _own_price(game: Game, community: int, demand: Steps, price: float) -> float:
    """Return a community's price: the one where it is fed, raised or lowered by its own limits."""
    if game.limits_kwh is None or not game.kinks[community].answering:
        return price
    least, most = (float(limit[community]) for limit in game.limits_kwh)
    return _limited_price(demand, _attainable(game, demand, least, most), price)


def _limited_price(demand: Steps, limits_kwh: tuple[float, float], price: float) -> float:
    """Return the price next to ``price`` at which a demand stays within limits."""
    least_kwh, most_kwh = limits_kwh
    energy = demand.energy_at(price)
    if energy > most_kwh:
        return max(price, demand.floor(most_kwh))
    if energy < least_kwh:
        return min(price, demand.ceiling(least_kwh))
    return price


def _far_price(
    demand: Steps, limits_kwh: tuple[float, float], loss_rate: float, price: float
) -> float:
    """Return the price at the far end of a line whose other end has ``price``."""
    draw, deliver = price * (1.0 + loss_rate), price * (1.0 - loss_rate)
    if demand.energy_at(draw) > 0:
        return _limited_price(demand, limits_kwh, draw)
    if demand.energy_at(deliver) < 0:
        return _limited_price(demand, limits_kwh, deliver)
    low, high = min(draw, deliver), max(draw, deliver)
    return min(max(demand.floor(0.0), low), high)
