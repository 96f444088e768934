"""With which versions of hMESH and its packages a run was made, part by part."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hmesh.environment.errors import InputError
from hmesh.runs.results.contract import version_of
from hmesh.runs.results.run_folder import read_folder

# Those on which the last digits of results, or the bytes of their files, may depend.
_PACKAGES = ("hmesh", "numpy", "scipy", "pandas", "mesa", "simpy", "networkx", "pyarrow")


@cache
def versions_now() -> dict[str, str]:
    """Return the versions of Python, hMESH and the packages that results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def resumed_with(info: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the versions of each part of a run that began with others than the part before.

    Parameters
    ----------
    info : mapping
        What run.json says of the run, before it is resumed now.
    """
    before: list[dict[str, str]] = list(info.get("resumed_with", ()))
    latest = before[-1] if before else info["versions"]
    return before if latest == versions_now() else [*before, dict(versions_now())]


def versions_note(directory: Path | str) -> str:
    """Return in a line how the versions differ from those that an unfinished run was left with.

    Returns
    -------
    str
        "" where they are the same, or the run is complete.

    Raises
    ------
    InputError
        When the folder holds no run.
    """
    run, now = read_folder(directory), versions_now()
    left: dict[str, str] = run.info.get("resumed_with", [run.info["versions"]])[-1]
    changed = [
        f"{name} {left.get(name, 'unknown')}, now {now.get(name, 'unknown')}"
        for name in {**left, **now}
        if left.get(name) != now.get(name)
    ]
    if run.complete or not changed:
        return ""
    return (
        f"the run was left with {'; '.join(changed)}; the last digits of its results may differ "
        "from those of a run with one version throughout"
    )


@contextmanager
def naming_other_version(info: Mapping[str, Any]) -> Iterator[None]:
    """Let the error of a state that cannot be used name the version that left it, if another one.

    Parameters
    ----------
    info : mapping
        What run.json states.
    """
    try:
        yield
    except InputError as error:
        wrote, now = version_of(info), versions_now()["hmesh"]
        if not wrote or wrote == now:
            raise
        way = f"or resume it with hMESH {wrote}, which left it (this is {now})"
        first, *others = error.problems
        first = replace(first, message=f"{first.message}; {way}")
        raise InputError([first, *others]) from None
