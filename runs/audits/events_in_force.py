"""What the events of a scenario set in every step, worked out step by step from their times."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.reference.generation import PriceRange
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
            if _in_force(scenario, event.at, event.until, moment):
                values.update(_plain(dict(event.set)))
        ranges.append(PriceRange(*values["prices.utility"], *values["prices.aggregator"]))
    return ranges


def lost_feeders(scenario: Scenario) -> NDArray[np.bool_]:
    """Return which communities events cut off in each step, shape (steps, communities)."""
    names = list(scenario.communities)
    lost = np.zeros((scenario.steps, len(names)), dtype=bool)
    if not any(event.feeders_out for event in scenario.events):
        return lost
    for step, moment in enumerate(_moments(scenario)):
        for event in scenario.events:
            if _in_force(scenario, event.at, event.until, moment):
                for name in event.feeders_out:
                    lost[step, names.index(name)] = True
    return lost


def _plain(given: Mapping[Any, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {str(key): (low, high) for key, (low, high) in given.items()}


def _moment(scenario: Scenario, time: str) -> datetime:
    return datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(scenario.time_zone)).astimezone(UTC)


def _moments(scenario: Scenario) -> list[datetime]:
    """Return when each step begins."""
    start = _moment(scenario, scenario.start)
    return [start + timedelta(hours=step * scenario.step_h) for step in range(scenario.steps)]


def _in_force(scenario: Scenario, at: str, until: str | None, moment: datetime) -> bool:
    # A step begins within a second of what is told, where its length is no finite decimal.
    about = moment + timedelta(seconds=0.5)
    ended = until is not None and _moment(scenario, until) <= about
    return _moment(scenario, at) <= about and not ended
