"""The three-level Stackelberg game of a utility, its aggregators and their vehicles.

The utility asks ``q`` of every aggregator, aggregator ``m`` asks ``p_m`` of its community, every
vehicle best-responds. Two ways to the outcome from what everybody knows of themselves stand here;
the third is `hmesh.markets.closed_form_game`, the fourth, by messages alone,
`hmesh.markets.price_search`.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.markets.aggregator_response import ResponseMap, best_price, response_map
from hmesh.markets.closed_form_game import clipped_aggregators
from hmesh.markets.demand_curve import Bends, bends_of, demand_curve
from hmesh.markets.price_game import Followers, Game, Outcome
from hmesh.markets.price_windows import narrowed
from hmesh.markets.shared_limits import within_shared_limits
from hmesh.markets.utility_profit import best_on_line, best_with_losses, utility_profit


def follow_exact(game: Game, utility_price: float) -> Outcome:
    """Return the best answers of the aggregators to a price of the utility."""
    community_price = np.empty(len(game.kinks))
    demand = np.empty(len(game.kinks))
    for m, kinks in enumerate(game.kinks):
        if not kinks.answering:
            community_price[m] = game.captive_price(utility_price)
            demand[m] = kinks.saturated_kwh
            continue
        curve = demand_curve(kinks, *game.aggregator_bounds(m))
        community_price[m] = best_price(curve, utility_price)
        demand[m] = curve.demand_kwh(float(community_price[m]))
    return Outcome(utility_price, community_price, demand)


def solve_exact(game: Game) -> Outcome:
    """Find the bounded equilibrium by comparing every piece of the demand.

    Every community is answered by its exact response map; the sum of the maps is piecewise affine
    in the utility's price, and its profit concave on each piece, so ends and stationary points
    suffice.

    Notes
    -----
    Ties go to the lowest price of the utility. Where its supremum lies on the far side of a jump
    the tie of the aggregators is resolved in the utility's favour (strong Stackelberg).
    """
    return within_shared_limits(game, _solve_exact, lambda: _answers_of(game, response_maps(game)))


def _solve_exact(game: Game) -> Outcome:
    """Find the bounded equilibrium, whatever lines carry that communities share."""
    passive = _passive_load(game)
    bends, lower, upper = narrowed(
        _bends(game), passive, game.cost, game.bounds.utility_lower, game.bounds.utility_upper,
        feed=game.feed, passive_of=_passive_loads(game),
    )  # fmt: skip
    maps = [None if b is None else response_map(b.curve(), lower, upper) for b in bends]
    starts = np.concatenate(
        [np.array([lower], dtype=np.float64), *(m.starts for m in maps if m is not None)]
    )
    starts.sort()
    starts = starts[np.append(True, starts[1:] != starts[:-1])]
    ends = np.append(starts[1:], upper)
    middle = 0.5 * (starts + ends)
    pieces = [None if m is None else m.piece(middle) for m in maps]
    offset = np.full_like(starts, passive)
    gain = np.zeros_like(starts)
    for answer, piece in zip(maps, pieces, strict=True):
        if answer is not None and piece is not None:
            offset += answer.demand_offset[piece]
            gain += answer.demand_gain[piece]
    if game.feed is None or game.feed.loss_free:
        stationary = best_on_line(game.cost, starts, ends, offset, gain)
        prices = np.stack((starts, stationary, ends), axis=1)
        profit = utility_profit(game.cost, prices, offset[:, None] + gain[:, None] * prices)
        interval, which = divmod(int(np.argmax(profit)), 3)
        price = float(prices[interval, which])
    else:
        lines = _demand_lines(game, maps, pieces, len(starts))
        interval, price = best_with_losses(game.cost, starts, ends, lines, game.feed)
    community_price = np.empty(len(maps))
    demand = np.empty(len(maps))
    attained = True
    for m, (answer, piece) in enumerate(zip(maps, pieces, strict=True)):
        if answer is None or piece is None:
            community_price[m] = game.captive_price(price)
            demand[m] = game.kinks[m].saturated_kwh
            continue
        k = piece[interval]
        community_price[m] = answer.price_offset[k] + answer.price_gain[k] * price
        demand[m] = answer.demand_offset[k] + answer.demand_gain[k] * price
        just_below = float(answer.demand_kwh(price))
        attained &= bool(abs(demand[m] - just_below) <= 1e-9 + 1e-9 * abs(just_below))
    return Outcome(price, community_price, demand, attained)


def _demand_lines(
    game: Game,
    maps: Sequence[ResponseMap | None],
    pieces: Sequence[NDArray[np.intp] | None],
    count: int,
) -> tuple[FloatArray, FloatArray]:
    """Return offset and gain of every community's demand, each of shape (communities, count)."""
    offset, gain = np.zeros((2, len(maps), count))
    for m, (answer, piece) in enumerate(zip(maps, pieces, strict=True)):
        if answer is None or piece is None:
            offset[m] = game.kinks[m].saturated_kwh
        else:
            offset[m], gain[m] = answer.demand_offset[piece], answer.demand_gain[piece]
    return offset, gain


def _answers_of(game: Game, maps: Sequence[ResponseMap | None] | None) -> Followers:
    """Return how the aggregators answer prices of the utility: exactly, or clipped without maps."""
    if maps is not None:
        return lambda q: _mapped_aggregators(game, q, maps)
    return lambda q: clipped_aggregators(game, q)


def solve_grid(
    game: Game, step: float = 0.1, zooms: int = 3, aggregator: Literal["exact", "clipped"] = "exact"
) -> Outcome:
    """Find the best price of the utility on a grid, refined around the best point.

    Parameters
    ----------
    game : Game
        What decides the prices.
    step : float
        First spacing of the grid [money/kWh], above 0.
    zooms : int
        How often the grid is laid ten times finer between the neighbours of its best point.
    aggregator : {"exact", "clipped"}
        Whether aggregators answer with their best price, or with the closed form clipped to its
        bounds as in the source.

    Notes
    -----
    Source: Khwanrit (2024), Algorithm 2, repaired: the best profit starts at minus infinity in
    every step, the lowest of equally good prices is kept, and followers answer within their bounds.
    """
    if step <= 0:
        raise ValueError(f"grid step must be above 0, got {step}")

    answer = _answers_of(game, response_maps(game) if aggregator == "exact" else None)
    return within_shared_limits(
        game, lambda game: _solve_grid(game, step, zooms, answer), lambda: answer
    )


def _solve_grid(game: Game, step: float, zooms: int, answer: Followers) -> Outcome:
    """Find the best price on a grid, whatever lines carry that communities share."""
    lower, upper = game.bounds.utility_lower, game.bounds.utility_upper
    best = lower
    for zoom in range(zooms + 1):
        spacing = step / 10**zoom
        low = lower if zoom == 0 else max(lower, best - 10 * spacing)
        high = upper if zoom == 0 else min(upper, best + 10 * spacing)
        grid = np.append(np.minimum(np.arange(low, high, spacing), high), high)
        demand = answer(grid)[1]
        profit = utility_profit(game.cost, grid, demand.sum(axis=0), game.lost_kwh(demand))
        best = float(grid[np.argmax(profit)])
    community_price, at_best = answer(np.array([best]))
    return Outcome(best, community_price[:, 0], at_best[:, 0])


def response_maps(game: Game) -> list[ResponseMap | None]:
    """Return the response map of every community, None for one without vehicles."""
    lower, upper = game.bounds.utility_lower, game.bounds.utility_upper
    return [None if b is None else response_map(b.curve(), lower, upper) for b in _bends(game)]


def _bends(game: Game) -> list[Bends | None]:
    """Return what bends the demand of every community, None for one without vehicles."""
    return [
        bends_of(kinks, *game.aggregator_bounds(m)) if kinks.answering else None
        for m, kinks in enumerate(game.kinks)
    ]


def _passive_load(game: Game) -> float:
    return sum(kinks.saturated_kwh for kinks in game.kinks if not kinks.answering)


def _passive_loads(game: Game) -> FloatArray:
    """Return the demand of each community without vehicles, 0 for the others [kWh]."""
    return np.array([0.0 if k.answering else k.saturated_kwh for k in game.kinks])


def _mapped_aggregators(
    game: Game, q: FloatArray, maps: Sequence[ResponseMap | None]
) -> tuple[FloatArray, FloatArray]:
    """Return best answers to ``q``: prices and demands (communities, len(q))."""
    prices = np.empty((len(maps), len(q)))
    demands = np.empty_like(prices)
    for m, answer in enumerate(maps):
        if answer is None:
            prices[m] = [game.captive_price(price) for price in q]
            demands[m] = game.kinks[m].saturated_kwh
        else:
            prices[m], demands[m] = answer.price(q), answer.demand_kwh(q)
    return prices, demands
