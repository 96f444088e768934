"""A scenario checked together with the files it names, before anything is run."""

from collections.abc import Iterator, Sequence

from environment.errors import InputError, Problem

from .scenario import Scenario, load_scenario
from .scenario_sections import FileMembers


def check_scenario(
    name_or_path: str, overrides: Sequence[str] = (), seed: int | None = None
) -> Scenario:
    """Read a scenario and everything it names.

    Parameters
    ----------
    name_or_path, overrides, seed
        As `runs.load_scenario` takes them.

    Returns
    -------
    Scenario
        The scenario, which can be run.

    Raises
    ------
    InputError
        When it cannot: every problem of the scenario or else of all its files at once.
    """
    from .setting import make_setting

    scenario = load_scenario(name_or_path, overrides, seed)
    try:
        make_setting(scenario)
    except InputError as first:
        # Making the setting stops at the first file; the others may have mistakes too.
        found = dict.fromkeys((*_file_problems(scenario), *first.problems))
        raise InputError(list(found)) from None
    return scenario


def _file_problems(scenario: Scenario) -> Iterator[Problem]:
    from environment.calendar import Calendar
    from environment.day_plans import read_day_plans
    from environment.demand import read_loads

    calendar = Calendar(scenario.start, scenario.time_zone, scenario.step_h)
    day_plans = scenario.vehicles.day_plans
    try:
        path = None if day_plans is None else scenario.path_of(day_plans)
        read_day_plans(path, list(scenario.communities))
    except InputError as error:
        yield from error.problems
    groups = (group for community in scenario.communities.values() for group in community.members)
    for file in dict.fromkeys(group.file for group in groups if isinstance(group, FileMembers)):
        try:
            read_loads(scenario.path_of(file), calendar, scenario.steps)
        except InputError as error:
            yield from error.problems
