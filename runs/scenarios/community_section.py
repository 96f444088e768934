"""The communities of a scenario: members, feeders, chargers, and the roads between them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    LossRate,
    NotNegative,
    Positive,
    Section,
    names_given_twice,
    refuse,
    short_enough,
)
from hmesh.runs.scenarios.chargers_section import ChargerKinds, Chargers, different_kinds
from hmesh.runs.scenarios.local_exchange_section import LocalExchange, kinds_that_share
from hmesh.runs.scenarios.member_groups import Members
from hmesh.runs.scenarios.places_section import Area, PlaceSettings, RoadFile, location_problems


class Feeder(Section):
    """The line from the utility to a community."""

    length_km: NotNegative = Field(default=1.0, description="length of the line [km]")
    rating_kw: Positive = Field(default=10_000.0, description="power the line may carry [kW]")
    loss_rate: LossRate = Field(default=0.0, description="share of the energy lost on the way [-]")


class Community(Section):
    """A community: who lives and works there, and the line that feeds it."""

    members: Annotated[tuple[Members, ...], AS_TUPLE] = Field(
        description="groups of households and buildings"
    )
    feeder: Feeder = Field(default=Feeder(), description="the line from the utility")
    location: PlaceSettings | None = Field(
        default=None, description="where it is, or null where only distances are known"
    )
    area: Area | None = Field(default=None, description="its area on the map, or null")
    local_exchange: LocalExchange | None = Field(
        default=None,
        description="how members share what some of them generate beyond their own use, or null "
        "where all pay and are paid the price of the community",
    )

    chargers: ChargerKinds = Field(
        default=(),
        description="its chargers, one kind or a list of them; none: a plug for every vehicle",
    )

    _kinds = check("chargers")(different_kinds)

    @property
    def parking_chargers(self) -> tuple[Chargers, ...]:
        """The chargers of vehicles that park there; none where each has a plug."""
        return tuple(kind for kind in self.chargers if not kind.on_the_way)

    @property
    def fast_chargers(self) -> tuple[Chargers, ...]:
        """The chargers of vehicles that stop on their way."""
        return tuple(kind for kind in self.chargers if kind.on_the_way)

    @check("members")
    @classmethod
    def _distinct_names(cls, members: tuple[Any, ...]) -> tuple[Any, ...]:
        refuse_all(names_given_twice(members))
        return members

    @check("local_exchange")
    @classmethod
    def _shares_of_members(
        cls, local: LocalExchange | None, info: ValidationInfo
    ) -> LocalExchange | None:
        members = info.data.get("members")
        if local is None or members is None:
            return local
        if apart := [group.name for group in members if group.tariff is not None]:
            message = f"{', '.join(apart)} have a tariff of their own, so that nothing is local"
            raise refuse(message, allowed="null, or members without a tariff")
        if local.shares is None:
            return local
        known = list(dict.fromkeys((*(group.name for group in members), *kinds_that_share())))
        problems = [
            Problem(
                f"shares.{name}",
                f"no member group of the community is called {name!r}, and no kind of its members",
                ", ".join(known),
                nearest(name, known),
            )
            for name in local.shares
            if name not in known
        ]
        refuse_all(problems)
        return local


class Road(Section):
    """A road between two communities."""

    between: Annotated[tuple[str, str], AS_TUPLE] = Field(description="its two communities")
    km: Positive = Field(description="length of the road [km]")


def _roads_form(value: object) -> str:
    return "file" if isinstance(value, Mapping | RoadFile) else "list"


Roads = Annotated[
    Annotated[tuple[Road, ...], Field(strict=False), Tag("list")]
    | Annotated[RoadFile, Tag("file")],
    Discriminator(_roads_form),
]


def names_of_places(communities: dict[str, Community]) -> dict[str, Community]:
    """Return communities that are called what a place of the grid may be called."""
    if not communities:
        raise refuse("there is no community")
    problems = [
        Problem(name, f"{name!r} is no name of a community", "letters, digits, - and _")
        for name in communities
        if not name.replace("-", "_").isidentifier() or name == "utility"
    ]
    problems += [
        replace(problem, place=name) for name in communities for problem in _name_problems(name)
    ]
    problems += location_problems(communities)
    refuse_all(problems)
    return communities


def _name_problems(name: str) -> Sequence[Problem]:
    try:
        short_enough(name)
    except InputError as error:
        return error.problems
    return ()


def between_communities(
    roads: tuple[Road, ...] | RoadFile, info: ValidationInfo
) -> tuple[Road, ...] | RoadFile:
    """Return roads between communities that there are, each given once, or of a file."""
    communities = info.data.get("communities")
    if communities is None:
        return roads
    if isinstance(roads, RoadFile):
        missing = [name for name, each in communities.items() if each.location is None]
        if missing:
            message = f"a road network needs the place of each community, that of {missing[0]} too"
            raise refuse(message, allowed=f"communities.{missing[0]}.location")
        return roads
    problems = [
        Problem(
            f"{index}.between.{side}",
            f"no community is called {name!r}",
            ", ".join(communities),
            nearest(name, communities),
        )
        for index, road in enumerate(roads)
        for side, name in enumerate(road.between)
        if name not in communities
    ]
    ends = [frozenset(road.between) for road in roads]
    for index, both in enumerate(ends):
        here = f"{index}.between"
        if len(both) == 1:
            problems.append(Problem(here, "a road to where it begins", "two communities"))
        elif both in ends[:index]:
            problems.append(Problem(here, "this road is given twice", "each road once"))
    refuse_all(problems)
    return roads
