"""Finding prices by asking, and by nothing but asking.

A leader sends a price and hears an energy. An aggregator, which hears each of its vehicles, needs
about a dozen prices to know its whole demand curve: two answers strictly between a vehicle's bounds
fix its line, and the answers at the ends of the price range fix its bounds
(:func:`learn_demand`). The utility, which hears totals with thousands of kinks and with jumps,
branches and bounds (:func:`search_price`): demand never rises with the price, so what an interval
of prices can earn at best is known from its ends.
"""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from markets.demand_curve import Kinks
from markets.generation_cost import GenerationCost
from markets.utility_profit import best_on_line, most_profit, utility_profit

FIRST_PROBES = 11
MOST_PROBES = 200
AGREEMENT = 1e-9
FIRST_SEARCHED = 17
# Where a search asks must be in no ratio in which kinks may be, or they hide between its prices.
GOLDEN_RATIO = 0.5 * (5**0.5 - 1)
NEAR_THE_MIDDLE = 0.24**0.5


def _ends_first(lowest: float, highest: float, shares: NDArray[np.float64]) -> list[float]:
    """Return the ends of the range, which tell most where time runs out, and shares of it."""
    if lowest == highest:
        return [lowest]
    return [lowest, highest, *(lowest + shares * (highest - lowest)).tolist()]


@dataclass(frozen=True, slots=True)
class LearnedDemand:
    """What an aggregator makes of the answers it heard.

    Attributes
    ----------
    kinks : Kinks
        Demand of the community as far as clipped lines explain it; what they do not explain counts
        as a load that does not answer.
    unexplained : array of bool, shape (n,)
        Vehicles whose answers no clipped line reproduces.
    inelastic_kwh : array, shape (n,)
        Energy assumed of the unexplained vehicles [kWh], 0 for the others.
    probes : int
        Prices asked.
    """

    kinks: Kinks
    unexplained: NDArray[np.bool_]
    inelastic_kwh: NDArray[np.float64]
    probes: int


def learn_demand(
    ask: Callable[[float], NDArray[np.float64]],
    fixed_kwh: float,
    lowest_price: float,
    highest_price: float,
    most_probes: int = MOST_PROBES,
) -> LearnedDemand:
    """Learn the demand curve of a community from the answers to a few prices.

    Parameters
    ----------
    ask : callable
        Sends a price [money/kWh] and returns what every vehicle answers [kWh], shape (n,), NaN
        where no answer came.
    fixed_kwh : float
        Load of the community that does not answer to prices [kWh].
    lowest_price, highest_price : float
        Prices worth learning about [money/kWh].
    most_probes : int
        Prices asked at most; vehicles not understood by then count as unexplained.

    Returns
    -------
    LearnedDemand
        Exact, up to rounding, for vehicles that answer by a line between two bounds.
    """
    evenly = np.arange(1, FIRST_PROBES - 1) / (FIRST_PROBES - 1)
    prices = np.array(_ends_first(lowest_price, highest_price, evenly))
    answers = [ask(float(price)) for price in prices]
    while True:
        order = np.argsort(prices)
        prices, answers = prices[order], [answers[k] for k in order]
        energy_kwh = np.array(answers)
        missing = np.isnan(energy_kwh)
        silent = missing.all(axis=1)
        if silent.any() and energy_kwh.shape[1]:
            heard = _Heard.of(prices[~silent], energy_kwh[~silent])
            break
        heard = _Heard.of(prices, energy_kwh)
        below, above = _gaps(heard, missing.any(axis=0))
        widest = int(np.argmax(above - below)) if energy_kwh.shape[1] else 0
        gap = float(above[widest] - below[widest]) if energy_kwh.shape[1] else 0.0
        if gap <= 1e-9 * (highest_price - lowest_price) or len(prices) >= most_probes:
            break
        probe = 0.5 * float(below[widest] + above[widest])
        prices = np.append(prices, probe)
        answers.append(ask(probe))
    return _explain(heard, fixed_kwh)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was answered to ascending prices, and where the answers of each vehicle fall.

    Attributes
    ----------
    prices : array, shape (prices,)
        Prices asked [money/kWh].
    energy_kwh : array, shape (prices, n)
        What every vehicle answered [kWh].
    between : array of bool, shape (prices, n)
        Answers strictly between the first and the last one of the vehicle.
    points : array of int, shape (n,)
        How many they are.
    drop, bottom : array of int, shape (n,)
        First answer below the first one, and first one that is not above the last one.
    """

    prices: NDArray[np.float64]
    energy_kwh: NDArray[np.float64]
    between: NDArray[np.bool_]
    points: NDArray[np.intp]
    drop: NDArray[np.intp]
    bottom: NDArray[np.intp]

    @classmethod
    def of(cls, prices: NDArray[np.float64], energy_kwh: NDArray[np.float64]) -> "_Heard":
        """Return what was answered, with what follows from it."""
        if len(prices) == 0:
            nowhere = np.zeros(energy_kwh.shape[1], dtype=np.intp)
            return cls(prices, energy_kwh, np.zeros_like(energy_kwh, np.bool_), *[nowhere] * 3)
        fallen = energy_kwh < energy_kwh[0]
        between = fallen & (energy_kwh > energy_kwh[-1])
        return cls(
            prices,
            energy_kwh,
            between,
            between.sum(axis=0),
            fallen.argmax(axis=0),
            (energy_kwh <= energy_kwh[-1]).argmax(axis=0),
        )


def _gaps(
    heard: _Heard, missing: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Prices between which the line of each vehicle hides; equal where it is known or missing."""
    energy_kwh, prices, points = heard.energy_kwh, heard.prices, heard.points
    known = (points >= 2) | (energy_kwh[0] == energy_kwh[-1]) | missing
    if known.all():
        nowhere = np.zeros(len(known))
        return nowhere, nowhere
    below = prices[np.maximum(heard.drop - 1, 0)]
    above = prices[heard.bottom]
    # With one answer on the line, the longer side of it holds the room for a second one.
    middle = prices[heard.drop]
    single = points == 1
    left_is_longer = middle - below > above - middle
    above = np.where(single & left_is_longer, middle, above)
    below = np.where(single & ~left_is_longer, middle, below)
    return np.where(known, 0.0, below), np.where(known, 0.0, above)


def _explain(heard: _Heard, fixed_kwh: float) -> LearnedDemand:
    """Fit the clipped line of every vehicle and hold it against all its answers."""
    prices, energy_kwh = heard.prices, heard.energy_kwh
    if len(prices) == 0:
        nothing = np.zeros(energy_kwh.shape[1])
        kinks = Kinks(fixed_kwh, nothing, nothing, nothing + 1.0)
        return LearnedDemand(kinks, nothing == 0, nothing, 0)
    most, least = energy_kwh[0], energy_kwh[-1]
    constant = (energy_kwh == most).all(axis=0)
    price, energy, slope = _lines(heard)
    with np.errstate(divide="ignore", invalid="ignore"):
        full = price - (most - energy) / slope
        empty = price + (energy - least) / slope
        off_kwh = prices[:, None] - price
        off_kwh *= slope
        np.subtract(energy, off_kwh, out=off_kwh)
        np.maximum(off_kwh, least, out=off_kwh)
        np.minimum(off_kwh, most, out=off_kwh)
        off_kwh -= energy_kwh
        np.abs(off_kwh, out=off_kwh)
        close = off_kwh <= AGREEMENT * (1.0 + np.abs(energy_kwh).max(axis=0))
    explained = close.all(axis=0) & (slope > 0) & np.isfinite(slope) & ~constant
    unexplained = ~(explained | constant)
    inelastic = np.where(unexplained, np.nan_to_num(energy_kwh[len(prices) // 2]), 0.0)
    # A vehicle that never answers keeps its place: both its kinks lie at the lowest price.
    kinks = Kinks(
        saturated_kwh=fixed_kwh + float(np.where(unexplained, inelastic, most).sum()),
        full_price=np.where(explained, full, prices[0]),
        empty_price=np.where(explained, empty, prices[0]),
        slope=np.where(explained, slope, 1.0),
    )
    return LearnedDemand(kinks, unexplained, inelastic, len(prices))


def _lines(
    heard: _Heard,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return a price, the energy there and the slope of the line of every vehicle.

    Two answers on the line give it exactly. With fewer, its kinks are known to lie between two
    prices asked, and the gentlest line that agrees with all answers is taken.
    """
    prices, energy_kwh, points = heard.prices, heard.energy_kwh, heard.points
    most, least = energy_kwh[0], energy_kwh[-1]
    column = np.arange(len(points))
    first = heard.between.argmax(axis=0)
    last = len(prices) - 1 - heard.between[::-1].argmax(axis=0)
    drop = np.maximum(heard.drop - 1, 0)
    at_first, at_last = energy_kwh[first, column], energy_kwh[last, column]
    with np.errstate(divide="ignore", invalid="ignore"):
        chord = (at_first - at_last) / (prices[last] - prices[first])
        left = (most - at_first) / (prices[first] - prices[drop])
        right = (at_first - least) / (prices[heard.bottom] - prices[first])
        jump = (most - least) / (prices[heard.bottom] - prices[drop])
    gentlest = np.where(points == 1, np.maximum(left, right), jump)
    slope = np.where(points >= 2, chord, gentlest)
    anchor = np.where(points >= 1, first, drop)
    return prices[anchor], energy_kwh[anchor, column], slope


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
        After a single answer it supposes that demand does not turn into supply at dearer prices.
    probes : int
        Prices asked.
    """

    price: float
    profit: float
    gap: float
    probes: int


class _PriceSearch:
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
        profit = float(utility_profit(self.cost, price, demand))
        if profit > self.best_profit or (profit == self.best_profit and price < self.best_price):
            self.best_price, self.best_profit = price, profit
        return demand

    def enqueue(self, intervals: Iterable[tuple[float, float]]) -> None:
        """Put intervals between neighbours asked in the queue by what each could earn at best."""
        unknown = []
        for low, high in intervals:
            if high - low <= self.resolution:
                continue
            if low in self.linear:
                most = float(utility_profit(self.cost, *self.line_optimum(low, high)))
                heapq.heappush(self.queue, (-most, low, high))
            else:
                unknown.append((low, high, self.demand[high], self.demand[low]))
        if unknown:
            bounds = most_profit(self.cost, *np.array(unknown).T).tolist()
            for bound, (low, high, _, _) in zip(bounds, unknown, strict=True):
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
        Distance between prices that need not be told apart, as a share of the price range.
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
    width = highest_price - lowest_price
    search = _PriceSearch(ask, cost, resolution=0.5 * tolerance * width)
    shares = np.arange(1.0, FIRST_SEARCHED - 1) * GOLDEN_RATIO % 1.0
    for price in _ends_first(lowest_price, highest_price, shares):
        search.probe(price)
        if not go_on():
            break
    if len(search.prices) == 1:
        # Nothing is known of dearer prices but that no more is bought there.
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
