"""A scenario checked together with the files it names, before anything is run."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.scenarios.member_groups import DatasetMembers, FileMembers
from hmesh.runs.scenarios.overrides import Changes
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario
from hmesh.runs.schemes.registry import sections_first


def check_scenario(
    name_or_path: str | Path,
    overrides: Changes = (),
    seed: int | None = None,
    plugins: Sequence[str] = (),
) -> Scenario:
    """Read a scenario and everything it names.

    Parameters
    ----------
    name_or_path, overrides, seed, plugins : str or Path, mapping or sequence of str, int, \
    sequence of str
        As `hmesh.runs.load_scenario` takes them.

    Returns
    -------
    Scenario
        The scenario, which can be run.

    Raises
    ------
    InputError
        When it cannot: every problem of the scenario or else of all its files at once.
    """
    scenario = load_scenario(name_or_path, overrides, seed, plugins)
    check_setting(scenario)
    return scenario


def check_setting(scenario: Scenario) -> None:
    """Make the world of a scenario, to see whether it can be made.

    Raises
    ------
    InputError
        When it cannot: every problem of all files the scenario names.
    """
    from hmesh.runs.world.behaving_rows import check_behaviours
    from hmesh.runs.world.setting import make_setting

    try:
        check_behaviours(make_setting(scenario))
    except InputError as first:
        # Making the setting stops at the first file; the others may have mistakes too.
        found = dict.fromkeys((*_file_problems(scenario), *first.problems))
        raise InputError(list(found)) from None


def _file_problems(scenario: Scenario) -> Iterator[Problem]:
    from hmesh.runs.scenarios.calendar import calendar_of, school_terms_of
    from hmesh.runs.world.city_grid import make_city_grid
    from hmesh.runs.world.members import measured_in, measured_loads
    from hmesh.runs.world.tariff import measured_tariff
    from hmesh.runs.world.travel import travel_problems

    try:
        school_terms_of(scenario)
    except InputError as error:
        yield from error.problems
    calendar = calendar_of(scenario, with_files=False)
    yield from travel_problems(scenario, calendar)
    for each in sections_first():
        if each.file_problems and scenario.section(each.name) is not None:
            yield from each.part("file_problems")(scenario, calendar)
    try:
        make_city_grid(scenario)
    except InputError as error:
        yield from error.problems
    groups = (group for community in scenario.communities.values() for group in community.members)
    measured = (group for group in groups if isinstance(group, FileMembers | DatasetMembers))
    for group in {measured_in(group): group for group in measured}.values():
        try:
            measured_loads(scenario, calendar, group)
        except InputError as error:
            yield from error.problems
    try:
        measured_tariff(scenario, calendar)
    except InputError as error:
        yield from error.problems
