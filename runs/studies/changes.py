"""Keys of a study's scenario that a person changes for every part of it, as with ``--set``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.scenario_reading import load_scenario

_CHANGES: ContextVar[tuple[str, ...]] = ContextVar("changes of a study", default=())


@contextmanager
def with_changes(changes: Sequence[str]) -> Iterator[None]:
    """Change keys of every scenario that `study_scenario` loads meanwhile."""
    token = _CHANGES.set(tuple(changes))
    try:
        yield
    finally:
        _CHANGES.reset(token)


def changed() -> bool:
    """Return whether a person has changed a key of the study."""
    return bool(_CHANGES.get())


def study_scenario(
    name: str, *varied: str, base: Sequence[str] = (), seed: int | None = None
) -> Scenario:
    """Return the scenario of a study.

    Parameters
    ----------
    name : str
        Its name.
    varied : str
        What a part of the study varies, which a person cannot change.
    base : sequence of str
        How the study differs from the built-in scenario, unless a person changes it.
    seed : int, optional
        Another seed.
    """
    return load_scenario(name, (*base, *_CHANGES.get(), *varied), seed)
