"""What the events of a scenario set in every step, worked out step by step from their times."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.generation import PriceRange
from hmesh.runs.scenarios.events_section import ScenarioEvent
from hmesh.runs.scenarios.scenario import Scenario


def price_ranges(scenario: Scenario) -> list[PriceRange]:
    """Return what may be asked in each step."""
    ranges = []
    for moment in _moments(scenario):
        values: dict[str, tuple[float, float]] = {
            "prices.utility": scenario.prices.utility,
            "prices.aggregator": scenario.prices.aggregator,
        }
        # In the order of their beginnings, so that the last that began is what remains.
        for event in sorted(scenario.events, key=lambda each: _moment(scenario, each.at)):
            if _in_force(scenario, event, moment):
                values.update(_plain(dict(event.set)))
        ranges.append(PriceRange(*values["prices.utility"], *values["prices.aggregator"]))
    return ranges


def lost_feeders(scenario: Scenario) -> NDArray[np.bool_]:
    """Return which communities events cut off in each step, shape (steps, communities)."""
    names = list(scenario.communities)
    lost = np.zeros((scenario.steps, len(names)), dtype=bool)
    if not any(event.feeders_out for event in scenario.events):
        return lost
    whole: NDArray[np.bool_] = lost_parts(scenario) == 1.0
    return whole


def lost_parts(scenario: Scenario) -> NDArray[np.float64]:
    """Return for which part of each step events cut communities off, (steps, communities)."""
    names = list(scenario.communities)
    parts = np.zeros((scenario.steps, len(names)))
    if not any(event.feeders_out for event in scenario.events):
        return parts
    start = _moment(scenario, scenario.start)
    # Steps begin at whole milliseconds.
    begins = [
        start + timedelta(milliseconds=round(step * scenario.step_h * 3_600_000))
        for step in range(scenario.steps + 1)
    ]
    for m, name in enumerate(names):
        out = [
            (_moment(scenario, event.at), _ends(scenario, event, begins[-1] + timedelta(days=1)))
            for event in scenario.events
            if name in event.feeders_out
        ]
        edges = sorted({edge for span in out for edge in span})
        dark = [
            (begin, end)
            for begin, end in pairwise(edges)
            if any(first <= begin and end <= last for first, last in out)
        ]
        for step, (here, then) in enumerate(pairwise(begins)) if dark else ():
            shared = (min(end, then) - max(begin, here) for begin, end in dark)
            lost = sum((max(each, timedelta()) for each in shared), timedelta())
            parts[step, m] = lost / (then - here)
    return parts


def _ends(scenario: Scenario, event: ScenarioEvent, never: datetime) -> datetime:
    """Return when an event ends; a moment after the run where it never does."""
    if event.lasts is not None:
        return _moment(scenario, event.at) + timedelta(hours=event.lasts)
    return never if event.until is None else _moment(scenario, event.until)


def _plain(given: Mapping[Any, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {str(key): (low, high) for key, (low, high) in given.items()}


def _moment(scenario: Scenario, time: str) -> datetime:
    return datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(scenario.time_zone)).astimezone(UTC)


def _moments(scenario: Scenario) -> list[datetime]:
    """Return when each step begins."""
    start = _moment(scenario, scenario.start)
    return [start + timedelta(hours=step * scenario.step_h) for step in range(scenario.steps)]


def _in_force(scenario: Scenario, event: ScenarioEvent, moment: datetime) -> bool:
    # A step begins within a second of what is stated, where its length is no finite decimal.
    about = moment + timedelta(seconds=0.5)
    return _moment(scenario, event.at) <= about < _ends(scenario, event, about + timedelta(days=1))
