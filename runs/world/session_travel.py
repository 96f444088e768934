"""Vehicles that follow the measured charging sessions of a dataset."""

from typing import Any

import numpy as np

from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError, Problem, nearest, refuse_all, shortened
from hmesh.environment.growth import Growth
from hmesh.environment.session_trips import SessionStays, SessionTrips, stays_of_sessions
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.travel_section import SessionTravel
from hmesh.runs.world.dataset_files import load_dataset

_NEEDED = ("consumption_kwh_per_km", "charge_efficiency")


def stays_for(scenario: Scenario, travel: SessionTravel, calendar: Calendar) -> SessionStays:
    """Return the stays of a dataset's sessions in the communities of a scenario.

    Raises
    ------
    InputError
        If the dataset has no sessions during the run, or a charge point is in no community.
    """
    folder = scenario.path_of(travel.dataset)
    records = load_dataset(folder, ("charging_sessions", "vehicles")).records
    if "charging_sessions" not in records:
        message = "has no table charging_sessions"
        raise InputError([Problem(str(folder), message, "a dataset with charging sessions")])
    table = records["charging_sessions"]
    points = table.columns.get("charge_point")
    count = len(table)
    names = np.full(count, "") if points is None else points.astype(str)
    communities = list(scenario.communities)
    place = np.full(count, -1)
    problems = []
    for name in sorted(set(names.tolist())):
        where = travel.places.get(name, name if name in communities else travel.elsewhere)
        if where is None:
            message = f"charge point {name!r} is in no community" if name else "names no place"
            allowed = f"places, or elsewhere: {', '.join(communities)}"
            problems.append(Problem(table.place, message, allowed, nearest(name, communities)))
        else:
            place[names == name] = communities.index(where)
    if problems:
        raise InputError(shortened(problems))
    start_us = round(calendar.start.timestamp() * 1_000_000)
    run_h = scenario.steps * scenario.step_h
    stays = stays_of_sessions(table.columns, place.astype(np.int64), start_us, run_h)
    if stays.vehicles == 0:
        message = f"has no session from {calendar.start:%Y-%m-%d} on for {run_h:g} h"
        raise InputError([Problem(table.place, message, "a run that lies within the sessions")])
    return stays


def session_trips(
    scenario: Scenario,
    travel: SessionTravel,
    calendar: Calendar,
    vehicles: int,
    growth: Growth | None,
    group: str,
) -> SessionTrips:
    """Return the trips that bring the vehicles of a group to their measured sessions.

    Raises
    ------
    InputError
        As `stays_for`, or if what a trip uses is not the same for all vehicles of the group.
    """
    stays = stays_for(scenario, travel, calendar)
    own: Any = next(each for each in scenario.vehicles.every if each.name == group)
    problems = [
        Problem(f"vehicles.{key}", "differs from vehicle to vehicle", "a number, with sessions")
        for key in _NEEDED
        if not isinstance(getattr(own, key), float)
    ]
    if own.model is not None:
        message = "gives consumption, which has to be a number with sessions"
        problems.append(Problem("vehicles.model", message, "no model"))
    elif not problems and own.consumption_kwh_per_km <= 0:
        message = "is 0, so that vehicles never need what was charged"
        problems.append(Problem("vehicles.consumption_kwh_per_km", message, "a number above 0"))
    refuse_all(problems)
    km_per_kwh = own.charge_efficiency / own.consumption_kwh_per_km
    run_h = scenario.steps * scenario.step_h
    return SessionTrips(stays, vehicles, calendar, run_h, km_per_kwh=km_per_kwh, growth=growth)
