"""Finding prices by asking alone.

A leader sends a price and hears an energy. An aggregator, which hears each of its vehicles, learns
its whole demand curve from about a dozen prices (`hmesh.markets.learned_demand`). The
utility, which hears totals with thousands of kinks and with jumps, branches and bounds: demand
never rises with the price, so what an interval of prices can earn at best is known from its ends.
"""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.utility_profit import best_on_line, most_profit, utility_profit

FIRST_SEARCHED = 17
# Where a search asks must be in no ratio in which kinks may be, or they hide between its prices.
GOLDEN_RATIO = 0.5 * (5**0.5 - 1)
NEAR_THE_MIDDLE = 0.24**0.5


def ends_first(lowest: float, highest: float, shares: FloatArray) -> list[float]:
    """Return the ends of the range, where answers say most, and shares of it."""
    if lowest == highest:
        return [lowest]
    return [lowest, highest, *(lowest + shares * (highest - lowest)).tolist()]


@dataclass(frozen=True, slots=True)
class SearchedPrice:
    """Where a search ended.

    Attributes
    ----------
    price : float
        Best price asked [money/kWh].
    profit : float
        What it earned [money].
    gap : float
        Profit that some price not asked might have earned more [money]; 0 where the search closed.
        After a single answer it supposes that demand does not turn into supply at more expensive
        prices.
    probes : int
        Prices asked.
    unlimited_price : float or None
        Best price if no line that communities share had a limit [money/kWh]; None where that is
        the price.
    """

    price: float
    profit: float
    gap: float
    probes: int
    unlimited_price: float | None = None


class PriceSearch:
    """The intervals between the prices asked so far, most promising first."""

    def __init__(
        self, ask: Callable[[float], float], cost: GenerationCost, resolution: float
    ) -> None:
        self.ask = ask
        self.cost = cost
        self.resolution = resolution
        self.prices: list[float] = []
        self.demand: dict[float, float] = {}
        self.linear: set[float] = set()
        self.predicted: set[float] = set()
        self.past_kink: dict[float, float] = {}
        self.queue: list[tuple[float, float, float]] = []
        self.best_price = float("nan")
        self.best_profit = -float("inf")

    def probe(self, price: float) -> float:
        """Ask ``price``, keep the answer, and return the demand."""
        demand = self.ask(price)
        self.prices.insert(bisect_right(self.prices, price), price)
        self.demand[price] = demand
        profit = self.profit_at(price)
        if profit > self.best_profit or (profit == self.best_profit and price < self.best_price):
            self.best_price, self.best_profit = price, profit
        return demand

    def profit_at(self, price: float) -> float:
        """Return what a price earns that was asked [money]."""
        return float(utility_profit(self.cost, price, self.demand[price]))

    def most_on_line(self, low: float, high: float) -> float:
        """Return the most between neighbours whose demand is a line [money]."""
        return float(utility_profit(self.cost, *self.line_optimum(low, high)))

    def most_between(self, intervals: list[tuple[float, float]]) -> list[float]:
        """Return the most that could be earned between neighbours asked [money]."""
        demand = self.demand
        return [
            float(most_profit(self.cost, low, high, demand[high], demand[low]))
            for low, high in intervals
        ]

    def enqueue(self, intervals: Iterable[tuple[float, float]]) -> None:
        """Put intervals between neighbours asked in the queue by what each could earn at best."""
        unknown = []
        for low, high in intervals:
            if high - low <= self.resolution:
                continue
            if low in self.linear:
                heapq.heappush(self.queue, (-self.most_on_line(low, high), low, high))
            else:
                unknown.append((low, high))
        if unknown:
            for bound, (low, high) in zip(self.most_between(unknown), unknown, strict=True):
                heapq.heappush(self.queue, (-bound, low, high))

    def line_optimum(self, low: float, high: float) -> tuple[float, float]:
        """Return the best price, and its demand, between neighbours whose demand is a line."""
        gain = (self.demand[high] - self.demand[low]) / (high - low)
        offset = self.demand[low] - gain * low
        price = float(best_on_line(self.cost, low, high, offset, min(gain, 0.0)))
        return price, self.demand[low] + gain * (price - low)

    def split(self, low: float, high: float) -> None:
        """Ask one price inside the interval and put what is left of it in the queue."""
        if low in self.linear:
            price, expected = self.line_optimum(low, high)
            if not self.resolution < price - low < high - low - self.resolution:
                return
            if self._confirms(price, expected):
                self.linear.add(price)
                return
            self.linear.remove(low)
        elif low in self.past_kink:
            price = self.past_kink.pop(low)
            if self._confirms(price, self.demand[high] + self._gain_above(high) * (price - high)):
                self.linear.add(price)
        elif kink := self._kink(low, high):
            # At the kink itself demand may be on one of the lines though the other ended before.
            price = kink - 0.5 * self.resolution
            self.past_kink[price] = kink + 0.5 * self.resolution
            if self._confirms(price, self.demand[low] + self._gain_below(low) * (price - low)):
                self.linear.add(low)
        else:
            price = low + NEAR_THE_MIDDLE * (high - low)
            fall = self.demand[low] - self.demand[high]
            if self._confirms(price, self.demand[low] - NEAR_THE_MIDDLE * fall):
                self.linear.update((low, price))
        self.enqueue(((low, price), (price, high)))

    def _confirms(self, price: float, expected: float) -> bool:
        """Ask ``price``; whether the demand is what was expected."""
        return abs(self.probe(price) - expected) <= 1e-11 * (1.0 + abs(expected))

    def _kink(self, low: float, high: float) -> float | None:
        """Where the lines on both sides of the interval would meet, if that lies inside it."""
        below = bisect_right(self.prices, low) - 2
        if below < 0 or self.prices[below] not in self.linear or high not in self.linear:
            return None
        gain_below, gain_above = self._gain_below(low), self._gain_above(high)
        if low in self.predicted or gain_below == gain_above:
            return None
        self.predicted.add(low)
        fall = self.demand[high] - self.demand[low] - gain_above * (high - low)
        step = fall / (gain_below - gain_above)
        inside = self.resolution < step < high - low - self.resolution
        return low + step if inside else None

    def _gain_below(self, price: float) -> float:
        """Return how demand changes with the price just below a price asked."""
        before = self.prices[bisect_right(self.prices, price) - 2]
        return (self.demand[price] - self.demand[before]) / (price - before)

    def _gain_above(self, price: float) -> float:
        """Return how demand changes with the price just above a price asked."""
        after = self.prices[bisect_right(self.prices, price)]
        return (self.demand[after] - self.demand[price]) / (after - price)


def search_price(
    ask: Callable[[float], float],
    cost: GenerationCost,
    lowest_price: float,
    highest_price: float,
    tolerance: float = 1e-6,
    most_probes: int = 2000,
    go_on: Callable[[], bool] = lambda: True,
) -> SearchedPrice:
    """Find the utility's best price from the total demand heard at the prices it asks.

    Parameters
    ----------
    ask : callable
        Sends a price [money/kWh] to all aggregators and returns the total demand [kWh], which never
        rises with the price.
    cost : GenerationCost
        What the utility pays.
    lowest_price, highest_price : float
        Bounds of the price [money/kWh].
    tolerance : float
        Distance between prices that count as equal, as a share of the price range.
    most_probes : int
        Prices asked at most.
    go_on : callable
        Whether there is time for another question; at least one is asked.

    Returns
    -------
    SearchedPrice
        With the lowest of equally good prices.

    Notes
    -----
    Three answers on a line make their interval known; everything else is split until no interval
    can beat the best answer heard, or is narrower than half the tolerance.
    """
    search = PriceSearch(ask, cost, 0.5 * tolerance * (highest_price - lowest_price))
    return run_search(search, lowest_price, highest_price, most_probes, go_on)


def run_search(
    search: PriceSearch,
    lowest_price: float,
    highest_price: float,
    most_probes: int,
    go_on: Callable[[], bool],
) -> SearchedPrice:
    """Ask until no interval can beat the best answer heard, as `search_price`."""
    shares = np.arange(1.0, FIRST_SEARCHED - 1) * GOLDEN_RATIO % 1.0
    for price in ends_first(lowest_price, highest_price, shares):
        search.probe(price)
        if not go_on():
            break
    if len(search.prices) == 1:
        # Nothing is known of more expensive prices but that no more is bought there.
        search.demand.setdefault(highest_price, min(search.demand[lowest_price], 0.0))
        search.enqueue([(lowest_price, highest_price)])
    search.enqueue(pairwise(search.prices))
    gap = 0.0
    while search.queue:
        bound, low, high = heapq.heappop(search.queue)
        gap = max(-bound - search.best_profit, 0.0)
        if gap <= 1e-13 * (1.0 + abs(search.best_profit)):
            gap = 0.0
            break
        if len(search.prices) >= most_probes or not go_on():
            break
        search.split(low, high)
        gap = 0.0
    return SearchedPrice(search.best_price, search.best_profit, gap, len(search.prices))
