"""How the vehicles of each group travel: their day plans, and where their trips come from."""

from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar
from hmesh.environment.day_plans import DayPlans
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.group_rows import GroupRows
from hmesh.environment.growth import Growth
from hmesh.environment.joined_trips import GrowthOfRows, JoinedTrips, Part
from hmesh.environment.planned_trips import PlannedTrips
from hmesh.environment.trips import TripSource
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.setting import Setting
from hmesh.runs.world.travel import plans_of, residential, travellers_of, trips_of


@dataclass(frozen=True, slots=True, eq=False)
class GroupTravel:
    """How the vehicles of a scenario travel.

    Attributes
    ----------
    plans : DayPlans
        The day plans of all groups, one after another; a blank one for those that follow none.
    day_plan : array of int, shape (size,)
        Plan of every vehicle.
    trips : TripSource or None
        Where the trips come from; None where all follow day plans.
    """

    plans: DayPlans
    day_plan: NDArray[np.int32]
    trips: TripSource | None


def travel_of(setting: Setting, groups: GroupRows, growth: Growth | None) -> GroupTravel:
    """Return how the vehicles of each group travel.

    Raises
    ------
    InputError
        If a file cannot be used, or there is no road where one is needed.
    """
    scenario, calendar, roads = setting.scenario, setting.calendar, setting.roads
    everybody = travellers_of(scenario)
    day_plan = np.zeros(len(groups), dtype=np.int32)
    known: dict[tuple[str | None, str], tuple[DayPlans, int]] = {}
    sources: list[TripSource | None] = []
    problems: dict[Problem, None] = {}
    for who, rows in zip(everybody, groups.rows, strict=True):
        try:
            key = who.day_plans, repr(who.travel)
            if key not in known:
                first = sum(len(plans.names) for plans, _ in known.values())
                known[key] = plans_of(scenario, roads, who), first
            plans, first = known[key]
            own = GrowthOfRows.of(growth, rows) if scenario.vehicles.groups else growth
            found = trips_of(scenario, plans, calendar, setting.streams, roads, len(rows), own, who)
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        sources.append(found)
        there = np.arange(len(plans.names))
        if who.home is not None and who.travel.kind != "drawn":
            there = np.flatnonzero(plans.start == setting.communities.index(who.home))
            if who.travel.kind == "diaries" or not len(there):
                message = f"no trips of vehicles of {who.name} begin at their home {who.home}"
                allowed = "travel that is drawn, or day plans that begin there"
                problems[Problem(who.place, message, allowed)] = None
                continue
        day_plan[rows] = first + there[groups.number[rows] % len(there)]
    if problems:
        raise InputError(list(problems))
    plans = _together([plans for plans, _ in known.values()])
    if not scenario.vehicles.groups or all(source is None for source in sources):
        return GroupTravel(plans, day_plan, sources[0])
    parts = [
        (source, rows)
        for source, rows in zip(sources, groups.rows, strict=True)
        if source is not None
    ]
    planned = [rows for source, rows in zip(sources, groups.rows, strict=True) if source is None]
    if planned:
        rows = np.sort(np.concatenate(planned))
        parts.append(_by_plans(scenario, calendar, plans, day_plan, rows, growth))
    return GroupTravel(plans, day_plan, JoinedTrips(parts, len(groups), growth))


def _by_plans(
    scenario: Scenario,
    calendar: Calendar,
    plans: DayPlans,
    day_plan: NDArray[np.int32],
    rows: NDArray[np.intp],
    growth: Growth | None,
) -> Part:
    """Return the trips of those that follow day plans, all groups of them together."""
    own = GrowthOfRows.of(growth, rows)
    return PlannedTrips(plans, calendar, day_plan[rows], own, residential(scenario)), rows


def _together(parts: list[DayPlans]) -> DayPlans:
    """Return several day plans as one; a name that stands in several of them is made unique."""
    first, *others = parts
    for plans in others:
        taken = {*first.names, *plans.names}
        names = []
        for name in plans.names:
            other = (f"{name} ({number})" for number in count(2))
            new = next(each for each in other if each not in taken) if name in first.names else name
            taken.add(new)
            names.append(new)
        before = len(first.names)
        first = DayPlans(
            (*first.names, *names),
            np.concatenate((first.trip_plan, plans.trip_plan + before)),
            *(
                np.concatenate((getattr(first, each), getattr(plans, each)))
                for each in (
                    "departs_h", "arrives_h", "km", "origin", "via", "destination", "start",
                    "last_arrival_h", "day",
                )
            ),
        )  # fmt: skip
    return first
