"""Further runs made from an existing one: the same one extended, or a branch of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.runs.results.folder_lock import locked
from hmesh.runs.results.kept_states import forget_states, put_state, renew_states, state_before
from hmesh.runs.results.new_folder import refuse_used
from hmesh.runs.results.run_plugins import refuse_changed_plugins
from hmesh.runs.results.run_reader import Run, read_run
from hmesh.runs.results.writer import ResultsWriter, remove_checkpoints
from hmesh.runs.scenarios.events_section import SETTABLE, ScenarioEvent, hours_since_start
from hmesh.runs.scenarios.resolved_scenario import scenario_hash
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.yaml_reader import read_yaml
from hmesh.runs.schemes.registry import schemes


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a further run begins.

    Attributes
    ----------
    steps_done : int
        The steps that are taken over; all others are made.
    why : str
        Why they are none, "" where some are.
    """

    steps_done: int
    why: str = ""


def extend_run(directory: Path | str, hours: str) -> Begun:
    """Extend a finished run by some hours, which `resume_run` then simulates.

    Its results are those of an uninterrupted run of that length. Where the run kept no state of its
    end, or a scheme plans over the length of the run, all steps are made again.

    Parameters
    ----------
    directory : Path or str
        The folder of the run.
    hours : str
        "+168" for 168 hours more, or the new length, such as "336" [h].

    Raises
    ------
    InputError
        When the run is not finished, the hours are none, or its scenario, files or plugins do not
        allow a longer run. The folder is as it was then.
    """
    directory = Path(directory)
    read_run(directory)
    with locked(directory):
        run = read_run(directory)
        if not run.complete:
            message = "this run is not finished; hmesh resume without --hours brings it to its end"
            raise InputError([Problem(str(directory), message)])
        given = dict(run.info["scenario"])
        given["hours"], given["years"] = _longer(hours, run), None
        scenario = _checked(run, given, "--hours")
        done, state, why = _begin(run, scenario, run.info["steps_total"])
        remove_checkpoints(directory)
        if state is not None:
            put_state(run, scenario, done, state, directory)
            digests = (scenario_hash(each) for each in (run.info["scenario"], scenario.resolved()))
            renew_states(directory, *digests)
        ResultsWriter(directory, scenario, run).save_progress(done, run.info["wall_seconds"])
        if state is None:
            # States of the shorter run may be none of the longer one.
            forget_states(directory)
    return Begun(done, why)


def branch_run(
    directory: Path | str,
    at: str,
    out: Path | str,
    changes: Sequence[str] | Mapping[str, Any] = (),
    *,
    until: str | None = None,
    hours: str | None = None,
) -> Begun:
    """Begin a branch of a run in a new folder, which `resume_run` then completes.

    It is the run of the same scenario with one more event, and its results are those of such a run
    from its start. It begins with the last state that the run kept before the event.

    Parameters
    ----------
    directory : Path or str
        The folder of the run, finished or not.
    at : str
        Local time from which on the changes count.
    out : Path or str
        The new folder.
    changes : sequence of str, or mapping
        "prices.aggregator=[0,60]", "prices.utility=[0,50]", "feeders_out=[east]" or "vehicles=500".
    until : str, optional
        Local time at which they end.
    hours : str, optional
        The length of the new run, as `extend_run` takes it.

    Raises
    ------
    InputError
        When any of these is wrong; nothing is written then.
    """
    out = Path(out)
    refuse_used(out)
    run = read_run(directory)
    given = dict(run.info["scenario"])
    if hours is not None:
        given["hours"], given["years"] = _longer(hours, run), None
    event = _event(at, until, changes)
    if len(event) > (1 if until is None else 2):
        given["events"] = [*given.get("events", []), event]
    elif hours is None:
        allowed = "--set KEY=VALUE or --hours"
        raise InputError([Problem("--set", "nothing changes", allowed)])
    scenario = _checked(run, given, "--set")
    steps = round(hours_since_start(scenario, _time_within(scenario, at)) / scenario.step_h)
    done, state, why = _begin(run, scenario, steps)
    if state is None:
        ResultsWriter.create(out, scenario)
    else:
        put_state(run, scenario, done, state, out)
        ResultsWriter(out, scenario).save_progress(done, 0.0)
    return Begun(done, why)


def _begin(run: Run, scenario: Scenario, steps: int) -> tuple[int, dict[str, Any] | None, str]:
    """Return the steps and the state that a further run takes over, or why there are none."""
    differs = scenario.steps != run.info["steps_total"]
    planned = [name for name in scenario.schemes if differs and not _regardless(name, run.scenario)]
    if planned:
        return 0, None, f"{' and '.join(planned)} plan over the length of the run"
    more = _joining(scenario) != _joining(run.scenario)
    growth = scenario.growth
    if more or (differs and (growth.vehicles_per_year or growth.adoption)):
        return 0, None, "vehicles that join later have a place in the fleet from the start"
    done, state = state_before(run, steps)
    why = "" if state is not None else "the run kept no state before (record.states: all or end)"
    return done, state, why


def _joining(scenario: Scenario) -> int:
    return sum(event.vehicles for event in scenario.events)


def _regardless(name: str, scenario: Scenario) -> bool:
    """Return whether what a scheme did does not depend on when the run ends."""
    plans = schemes()[name].plans_over
    end = datetime.fromisoformat(scenario.start).replace(tzinfo=ZoneInfo(scenario.time_zone))
    end = (end.astimezone(UTC) + timedelta(hours=scenario.hours)).astimezone(end.tzinfo)
    midnight = (end.hour, end.minute, end.second) == (0, 0, 0)
    return plans == "step" or (plans == "day" and midnight)


def _longer(given: str, run: Run) -> float:
    """Return the new length of a run [h]."""
    there = float(run.info["scenario"]["hours"])
    allowed = f"+168 for a week more, or a length above {there:g}"
    try:
        hours = there + float(given[1:]) if given.startswith("+") else float(given)
    except ValueError:
        raise InputError(
            [Problem("--hours", f"{given!r} is no number of hours", allowed)]
        ) from None
    if not hours > there:
        message = f"{given} is no more than the {there:g} h that are there"
        raise InputError([Problem("--hours", message, allowed)])
    return hours


def _event(
    at: str, until: str | None, changes: Sequence[str] | Mapping[str, Any]
) -> dict[str, Any]:
    """Return changes as an event of a scenario."""
    event: dict[str, Any] = {"at": at} | ({} if until is None else {"until": until})
    own = [name for name in ScenarioEvent.model_fields if name not in ("at", "until", "set")]
    keys = [*SETTABLE, *own]
    pairs = (
        changes.items()
        if isinstance(changes, Mapping)
        else ((text.partition("=")[0].strip(), text.partition("=")[2]) for text in changes)
    )
    problems = []
    for key, value in pairs:
        if key not in keys:
            message = f"{key!r} cannot change in the course of a run"
            problems.append(Problem("--set", message, ", ".join(keys), nearest(key, keys)))
            continue
        read = read_yaml(value, f"--set: {key}") if isinstance(value, str) else value
        if key in own:
            event[key] = read
        else:
            event.setdefault("set", {})[key] = read
    refuse_all(problems)
    return event


def _time_within(scenario: Scenario, at: str) -> str:
    try:
        hours = hours_since_start(scenario, at)
    except ValueError:
        raise InputError([Problem("--at", f"{at!r} is no time", "a local time")]) from None
    steps = hours / scenario.step_h
    if not 0 <= hours <= scenario.hours or abs(steps - round(steps)) > 1e-6:
        allowed = f"a time at which a step begins, from {scenario.start} to the end of the run"
        raise InputError([Problem("--at", f"{at} is no step of the run", allowed)])
    return at


def _checked(run: Run, given: Mapping[str, Any], place: str) -> Scenario:
    """Return a changed scenario of a run whose files and plugins are as they were."""
    before = run.scenario
    refuse_changed_plugins(run.directory, run.info, before)
    if scenario_hash(before.resolved()) != scenario_hash(run.info["scenario"]):
        message = "a file that the scenario names has changed since the run was made"
        raise InputError([Problem(str(run.directory), message, "the file as it was")])
    try:
        return Scenario.from_resolved(given)
    except InputError as error:
        raise InputError(
            [
                Problem(
                    problem.place.replace("run.json: scenario", place),
                    problem.message, problem.allowed, problem.suggestion,
                )
                for problem in error.problems
            ]
        ) from None  # fmt: skip
