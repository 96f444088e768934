"""Who sets the prices of a step: one class for each rule, and what was decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.answering import Answering, answers_of
from hmesh.agents.fleet import VEHICLES
from hmesh.agents.parked_vehicles import ParkedVehicles
from hmesh.agents.utility_company import KnownLines
from hmesh.markets.closed_form_game import follow_closed_form, solve_closed_form
from hmesh.markets.planner import solve_planner
from hmesh.markets.price_game import Game, Outcome
from hmesh.markets.three_level_game import follow_exact, solve_exact, solve_grid
from hmesh.runs.schemes.descriptor import LEADERS, PLANNER, RETAIL, THREE_LEVEL, TWO_LEVEL
from hmesh.runs.schemes.scheme_step import Scheme
from hmesh.runs.strategy_names import pricing_of
from hmesh.runs.world.congestion import planned_prices, unlimited_prices, without_rounding
from hmesh.runs.world.elastic_loads import ELASTIC_LOADS
from hmesh.runs.world.leaders import LeaderRules
from hmesh.runs.world.priced_grid import PricedGrid, answering_nodes, priced_grid

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


# By the name of the scheme, or of the elastic loads, and by community.
type Exchange = dict[str, list[NDArray[np.float64]]]


@dataclass(slots=True)
class Decision:
    """What was decided in a step.

    Attributes
    ----------
    utility_price : float
        What the utility asks [money/kWh].
    community_price : array, shape (communities,)
        What every community pays, NaN where it is without supply [money/kWh].
    exchange_kwh : Exchange
        What everyone exchanges that answers to a price, by group and community [kWh].
    counts : dict
        How often something happened that a reader should know of.
    worst : dict
        Largest value of something that should be small.
    unlimited_price : array, shape (communities,), or None
        What every community would pay if no line had a limit, as `congestion` defines it; None
        where no limit has raised or lowered a price [money/kWh].
    """

    utility_price: float
    community_price: NDArray[np.float64]
    exchange_kwh: Exchange
    counts: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    unlimited_price: NDArray[np.float64] | None = None


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
        drawn = float(
            sum(
                group.total_kwh(energy)
                for name, each in exchange.items()
                for group, energy in zip(market.answering[name], each, strict=True)
            )
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


class Market:
    """The prices of one world: by which rule they are set, and what was decided in a step.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    decide : callable
        The rule: from the world to a `Decision`.
    decision : Decision
        What was decided in the step.
    answering : dict of list of Answering
        Those that answer to the price of the step, by name of their scheme, or of the elastic
        loads, and by community.
    passive_kwh : array, shape (communities,)
        What each community draws whatever the price of the step [kWh].
    node_kwh : array, shape (nodes,)
        What each node of the grid takes whatever the price of the step [kWh].
    game : Game or None
        The game of the step, where somebody has asked for it.
    leaders : LeaderRules or None
        How leaders set prices that do not best-respond, and what they have learned.
    """

    decision: Decision

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        strategy = simulation.strategy
        self.decide = RULES[strategy if strategy in RULES else pricing_of(strategy)]().decide
        self.answering: dict[str, list[Answering]] = {}
        self.game: Game | None = None
        self.leaders = LeaderRules(simulation) if strategy == LEADERS else None
        self._grid: tuple[tuple[str, ...], PricedGrid] | None = None

    @property
    def present(self) -> NDArray[np.intp]:
        """How many vehicles answer to the price of the step, shape (communities,)."""
        present = np.zeros(len(self.simulation.setting.communities), dtype=np.intp)
        for groups in self.answering.values():
            present += [len(each) if each.name == VEHICLES else 0 for each in groups]
        return present

    def groups_in(self, community: int) -> list[Answering]:
        """Return those of a community that answer to its price, one group after another."""
        return [groups[community] for groups in self.answering.values()]

    def respond(self, community_price: NDArray[np.float64]) -> Exchange:
        """Return what everyone exchanges at the prices of their communities [kWh].

        Those of a community whose price is NaN, for want of supply, stay idle.
        """
        prices = community_price.tolist()
        return {
            name: [
                np.zeros(len(each)) if isnan(price) else each.respond(price)
                for each, price in zip(groups, prices, strict=True)
            ]
            for name, groups in self.answering.items()
        }

    def set_prices(self) -> None:
        """Ask those that answer to a price what they could do, and set the prices of the step."""
        simulation = self.simulation
        self.game = None
        self.passive_kwh = simulation.net_kwh.copy()
        self.node_kwh = simulation.meters.node_kwh.copy()
        sources = self._sources()
        self.answering = {name: list(each.answering or ()) for name, each in sources.items()}
        self.decision = self.decide(simulation)
        self._check(self.decision.exchange_kwh)
        for name, each in sources.items():
            each.take_response(self.decision.exchange_kwh[name])

    def _check(self, exchange_kwh: Exchange) -> None:
        """Refuse energies of a rule of your own that do not fit those that answer."""
        wanted = {name: [len(each) for each in groups] for name, groups in self.answering.items()}
        given = None
        if isinstance(exchange_kwh, dict):
            given = {name: [len(each) for each in some] for name, some in exchange_kwh.items()}
        if given != wanted:
            raise ValueError(
                f"the rule of {self.simulation.strategy!r} must return in exchange_kwh an array "
                f"for each community of each of {sorted(wanted)}, as Market.respond does"
            )

    def idle(self, name: str) -> list[NDArray[np.float64]]:
        """Return what those of a group exchange that stay idle [kWh]."""
        return [np.zeros(len(each)) for each in self.answering[name]]

    @property
    def grid(self) -> PricedGrid:
        """The lines as those see them who set prices."""
        sources = self._sources()
        if self._grid is None or self._grid[0] != tuple(sources):
            setting = self.simulation.setting
            nodes = [each.answer_nodes for each in sources.values()] or [None]
            found = [setting.community_nodes if each is None else each for each in nodes]
            of_each = [list(each) for each in zip(*(each.tolist() for each in found), strict=True)]
            together = answering_nodes(setting, of_each)
            priced = priced_grid(setting.scenario, setting.grid, together, self.simulation.step_h)
            self._grid = tuple(sources), priced
        return self._grid[1]

    def unpriced_kwh(self) -> Exchange:
        """Return what those exchange that answer to a price, where nobody asks one [kWh]."""
        return {name: each.unpriced_kwh() for name, each in self._sources().items()}

    def _sources(self) -> dict[str, Scheme]:
        """Return the elastic loads and the schemes whose agents answer to a price, by name."""
        loads = self.simulation.elastic_loads
        everybody = {ELASTIC_LOADS: loads, **self.simulation.schemes}
        return {name: each for name, each in everybody.items() if each.answering is not None}


def time_of_use_price(simulation: "Simulation") -> float:
    """Return the utility's tariff in the step, its market's or by the clock [money/kWh]."""
    if simulation.setting.tariff is not None:
        return float(simulation.setting.tariff[simulation.step_index])
    tariff = simulation.time_of_use
    hour = simulation.calendar.hour_of_day(simulation.step_index)
    if tariff.from_hour <= tariff.to_hour:
        on_peak = tariff.from_hour <= hour < tariff.to_hour
    else:
        on_peak = hour >= tariff.from_hour or hour < tariff.to_hour
    return tariff.on_peak if on_peak else tariff.off_peak


def game_of(simulation: "Simulation") -> Game:
    """Return the game of the step as somebody would see it who knows everything."""
    market = simulation.market
    if market.game is None:
        market.game = _game_of(simulation, market.groups_in)
    return market.game


def _game_of(simulation: "Simulation", groups_in: Callable[[int], Sequence[Answering]]) -> Game:
    setting, market = simulation.setting, simulation.market
    kinks = tuple(
        answers_of(groups_in(m), fixed) for m, fixed in enumerate(market.passive_kwh.tolist())
    )
    rule = setting.scenario.prices.without_vehicles
    drawn = market.node_kwh, market.passive_kwh
    feed, limits = market.grid.feed(*drawn), market.grid.limits(*drawn)
    return Game(kinks, setting.cost, simulation.bounds, rule, feed, limits)


def planned_game_of(simulation: "Simulation") -> Game:
    """Return the game of the step as a planner sees it, who knows all losses and preferences."""
    market = simulation.market
    feed = market.grid.planned_feed(market.node_kwh, market.passive_kwh)
    return replace(preferred_game_of(simulation), feed=feed)


def preferred_game_of(simulation: "Simulation") -> Game:
    """Return the game of the step if everybody who answers best-responded."""
    market = simulation.market
    if not simulation.setting.scenario.chosen_behaviours:
        return game_of(simulation)

    def by_preference(community: int) -> list[Answering]:
        groups = market.groups_in(community)
        return [each.plain() if isinstance(each, ParkedVehicles) else each for each in groups]

    return _game_of(simulation, by_preference)


def _unlimited(
    simulation: "Simulation", game: Game, outcome: Outcome
) -> NDArray[np.float64] | None:
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
    simulation: "Simulation", outcome: Outcome, unlimited: NDArray[np.float64] | None = None
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
    exchange: Exchange, market: Market, community: int, energies: dict[str, NDArray[np.float64]]
) -> None:
    """Enter what an aggregator says that its groups exchange, by their own names."""
    for name, groups in market.answering.items():
        group = groups[community]
        if group.name in energies:
            exchange[name][community] = energies[group.name]
