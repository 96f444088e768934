"""Where scenario files are, and what they contain."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hmesh.environment.errors import InputError, Problem, impossible_path, nearest
from hmesh.runs.plugins.loading import Plugin, load_plugins
from hmesh.runs.scenarios.yaml_reader import place, read_yaml

BUILT_IN = Path(__file__).parent / "built_in"
STUDIES = BUILT_IN / "studies"


def builtin_scenarios() -> list[tuple[str, str]]:
    """Return the name and the description of every scenario that comes with hMESH."""
    return _described(BUILT_IN)


def study_scenarios() -> list[tuple[str, str]]:
    """Return the name and the description of every scenario of a study of emergence."""
    return _described(STUDIES)


def _described(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in sorted(folder.glob("*.yaml")):
        given = read_yaml(path.read_text(encoding="utf-8"), path.name)
        found.append((path.stem, str(given["description"])))
    return found


def plugins_named(given: dict[str, Any], path: Path, by_hand: Sequence[str]) -> tuple[Plugin, ...]:
    """Load the plugins of a scenario before the rest of it is checked, which may name their parts.

    All of them are then among the plugins that the scenario names.
    """
    named = given.get("plugins", ())
    if not isinstance(named, list | tuple) or not all(isinstance(name, str) for name in named):
        allowed = "a list such as [my_agents.py, package.module]"
        message = f"{named!r} is not a list of plugins"
        raise InputError([Problem(place(path.name, ("plugins",)), message, allowed)])
    loaded = load_plugins(named, path.parent, by_hand)
    if loaded:
        given["plugins"] = [plugin.name for plugin in loaded]
    return loaded


@lru_cache(maxsize=1)
def content_of(text: str, name: str) -> Any:
    """Return what a file says, read once for all the changes that are made to it."""
    return read_yaml(text, name)


def find_scenario(name_or_path: str) -> Path:
    """Return the file of a scenario, built in or not.

    Raises
    ------
    InputError
        When there is none, with the nearest name.
    """
    for folder in (BUILT_IN, STUDIES):
        built_in = folder / f"{name_or_path}.yaml"
        if built_in in folder.glob("*.yaml"):
            return built_in
    path = Path(name_or_path)
    if reason := impossible_path(path):
        raise InputError([Problem(name_or_path, f"cannot be opened: {reason}", "a YAML file")])
    if path.is_file():
        return path
    names = [name for name, _ in (*builtin_scenarios(), *study_scenarios())]
    suggestion = nearest(name_or_path, names)
    if path.suffix in (".yaml", ".yml") and path.parent.is_dir():
        beside = {entry.name for entry in path.parent.glob(f"*{path.suffix}")}
        near = nearest(path.name, beside)
        suggestion = str(path.parent / near) if near else suggestion
    allowed = f"a YAML file or one of {', '.join(names)}"
    message = "is a folder" if path.is_dir() else "there is no such scenario or file"
    raise InputError([Problem(name_or_path, message, allowed, suggestion)])


def sha256_of(path: Path) -> str:
    """Return the digest of a file; one that cannot be read is refused."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
