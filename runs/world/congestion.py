"""What communities would pay if no line had a limit, and the rent that limits bring."""

from dataclasses import replace

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.closed_form_game import follow_closed_form
from hmesh.markets.planner import prices_at
from hmesh.markets.price_game import Game, Outcome
from hmesh.markets.three_level_game import follow_exact


def unlimited_prices(game: Game, outcome: Outcome, *, closed_form: bool = False) -> FloatArray:
    """Return what every community would pay if no line had a limit [money/kWh].

    The utility would ask what earns most whatever shared lines carry, and an aggregator its best
    price whatever its own lines carry. A price that no limit holds is its own.

    Parameters
    ----------
    game, outcome : Game, Outcome
        The game, and its outcome.
    closed_form : bool
        Whether aggregators answer by the closed form.
    """
    bounds = game.bounds.aggregator_lower, game.bounds.aggregator_upper
    held = [game.aggregator_bounds(m) != bounds for m in range(len(game.kinks))]
    if outcome.unlimited_price is None and not any(held):
        return outcome.community_price
    follow = follow_closed_form if closed_form else follow_exact
    free = replace(game, limits_kwh=None)
    if outcome.unlimited_price is not None:
        return follow(free, outcome.unlimited_price).community_price
    prices = outcome.community_price.copy()
    places = np.flatnonzero(held).tolist()
    own = replace(free, kinks=tuple(game.kinks[m] for m in places))
    prices[places] = follow(own, outcome.utility_price).community_price
    return prices


def planned_prices(game: Game, outcome: Outcome) -> FloatArray:
    """Return what energy costs every community at the planner's marginal cost, without limits."""
    if game.limits_kwh is None or game.feed is None:
        return outcome.community_price
    free = replace(game, limits_kwh=None, feed=game.feed.without_limits())
    return without_rounding(outcome, prices_at(free, outcome.utility_price))


def without_rounding(outcome: Outcome, prices: FloatArray) -> FloatArray:
    """Return prices without limits; where they differ by rounding alone, those that are asked.

    Parameters
    ----------
    outcome : Outcome
        The outcome of the game.
    prices : array, shape (communities,)
        What communities would pay if no line had a limit [money/kWh].
    """
    same = np.abs(prices - outcome.community_price) <= 1e-9 * (1.0 + np.abs(prices))
    return np.where(same, outcome.community_price, prices)
