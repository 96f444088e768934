"""The price game by its closed forms, clipped to the bounds of prices."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.markets.answers import Answers, unbounded_line
from hmesh.markets.demand_curve import demand_curve
from hmesh.markets.price_game import Game, Outcome

MOST_BRANCHES = 50


def solve_closed_form(game: Game) -> Outcome:
    """Return prices by clipped closed forms; the equilibrium where no bound binds.

    Batteries with losses have two lines, and a closed form holds for one of each: all begin on
    their charging lines, and each is taken on the line that is nearer to the prices found, until
    these no longer change (``MOST_BRANCHES`` times at most). Where a battery stays idle, its dead
    band binds as a bound does.

    Notes
    -----
    Source: Khwanrit (2024), eq. (5.20) and (5.30)-(5.33), corrected: only communities that hold
    vehicles answer to prices; extended by losses.
    """
    outcome = _closed_form(game, np.full(len(game.kinks), -np.inf))
    if any(answers.dead_bands or len(answers.jump_price) for answers in game.kinks):
        for _ in range(MOST_BRANCHES):
            before, outcome = outcome, _closed_form(game, outcome.community_price)
            if np.array_equal(before.community_price, outcome.community_price):
                break
    return outcome


def _closed_form(game: Game, near_price: FloatArray) -> Outcome:
    """Return the closed forms of the lines on which everybody is at some community prices."""
    answers = game.answering()
    fixed, steepness, wanted = _interior_sums(game, near_price)
    passive = float(fixed[~answers].sum())
    alpha = float(steepness.sum())
    total = float(wanted[answers].sum())
    lower, upper = game.bounds.utility_lower, game.bounds.utility_upper
    a, b = game.cost.quadratic, game.cost.linear
    if alpha > 0:
        price = ((a * alpha + 1) * (total + 2 * passive) + b * alpha) / (alpha * (a * alpha + 2))
        price = min(max(price, lower), upper)
    else:
        price = upper if passive > 0 else lower
    community_price, demand = clipped_aggregators(game, np.array([price]), near_price)
    return Outcome(price, community_price[:, 0], demand[:, 0])


def follow_closed_form(game: Game, utility_price: float) -> Outcome:
    """Return the closed-form answers of the aggregators to a price of the utility, clipped."""
    community_price, demand = clipped_aggregators(game, np.array([utility_price]))
    return Outcome(utility_price, community_price[:, 0], demand[:, 0])


def _interior_sums(game: Game, near_price: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return inelastic load, slope and demand at price 0 of every community, unbounded."""
    fixed, steepness, wanted = [], [], []
    for answers, price in zip(game.kinks, near_price.tolist(), strict=True):
        intercept, slope = unbounded_line(answers, price)
        fixed.append(answers.saturated_kwh)
        steepness.append(slope)
        wanted.append(intercept)
    return np.array(fixed), np.array(steepness), np.array(wanted)


def clipped_aggregators(
    game: Game, q: FloatArray, near_price: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return clipped closed-form answers to ``q``: prices and demands (communities, len(q)).

    Those are on the lines near some community prices, or where none are given near the answers
    themselves.
    """
    prices = np.empty((len(game.kinks), len(q)))
    demands = np.empty_like(prices)
    for m, answers in enumerate(game.kinks):
        if not answers.answering:
            prices[m] = [game.captive_price(price) for price in q]
            demands[m] = answers.saturated_kwh
            continue
        start = -np.inf if near_price is None else float(near_price[m])
        bounds = game.aggregator_bounds(m)
        prices[m] = _clipped_price(answers, q, start, bounds)
        if near_price is None and (answers.dead_bands or len(answers.jump_price)):
            prices[m] = [
                _settled_price(answers, *pair, bounds)
                for pair in zip(q.tolist(), prices[m].tolist(), strict=True)
            ]
        curve = demand_curve(answers, *bounds)
        demands[m] = curve.demand_kwh(prices[m])
    return prices, demands


def _clipped_price(
    answers: Answers, q: FloatArray, near_price: float, bounds: tuple[float, float]
) -> FloatArray:
    """Return the clipped closed-form prices at ``q`` of those on their lines near a price."""
    intercept, slope = unbounded_line(answers, near_price)
    # Who only jumps has no line; its aggregator takes the price that it pays.
    choke = intercept / slope if slope > 0 else q
    return np.clip((q + choke) / 2, *bounds)


def _settled_price(answers: Answers, q: float, price: float, bounds: tuple[float, float]) -> float:
    """Return the clipped closed-form price of those on their lines near this price itself."""
    for _ in range(MOST_BRANCHES):
        before, price = price, float(_clipped_price(answers, np.array([q]), price, bounds)[0])
        if price == before:
            break
    return price
