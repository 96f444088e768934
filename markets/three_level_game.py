"""The price game of a utility, its aggregators and their vehicles: who asks which price.

The utility asks ``q`` of every aggregator, aggregator ``m`` asks ``p_m`` of its community, every
vehicle buys or sells what suits it best. Three ways to the outcome from what everybody knows of
themselves stand here; the fourth, by messages alone, is `hmesh.markets.price_search`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.markets.aggregator_response import ResponseMap, best_price, response_map
from hmesh.markets.answers import Answers, unbounded_line
from hmesh.markets.demand_curve import Bends, bends_of, demand_curve
from hmesh.markets.generation_cost import GenerationCost
from hmesh.markets.grid_losses import Feed
from hmesh.markets.price_limits import prices_within
from hmesh.markets.price_windows import narrowed
from hmesh.markets.shared_limits import within_shared_limits
from hmesh.markets.utility_profit import best_on_line, best_with_losses, utility_profit

WithoutVehicles = Literal["pass_through", "profit_max"]
# From prices of the utility to prices and demands of the communities, shape (communities, prices).
type Followers = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]

MOST_BRANCHES = 50


@dataclass(frozen=True, slots=True)
class PriceBounds:
    """Prices the utility and the aggregators may ask [money/kWh].

    Raises
    ------
    ValueError
        If a bound is not finite, a lower one is above its upper one, or the utility may ask more
        than the aggregators may, which would force them to a loss.
    """

    utility_lower: float
    utility_upper: float
    aggregator_lower: float
    aggregator_upper: float

    def __post_init__(self) -> None:
        bounds = (
            self.utility_lower, self.utility_upper, self.aggregator_lower, self.aggregator_upper
        )  # fmt: skip
        if not np.isfinite(bounds).all():
            raise ValueError(f"price bounds must be finite, got {bounds}")
        if self.utility_lower > self.utility_upper or self.aggregator_lower > self.aggregator_upper:
            raise ValueError(f"a lower price bound is above its upper one: {bounds}")
        if self.utility_upper > self.aggregator_upper:
            raise ValueError(
                f"the utility may ask up to {self.utility_upper}, the aggregators only up to "
                f"{self.aggregator_upper}: they would be forced to a loss"
            )

    def for_utility(self, lower: float, upper: float) -> "PriceBounds":
        """Return these bounds with others for the utility [money/kWh]."""
        return PriceBounds(lower, upper, self.aggregator_lower, self.aggregator_upper)


@dataclass(frozen=True, slots=True)
class Game:
    """Everything that decides the prices of one step.

    Attributes
    ----------
    kinks : tuple of Answers
        One per community; in a community without vehicles nobody answers.
    cost : GenerationCost
        What the utility pays.
    bounds : PriceBounds
        What may be asked.
    without_vehicles : {"pass_through", "profit_max"}
        How a community that cannot answer is priced: at the utility's price, or at the upper price
        bound.
    feed : Feed or None
        The lines as the utility knows them, with their losses and with the limits of those that
        communities share; None where it prices as if nothing was lost or limited.
    limits_kwh : pair of array, shape (communities,), or None
        Least and most that the own lines of every community let it draw [kWh]; None where its
        aggregator keeps no limit.
    """

    kinks: tuple[Answers, ...]
    cost: GenerationCost
    bounds: PriceBounds
    without_vehicles: WithoutVehicles = "pass_through"
    feed: Feed | None = None
    limits_kwh: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def answering(self) -> NDArray[np.bool_]:
        """Whether anybody in each community answers to its price, shape (communities,)."""
        return np.array([answers.answering for answers in self.kinks], dtype=bool)

    def lost_kwh(self, demand_kwh: NDArray[np.float64]) -> float | NDArray[np.float64]:
        """Return what is generated more than is sold, as far as the utility knows [kWh].

        Parameters
        ----------
        demand_kwh : array, shape (communities, k)
            Demand of every community [kWh].
        """
        if self.feed is None or self.feed.loss_free:
            return 0.0
        return self.feed.generation_kwh(demand_kwh) - demand_kwh.sum(axis=0)

    def aggregator_bounds(self, community: int) -> tuple[float, float]:
        """Lowest and highest price that an aggregator may ask, its limits kept [money/kWh]."""
        lower, upper = self.bounds.aggregator_lower, self.bounds.aggregator_upper
        kinks = self.kinks[community]
        if self.limits_kwh is None or not kinks.answering:
            return lower, upper
        limits = (float(limit[community]) for limit in self.limits_kwh)
        return prices_within(kinks, lower, upper, *limits)

    def captive_price(self, utility_price: float) -> float:
        """Price of a community without vehicles at ``utility_price`` [money/kWh]."""
        if self.without_vehicles == "profit_max":
            return self.bounds.aggregator_upper
        lower, upper = self.bounds.aggregator_lower, self.bounds.aggregator_upper
        return min(max(utility_price, lower), upper)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Prices of one step.

    Attributes
    ----------
    utility_price : float
        What the utility asks of every aggregator [money/kWh].
    community_price : array, shape (communities,)
        What every aggregator asks of its community [money/kWh].
    demand_kwh : array, shape (communities,)
        What every community buys at these prices [kWh].
    attained_lowest : bool
        False where the utility's best price is reached only if aggregators that are indifferent
        between two prices choose as the utility likes.
    unlimited_price : float or None
        What the utility would ask if no line that communities share had a limit [money/kWh]; None
        where that is its price.
    """

    utility_price: float
    community_price: NDArray[np.float64]
    demand_kwh: NDArray[np.float64]
    attained_lowest: bool = True
    unlimited_price: float | None = None


def solve_closed_form(game: Game) -> Outcome:
    """Prices by the closed forms, clipped to their bounds; the equilibrium where nothing binds.

    Batteries with losses have two lines, and a closed form holds for one of each: all begin on
    their charging lines, and each is taken on the line that is nearer to the prices found, until
    these do not move any more (``MOST_BRANCHES`` times at most). Where a battery stays idle, its
    dead band binds as a bound does.

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


def _closed_form(game: Game, near_price: NDArray[np.float64]) -> Outcome:
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
    community_price, demand = _clipped_aggregators(game, np.array([price]), near_price)
    return Outcome(price, community_price[:, 0], demand[:, 0])


def follow_closed_form(game: Game, utility_price: float) -> Outcome:
    """Return the closed-form answers of the aggregators to a price of the utility, clipped."""
    community_price, demand = _clipped_aggregators(game, np.array([utility_price]))
    return Outcome(utility_price, community_price[:, 0], demand[:, 0])


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
        attained &= bool(np.isclose(demand[m], answer.demand_kwh(price), rtol=1e-9, atol=1e-9))
    return Outcome(price, community_price, demand, attained)


def _demand_lines(
    game: Game,
    maps: Sequence[ResponseMap | None],
    pieces: Sequence[NDArray[np.intp] | None],
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
    return lambda q: _clipped_aggregators(game, q)


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


def _passive_loads(game: Game) -> NDArray[np.float64]:
    """Return the demand of each community without vehicles, 0 for the others [kWh]."""
    return np.array([0.0 if k.answering else k.saturated_kwh for k in game.kinks])


def _interior_sums(
    game: Game, near_price: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return inelastic load, slope and demand at price 0 of every community, unbounded."""
    fixed, steepness, wanted = [], [], []
    for answers, price in zip(game.kinks, near_price.tolist(), strict=True):
        intercept, slope = unbounded_line(answers, price)
        fixed.append(answers.saturated_kwh)
        steepness.append(slope)
        wanted.append(intercept)
    return np.array(fixed), np.array(steepness), np.array(wanted)


def _clipped_aggregators(
    game: Game, q: NDArray[np.float64], near_price: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
    answers: Answers, q: NDArray[np.float64], near_price: float, bounds: tuple[float, float]
) -> NDArray[np.float64]:
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


def _mapped_aggregators(
    game: Game, q: NDArray[np.float64], maps: Sequence[ResponseMap | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
