"""Changes of a scenario from outside its file, such as `vehicles.count=500`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.runs.scenarios.record_section import auto_beside
from hmesh.runs.scenarios.yaml_reader import place, read_yaml

SOURCE = "--set"


type Changes = Sequence[str] | Mapping[str, Any]


def as_texts(changes: Changes) -> list[str]:
    """Return changes as a person would write them on the command line.

    Parameters
    ----------
    changes : mapping or sequence of str
        Texts such as "vehicles.count=500", or a value for each dotted path of keys, such as
        ``{"vehicles.count": 500}``.

    Raises
    ------
    InputError
        When it is a single text, or values are none of text, number, truth value, None, list and
        mapping of those: every one of them is named.
    """
    if isinstance(changes, str):
        message = f"the text {changes!r} is no list of changes"
        allowed = f"a list such as [{changes!r}], or a mapping"
        raise InputError([Problem("changes", message, allowed)])
    if not isinstance(changes, Mapping):
        return list(changes)
    texts, problems = [], []
    for key, value in changes.items():
        try:
            texts.append(
                f"{key}={json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)}"
            )
        except (TypeError, ValueError) as error:
            allowed = "text, a number, true, false, null, or a list or mapping of them"
            problems.append(Problem(place(SOURCE, (str(key),)), str(error), allowed))
    refuse_all(problems)
    return texts


def _plain(value: Any) -> Any:
    """Return a number or an array of NumPy as plain data."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} of type {type(value).__name__} stands in no scenario")


def override(
    given: dict[str, Any], changes: Changes
) -> tuple[list[tuple[str, ...]], list[Problem]]:
    """Change what a scenario file gave, in place.

    Parameters
    ----------
    given : dict
        The content of the file.
    changes : mapping or sequence of str
        Each a dotted path of keys, `=` and a value in YAML, or a mapping of paths to values; a part
        of a list is named by its position from 0.

    Returns
    -------
    changed : list of tuple of str
        The paths of keys that were changed or added.
    problems : list of Problem
        The changes that could not be made; keys unknown to the scenario are not among them.
    """
    changed = []
    problems: list[Problem] = []
    for change in as_texts(changes):
        dotted, equals, text = change.partition("=")
        keys = tuple(key.strip() for key in dotted.split("."))
        if not equals or not all(keys):
            problems.append(Problem(SOURCE, f"{change!r} changes nothing", "key.of.section=value"))
            continue
        try:
            value = read_yaml(text.strip(), place(SOURCE, keys))
            if keys == ("record",):
                value = auto_beside(given.get("record"), value)
            changed.append(_put(given, keys, value))
        except InputError as error:
            problems += error.problems
    _one_length(given, changed)
    return changed, problems


def _one_length(given: dict[str, Any], changed: Sequence[tuple[str, ...]]) -> None:
    """Let a length that was changed stand in place of the file's other one."""
    for key, other in (("hours", "years"), ("years", "hours")):
        if (key,) in changed and (other,) not in changed and given[key] is not None:
            given.pop(other, None)


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
