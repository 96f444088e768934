"""The trips of a run, made from what its scenario says about travel."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar
from hmesh.environment.day_plans import DayPlans, read_day_plans
from hmesh.environment.diaries import Diaries, read_diaries
from hmesh.environment.diary_trips import DiaryTrips
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.group_rows import of_group
from hmesh.environment.growth import Growth
from hmesh.environment.number_words import counted
from hmesh.environment.road_map import RoadMap
from hmesh.environment.roads import RoadNetwork, Ways
from hmesh.environment.streams import Streams
from hmesh.environment.survey_diaries import PlacesOfSurvey, Survey, read_survey
from hmesh.environment.trips import TripSource
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.scenarios.events_section import joining
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.travel_section import (
    DiaryTravel,
    DrawnTravel,
    SessionTravel,
    Travel,
    TripTravel,
)
from hmesh.runs.world.adoption import adopted_later
from hmesh.runs.world.communities_on_roads import roads_of
from hmesh.runs.world.dataset_files import load_dataset
from hmesh.runs.world.drawn_travel import FittedTravel, drawn_trips
from hmesh.runs.world.session_travel import session_trips, stays_for

AGENT_TYPE = "electric vehicle"


@dataclass(frozen=True, slots=True)
class Travellers:
    """Vehicles that travel alike: all of a scenario, or a group of them.

    Attributes
    ----------
    travel : Travel
        How they travel.
    day_plans : str or None
        The file of their day plans, None for the published ones.
    name : str
        Name of the group, "" where all travel alike.
    place : str
        Where the scenario says how they travel.
    home : str or None
        Community in which all of them sleep, None where travel says it.
    """

    travel: Travel
    day_plans: str | None
    name: str = ""
    place: str = "travel"
    home: str | None = None

    @property
    def agent_type(self) -> str:
        """What their streams are named after."""
        return of_group(AGENT_TYPE, self.name)


def travellers_of(scenario: Scenario) -> list[Travellers]:
    """Return the vehicles of a scenario by how they travel, in the order of their groups."""
    vehicles = scenario.vehicles
    if not vehicles.groups:
        return [Travellers(scenario.travel, vehicles.day_plans)]
    return [
        Travellers(
            _from_home(scenario.travel if group.travel is None else group.travel, group.home),
            group.day_plans,
            group.name,
            "travel" if group.travel is None else f"vehicles.groups.{number}.travel",
            group.home,
        )
        for number, group in enumerate(vehicles.groups)
    ]


def _from_home(travel: Travel, home: str | None) -> Travel:
    """Return how vehicles travel whose tours begin and end at a home, where one is given."""
    if home is None or not isinstance(travel, DrawnTravel):
        return travel
    return travel.model_copy(update={"home": {home: 1.0}})


def plans_of(
    scenario: Scenario, roads: Ways | None = None, who: Travellers | None = None
) -> DayPlans:
    """Return the day plans of a scenario; a blank one where vehicles follow none, or are none.

    A file that the scenario names is read in any case. Lengths that it leaves out are those of the
    roads; without `roads` these are made from the scenario. They are those of all vehicles unless
    `who` names some.

    Raises
    ------
    InputError
        If they cannot be used.
    """
    who = who or Travellers(scenario.travel, scenario.vehicles.day_plans)
    travel, file = who.travel, who.day_plans
    needless = not scenario.vehicles.expected(scenario) and file is None
    if "vehicles" not in scenario.schemes or needless:
        return DayPlans.blank("none")
    if travel.kind == "plans" or (isinstance(travel, DrawnTravel) and travel.fit.day_plans):
        return read_day_plans(
            None if file is None else scenario.path_of(file),
            tuple(scenario.communities),
            holidays=scenario.holidays is not None,
            school_holidays=scenario.school_terms is not None,
            ways=roads_of(scenario) if roads is None and file is not None else roads,
        )
    return DayPlans.blank(travel.kind)


def travel_problems(scenario: Scenario, calendar: Calendar) -> list[Problem]:
    """Return what is wrong with the files that travel takes its trips from."""
    try:
        roads = roads_of(scenario)
    except InputError as error:
        return list(error.problems)
    problems: dict[Problem, None] = {}
    for who in travellers_of(scenario):
        try:
            _check_files(scenario, calendar, roads, who)
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
    return list(problems)


def _check_files(scenario: Scenario, calendar: Calendar, roads: Ways, who: Travellers) -> None:
    """Refuse files from which no trips can be taken."""
    plans, travel, names = plans_of(scenario, roads, who), who.travel, tuple(scenario.communities)
    if isinstance(travel, DrawnTravel) and scenario.vehicles.expected(scenario):
        FittedTravel(scenario, travel, plans, names)
    elif isinstance(travel, DiaryTravel | TripTravel):
        diaries_for(scenario, travel, calendar, roads)
    elif isinstance(travel, SessionTravel):
        session_trips(scenario, travel, calendar, 1, None, who.name)


def diaries_for(
    scenario: Scenario, travel: DiaryTravel | TripTravel, calendar: Calendar, roads: Ways
) -> Diaries:
    """Return the diaries of a file or of the trips of a dataset.

    Raises
    ------
    InputError
        If they cannot be used.
    """
    names = tuple(scenario.communities)
    once = isinstance(travel, TripTravel) or travel.deal == "once"
    if isinstance(travel, DiaryTravel) and travel.file is not None:
        file = scenario.path_of(travel.file)
        return read_diaries(file, names, calendar, each_person=once, ways=roads)
    return survey_of(scenario, travel, calendar).diaries


def survey_of(scenario: Scenario, travel: DiaryTravel | TripTravel, calendar: Calendar) -> Survey:
    """Return the trips of a dataset as diaries, and what was left out of them.

    Raises
    ------
    InputError
        If the dataset has no trips, or they cannot be driven.
    """
    folder = scenario.path_of(str(travel.dataset))
    records = load_dataset(folder, ("trips", "vehicles")).records
    if "trips" not in records:
        raise InputError([Problem(str(folder), "has no table trips", "a dataset with trips")])
    vehicles = records.get("vehicles")
    return read_survey(
        records["trips"].place,
        records["trips"].columns,
        None if vehicles is None else vehicles.columns,
        PlacesOfSurvey(tuple(scenario.communities), travel.places, travel.elsewhere),
        calendar,
        each_vehicle=isinstance(travel, TripTravel) or travel.deal == "once",
        refuse=travel.open_days == "refuse",
    )


def travel_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield what of the trips of datasets is left out."""
    calendar = calendar_of(scenario)
    for who in travellers_of(scenario):
        if isinstance(who.travel, DiaryTravel | TripTravel) and who.travel.dataset is not None:
            survey = survey_of(scenario, who.travel, calendar)
            for reason, number in survey.left_out.items():
                message = f"{number:,} of {survey.days:,} days are left out: {reason}"
                yield Problem(f"{who.place}.dataset", message)
        if isinstance(who.travel, SessionTravel):
            stays = stays_for(scenario, who.travel, calendar)
            if stays.left_out:
                some = counted(stays.left_out, "session is", "sessions are")
                message = f"{some} left out, for overlapping another of the same vehicle or "
                message += "lasting no second"
                yield Problem(f"{who.place}.dataset", message)
            if (count := _count_of(scenario, who)) != stays.vehicles:
                some = counted(count, "vehicle follows", "vehicles follow")
                message = f"{some} the sessions of {stays.vehicles:,}"
                yield Problem(who.place, message, f"vehicles.count: {stays.vehicles}")


def _count_of(scenario: Scenario, who: Travellers) -> int:
    """Return how many vehicles travel alike."""
    groups = {group.name: int(group.count) for group in scenario.vehicles.groups}
    return groups.get(who.name, int(scenario.vehicles.count))


def residential(scenario: Scenario) -> NDArray[np.bool_]:
    """Return in which communities people live, shape (communities,)."""
    communities_of_members = {
        name
        for name, community in scenario.communities.items()
        if any(group.kind != "building" for group in community.members)
    }
    for section in scenario.sections.values():
        communities_of_members |= section.communities_of_members
    return np.array([name in communities_of_members for name in scenario.communities])


def growth_of(scenario: Scenario, calendar: Calendar) -> Growth | None:
    """Return how the fleet of a scenario grows; None where it does not."""
    growth = scenario.growth
    others = joining(scenario) + adopted_later(scenario, calendar)
    if not growth.vehicles_per_year and not others:
        return None
    first, rate = scenario.vehicles.count, growth.vehicles_per_year
    return Growth(calendar, first, rate, growth.vehicles_join, others)


def trips_of(
    scenario: Scenario,
    plans: DayPlans,
    calendar: Calendar,
    streams: Streams,
    roads: RoadNetwork | RoadMap,
    vehicles: int,
    growth: Growth | None,
    who: Travellers | None = None,
) -> TripSource | None:
    """Return where the trips of all strategies come from; None where they follow day plans.

    They are those of all vehicles unless `who` names some.

    Raises
    ------
    InputError
        If a table of the scenario cannot be used, or there is no road where one is needed.
    """
    who = who or Travellers(scenario.travel, scenario.vehicles.day_plans)
    travel = who.travel
    if isinstance(travel, DiaryTravel | TripTravel):
        in_turn = isinstance(travel, TripTravel)
        return DiaryTrips(
            diaries_for(scenario, travel, calendar, roads),
            vehicles,
            calendar,
            streams,
            once=in_turn or (isinstance(travel, DiaryTravel) and travel.deal == "once"),
            in_turn=in_turn,
            growth=growth,
            residential=residential(scenario),
            agent_type=who.agent_type,
        )
    if isinstance(travel, SessionTravel):
        return session_trips(scenario, travel, calendar, vehicles, growth, who.name)
    if not isinstance(travel, DrawnTravel) or not scenario.vehicles.expected(scenario):
        return None
    return drawn_trips(
        scenario, travel, plans, calendar, streams, roads, vehicles, growth, who.agent_type
    )
