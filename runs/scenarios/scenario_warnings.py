"""What a person may want to look at in a scenario that can be run."""

from collections.abc import Iterator

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.scenarios.measured_warnings import measured_warnings
from hmesh.runs.scenarios.plausibility import implausible
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.registry import schemes, sections_first
from hmesh.runs.strategy_names import strategies_within
from hmesh.runs.world.travel import travel_warnings


def scenario_warnings(scenario: Scenario) -> list[Problem]:
    """Return what was converted, and what is unusual in a scenario and the files it names.

    Parameters
    ----------
    scenario : Scenario
        The scenario. Where one of its files cannot be used there are no warnings about files: a
        check, or the run itself, reports what is wrong.
    """
    warnings = [amount.warning for amount in scenario.converted_money]
    try:
        found = list(implausible(scenario))
        for each in sections_first():
            if each.warnings:
                found += each.part("warnings")(scenario)
        found += _compared_with_nothing(scenario)
        found += measured_warnings(scenario)
        found += travel_warnings(scenario)
    except InputError:
        return warnings
    return list(dict.fromkeys((*warnings, *found)))


def _compared_with_nothing(scenario: Scenario) -> Iterator[Problem]:
    """Warn of prices of devices that no strategy does without: nothing says whether they pay."""
    for name in scenario.schemes:
        scheme, section = schemes()[name], scenario.section(name)
        economics = getattr(section, "economics", None)
        if not scheme.pays or economics is None or not scheme.strategies:
            continue
        priced = any("_price" in key and value for key, value in economics.model_dump().items())
        without = scheme.without_devices or (scheme.strategies[0].name,)
        if priced and not set(without).intersection(strategies_within(name, scenario.strategies)):
            message = "every strategy needs these devices, so that nothing says whether they pay"
            yield Problem(f"{name}.economics", message, f"one of {', '.join(without)} beside them")
