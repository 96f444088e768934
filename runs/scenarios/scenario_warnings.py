"""What a person may want to look at in a scenario that can be run."""

from environment.errors import InputError, Problem
from runs.scenarios.measured_warnings import measured_warnings
from runs.scenarios.plausibility import implausible
from runs.scenarios.scenario import Scenario
from runs.scenarios.school_warnings import school_warnings


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
        warnings += [
            *implausible(scenario), *school_warnings(scenario), *measured_warnings(scenario)
        ]  # fmt: skip
    except InputError:
        return warnings
    return list(dict.fromkeys(warnings))
