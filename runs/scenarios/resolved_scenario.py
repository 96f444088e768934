"""A scenario as plain data in the folder of a run: written, read back, and its digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.runs.plugins.loading import load_recorded
from hmesh.runs.scenarios.converted_money import ConvertedMoney
from hmesh.runs.scenarios.prosumer_parts import RESOLVED
from hmesh.runs.scenarios.scenario_files import sha256_of

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario

# What runs did that were written before these keys existed.
_BEFORE_THESE_KEYS: Mapping[str, Mapping[str, Any]] = {
    "game": {"losses": "ignored"},
    "grid": {"limits": "count"},
    "record": {"welfare": False},
}


def resolved_data(scenario: "Scenario") -> dict[str, Any]:
    """Return a scenario as plain data with everything filled in, as `Scenario.resolved` says."""
    resolved = scenario.model_dump(mode="json")
    del resolved["plugins"]
    if not scenario.behaviours:
        del resolved["behaviours"]
    if not scenario.events:
        del resolved["events"]
    if not scenario.expects_prices:
        del resolved["expected_price"]
    if scenario.loaded_plugins:
        resolved["plugins"] = {
            plugin.name: {"path": plugin.path, "sha256": plugin.sha256}
            for plugin in scenario.loaded_plugins
        }
    files = scenario.files()
    if files:
        digests = {file: sha256_of(scenario.path_of(file)) for file in files}
        resolved["files"] = {"folder": str(scenario.path_of("")), "sha256": digests}
    if scenario.converted_money:
        resolved["converted_money"] = [asdict(amount) for amount in scenario.converted_money]
    return resolved


def given_and_context(resolved: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a scenario is validated from that `resolved_data` described, and its context.

    Raises
    ------
    InputError
        If a plugin that it names cannot be loaded.
    """
    given = dict(resolved)
    files = given.pop("files", {})
    amounts = given.pop("converted_money", [])
    recorded = given.pop("plugins", {})
    context = {
        "folder": Path(files.get("folder", "")),
        RESOLVED: True,
        "plugins": load_recorded(recorded),
        "converted_money": tuple(ConvertedMoney(**amount) for amount in amounts),
    }
    given["plugins"] = tuple(recorded)
    for section, before in _BEFORE_THESE_KEYS.items():
        stated = given.get(section, {})
        # What is no mapping, in a damaged file, is refused with all other mistakes.
        given[section] = {**before, **stated} if isinstance(stated, dict) else stated
    return given, context


def scenario_hash(resolved: Mapping[str, Any]) -> str:
    """Return the digest of a scenario and of the content of its files.

    Parameters
    ----------
    resolved : mapping
        What `Scenario.resolved` returned. Where the files lie does not count.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    counted = dict(resolved)
    if "files" in counted:
        counted["files"] = counted["files"]["sha256"]
    if "plugins" in counted:
        counted["plugins"] = {name: held["sha256"] for name, held in counted["plugins"].items()}
    text = json.dumps(counted, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
