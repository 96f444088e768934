"""The prices by which a utility earns most, with a proof that no other one earns more.

A price between two others is bounded by them: what communities draw never rises with the
utility's price, so in between they draw no more than at the lower one and no less than at the
higher one. Where the answer of each aggregator stays on one line of its community's demand it is
known at every price in between, and so is the best one. All other intervals are halved until what
they could earn is no more than what is found.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from hmesh.runs.audits.reference.aggregator import BestPrices, best_prices
from hmesh.runs.audits.reference.demand import Demand
from hmesh.runs.audits.reference.generation import Generation, PriceRange
from hmesh.runs.audits.reference.lines import DUST_KWH, Tree, last_kept

MOST_HALVINGS = 20_000


@dataclass(frozen=True, slots=True)
class PriceGame:
    """What decides the prices of a step.

    Attributes
    ----------
    demands : sequence of Demand or float
        Of every community, between the prices that its aggregator may ask; of one that answers to
        no price the energy it draws [kWh].
    generation, prices, tree : Generation, PriceRange, Tree
        What generation costs, what may be asked, and the lines.
    without_vehicles : {"pass_through", "profit_max"}
        How a community that does not answer is priced: "pass_through" or "profit_max".
    """

    demands: Sequence[Demand | float]
    generation: Generation
    prices: PriceRange
    tree: Tree
    without_vehicles: Literal["pass_through", "profit_max"] = "pass_through"

    def captive_price(self, utility_price: float) -> float:
        """Return the price of a community that does not answer [money/kWh]."""
        lowest, highest = self.prices.aggregator_lower, self.prices.aggregator_upper
        if self.without_vehicles == "profit_max":
            return highest
        return min(max(utility_price, lowest), highest)

    def profit(self, utility_price: float, demand_kwh: Sequence[float]) -> float:
        """Return what the utility earns [money]: its sales less the cost of generation."""
        cost = self.generation.total(self.tree.generated(demand_kwh))
        return utility_price * sum(demand_kwh) - cost

    def answers(self, utility_price: float) -> "Answers":
        """Return the aggregators' best answers to a price."""
        best: list[BestPrices | None] = []
        energies = []
        for demand in self.demands:
            if isinstance(demand, float):
                best.append(None)
                energies.append((demand, demand))
                continue
            answer = best_prices(demand, utility_price)
            best.append(answer)
            energies.append((float(answer.demand_kwh.min()), float(answer.demand_kwh.max())))
        least, most = [low for low, _ in energies], [high for _, high in energies]
        return Answers(utility_price, best, least, most)


@dataclass(slots=True)
class Answers:
    """What aggregators do at a price of the utility.

    Attributes
    ----------
    utility_price : float
        The price [money/kWh].
    best : list of BestPrices or None
        The best prices of each aggregator, None where its community does not answer.
    least_kwh, most_kwh : list of float
        What each community draws, where several prices are equally good the least and the most.
    """

    utility_price: float
    best: list[BestPrices | None]
    least_kwh: list[float]
    most_kwh: list[float]


@dataclass(frozen=True, slots=True)
class UtilityBest:
    """The best that a utility can do.

    Attributes
    ----------
    profit : float
        What it earns at most [money]; no price earns more by more than `rounding`.
    price : float
        The lowest price found at which it earns that [money/kWh].
    demand_kwh : list of float
        What the communities draw there [kWh].
    rounding : float
        By how much profits may be off for rounding, and the bound on those not looked at [money].
    """

    profit: float
    price: float
    demand_kwh: list[float]
    rounding: float


def allowed_prices(game: PriceGame) -> tuple[float, float]:
    """Return between which prices of the utility the lines are kept that communities share.

    What communities draw never rises with the price, so it is halved until the last price is found
    that keeps them. Where no price does, the highest is left if too much is drawn, else the lowest.
    """
    lowest, highest = game.prices.utility_lower, game.prices.utility_upper

    def over(price: float, side: int) -> bool:
        answers = game.answers(price)
        energies = answers.most_kwh if side else answers.least_kwh
        return game.tree.over(energies, owner=-1)[side] > DUST_KWH

    floor, ceiling = lowest, highest
    if over(highest, 0):
        floor = highest
    elif over(lowest, 0):
        floor = last_kept(lambda price: over(price, 0), highest, lowest)
    if over(lowest, 1):
        ceiling = lowest
    elif over(highest, 1):
        ceiling = last_kept(lambda price: over(price, 1), lowest, highest)
    return floor, max(floor, ceiling)


def best_utility_price(game: PriceGame, guess: float | None = None) -> UtilityBest:
    """Return the price at which a utility earns most, its aggregators answering as suits them.

    Parameters
    ----------
    game : PriceGame
        What decides the prices.
    guess : float, optional
        A price to begin with, which spares looking at others that are much worse.
    """
    best = _best_between(game, game.prices.utility_lower, game.prices.utility_upper, guess)
    if max(game.tree.over(best.demand_kwh, owner=-1)) <= DUST_KWH:
        return best
    return _best_between(game, *allowed_prices(game), guess, keeps=True)


def _best_between(
    game: PriceGame, lowest: float, highest: float, guess: float | None, *, keeps: bool = False
) -> UtilityBest:
    """Return the best price between two, whatever lines carry or where some price keeps them."""
    if keeps:
        ends = game.answers(lowest).least_kwh, game.answers(highest).most_kwh
        keeps = all(max(game.tree.over(energies, owner=-1)) <= DUST_KWH for energies in ends)
    found = _Found(game, keeps=keeps)
    first = [lowest, highest]
    if guess is not None and lowest < guess < highest:
        first.insert(1, guess)
    looked = [found.look_at(price) for price in first]
    open_: list[tuple[float, int, Answers, Answers]] = []
    count = 0
    intervals = list(pairwise(looked))
    for _ in range(MOST_HALVINGS):
        for low, high in intervals:
            if found.on_lines(low, high):
                continue
            bound = _most_between(game, low, high)
            if bound > found.profit + found.rounding:
                count += 1
                heapq.heappush(open_, (-bound, count, low, high))
        while open_ and -open_[0][0] <= found.profit + found.rounding:
            heapq.heappop(open_)
        if not open_:
            return UtilityBest(found.profit, found.price, found.demand_kwh, found.rounding)
        _, _, low, high = heapq.heappop(open_)
        middle = low.utility_price + (high.utility_price - low.utility_price) / 2
        if middle in (low.utility_price, high.utility_price):
            intervals = []  # Two neighbouring numbers, both looked at.
            continue
        between = found.look_at(middle)
        intervals = [(low, between), (between, high)]
    raise RuntimeError("the best price of the utility is not found")


class _Found:
    """The best price so far."""

    def __init__(self, game: PriceGame, *, keeps: bool) -> None:
        self.game, self.keeps = game, keeps
        self.profit, self.price, self.rounding = -np.inf, np.inf, 0.0
        self.demand_kwh: list[float] = []

    def look_at(self, price: float) -> Answers:
        """Let the aggregators answer to a price; of equally good answers the utility chooses."""
        answers = self.game.answers(price)
        for energies in (answers.most_kwh, answers.least_kwh):
            self.take(price, energies)
        return answers

    def take(self, price: float, energies: list[float]) -> None:
        """Keep a price if it is better than those before."""
        if self.keeps and max(self.game.tree.over(energies, owner=-1)) > DUST_KWH:
            return
        # What is drawn at one price is rounded as what is drawn at others, be it nothing there.
        generated = self.game.tree.generated([abs(energy) for energy in energies])
        turned_over = abs(price) * sum(abs(energy) for energy in energies)
        turned_over += abs(self.game.generation.total(generated))
        self.rounding = max(self.rounding, 64 * float(np.finfo(np.float64).eps) * turned_over)
        profit = self.game.profit(price, energies)
        if profit > self.profit or (profit == self.profit and price < self.price):
            self.profit, self.price, self.demand_kwh = profit, price, energies

    def on_lines(self, low: Answers, high: Answers) -> bool:
        """Look at all prices between two where each aggregator stays on one line; else refuse."""
        lines: list[int | None] = []
        for at_low, at_high in zip(low.best, high.best, strict=True):
            if at_low is None or at_high is None:
                lines.append(None)
                continue
            both = set(at_low.lines.tolist()).intersection(at_high.lines.tolist())
            if not both:
                return False
            lines.append(min(both))
        cuts = {low.utility_price, high.utility_price}
        for demand, line in zip(self.game.demands, lines, strict=True):
            if line is None or isinstance(demand, float):
                continue
            cuts.update(
                cut
                for cut in _leaves_the_ends(demand, line)
                if low.utility_price < cut < high.utility_price
            )
        for first, last in pairwise(sorted(cuts)):
            self._on_affine(first, last, lines)
        return True

    def _energies(self, price: float, lines: list[int | None]) -> list[float]:
        energies = []
        for demand, line in zip(self.game.demands, lines, strict=True):
            if line is None or isinstance(demand, float):
                energies.append(demand if isinstance(demand, float) else np.nan)
                continue
            energies.append(_on_line(demand, line, price))
        return energies

    def _on_affine(self, low: float, high: float, lines: list[int | None]) -> None:
        """Look at all prices between two where every energy is a line of the price."""
        at_low, at_high = self._energies(low, lines), self._energies(high, lines)
        for first, last in pairwise(_changes_of_direction(self.game.tree, at_low, at_high)):
            ends = [
                [a + share * (b - a) for a, b in zip(at_low, at_high, strict=True)]
                for share in (first, last)
            ]
            prices = [low + share * (high - low) for share in (first, last)]
            for price, energies in zip(prices, ends, strict=True):
                self.take(price, energies)
            # A parabola through both ends, of which the sales and the cost are known.
            sold = [sum(energies) for energies in ends]
            generated = [self.game.tree.generated(energies) for energies in ends]
            a = self.game.generation.quadratic
            width, more_sold = prices[1] - prices[0], sold[1] - sold[0]
            more = generated[1] - generated[0]
            bend = width * more_sold - a * more**2
            rise = width * sold[0] + prices[0] * more_sold
            rise -= self.game.generation.marginal(generated[0]) * more
            if bend < 0 and 0 < rise < -2 * bend:
                share = rise / (-2 * bend)
                price = prices[0] + share * width
                self.take(price, [u + share * (v - u) for u, v in zip(*ends, strict=True)])


def _leaves_the_ends(demand: Demand, line: int) -> tuple[float, ...]:
    """Return the utility's prices at which the best price of a line leaves its ends."""
    if demand.gain[line] >= 0:
        return ()
    choke = -demand.offset[line] / demand.gain[line]
    return (2 * demand.cuts[line] - choke, 2 * demand.cuts[line + 1] - choke)


def _on_line(demand: Demand, line: int, utility_price: float) -> float:
    """Return the demand at the best price of a line [kWh]."""
    offset, gain = float(demand.offset[line]), float(demand.gain[line])
    if gain >= 0:
        return offset
    price = (utility_price - offset / gain) / 2
    price = min(max(price, float(demand.cuts[line])), float(demand.cuts[line + 1]))
    return offset + gain * price


def _changes_of_direction(
    tree: Tree, from_kwh: Sequence[float], to_kwh: Sequence[float]
) -> list[float]:
    """Return the shares of the way between two demands at which a line's flow turns, 0 and 1."""
    shares = [0.0, 1.0]
    if not tree.loses:
        return shares
    # Lines further out turn first; beyond a turn those before them carry another line.
    for _ in range(len(tree.parent)):
        turns = set(shares)
        for first, last in pairwise(shares):
            ends = [
                tree.arriving([a + s * (b - a) for a, b in zip(from_kwh, to_kwh, strict=True)])[0]
                for s in (first, last)
            ]
            for u, v in zip(*ends, strict=True):
                if u * v < 0:
                    turns.add(first + (last - first) * u / (u - v))
        if len(turns) == len(shares):
            break
        shares = sorted(turns)
    return shares


def _most_between(game: PriceGame, low: Answers, high: Answers) -> float:
    """Return a bound on what the utility earns between two prices [money]."""
    most, least = low.least_kwh, high.most_kwh
    sold = sorted((sum(least), sum(most)))
    lost = _made_beyond_sales(game.tree, least, most)
    a, b = game.generation.quadratic, game.generation.linear
    best = -np.inf
    for price in (low.utility_price, high.utility_price):
        for loss in lost:
            for energy in _candidates(sold, price, a, b, loss):
                best = max(best, price * energy - game.generation.total(energy + loss))
        if a > 0:
            # Losses may also be such that generation costs least.
            cheapest = -b / (2 * a)
            if sold[0] + lost[0] <= cheapest <= sold[1] + lost[1]:
                best = max(best, *(price * s - game.generation.total(cheapest) for s in sold))
    return best


def _candidates(
    sold: Sequence[float], price: float, a: float, b: float, loss: float
) -> Iterator[float]:
    yield from sold
    if a > 0:
        yield min(max((price - b) / (2 * a) - loss, sold[0]), sold[1])


def _made_beyond_sales(
    tree: Tree, least_kwh: Sequence[float], most_kwh: Sequence[float]
) -> tuple[float, float]:
    """Return the least and the most that is generated beyond what is sold [kWh].

    That is what lines lose, and what is taken whatever the price beside the demands.
    """
    beside = sum(tree.fixed_kwh) + tree.fixed_at_utility_kwh
    if not tree.loses:
        return beside, beside
    ends = tree.arriving(least_kwh)[0], tree.arriving(most_kwh)[0]
    fewest, greatest = beside, beside
    for rate, u, v in zip(tree.loss_rate, *ends, strict=True):
        fewest += rate * (0.0 if u * v <= 0 else min(abs(u), abs(v)))
        greatest += rate * max(abs(u), abs(v))
    return fewest, greatest
