"""The plugins that a run recorded, compared with what they are now."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import Problem, refuse_all
from hmesh.runs.plugins.loading import changed

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario


def changed_plugins(info: Mapping[str, Any], scenario: "Scenario") -> dict[str, list[str]]:
    """Return the digests that each changed plugin had in earlier parts of a run.

    Parameters
    ----------
    info : mapping
        What run.json says.
    scenario : Scenario
        The scenario of the run, with its plugins as they are now.
    """
    earlier = {name: list(held) for name, held in (info.get("changed_plugins") or {}).items()}
    recorded = info["scenario"].get("plugins", {})
    for name, (before, _) in changed(recorded, scenario.loaded_plugins).items():
        earlier.setdefault(name, []).append(before)
    return earlier


def refuse_changed_plugins(directory: Path, info: Mapping[str, Any], scenario: "Scenario") -> None:
    """Refuse to continue a run with plugins other than those it began with.

    Raises
    ------
    InputError
        When one has changed: every one of them is named.
    """
    recorded = info["scenario"].get("plugins", {})
    problems = [
        Problem(
            str(directory),
            f"plugin {name} has changed since the run began "
            f"(sha256 {before[:12]} then, {now[:12]} now: {recorded[name]['path']})",
            "the plugin as it was, or --allow-changed-plugins",
        )
        for name, (before, now) in changed(recorded, scenario.loaded_plugins).items()
    ]
    refuse_all(problems)
