"""Finding the utility's price by asking, where it knows what its lines lose and may carry."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed
from hmesh.markets.price_limits import allowed_prices
from hmesh.markets.price_search import PriceSearch, SearchedPrice, run_search
from hmesh.markets.shared_limits import over_kwh
from hmesh.markets.utility_profit import (
    best_with_losses,
    most_profit_with_losses,
    utility_profit,
)


class SearchOnLines(PriceSearch):
    """A search that hears the demand of every community, and knows what the lines lose."""

    def __init__(
        self,
        ask: Callable[[float], FloatArray],
        cost: GenerationCost,
        resolution: float,
        feed: Feed,
    ) -> None:
        super().__init__(lambda price: self._total(price, ask(price)), cost, resolution)
        self.feed = feed
        self.parts: dict[float, FloatArray] = {}

    def _total(self, price: float, heard: FloatArray) -> float:
        self.parts[price] = heard
        return float(heard.sum())

    def profit_at(self, price: float) -> float:
        """Return what a price earns that was asked [money]."""
        return self._profit(price, self.parts[price])

    def _profit(self, price: float, demand: FloatArray) -> float:
        lost = float(self.feed.generation_kwh(demand[:, None])[0]) - float(demand.sum())
        return float(utility_profit(self.cost, price, float(demand.sum()), lost))

    def most_on_line(self, low: float, high: float) -> float:
        """Return the most between neighbours between which all demands are lines [money]."""
        price, _ = self.line_optimum(low, high)
        share = (price - low) / (high - low)
        return self._profit(price, (1 - share) * self._part(low) + share * self._part(high))

    def most_between(self, intervals: list[tuple[float, float]]) -> list[float]:
        """Return the most that could be earned between neighbours asked [money]."""
        low, high = np.array(intervals).T
        least = np.array([self._part(end) for _, end in intervals]).T
        most = np.maximum(np.array([self._part(start) for start, _ in intervals]).T, least)
        sold = least.sum(axis=0), most.sum(axis=0)
        lost = self.feed.lost_kwh(least, most)
        bounds: list[float] = most_profit_with_losses(self.cost, low, high, *sold, *lost).tolist()
        return bounds

    def line_optimum(self, low: float, high: float) -> tuple[float, float]:
        """Return the best price, and its demand, between neighbours whose demands are lines."""
        gain = np.minimum((self._part(high) - self._part(low)) / (high - low), 0.0)
        offset = self._part(low) - gain * low
        lines = offset[:, None], gain[:, None]
        ends = np.array([low]), np.array([high])
        _, price = best_with_losses(self.cost, *ends, lines, self.feed)
        return price, float((offset + gain * price).sum())

    def _part(self, price: float) -> FloatArray:
        """Return the demands at a price asked, or the least that they may be at the highest."""
        if price in self.parts:
            return self.parts[price]
        return np.minimum(self.parts[self.prices[0]], 0.0)


def search_price_on_lines(
    ask: Callable[[float], FloatArray],
    cost: GenerationCost,
    lowest_price: float,
    highest_price: float,
    feed: Feed,
    tolerance: float = 1e-6,
    most_probes: int = 2000,
    go_on: Callable[[], bool] = lambda: True,
) -> SearchedPrice:
    """Find the utility's best price from the demands heard at the prices it asks.

    Parameters
    ----------
    ask : callable
        Sends a price [money/kWh] to all aggregators and returns the demand of every community
        [kWh], shape (communities,); none of them ever rises with the price.
    cost, lowest_price, highest_price, tolerance, most_probes, go_on : GenerationCost, float, \
    float, float, int, callable
        As `hmesh.markets.search_price` takes them.
    feed : Feed
        The lines of the step.

    Returns
    -------
    SearchedPrice
        With the lowest of equally good prices.

    Notes
    -----
    Where the best price leaves a line over its limit that communities share, the prices are sought
    that keep it, and the best of them. They lie between two ends, since no demand ever rises.
    """
    resolution = 0.5 * tolerance * (highest_price - lowest_price)
    search = SearchOnLines(ask, cost, resolution, feed)
    found = run_search(search, lowest_price, highest_price, most_probes, go_on)
    if not feed.limited or max(over_kwh(feed, search.parts[found.price])) <= 0 or not go_on():
        return found
    asked = dict(search.parts)

    def demand(price: float) -> FloatArray:
        if price not in asked:
            asked[price] = ask(price)
        return asked[price]

    floor, ceiling = allowed_prices(
        lambda price: over_kwh(feed, demand(price)), lowest_price, highest_price, resolution
    )
    within = SearchOnLines(demand, cost, resolution, feed)
    limited = run_search(within, floor, ceiling, most_probes, go_on)
    unlimited = None if limited.price == found.price else found.price
    return replace(limited, probes=len(asked), unlimited_price=unlimited)
