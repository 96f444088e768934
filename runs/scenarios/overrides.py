"""Changes of a scenario from outside its file, such as `vehicles.count=500`."""

from collections.abc import Sequence
from typing import Any

from environment.errors import InputError, Problem
from runs.scenarios.yaml_reader import place, read_yaml

SOURCE = "--set"


def override(
    given: dict[str, Any], changes: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[Problem]]:
    """Change what a scenario file gave, in place.

    Parameters
    ----------
    given
        The content of the file.
    changes
        Each a dotted path of keys, `=` and a value in YAML; a part of a list is named by its
        position from 0.

    Returns
    -------
    changed : list of tuple of str
        The paths of keys that were changed or came to be.
    problems : list of Problem
        The changes that could not be made; keys unknown to the scenario are not among them.
    """
    changed = []
    problems: list[Problem] = []
    for change in changes:
        dotted, equals, text = change.partition("=")
        keys = tuple(key.strip() for key in dotted.split("."))
        if not equals or not all(keys):
            problems.append(Problem(SOURCE, f"{change!r} changes nothing", "key.of.section=value"))
            continue
        try:
            value = read_yaml(text.strip(), place(SOURCE, keys))
            changed.append(_put(given, keys, value))
        except InputError as error:
            problems += error.problems
    return changed, problems


def _put(section: Any, keys: tuple[str, ...], value: object) -> tuple[str, ...]:
    new = len(keys)
    for depth, key in enumerate(keys):
        here = place(SOURCE, keys[: depth + 1])
        position: str | int = key
        if isinstance(section, list):
            if not key.isdecimal() or int(key) >= len(section):
                message = f"the list has no part {key!r}"
                raise InputError([Problem(here, message, f"0 to {len(section) - 1}")])
            position = int(key)
        elif not isinstance(section, dict):
            message = f"there is no section {'.'.join(keys[:depth])!r} to change a part of"
            raise InputError([Problem(here, message, "the key of a single value")])
        if depth == len(keys) - 1:
            section[position] = value
        elif isinstance(section, dict) and section.get(key) is None:
            section[key] = {}
            new = min(new, depth + 1)
        section = section[position]
    return keys[:new]
