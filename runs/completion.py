"""What a shell offers while a command is typed: scenarios, folders of runs, keys of a scenario."""

from collections.abc import Iterator
from pathlib import Path

MOST_FOLDERS = 200


def complete_scenario(incomplete: str) -> list[str]:
    """Return the built-in scenarios and YAML files whose names begin as typed."""
    built_in = Path(__file__).with_name("scenarios") / "built_in"
    names = sorted(path.stem for path in built_in.glob("*.yaml"))
    return [*(name for name in names if name.startswith(incomplete)), *_files(incomplete)]


def complete_run(incomplete: str) -> list[str]:
    """Return the folders of runs, and folders that may hold some, whose paths begin as typed."""
    found = []
    for path, text in _beside(incomplete):
        if path.is_dir():
            found.append(text if (path / "run.json").is_file() else f"{text}/")
    return found[:MOST_FOLDERS]


def complete_change(incomplete: str) -> list[str]:
    """Return the keys of a scenario that begin as typed, sections with a point at their end."""
    from pydantic import BaseModel

    from hmesh.runs.scenarios.scenario import Scenario

    *sections, last = incomplete.split(".")
    if "=" in incomplete:
        return []
    model: type[BaseModel] = Scenario
    for section in sections:
        field = model.model_fields.get(section)
        inner = _section(None if field is None else field.annotation)
        if inner is None:
            return []
        model = inner
    above = "".join(f"{section}." for section in sections)
    return [
        f"{above}{name}{'.' if _section(field.annotation) is not None else '='}"
        for name, field in model.model_fields.items()
        if name.startswith(last)
    ]


def _section(annotation: object) -> "type | None":
    """Return the section that an annotation names, None where it is no single one."""
    from inspect import isclass
    from typing import get_args

    from pydantic import BaseModel

    for each in (annotation, *get_args(annotation)):
        if isclass(each) and issubclass(each, BaseModel):
            return each
    return None


def _files(incomplete: str) -> list[str]:
    return [
        f"{text}/" if path.is_dir() else text
        for path, text in _beside(incomplete)
        if path.is_dir() or path.suffix in (".yaml", ".yml")
    ]


def _beside(incomplete: str) -> Iterator[tuple[Path, str]]:
    """Yield what lies where a path that is typed leads to, hidden files left out."""
    folder, slash, begin = incomplete.rpartition("/")
    place = Path(f"{folder}/" if slash else ".")
    if not place.is_dir():
        return
    for path in sorted(place.iterdir()):
        if path.name.startswith(begin) and not path.name.startswith("."):
            yield path, f"{folder}{slash}{path.name}"
