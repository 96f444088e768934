"""Read a scenario from its file, with the changes of a command line."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from pydantic import ValidationError

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.scenarios.overrides import SOURCE, Changes, override
from hmesh.runs.scenarios.problems import Keys, problems_of
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_files import content_of, find_scenario, plugins_named
from hmesh.runs.scenarios.yaml_reader import place, with_lines


def load_scenario(
    name_or_path: str | Path,
    overrides: Changes = (),
    seed: int | None = None,
    plugins: Sequence[str] = (),
) -> Scenario:
    """Read a scenario, change it, and check it.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a built-in scenario, or the path of a YAML file.
    overrides : mapping or sequence of str, optional
        Changes such as `vehicles.count=500`, whose values are YAML, or a mapping such as
        ``{"vehicles.count": 500}``; a part of a list is named by its position from 0.
    seed : int, optional
        The seed in place of the scenario's.
    plugins : sequence of str, optional
        Files and modules loaded beside those that the scenario names.

    Returns
    -------
    Scenario
        The scenario with everything filled in.

    Raises
    ------
    InputError
        When it cannot be read or is wrong: every problem at once, each with its file and key.
    """
    path = find_scenario(str(name_or_path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(path.name, f"cannot be read: {error}")]) from None
    given = deepcopy(content_of(text, path.name))
    if not isinstance(given, dict):
        sections = ", ".join(Scenario.model_fields)
        raise InputError([Problem(path.name, "is not a scenario", f"the keys {sections}")])
    changed, problems = override(given, overrides)
    if seed is not None:
        given["seed"] = seed

    context = {
        "folder": path.parent,
        "check_files_in": path.parent,
        "plugins": plugins_named(given, path, plugins),
    }

    def name_place(keys: Keys) -> str:
        if seed is not None and keys == ("seed",):
            return "--seed"
        by_hand = any(keys[: len(change)] == change for change in changed)
        return place(SOURCE if by_hand else path.name, keys)

    try:
        scenario = Scenario.model_validate(given, context=context)
    except ValidationError as error:
        problems += problems_of(error, Scenario, name_place)
    if given.get("hours") is not None and given.get("years") is not None:
        message, allowed = "years state the length of the run too", "one of hours and years"
        problems.append(Problem(name_place(("hours",)), message, allowed))
    if problems:
        raise InputError(with_lines(problems, text, path.name))
    return scenario
