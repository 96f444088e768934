"""The game of a step, as those see it who decide its prices."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hmesh.agents.answering import Answering, answers_of
from hmesh.agents.parked_vehicles import ParkedVehicles
from hmesh.markets.price_game import Game

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


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
