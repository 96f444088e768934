"""What a person may want to look at in a scenario that can be run."""

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.scenarios.measured_warnings import measured_warnings
from hmesh.runs.scenarios.plausibility import implausible
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.registry import sections_first
from hmesh.runs.world.travel import travel_warnings


def scenario_warnings(scenario: Scenario) -> list[Problem]:
    """Return what was converted, and what is unusual in a scenario and the files it names.

    Parameters
    ----------
    scenario
        The scenario. Where one of its files cannot be used there are no warnings about files: a
        check, or the run itself, reports what is wrong.
    """
    warnings = [amount.warning for amount in scenario.converted_money]
    try:
        found = list(implausible(scenario))
        for each in sections_first():
            if each.warnings:
                found += each.part("warnings")(scenario)
        found += measured_warnings(scenario)
        found += travel_warnings(scenario)
    except InputError:
        return warnings
    return list(dict.fromkeys((*warnings, *found)))
