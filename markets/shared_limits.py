"""A utility's price that keeps the lines within their limits which communities share."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.grid_losses import Feed
from hmesh.markets.price_limits import allowed_prices

if TYPE_CHECKING:
    from hmesh.markets.price_game import Followers, Game, Outcome
TOLERANCE_KWH = 1e-9


def over_kwh(feed: Feed, demand_kwh: FloatArray) -> tuple[float, float]:
    """Return how far a shared line is over its limit, drawing and delivering, rounding aside [kWh].

    Parameters
    ----------
    feed : Feed
        The lines of the step.
    demand_kwh : array, shape (communities,)
        Demand of every community [kWh].
    """
    drawn, delivered = feed.excess_kwh(demand_kwh[:, None])
    return float(drawn[0]) - TOLERANCE_KWH, float(delivered[0]) - TOLERANCE_KWH


def within_shared_limits(
    game: "Game",
    solve: Callable[["Game"], "Outcome"],
    answers: Callable[[], "Followers"],
) -> "Outcome":
    """Solve a game so that shared lines keep their limits where some price keeps them.

    Parameters
    ----------
    game : Game
        What decides the prices.
    solve : callable
        Finds the outcome whatever shared lines carry.
    answers : callable
        Returns how aggregators answer prices of the utility.

    Notes
    -----
    Where the best price of all keeps the limits it is also the best that keeps them. Else it is
    sought again between the lowest and the highest price that do.
    """
    outcome = solve(game)
    feed = game.feed
    if feed is None or not feed.limited or max(over_kwh(feed, outcome.demand_kwh)) <= 0:
        return outcome
    bounds, answer = game.bounds, answers()
    floor, ceiling = allowed_prices(
        lambda q: over_kwh(feed, answer(np.array([q]))[1][:, 0]),
        bounds.utility_lower,
        bounds.utility_upper,
    )
    limited = solve(replace(game, bounds=bounds.for_utility(floor, ceiling)))
    if limited.utility_price == outcome.utility_price:
        return limited
    return replace(limited, unlimited_price=outcome.utility_price)
