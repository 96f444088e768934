"""Strategies of a scenario, whose plugins and schemes it must name."""

from typing import TYPE_CHECKING

from hmesh.environment.errors import Problem, refuse_all
from hmesh.runs.plugins.registered import OWNERS
from hmesh.runs.scenarios.scheme_sections import always_there
from hmesh.runs.strategy_names import parts_of, schemes_of

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario


def of_plugins_named(scenario: "Scenario") -> "Scenario":
    """Refuse strategies of plugins that a scenario does not name."""
    problems = [
        Problem(
            f"strategies.{index}",
            f"{strategy!r} is a strategy of the plugin {OWNERS[strategy]}",
            f"plugins: [{OWNERS[strategy]}] in the scenario, or --plugin",
        )
        for index, named in enumerate(scenario.strategies)
        for strategy in parts_of(named)
        if OWNERS.get(strategy, "") not in ("", *scenario.plugins)
    ]
    refuse_all(problems)
    return scenario


def of_schemes_there(scenario: "Scenario") -> "Scenario":
    """Refuse strategies of schemes that a scenario leaves out."""
    there = ", ".join(scenario.schemes) or always_there()
    problems = [
        Problem(
            f"strategies.{index}",
            f"{strategy!r} is a strategy of {scheme}, which the scenario leaves out",
            f"a section {scheme}, or strategies of {there}",
        )
        for index, strategy in enumerate(scenario.strategies)
        for scheme in schemes_of(strategy)
        if scheme not in scenario.schemes
    ]
    refuse_all(problems)
    return scenario
