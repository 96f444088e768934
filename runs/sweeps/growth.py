"""A sweep that grows: a folder of runs taken over by a plan that asks for all of them and more."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hmesh.runs.sweeps.plan_differences import scenario_differences
from hmesh.runs.sweeps.sweep_plan import HASH_DIGITS, SAMPLES, SweepPlan, distinct
from hmesh.runs.sweeps.values import value_of

_FOLDER = re.compile(rf"runs/([A-Za-z0-9.+=_-]+_([0-9a-f]{{{HASH_DIGITS}}}))")


def grown(plan: SweepPlan, before: Mapping[str, Any]) -> SweepPlan | None:
    """Return a plan whose runs stand in the folders of an earlier one, where it has all of them.

    Runs are the same where the digests of their scenarios are, whatever was varied to reach
    them. So values of a key, seeds and whole keys may be added, as long as every run of before is
    asked for again.

    Parameters
    ----------
    plan : SweepPlan
        What is asked for.
    before : mapping
        What `SweepPlan.described` returned of the sweep in the folder.

    Returns
    -------
    SweepPlan or None
        None where a run of before is not asked for, or the scenario is another one.

    Raises
    ------
    ValueError, LookupError, TypeError
        When a sweep did not write what is there before.
    """
    if scenario_differences(before, plan.described()):
        return None
    _refuse_contradictions(before)
    names: dict[str, str] = {}
    given: dict[str, tuple[Any, int]] = {}
    for run in before["runs"]:
        found = _FOLDER.fullmatch(run["directory"])
        if found is None:
            raise ValueError(f"{run['directory']!r} is no folder of a run")
        names[found[2]] = found[1]
        given[found[2]] = before["points"][run["point"]], run["seed"]
    now = {run.name[-HASH_DIGITS:]: run for run in plan.runs}
    if not names.keys() <= now.keys():
        return None
    for digest, (values, seed) in given.items():
        run = now[digest]
        if (values, seed) != ({key: value_of(run.resolved, key) for key in values}, run.seed):
            raise ValueError(f"{names[digest]!r} is not the run of its values and its seed")
    return replace(plan, folders=names)


def _refuse_contradictions(before: Mapping[str, Any]) -> None:
    """Refuse a plan whose parts are not those of one sweep.

    Raises
    ------
    ValueError
        When they are not.
    """
    points, seeds = before["points"], before["seeds"]
    runs = [(run["point"], run["seed"]) for run in before["runs"]]
    due = [(number, seed) for number in range(len(points)) for seed in seeds]
    varied = {
        key: distinct(point[key] for point in points)
        for key in (points[0] if points else before["vary"])
    }
    if runs != due or before["vary"] != varied or before["sample"] not in SAMPLES:
        raise ValueError("points, seeds and runs contradict each other")
