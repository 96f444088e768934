"""What events and failures do in every step, worked out step by step from their times."""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams
from hmesh.runs.audits.reference.generation import PriceRange
from hmesh.runs.audits.reference.outages import Span, times_out
from hmesh.runs.scenarios.events_section import ScenarioEvent, knows_parts
from hmesh.runs.scenarios.scenario import Scenario

HOUR_MS = 3_600_000


def price_ranges(scenario: Scenario) -> list[PriceRange]:
    """Return what may be asked in each step."""
    prices = scenario.prices
    values = _values(
        scenario, {"prices.utility": prices.utility, "prices.aggregator": prices.aggregator}
    )
    return [PriceRange(*each["prices.utility"], *each["prices.aggregator"]) for each in values]


def tariffs(scenario: Scenario) -> FloatArray:
    """Return the prices of the tariff in each step, on-peak and off-peak, shape (steps, 2)."""
    names = ("on_peak", "off_peak")
    given = {f"prices.time_of_use.{n}": getattr(scenario.prices.time_of_use, n) for n in names}
    return np.array([[each[name] for name in given] for each in _values(scenario, given)])


def _values(scenario: Scenario, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return in each step the values of some keys, where no event sets them those given."""
    found = []
    for moment in _moments(scenario):
        values = dict(given)
        # In the order of their beginnings, so that the last that began is what remains.
        for event in sorted(scenario.events, key=lambda each: _moment(scenario, each.at)):
            if _in_force(scenario, event, moment):
                values.update({str(key): value for key, value in dict(event.set).items()})
        found.append(values)
    return found


def lost_parts(scenario: Scenario) -> FloatArray:
    """Return for which part of each step communities are cut off, (steps, communities)."""
    # Steps begin at whole milliseconds.
    begins = [round(step * scenario.step_h * HOUR_MS) for step in range(scenario.steps + 1)]
    by_chance = feeders_by_chance(scenario)
    if not all(knows_parts(name) for name in scenario.schemes):
        by_chance = [_whole_steps(spans, begins) for spans in by_chance]
    parts = np.zeros((scenario.steps, len(scenario.communities)))
    for m, (given, drawn) in enumerate(zip(feeders_by_events(scenario), by_chance, strict=True)):
        for begin, end in _merged([*given, *drawn]):
            first = max(bisect_right(begins, begin) - 1, 0)
            for step in range(first, scenario.steps):
                here, then = begins[step], begins[step + 1]
                if here >= end:
                    break
                parts[step, m] += min(end, then) - max(begin, here)
    return parts / np.diff(begins)[:, None]


def served_parts(scenario: Scenario) -> FloatArray:
    """Return for which part of each step communities are supplied, (steps, communities).

    1 where a community is without supply for all of a step, in which nobody takes part.
    """
    lost = lost_parts(scenario)
    return np.where(lost < 1.0, 1.0 - lost, 1.0)


def feeders_by_events(scenario: Scenario) -> list[list[Span]]:
    """Return from when to when events cut each community off, from the start of the run [ms]."""
    start = _moment(scenario, scenario.start)
    never = start + timedelta(hours=scenario.hours, days=1)

    def at_ms(moment: datetime) -> int:
        return round((moment - start) / timedelta(seconds=1)) * 1000

    return [
        [
            (at_ms(_moment(scenario, event.at)), at_ms(_ends(scenario, event, never)))
            for event in scenario.events
            if name in event.feeders_out
        ]
        for name in scenario.communities
    ]


def feeders_by_chance(scenario: Scenario) -> list[list[Span]]:
    """Return from when to when the feeder of each community has failed [ms]."""
    given, streams = scenario.chance.feeder_outages, Streams(scenario.seed)
    if given is None:
        return [[] for _ in scenario.communities]
    up_h, down_h = given.mean_time_between_failures_h, given.mean_time_to_repair_h
    found = []
    for name in scenario.communities:

        def draw(day: int, change: int, name: str = name) -> float:
            return float(streams.generator(f"feeder outages {change}", name, day).random())

        days = ceil(scenario.hours / 24)
        found.append(times_out(days, draw, up_h, down_h))
    return found


def _whole_steps(spans: list[Span], begins: list[int]) -> list[Span]:
    """Return the steps as whose first moment something is out."""
    return [
        (here, then)
        for here, then in pairwise(begins)
        if any(begin <= here < end for begin, end in spans)
    ]


def _merged(spans: list[Span]) -> list[Span]:
    """Return times that do not overlap and are filled by some of these together."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif end > begin:
            found.append((begin, end))
    return found


def _ends(scenario: Scenario, event: ScenarioEvent, never: datetime) -> datetime:
    """Return when an event ends; a moment after the run where it never does."""
    if event.lasts is not None:
        return _moment(scenario, event.at) + timedelta(hours=event.lasts)
    return never if event.until is None else _moment(scenario, event.until)


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
