"""In what two plans of sweeps, or two scenarios, differ, in words."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

SCHEMA = 1


def value_text(value: Any) -> str:
    """Return a value as a reader expects it in a table or a name."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.12g}"
    return json.dumps(value, ensure_ascii=False)


def plan_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words everything in which a plan differs from an earlier one.

    Parameters
    ----------
    before, now : mapping
        What `SweepPlan.described` returned.
    """
    varied = {**before["vary"], **now["vary"]}
    reported = scenario_differences(before, now)
    if before.get("schema") != now["schema"]:
        return reported
    if before["sample"] != now["sample"]:
        reported.append(f"sample is {before['sample']} there, {now['sample']} now")
    for key in varied:
        values = [
            ", ".join(map(value_text, plan["vary"][key])) if key in plan["vary"] else "not varied"
            for plan in (before, now)
        ]
        if values[0] != values[1]:
            reported.append(f"{key} varies over {_short(values[0])} there, {_short(values[1])} now")
    if before["seeds"] != now["seeds"]:
        seeds = [
            f"{len(plan['seeds'])} ({_short(', '.join(map(str, plan['seeds'])))})"
            for plan in (before, now)
        ]
        reported.append(f"seeds are {seeds[0]} there, {seeds[1]} now")
    if not reported and before["points"] != now["points"]:
        reported.append(
            f"points are {len(before['points'])} there, {len(now['points'])} others now"
        )
    if not reported and before["runs"] != now["runs"]:
        reported.append("the runs are others, since a file that a point names has changed")
    return reported


def scenario_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words in what the scenarios of two plans differ, but for their varied keys.

    Parameters
    ----------
    before, now : mapping
        What `SweepPlan.described` returned.
    """
    if before.get("schema") != now["schema"]:
        return [f"schema {before.get('schema')!r} there, {now['schema']} now"]
    varied = {**before["vary"], **now["vary"]}
    old, new = (flat(without_places(plan["scenario"])) for plan in (before, now))
    return [
        f"{key} is {shown(old, key)} there, {shown(new, key)} now"
        for key in dict.fromkeys((*old, *new))
        # The scenario's own value of a varied key never counts.
        if not within(key, varied) and old.get(key) != new.get(key)
    ]


def within(key: str, sections: Iterable[str]) -> bool:
    """Return whether a dotted key is one of some sections, or within one."""
    return any(f"{key}.".startswith(f"{section}.") for section in sections)


def without_places(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scenario without where its files lie, which does not count."""
    found = dict(scenario)
    if "files" in scenario:
        found["files"] = scenario["files"]["sha256"]
    if "plugins" in scenario:
        found["plugins"] = {name: held["sha256"] for name, held in scenario["plugins"].items()}
    return found


def flat(value: Any, above: str = "") -> dict[str, Any]:
    """Return all single values of nested data by their dotted path."""
    parts: Any = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    found: dict[str, Any] = {}
    for key, part in parts:
        found |= flat(part, f"{above}.{key}" if above else str(key))
    return found if parts else {above: value}


def shown(flat: Mapping[str, Any], key: str) -> str:
    """Return the value of a dotted key in words."""
    return value_text(flat[key]) if key in flat else "not given"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
