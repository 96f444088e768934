"""How vehicles come to their energy in a step: one class for each way that a run compares."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from environment.messages import PlugIn
from markets.demand_curve import kinks_of
from markets.three_level_game import (
    Game,
    Outcome,
    follow_closed_form,
    follow_exact,
    solve_closed_form,
    solve_exact,
    solve_grid,
)

if TYPE_CHECKING:
    from runs.world.simulation import Simulation


@dataclass(slots=True)
class Decision:
    """What was decided in a step.

    Attributes
    ----------
    utility_price : float
        What the utility asks [money/kWh].
    community_price : array, shape (communities,)
        What every community pays, NaN where it is without supply [money/kWh].
    exchange_kwh : list of array
        What every vehicle parked in a community exchanges, by community [kWh].
    counts : dict
        How often something happened that a reader should know of.
    worst : dict
        Largest value of something that should be small.
    """

    utility_price: float
    community_price: NDArray[np.float64]
    exchange_kwh: list[NDArray[np.float64]]
    counts: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)


class Strategy(Protocol):
    """Decides what the vehicles of a world exchange in a step."""

    def decide(self, simulation: "Simulation") -> Decision:
        """Decide from the state of the world, changing none of it."""
        ...


class Typical:
    """Vehicles plug in after their last trip of the day and charge until full; nobody bargains."""

    def decide(self, simulation: "Simulation") -> Decision:
        """Charge who is at home for the day, and price the energy at what it costs."""
        finished = simulation.vehicles.fleet.population["day_finished"]
        parked = simulation.vehicles.parked
        exchange = [np.where(finished[here.rows], here.upper_kwh, 0.0) for here in parked]
        drawn = float(sum(energy.sum() for energy in exchange))
        if simulation.setting.has_vehicles:
            simulation.bus.send(
                PlugIn(
                    step=simulation.step_index,
                    round=0,
                    sender="vehicles",
                    receiver="utility",
                    count=sum(int(finished[here.rows].sum()) for here in parked),
                    energy_kwh=drawn,
                )
            )
        price = simulation.setting.cost.retail_price(
            drawn + float(simulation.vehicles.passive_kwh.sum()),
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
        return _as_computed(simulation, follow(game, price))


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
        return _as_computed(simulation, outcome)


STRATEGIES: dict[str, type[Strategy]] = {
    "typical": Typical,
    "two_level": TwoLevelGame,
    "three_level": ThreeLevelGame,
}


def time_of_use_price(simulation: "Simulation") -> float:
    """Return the utility's tariff in the step, its market's or by the clock [money/kWh]."""
    if simulation.setting.tariff is not None:
        return float(simulation.setting.tariff[simulation.step_index])
    tariff = simulation.setting.scenario.prices.time_of_use
    hour = simulation.calendar.hour_of_day(simulation.step_index)
    if tariff.from_hour <= tariff.to_hour:
        on_peak = tariff.from_hour <= hour < tariff.to_hour
    else:
        on_peak = hour >= tariff.from_hour or hour < tariff.to_hour
    return tariff.on_peak if on_peak else tariff.off_peak


def game_of(simulation: "Simulation") -> Game:
    """Return the game of the step as somebody would see it who knows everything."""
    setting = simulation.setting
    kinks = tuple(
        kinks_of(float(fixed), p.lam, p.theta, p.usable_kwh, p.lower_kwh, p.upper_kwh)
        for fixed, p in zip(
            simulation.vehicles.passive_kwh, simulation.vehicles.parked, strict=True
        )
    )
    return Game(kinks, setting.cost, setting.bounds, setting.scenario.prices.without_vehicles)


def _by_messages(simulation: "Simulation", tariff: float | None) -> Decision:
    """Bargain by messages alone; the utility looks for its price unless a tariff sets it."""
    utility, bus, step = simulation.utility, simulation.bus, simulation.step_index
    taking_part = simulation.supplied_communities
    aggregators = [simulation.aggregators[m] for m in taking_part]
    utility.begin_step(step)
    opened_h = closed_h = bus.now_h
    for m, aggregator in zip(taking_part, aggregators, strict=True):
        # Communities talk at the same time.
        bus.now_h = opened_h
        passive = float(simulation.vehicles.passive_kwh[m])
        aggregator.begin_step(step, simulation.vehicles.parked[m], passive)
        closed_h = max(closed_h, bus.now_h)
    bus.now_h = closed_h
    found = utility.negotiate(aggregators) if tariff is None else None
    price = utility.price if tariff is None else tariff
    utility.announce(price, aggregators)
    community_price = np.full(len(simulation.aggregators), np.nan)
    exchange = [np.zeros(len(parked)) for parked in simulation.vehicles.parked]
    for m, aggregator in zip(taking_part, aggregators, strict=True):
        community_price[m], exchange[m] = aggregator.announce(aggregator.heard_price)
    bus.wait()
    counts = {
        "unexplained_vehicles": sum(aggregator.unexplained for aggregator in aggregators),
        "fallbacks": utility.fallbacks + sum(aggregator.fallbacks for aggregator in aggregators),
        "vehicle_questions": sum(aggregator.questions for aggregator in aggregators),
        "utility_questions": found.probes if found else 0,
    }
    worst = {"utility_profit_gap": found.gap if found else 0.0}
    return Decision(price, community_price, exchange, counts, worst)


def _as_computed(simulation: "Simulation", outcome: Outcome) -> Decision:
    """Announce prices that were computed from everybody's parameters."""
    utility, step = simulation.utility, simulation.step_index
    taking_part = simulation.supplied_communities
    utility.begin_step(step)
    utility.announce(outcome.utility_price, [simulation.aggregators[m] for m in taking_part])
    exchange = [np.zeros(len(parked)) for parked in simulation.vehicles.parked]
    fallbacks = utility.fallbacks
    for m in taking_part:
        aggregator, price = simulation.aggregators[m], float(outcome.community_price[m])
        exchange[m] = aggregator.impose(step, simulation.vehicles.parked[m], price)
        fallbacks += aggregator.fallbacks
    counts = {"fallbacks": fallbacks, "unattained_optima": int(not outcome.attained_lowest)}
    community_price = np.where(simulation.supplied, outcome.community_price, np.nan)
    return Decision(outcome.utility_price, community_price, exchange, counts)
