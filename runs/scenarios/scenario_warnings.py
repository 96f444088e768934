"""What a person may want to look at in a scenario that can be run."""

from environment.errors import Problem
from runs.scenarios.scenario import Scenario
from runs.scenarios.school_warnings import school_warnings


def scenario_warnings(scenario: Scenario) -> list[Problem]:
    """Return what was converted, and what is unusual in a scenario that can be run.

    Parameters
    ----------
    scenario
        A scenario whose files can be used.
    """
    return [
        *(amount.warning for amount in scenario.converted_money),
        *school_warnings(scenario),
    ]
