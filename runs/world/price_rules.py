"""One class for each rule that sets the prices of a step."""

from typing import TYPE_CHECKING, Protocol

import numpy as np

from hmesh.agents.utility_company import KnownLines
from hmesh.environment.arrays import FloatArray
from hmesh.environment.row_blocks import added
from hmesh.markets.closed_form_game import follow_closed_form, solve_closed_form
from hmesh.markets.planner import solve_planner
from hmesh.markets.price_game import Game, Outcome
from hmesh.markets.three_level_game import follow_exact, solve_exact, solve_grid
from hmesh.runs.schemes.descriptor import LEADERS, PLANNER, RETAIL, THREE_LEVEL, TWO_LEVEL
from hmesh.runs.world.congestion import planned_prices, unlimited_prices, without_rounding
from hmesh.runs.world.decision import Decision, Exchange
from hmesh.runs.world.step_games import game_of, planned_game_of, time_of_use_price

if TYPE_CHECKING:
    from hmesh.runs.world.market import Market
    from hmesh.runs.world.simulation import Simulation


class Rule(Protocol):
    """Decides what everybody pays in a step, and what those exchange that answer to it."""

    def decide(self, simulation: "Simulation") -> Decision:
        """Decide from the state of the world, changing none of it."""
        ...


class Retail:
    """Everybody pays what generation costs, and nobody bargains."""

    def decide(self, simulation: "Simulation") -> Decision:
        """Let those exchange what they want whatever the price, and price it at what it costs."""
        market = simulation.market
        exchange = market.unpriced_kwh()
        # Added one after another: `sum` of Python compensates for rounding, which arrays do not.
        drawn: float = added(
            [0.0]
            + [
                group.total_kwh(energy)
                for name, each in exchange.items()
                for group, energy in zip(market.answering[name], each, strict=True)
            ]
        )
        price = simulation.setting.cost.retail_price(
            drawn + float(market.passive_kwh.sum()),
            simulation.setting.scenario.prices.retail,
        )
        community_price = np.where(simulation.supplied, price, np.nan)
        return Decision(price, community_price, exchange)


class TwoLevelGame:
    """The utility asks its time-of-use price, and aggregators answer with their best one."""

    def decide(self, simulation: "Simulation") -> Decision:
        """Let the aggregators bargain with their vehicles at the hour's tariff."""
        price = time_of_use_price(simulation)
        if simulation.setting.scenario.game.solver == "negotiate":
            return _by_messages(simulation, price)
        game = game_of(simulation)
        follow = (
            follow_closed_form
            if simulation.setting.scenario.game.solver == "closed_form"
            else follow_exact
        )
        outcome = follow(game, price)
        return _as_computed(simulation, outcome, _unlimited(simulation, game, outcome))


class ThreeLevelGame:
    """The utility asks the price that earns it most, knowing that aggregators do likewise."""

    def decide(self, simulation: "Simulation") -> Decision:
        """Let utility, aggregators and vehicles bargain."""
        settings = simulation.setting.scenario.game
        if settings.solver == "negotiate":
            return _by_messages(simulation, None)
        game = game_of(simulation)
        if settings.solver == "closed_form":
            outcome = solve_closed_form(game)
        elif settings.solver == "grid":
            outcome = solve_grid(game, settings.grid_step, settings.grid_zooms)
        else:
            outcome = solve_exact(game)
        return _as_computed(simulation, outcome, _unlimited(simulation, game, outcome))


class Planner:
    """Everybody pays what energy costs where it is delivered, which is worth most to all."""

    def decide(self, simulation: "Simulation") -> Decision:
        """Find the prices of most welfare from everybody's parameters."""
        game = planned_game_of(simulation)
        outcome = solve_planner(game)
        free = None
        if simulation.market.grid.keeps:
            free = planned_prices(game, outcome)
        return _as_computed(simulation, outcome, free)


class BehavingLeaders:
    """Utility and aggregators go by rules of their own: markups, learning, a cartel."""

    def decide(self, simulation: "Simulation") -> Decision:
        """Find the prices by these rules, from everybody's parameters."""
        leaders = simulation.market.leaders
        assert leaders is not None
        asked = game_of(simulation), simulation, time_of_use_price(simulation)
        outcome, free = leaders.outcome(*asked), None
        if simulation.market.grid.keeps:
            free = without_rounding(outcome, leaders.unlimited(*asked).community_price)
        return _as_computed(simulation, outcome, free)


# By what a strategy says of its pricing; a rule of your own stands under the strategy's own name.
RULES: dict[str, type[Rule]] = {
    RETAIL: Retail,
    TWO_LEVEL: TwoLevelGame,
    THREE_LEVEL: ThreeLevelGame,
    PLANNER: Planner,
    LEADERS: BehavingLeaders,
}


def _unlimited(simulation: "Simulation", game: Game, outcome: Outcome) -> FloatArray | None:
    """Return what communities would pay if no line had a limit, None where none is kept."""
    if not simulation.market.grid.keeps:
        return None
    closed_form = simulation.setting.scenario.game.solver == "closed_form"
    return unlimited_prices(game, outcome, closed_form=closed_form)


def _by_messages(simulation: "Simulation", tariff: float | None) -> Decision:
    """Bargain by messages alone; the utility looks for its price unless a tariff sets it."""
    utility, bus, step = simulation.utility, simulation.bus, simulation.step_index
    market, grid = simulation.market, simulation.market.grid
    taking_part = simulation.supplied_communities
    drawn = market.node_kwh, market.passive_kwh
    limits = grid.limits(*drawn)
    aggregators = [simulation.aggregators[m] for m in taking_part]
    utility.begin_step(step)
    # Communities talk at the same time.
    with bus.together() as turn:
        for m, aggregator in zip(taking_part, aggregators, strict=True):
            turn()
            passive = float(market.passive_kwh[m])
            # An aggregator knows its own lines and meters.
            own = None if limits is None else (float(limits[0][m]), float(limits[1][m]))
            aggregator.begin_step(step, market.groups_in(m), passive, own)
    # So does the utility of those that lead to the communities.
    lines = None if tariff is not None else KnownLines.of(grid.feed(*drawn), taking_part)
    found = utility.negotiate(aggregators, lines) if tariff is None else None
    price = utility.price if tariff is None else tariff
    utility.announce(price, aggregators)
    community_price = np.full(len(simulation.aggregators), np.nan)
    exchange = {name: market.idle(name) for name in market.answering}
    for m, aggregator in zip(taking_part, aggregators, strict=True):
        community_price[m], energies = aggregator.announce(aggregator.heard_price)
        _enter(exchange, market, m, energies)
    bus.wait()
    counts = {
        "unexplained_vehicles": sum(aggregator.unexplained for aggregator in aggregators),
        "fallbacks": utility.fallbacks + sum(aggregator.fallbacks for aggregator in aggregators),
        "vehicle_questions": sum(aggregator.questions for aggregator in aggregators),
        "utility_questions": found.probes if found else 0,
    }
    worst = {"utility_profit_gap": found.gap if found else 0.0}
    if not grid.keeps:
        return Decision(price, community_price, exchange, counts, worst)
    unlimited = community_price.copy()
    for m, aggregator in zip(taking_part, aggregators, strict=True):
        asked = None if found is None else found.unlimited_price
        unlimited[m] = aggregator.unlimited_price(float(community_price[m]), asked)
    return Decision(price, community_price, exchange, counts, worst, unlimited)


def _as_computed(
    simulation: "Simulation", outcome: Outcome, unlimited: FloatArray | None = None
) -> Decision:
    """Announce prices that were computed from everybody's parameters."""
    utility, step = simulation.utility, simulation.step_index
    taking_part = simulation.supplied_communities
    utility.begin_step(step)
    utility.announce(outcome.utility_price, [simulation.aggregators[m] for m in taking_part])
    market = simulation.market
    exchange = {name: market.idle(name) for name in market.answering}
    fallbacks = utility.fallbacks
    for m in taking_part:
        aggregator, price = simulation.aggregators[m], float(outcome.community_price[m])
        _enter(exchange, market, m, aggregator.impose(step, market.groups_in(m), price))
        fallbacks += aggregator.fallbacks
    counts = {"fallbacks": fallbacks, "unattained_optima": int(not outcome.attained_lowest)}
    community_price = np.where(simulation.supplied, outcome.community_price, np.nan)
    return Decision(
        outcome.utility_price, community_price, exchange, counts, unlimited_price=unlimited
    )


def _enter(
    exchange: Exchange, market: "Market", community: int, energies: dict[str, FloatArray]
) -> None:
    """Enter what an aggregator says that its groups exchange, by their own names."""
    for name, groups in market.answering.items():
        group = groups[community]
        if group.name in energies:
            exchange[name][community] = energies[group.name]
