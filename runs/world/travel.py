"""The trips of a run, made from what its scenario says about travel."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import DAY_KINDS, LIKE_KIND, Calendar, DayKind
from hmesh.environment.day_plans import DayPlans, read_day_plans
from hmesh.environment.diaries import Diaries, read_diaries
from hmesh.environment.diary_trips import DiaryTrips
from hmesh.environment.distributions import discrete
from hmesh.environment.drawn_trips import DrawnTrips
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.group_rows import of_group
from hmesh.environment.growth import Growth
from hmesh.environment.road_map import RoadMap
from hmesh.environment.roads import RoadNetwork, Ways
from hmesh.environment.streams import Streams
from hmesh.environment.survey_diaries import PlacesOfSurvey, Survey, read_survey
from hmesh.environment.travel_day import Discrete, Distribution, Histogram, Purpose, TravelDay
from hmesh.environment.travel_fit import FittedTours, fit_departures, fit_plans, fit_tours
from hmesh.environment.trips import TripSource
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.scenarios.events_section import joining
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.travel_section import (
    DiaryTravel,
    DrawnTravel,
    PurposeSettings,
    SessionTravel,
    Travel,
    TravelDaySettings,
    TripTravel,
)
from hmesh.runs.world.communities_on_roads import roads_of
from hmesh.runs.world.dataset_files import load_dataset
from hmesh.runs.world.session_travel import session_trips, stays_for

AGENT_TYPE = "electric vehicle"


@dataclass(frozen=True, slots=True)
class Travellers:
    """Vehicles that travel alike: all of a scenario, or a group of them.

    Attributes
    ----------
    travel
        How they travel.
    day_plans
        The file of their day plans, None for the published ones.
    name
        Name of the group, "" where all travel alike.
    place
        Where the scenario says how they travel.
    home
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
        _Fitted(scenario, travel, plans, names)
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
                message = f"{stays.left_out:,} sessions are left out: they overlap another of the"
                message += " same vehicle, or last no second"
                yield Problem(f"{who.place}.dataset", message)
            if (count := _count_of(scenario, who)) != stays.vehicles:
                message = f"{count:,} vehicles follow the sessions of {stays.vehicles:,}"
                yield Problem(who.place, message, f"vehicles.count: {stays.vehicles}")


def _count_of(scenario: Scenario, who: Travellers) -> int:
    """Return how many vehicles travel alike."""
    groups = {group.name: int(group.count) for group in scenario.vehicles.groups}
    return groups.get(who.name, int(scenario.vehicles.count))


def residential(scenario: Scenario) -> NDArray[np.bool_]:
    """Return in which communities people live, shape (communities,)."""
    lived_in = {
        name
        for name, community in scenario.communities.items()
        if any(group.kind != "building" for group in community.members)
    }
    for section in scenario.sections.values():
        lived_in |= section.lived_in
    return np.array([name in lived_in for name in scenario.communities])


def growth_of(scenario: Scenario, calendar: Calendar) -> Growth | None:
    """Return how the fleet of a scenario grows; None where it does not."""
    growth = scenario.growth
    others = joining(scenario)
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
    travel, communities = who.travel, tuple(scenario.communities)
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
    days, speed = _Fitted(scenario, travel, plans, communities).days()
    shares = np.array([travel.home.get(name, 0.0) for name in communities])
    if not travel.home:
        shares = np.bincount(plans.start, minlength=len(communities)).astype(np.float64)
    u = streams.generator("home", who.agent_type).random(vehicles)
    home = discrete(u, np.arange(float(len(communities))), shares).astype(np.int16)
    return DrawnTrips(
        days,
        home,
        calendar,
        streams,
        speed_km_h=speed,
        road_km=_between(days, roads, shares > 0, roads.distance_km, travel.within_km),
        road_h=_road_h(days, roads, shares > 0, travel.within_km) if speed is None else None,
        day_begins_h=travel.day_begins_h,
        growth=growth,
        agent_type=who.agent_type,
    )


class _Fitted:
    """What is drawn on every kind of day: as given, else fitted to tables."""

    def __init__(
        self, scenario: Scenario, travel: DrawnTravel, plans: DayPlans, communities: Sequence[str]
    ) -> None:
        fit = travel.fit
        self.travel = travel
        self.communities = communities
        self.plans: Mapping[DayKind, TravelDay] = {}
        self.speed_km_h = travel.speed_km_h
        self.tours: FittedTours | None = None
        self.departures: Mapping[DayKind, Histogram] = {}
        problems: list[Problem] = []
        speeds: list[float] = []
        if fit.day_plans:
            self.plans, speed = fit_plans(plans, len(communities))
            speeds.append(speed)
        try:
            if fit.tours is not None:
                self.tours = fit_tours(scenario.path_of(fit.tours))
                speeds.insert(0, self.tours.speed_km_h)
        except InputError as error:
            problems += error.problems
        try:
            if fit.departures is not None:
                path = scenario.path_of(fit.departures)
                self.departures = fit_departures(path, fit.departures_column)
        except InputError as error:
            problems += error.problems
        if problems:
            raise InputError(problems)
        self.speed = travel.speed_km_h
        if self.speed is None and speeds:
            self.speed = speeds[0]

    def days(self) -> tuple[dict[DayKind, TravelDay], float | None]:
        """Return how vehicles travel on each kind of day on which they do, and how fast.

        The speed is None where it is that of the road network.
        """
        given = self.travel.days
        days: dict[DayKind, TravelDay] = {}
        for kind in DAY_KINDS:
            like = given.get(LIKE_KIND[kind]) if kind in LIKE_KIND else None
            settings = given.get(kind) or like or given.get("every")
            planned = self.plans.get(kind)
            if settings is None and planned is not None:
                settings = TravelDaySettings()
            if settings is not None:
                days[kind] = self._day(kind, settings, planned)
        return days, self.speed

    def _day(
        self, kind: DayKind, settings: TravelDaySettings, planned: TravelDay | None
    ) -> TravelDay:
        """Return how vehicles travel on a kind of day, everything null filled in."""
        tours = self.tours
        like = LIKE_KIND.get(kind, "sunday")
        departs: Any = self.departures.get(kind) or self.departures.get(like)
        departs = departs or self.departures.get("sunday")
        if departs is None and planned is not None:
            departs = planned.departs_h
        stops = tours.stops if tours else planned.stops if planned else np.ones(1)
        tour_km = tours.tour_km if tours else planned.tour_km if planned else ()
        travels = planned.travels if planned else 1.0
        return TravelDay(
            travels=travels if settings.travels is None else settings.travels,
            stops=stops if settings.stops is None else np.array(settings.stops),
            departs_h=departs if settings.departs_h is None else _drawn(settings.departs_h),
            purposes=tuple(self._purposes(settings, planned)),
            trip_km=None if settings.trip_km is None else _drawn(settings.trip_km),
            tour_km=() if settings.trip_km is not None else tour_km,
        )

    def _purposes(self, settings: TravelDaySettings, planned: TravelDay | None) -> list[Purpose]:
        stay: Any = self.tours.stay_h if self.tours else None
        if planned is not None:
            stay = stay or planned.purposes[0].stay_h
            if not settings.purposes:
                return [Purpose(1.0, stay, planned.purposes[0].destinations)]
        given = settings.purposes or {"any": PurposeSettings()}
        return [
            Purpose(
                share=each.share,
                stay_h=stay if each.stay_h is None else _drawn(each.stay_h),
                destinations=self._matrix(each, planned),
                from_h=each.from_h,
                to_h=each.to_h,
            )
            for each in given.values()
        ]

    def _matrix(self, purpose: PurposeSettings, planned: TravelDay | None) -> NDArray[np.float64]:
        """Return the share of each destination, a row for each origin."""
        names = self.communities
        if not purpose.to and not purpose.between and planned is not None:
            return planned.purposes[0].destinations
        matrix = 1.0 - np.eye(len(names)) if len(names) > 1 else np.ones((1, 1))
        if purpose.to:
            matrix[:] = [purpose.to.get(name, 0.0) for name in names]
        for origin, shares in purpose.between.items():
            matrix[names.index(origin)] = [shares.get(name, 0.0) for name in names]
        return matrix


def _drawn(given: Any) -> Distribution:
    if isinstance(given, float):
        return Discrete(np.array([given]), np.ones(1))
    distribution: Distribution = given
    return distribution


def _road_h(
    days: Mapping[DayKind, TravelDay],
    roads: RoadNetwork | RoadMap,
    homes: NDArray[np.bool_],
    within_km: float | None,
) -> NDArray[np.float64] | None:
    """Return the travel times of the roads between communities, where trips are as long [h]."""
    if not isinstance(roads, RoadMap):
        raise ValueError("only a road network has speeds")
    within_h = None if within_km is None else within_km / roads.speed_km_h
    return _between(days, roads, homes, roads.travel_h, within_h)


def _between(
    days: Mapping[DayKind, TravelDay],
    roads: RoadNetwork | RoadMap,
    homes: NDArray[np.bool_],
    quantity: Callable[[str, str], float],
    within: float | None,
) -> NDArray[np.float64] | None:
    """Return a quantity of the ways between communities, where trips are as long as the road.

    That of trips that stay within a community is given, or None where there must be none.
    """
    by_road = [day for day in days.values() if day.trip_km is None and not day.tour_km]
    if not by_road:
        return None
    names = roads.communities
    needed = np.zeros((len(names), len(names)), dtype=bool)
    for day in by_road:
        driven = np.any([each.destinations > 0 for each in day.purposes], axis=0)
        for home in np.flatnonzero(homes).tolist():
            reached = np.arange(len(names)) == home
            for _ in day.stops:
                there = reached[:, None] & driven
                reached = there.any(axis=0)
                needed |= there
                needed[reached, home] = True
    problems: dict[Problem, None] = {}
    lengths = np.zeros(needed.shape)
    for origin, destination in np.argwhere(needed).tolist():
        if origin == destination:
            message = f"trips within {names[origin]} have no length"
            allowed = "within_km, trip_km, or destinations elsewhere"
            if within is None:
                problems[Problem("travel", message, allowed)] = None
            else:
                lengths[origin, destination] = within
            continue
        try:
            lengths[origin, destination] = quantity(names[origin], names[destination])
        except InputError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise InputError(list(problems))
    return lengths
