"""What a person may want to look at in the vehicles of a scenario."""

from collections.abc import Iterator
from math import inf, isnan
from typing import Any

from hmesh.environment.errors import Problem
from hmesh.runs.plugins.registered import BEHAVIOURS
from hmesh.runs.scenarios.money_defaults import Given
from hmesh.runs.scenarios.plausibility import FAR_ABOVE, span, span_text
from hmesh.runs.scenarios.preferences import highest_of, lowest_of
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.vehicles.section import VehicleGroup, Vehicles, on_the_way


def vehicle_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of preferences that no price reaches, and of prices that know no behaviour."""
    yield from _prices_without_behaviours(scenario)
    yield from _on_the_way(scenario)
    vehicles: Vehicles = scenario.vehicles
    if not (Given(scenario.model_dump()).bargains and vehicles.expected(scenario)):
        return
    for number, group in enumerate(vehicles.every):
        place = f"vehicles.groups.{number}.lam" if vehicles.groups else "vehicles.lam"
        yield from _unreached(scenario, group, place)


def _on_the_way(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of vehicles that are to charge on their way, and cannot as they should."""
    fast = any(each.fast_chargers for each in scenario.communities.values())
    if not on_the_way(scenario):
        if fast:
            message = "no vehicle stops at chargers with on_the_way: true"
            yield Problem("travel.charge_on_the_way", message, "true")
        return
    if not fast:
        message = "no community has chargers with on_the_way: true, so that no vehicle can stop"
        yield Problem("travel.charge_on_the_way", message, "such chargers, or false")


def _unreached(scenario: Scenario, group: VehicleGroup, place: str) -> Iterator[Problem]:
    """Yield a warning where no price moves the vehicles of a group."""
    prices = scenario.prices.aggregator
    lam = span(scenario, group.lam, group.count, -inf)
    theta = span(scenario, group.theta, group.count, 0.0)
    usable = _highest(group.soc_max, 1.0) - _lowest(group.soc_min)
    # Of capacities in a file nothing is said here.
    full_kwh = usable * _highest(group.capacity_kwh, inf) if group.model is None else inf
    always = lam[0] - theta[1] * full_kwh > prices[1]
    shown = span_text(lam, scenario.currency)
    if always or lam[0] > FAR_ABOVE * max(prices[1], 0.0):
        message = f"{shown} lies far above the highest community price, {prices[1]:g}"
        yield Problem(place, f"{message}: vehicles charge whatever the price")
    elif lam[1] < prices[0]:
        message = f"{shown} lies below the lowest community price, {prices[0]:g}"
        yield Problem(place, f"{message}: no vehicle ever charges")


def _highest(preference: Any, unknown: float) -> float:
    highest = highest_of(preference)
    return unknown if isnan(highest) else highest


def _lowest(preference: Any) -> float:
    lowest = lowest_of(preference)
    return 0.0 if isnan(lowest) else lowest


def _prices_without_behaviours(scenario: Scenario) -> Iterator[Problem]:
    """Yield a warning where prices are computed that vehicles do not answer as assumed."""
    solver = scenario.game.solver
    chosen = [BEHAVIOURS[choice.behaviour] for choice in scenario.chosen_behaviours]
    # Those that answer by curves are known to every solver that adds curves.
    unknown = [
        each.name
        for each in chosen
        if each.scheme == "vehicles"
        and (solver == "closed_form" or not each.agent_class.by_rows("curve"))
    ]
    if solver == "negotiate" or not unknown:
        return
    if Given(scenario.model_dump()).bargains:
        message = f"{solver} computes prices from lam and theta of all vehicles"
        more = "those that follow a behaviour answer otherwise; negotiate asks them"
        yield Problem("game.solver", f"{message}: {more}")
