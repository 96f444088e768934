"""When vehicles join that their owners adopt on a social network."""

from functools import lru_cache

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.social_network import SocialNetwork, scale_free, small_world
from hmesh.environment.streams import Streams
from hmesh.markets.diffusion import (
    adopts_by_bass,
    adopts_by_threshold,
    share_of_acquaintances,
)
from hmesh.runs.scenarios.adoption_section import Adoption
from hmesh.runs.scenarios.scenario import Scenario

AGENT_TYPE = "electric vehicle"


def adopted_later(scenario: Scenario, calendar: Calendar) -> tuple[tuple[int, int], ...]:
    """Return on which days vehicles join that are adopted after the start, and how many.

    Parameters
    ----------
    scenario : Scenario
        The scenario; its vehicles at the start are those of the first adopters.
    calendar : Calendar
        The calendar of its run.

    Returns
    -------
    tuple of (int, int)
        The first days of months, counted from the start of the run, on which any join.
    """
    given = scenario.growth.adoption
    if given is None:
        return ()
    months = month_days(scenario, calendar)
    joined = joining_months(given, scenario.vehicles.count, scenario.seed, len(months))
    return tuple((day, count) for day, count in zip(months, joined, strict=True) if count)


def month_days(scenario: Scenario, calendar: Calendar) -> list[int]:
    """Return the first days of the months that begin within a run, counted from its start."""
    first, last = calendar.date_of(0), calendar.date_of(scenario.steps - 1)
    days: list[int] = []
    month = first.year, first.month
    while True:
        month = (month[0] + month[1] // 12, month[1] % 12 + 1)
        begins = first.replace(year=month[0], month=month[1], day=1)
        if begins > last:
            return days
        days.append((begins - first).days)


@lru_cache(maxsize=64)
def joining_months(given: Adoption, first: int, seed: int, months: int) -> tuple[int, ...]:
    """Return how many adopt in each of some months.

    Parameters
    ----------
    given : Adoption
        The section of the scenario.
    first : int
        How many have adopted at the start.
    seed : int
        The seed of the run.
    months : int
        How many months.
    """
    streams, count = Streams(seed), given.adopters
    network = network_of(given, streams)
    order = streams.generator("first adopters", AGENT_TYPE).random(count)
    adopted = np.zeros(count, dtype=np.bool_)
    adopted[np.argsort(order, kind="stable")[:first]] = True
    low, high = given.thresholds
    threshold = low + (high - low) * streams.generator("thresholds", AGENT_TYPE).random(count)
    found = []
    for month in range(months):
        draw: FloatArray = streams.generator("adoption", AGENT_TYPE, month).random(count)
        share = share_of_acquaintances(network, adopted)
        if given.rule == "bass":
            adopts = adopts_by_bass(share, given.innovation, given.imitation, draw)
        else:
            adopts = adopts_by_threshold(share, threshold, given.innovation, draw)
        found.append(int(np.count_nonzero(adopts & ~adopted)))
        adopted |= adopts.astype(np.bool_)
    return tuple(found)


def network_of(given: Adoption, streams: Streams) -> SocialNetwork:
    """Return who knows whom."""
    seed = int(streams.generator("adopters' network", AGENT_TYPE).integers(2**32))
    if given.network == "small_world":
        return small_world(given.adopters, given.neighbours, given.rewired, seed)
    return scale_free(given.adopters, given.neighbours, seed)
