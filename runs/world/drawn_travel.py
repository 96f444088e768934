"""Trips that are drawn: what is drawn on each kind of day, as given or fitted to tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import DAY_KINDS, LIKE_KIND, Calendar, DayKind
from hmesh.environment.day_plans import DayPlans
from hmesh.environment.distributions import discrete
from hmesh.environment.drawn_trips import DrawnTrips
from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.environment.growth import Growth
from hmesh.environment.road_map import RoadMap
from hmesh.environment.roads import RoadNetwork
from hmesh.environment.streams import Streams
from hmesh.environment.travel_day import Discrete, Distribution, Histogram, Purpose, TravelDay
from hmesh.environment.travel_fit import FittedTours, fit_departures, fit_plans, fit_tours
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.travel_section import DrawnTravel, PurposeSettings, TravelDaySettings


def drawn_trips(
    scenario: Scenario,
    travel: DrawnTravel,
    plans: DayPlans,
    calendar: Calendar,
    streams: Streams,
    roads: RoadNetwork | RoadMap,
    vehicles: int,
    growth: Growth | None,
    agent_type: str,
) -> DrawnTrips:
    """Return the trips that vehicles of one agent type draw, and the communities of their homes.

    Raises
    ------
    InputError
        If a table of the scenario cannot be used, or there is no road where one is needed.
    """
    communities = tuple(scenario.communities)
    days, speed = FittedTravel(scenario, travel, plans, communities).days()
    shares = np.array([travel.home.get(name, 0.0) for name in communities])
    if not travel.home:
        shares = np.bincount(plans.start, minlength=len(communities)).astype(np.float64)
    u = streams.generator("home", agent_type).random(vehicles)
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
        agent_type=agent_type,
    )


class FittedTravel:
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
        refuse_all(problems)
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

    def _matrix(self, purpose: PurposeSettings, planned: TravelDay | None) -> FloatArray:
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
) -> FloatArray | None:
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
) -> FloatArray | None:
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
