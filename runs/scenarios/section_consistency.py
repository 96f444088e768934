"""What sections of a scenario need of each other, beyond what each of them says by itself."""

from typing import Any

from pydantic import ValidationInfo

from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.runs.plugins.metrics import metrics_of
from hmesh.runs.plugins.registered import BEHAVIOURS, FORECASTERS, unnamed_plugin
from hmesh.runs.scenarios.base import SchemeSection, refuse
from hmesh.runs.scenarios.behaviour_section import behaviour_problems
from hmesh.runs.scenarios.chance_section import Location
from hmesh.runs.scenarios.grid_section import grid_problems
from hmesh.runs.scenarios.groups_with_tariff import tariff_problems
from hmesh.runs.scenarios.price_sections import PriceRules
from hmesh.runs.schemes.registry import schemes
from hmesh.runs.strategy_names import schemes_of


def each_once(strategies: tuple[str, ...]) -> tuple[str, ...]:
    """Return strategies none of which is named twice."""
    if not strategies:
        raise refuse("no strategy is named")
    twice = [
        Problem(str(index), f"{name!r} is named twice", "each strategy once")
        for index, name in enumerate(strategies)
        if name in strategies[:index]
    ]
    refuse_all(twice)
    return strategies


def there_if_compared(section: Any, info: ValidationInfo) -> Any:
    """Return the section of a scheme, which is there where a strategy is of that scheme."""
    scheme = str(info.field_name)
    compared = [name for name in info.data.get("strategies", ()) if scheme in schemes_of(name)]
    if section is None and compared:
        raise refuse(
            f"is missing, and the strategy {compared[0]!r} is one of it",
            allowed=f"a section {scheme}, or strategies without {', '.join(compared)}",
        )
    return section


def tariff_within_bounds(prices: PriceRules, info: ValidationInfo) -> PriceRules:
    """Return prices among which the tariff of the two-level game forces nobody into a loss."""
    if "two_level" not in info.data.get("strategies", ()):
        return prices
    highest = prices.aggregator[1]
    tariff = prices.time_of_use
    if tariff.dataset is not None:
        return prices
    problems = [
        Problem(
            f"time_of_use.{name}",
            f"{price:g} is above the highest community price, which would force a loss",
            f"at most {highest:g}, the upper bound of prices.aggregator",
        )
        for name, price in (("on_peak", tariff.on_peak), ("off_peak", tariff.off_peak))
        if price > highest
    ]
    refuse_all(problems)
    return prices


def known_for_the_sun(location: Location | None, info: ValidationInfo) -> Location | None:
    """Return where the communities are, which is known where anybody generates by the sun."""
    if location is not None:
        return location
    allowed = "their latitude and longitude"
    communities = info.data.get("communities", {})
    if any(group.pv_kw for community in communities.values() for group in community.members):
        raise refuse("members have photovoltaics", allowed=allowed)
    for scheme in schemes():
        section: SchemeSection | None = info.data.get(scheme)
        if section is not None and section.in_the_sun:
            raise refuse(section.in_the_sun, allowed=allowed)
    return None


def refuse_all_burn_in(scenario: Any) -> Any:
    """Return a scenario of which something is left when its burn-in is left out."""
    if scenario.burn_in_steps >= scenario.steps:
        message = f"nothing is left of {scenario.hours:g} h after {scenario.record.burn_in_h:g} h"
        allowed = f"less than {scenario.hours:g}"
        raise InputError([Problem("record.burn_in_h", message, allowed)])
    return scenario


def forecaster_of_a_plugin_named(scenario: Any) -> Any:
    """Return a scenario that names the plugin of its forecaster."""
    expected = scenario.expected_price
    if expected.of_a_plugin:
        registered = FORECASTERS[expected.forecaster]
        place, named = "expected_price.forecaster", {"plugins": scenario.plugins}
        refuse_all(list(unnamed_plugin(place, "forecaster", registered, named)))
    return scenario


def grid_to_everybody(scenario: Any) -> Any:
    """Return a scenario whose grid and tariffs reach everybody in it."""
    refuse_all([*grid_problems(scenario), *tariff_problems(scenario)])
    return scenario


def behaviours_of_agents_there(scenario: Any) -> Any:
    """Return a scenario whose behaviours are those of agents that take part."""
    sections = {name: scenario.section(name) for name in scenario.schemes}
    places = sections, scenario.plugins, scenario.communities
    problems = list(behaviour_problems(scenario.behaviours, *places))
    for name, section in sections.items():
        for number, (group, given) in enumerate(section.behaving_groups.items()):
            if given is not None:
                place = f"{name}.groups.{number}.behaviour" if group else f"{name}.behaviour"
                here, named = place, {"plugins": scenario.plugins}
                registered = BEHAVIOURS[given.name]
                problems += unnamed_plugin(here, "behaviour", registered, named)
    refuse_all(problems)
    return scenario


def measures_of_vehicles(scenario: Any) -> Any:
    """Return a scenario that measures vehicles only where there are some."""
    given = scenario.record.measures
    if given and "vehicles" not in scenario.schemes:
        allowed = "a section vehicles"
        raise InputError([Problem("record.measures", "there are no vehicles", allowed)])
    named = sorted({each.name for each in metrics_of(scenario.plugins)}.intersection(given))
    if named:
        message = f"a metric of a plugin is called {named[0]!r} too"
        raise InputError([Problem("record.measures", message, "another name there")])
    return scenario
