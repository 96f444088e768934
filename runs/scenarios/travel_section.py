"""How vehicles travel: by day plans, drawn for every day, or dealt from people's diaries."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, nearest, refuse_all
from hmesh.runs.scenarios.base import (
    DatasetFolder,
    NotNegative,
    Positive,
    Section,
    Share,
    TableFile,
    existing_dataset,
    refuse,
)
from hmesh.runs.scenarios.places_section import RoadFile
from hmesh.runs.scenarios.travel_numbers import Distribution, Hour, Shares, not_negative, some_share

KINDS = ("plans", "drawn", "diaries", "trips", "sessions")

Destinations = dict[str, NotNegative]
Kind = Literal["weekday", "saturday", "sunday", "holiday", "school_holiday", "every"]


def _towards(shares: Destinations) -> Destinations:
    """Refuse shares of nothing where some are given."""
    if shares:
        some_share(tuple(shares.values()))
    return shares


class PurposeSettings(Section):
    """What vehicles stop for, where, and for how long."""

    share: NotNegative = Field(
        default=1.0, description="share of the stops, among the purposes possible at their hour [-]"
    )
    from_h: Hour = Field(default=0.0, description="clock hour from which one departs for it [h]")
    to_h: Hour = Field(
        default=24.0, description="clock hour until which, before from_h past midnight [h]"
    )
    stay_h: Distribution | None = Field(
        default=None, description="how long a stop lasts [h], or null to fit it"
    )
    to: Destinations = Field(
        default={}, description="share of each destination [-]; none given: all other communities"
    )
    between: dict[str, Destinations] = Field(
        default={}, description="shares of destinations by origin, in place of to [-]"
    )

    _stay = check("stay_h")(not_negative)
    _to = check("to")(_towards)

    @check("between")
    @classmethod
    def _each(cls, between: dict[str, Destinations]) -> dict[str, Destinations]:
        for origin, shares in between.items():
            if sum(shares.values()) <= 0:
                raise refuse("no share is above 0", place=origin)
        return between


class TravelDaySettings(Section):
    """How vehicles travel on one kind of day; what is null is fitted."""

    travels: Share | None = Field(
        default=None, description="probability that a vehicle travels [-]; null: fitted, else 1"
    )
    stops: Shares | None = Field(
        default=None, description="share of tours with 1, 2, 3 ... stops [-], or null to fit it"
    )
    departs_h: Distribution | None = Field(
        default=None, description="clock hour of the first departure [h], or null to fit it"
    )
    trip_km: Distribution | None = Field(
        default=None, description="length of a trip [km]; null: fitted, else that of the road"
    )
    purposes: dict[str, PurposeSettings] = Field(
        default={}, description="what stops are for, by name; none given: one purpose, fitted"
    )

    @check("stops")
    @classmethod
    def _few(cls, stops: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if stops is not None and len(stops) > 20:
            raise refuse(f"there are {len(stops)} numbers of stops", allowed="at most 20")
        return None if stops is None else some_share(stops)

    _length = check("trip_km")(not_negative)


class FitSettings(Section):
    """Tables to which everything about travel is fitted that is not given."""

    day_plans: bool = Field(default=False, description="whether to fit the day plans of vehicles")
    tours: TableFile | None = Field(
        default=None,
        description="CSV or Parquet file of tours: distance_km, travel_time_min, dwell_time_min, "
        "trips_in_tour; or null",
    )
    departures: TableFile | None = Field(
        default=None, description="CSV or Parquet file with a column of local times, or null"
    )
    departures_column: str = Field(default="plug_out_local", description="name of that column")


class ChargeOnTheWay(Section):
    """What vehicles do whose battery does not reach: they stop at a fast charger, or stay."""

    most_kw: Positive | None = Field(
        default=None,
        description="highest power that a vehicle takes there [kW], or null where only the charger "
        "limits it",
    )
    margin: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.1, description="state of charge with which it means to arrive [-]"
    )


def _with_defaults(given: object) -> object:
    """Return true as a section of defaults, and false as none."""
    return {True: {}, False: None}[given] if isinstance(given, bool) else given


class TravelKeys(Section):
    """What every kind of travel has."""

    charge_on_the_way: Annotated[ChargeOnTheWay | None, BeforeValidator(_with_defaults)] = Field(
        default=None,
        description="true, or how vehicles whose battery does not reach stop at fast chargers on "
        "their way; false or null: they arrive all the same, and what they lack is counted",
    )


class PlannedTravel(TravelKeys):
    """Vehicles follow day plans."""

    kind: Literal["plans", "drawn", "diaries", "trips", "sessions"] = Field(
        default="plans", description="where the trips of a day come from"
    )


class DrawnTravel(TravelKeys):
    """The trips of every vehicle and day are drawn."""

    kind: Literal["drawn"] = Field(description="where the trips of a day come from")
    home: Destinations = Field(
        default={}, description="share of the vehicles at home in each community [-]"
    )
    speed_km_h: Positive | None = Field(
        default=None,
        description="speed on the road [km/h]; null: fitted, else that of the road network",
    )
    within_km: Positive | None = Field(
        default=None,
        description="length of a trip within a community [km], where the others are as long as the "
        "road; null: there are none",
    )
    day_begins_h: Annotated[float, Field(ge=0, le=12)] = Field(
        default=4.0, description="clock hour by which every vehicle of the day before is home [h]"
    )
    fit: FitSettings = Field(default=FitSettings(), description="tables to fit to")
    days: dict[Kind, TravelDaySettings] = Field(
        default={},
        description="weekday, saturday, sunday, holiday (as sunday where not given), "
        "school_holiday (as weekday where not given) or every",
    )

    _home = check("home")(_towards)

    @check("days")
    @classmethod
    def _all_known(
        cls, days: dict[Kind, TravelDaySettings], info: ValidationInfo
    ) -> dict[Kind, TravelDaySettings]:
        fit = info.data.get("fit")
        if fit is None or fit.day_plans:
            return days
        problems = []
        if not days:
            problems.append(Problem("", "no kind of day is given", "every, weekday, ..."))
        for kind, day in days.items():
            if day.stops is None and fit.tours is None:
                problems.append(Problem(f"{kind}.stops", "is missing", "shares, or fit.tours"))
            if day.departs_h is None and fit.departures is None:
                allowed = "a distribution, or fit.departures"
                problems.append(Problem(f"{kind}.departs_h", "is missing", allowed))
            unknown = [name for name, each in day.purposes.items() if each.stay_h is None]
            if fit.tours is None and not day.purposes:
                problems.append(Problem(f"{kind}.purposes", "is missing", "one, or fit.tours"))
            if fit.tours is None:
                problems += [
                    Problem(f"{kind}.purposes.{name}.stay_h", "is missing", "hours, or fit.tours")
                    for name in unknown
                ]
        if not info.data.get("home", True):
            problems.append(Problem("", "no home is given", "home, or fit.day_plans: true"))
        refuse_all(problems)
        return days


class PlaceKeys(TravelKeys):
    """How the places of a dataset become those of a scenario."""

    places: dict[str, str] = Field(
        default={}, description="community of places that a dataset calls otherwise"
    )
    elsewhere: str | None = Field(
        default=None, description="community of all other places of a dataset, or null: none"
    )


class SurveyKeys(PlaceKeys):
    """How the places and days of a dataset become those of a scenario."""

    open_days: Literal["leave_out", "refuse"] = Field(
        default="leave_out",
        description="what becomes of days of a dataset that cannot be driven day after day",
    )


class DiaryTravel(SurveyKeys):
    """Every vehicle is dealt the trips of a day from people's diaries."""

    kind: Literal["diaries"] = Field(description="where the trips of a day come from")
    file: TableFile | None = Field(
        default=None, description="CSV or Parquet file of trips, or null where a dataset has them"
    )
    dataset: str | None = Field(
        default=None, description="folder of a dataset with a table trips, or null"
    )
    deal: Literal["daily", "once"] = Field(
        default="daily",
        description="daily: another diary every day; once: always those of one person",
    )

    @check("dataset")
    @classmethod
    def _one_source(cls, dataset: str | None, info: ValidationInfo) -> str | None:
        if (dataset is None) == (info.data.get("file") is None) and "file" in info.data:
            both = "file and dataset are" if dataset else "neither file nor dataset is"
            raise refuse(f"{both} given", allowed="one of the two")
        return None if dataset is None else existing_dataset(dataset, info)


class TripTravel(SurveyKeys):
    """Each vehicle drives the trips of a vehicle of a dataset, assigned in turn."""

    kind: Literal["trips"] = Field(description="where the trips of a day come from")
    dataset: DatasetFolder = Field(description="folder of a dataset with a table trips")


class SessionTravel(PlaceKeys):
    """Each vehicle is plugged in as in the charging sessions of a dataset, assigned in turn."""

    kind: Literal["sessions"] = Field(description="where the trips of a day come from")
    dataset: DatasetFolder = Field(description="folder of a dataset with a table charging_sessions")


def _travel_kind(value: object) -> str:
    kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    return kind if kind in KINDS else "plans"


Travel = Annotated[
    Annotated[PlannedTravel, Tag("plans")]
    | Annotated[DrawnTravel, Tag("drawn")]
    | Annotated[DiaryTravel, Tag("diaries")]
    | Annotated[TripTravel, Tag("trips")]
    | Annotated[SessionTravel, Tag("sessions")],
    Discriminator(_travel_kind),
]


def files_of(travel: Travel) -> list[str]:
    """Return the files that travel names."""
    if isinstance(travel, DiaryTravel) and travel.file is not None:
        return [travel.file]
    if isinstance(travel, DrawnTravel):
        return [file for file in (travel.fit.tours, travel.fit.departures) if file is not None]
    return []


def datasets_of(travel: Travel) -> dict[str, tuple[str, ...]]:
    """Return the datasets that travel names, with the tables that it uses."""
    if isinstance(travel, SessionTravel):
        return {travel.dataset: ("charging_sessions", "vehicles")}
    named = travel.dataset if isinstance(travel, DiaryTravel | TripTravel) else None
    return {} if named is None else {named: ("trips", "vehicles")}


def between(travel: Travel, communities: Mapping[str, Any], roads: Any = ()) -> Travel:
    """Return how vehicles travel; refuse places that are no communities, and unknown speeds."""
    problems = [
        Problem(place, f"no community is called {name!r}", ", ".join(communities), near)
        for place, name in _places(travel)
        if name not in communities
        for near in (nearest(name, communities),)
    ]
    if isinstance(travel, DrawnTravel) and not _speed_known(travel, roads):
        allowed = "speed_km_h, fit.tours, or a road network and no trip_km"
        problems.append(Problem("days", "no speed_km_h is given", allowed))
    refuse_all(problems)
    return travel


def _speed_known(travel: DrawnTravel, roads: Any) -> bool:
    """Return whether it is known how long drawn trips take."""
    fit = travel.fit
    if travel.speed_km_h is not None or fit.day_plans or fit.tours is not None:
        return True
    by_road = all(day.trip_km is None for day in travel.days.values())
    return isinstance(roads, RoadFile) and by_road


def _places(travel: Travel) -> Iterator[tuple[str, str]]:
    """Yield every name of a community with the place where it stands."""
    if isinstance(travel, PlaceKeys):
        yield from ((f"places.{place}", name) for place, name in travel.places.items())
        if travel.elsewhere is not None:
            yield "elsewhere", travel.elsewhere
    if not isinstance(travel, DrawnTravel):
        return
    yield from ((f"home.{name}", name) for name in travel.home)
    for kind, day in travel.days.items():
        for called, purpose in day.purposes.items():
            here = f"days.{kind}.purposes.{called}"
            yield from ((f"{here}.to.{name}", name) for name in purpose.to)
            for origin, shares in purpose.between.items():
                yield f"{here}.between.{origin}", origin
                yield from ((f"{here}.between.{origin}.{name}", name) for name in shares)
