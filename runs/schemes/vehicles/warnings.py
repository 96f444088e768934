"""What a person may want to look at in the vehicles of a scenario."""

from collections.abc import Iterator
from math import inf

from hmesh.environment.errors import Problem
from hmesh.runs.plugins.registered import BEHAVIOURS
from hmesh.runs.scenarios.money_defaults import Given
from hmesh.runs.scenarios.plausibility import FAR_ABOVE, span, span_text
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.vehicles.section import Vehicles


def vehicle_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of preferences that no price reaches, and of prices that know no behaviour."""
    yield from _prices_without_behaviours(scenario)
    vehicles: Vehicles = scenario.vehicles
    if not (Given(scenario.model_dump()).bargains and vehicles.expected(scenario)):
        return
    prices = scenario.prices.aggregator
    lam = span(scenario, vehicles.lam, vehicles.count, -inf)
    theta = span(scenario, vehicles.theta, vehicles.count, 0.0)
    full_kwh = (vehicles.soc_max - vehicles.soc_min) * vehicles.capacity_kwh
    always = lam[0] - theta[1] * full_kwh > prices[1]
    shown = span_text(lam, scenario.currency)
    if always or lam[0] > FAR_ABOVE * max(prices[1], 0.0):
        message = f"{shown} lies far above the highest community price, {prices[1]:g}"
        yield Problem("vehicles.lam", f"{message}: vehicles charge whatever the price")
    elif lam[1] < prices[0]:
        message = f"{shown} lies below the lowest community price, {prices[0]:g}"
        yield Problem("vehicles.lam", f"{message}: no vehicle ever charges")


def _prices_without_behaviours(scenario: Scenario) -> Iterator[Problem]:
    """Yield a warning where prices are computed that vehicles do not answer as assumed."""
    solver = scenario.game.solver
    schemes = {BEHAVIOURS[choice.behaviour].scheme for choice in scenario.behaviours}
    if solver == "negotiate" or "vehicles" not in schemes:
        return
    if Given(scenario.model_dump()).bargains:
        message = f"{solver} computes prices from lam and theta of all vehicles"
        more = "those that follow a behaviour answer otherwise; negotiate asks them"
        yield Problem("game.solver", f"{message}: {more}")
