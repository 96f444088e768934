"""The sections of a scenario: what each may hold, its unit and its bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    Money,
    NotNegative,
    existing_dataset,
    names_given_twice,
    short_enough,
)
from hmesh.runs.scenarios.base import Interval as Interval
from hmesh.runs.scenarios.base import LossRate as LossRate
from hmesh.runs.scenarios.base import Positive as Positive
from hmesh.runs.scenarios.base import Section as Section
from hmesh.runs.scenarios.base import existing as existing
from hmesh.runs.scenarios.base import ordered as ordered
from hmesh.runs.scenarios.base import refuse as refuse
from hmesh.runs.scenarios.chargers_section import ChargerKinds, Chargers, different_kinds
from hmesh.runs.scenarios.durations import AS_HOURS
from hmesh.runs.scenarios.leader_section import Leaders
from hmesh.runs.scenarios.local_exchange_section import LocalExchange as LocalExchange
from hmesh.runs.scenarios.local_exchange_section import kinds_that_share
from hmesh.runs.scenarios.measure_names import MEASURES, OF_ACCOUNTS
from hmesh.runs.scenarios.member_groups import BusinessMembers as BusinessMembers
from hmesh.runs.scenarios.member_groups import DatasetMembers as DatasetMembers
from hmesh.runs.scenarios.member_groups import FileMembers as FileMembers
from hmesh.runs.scenarios.member_groups import Members
from hmesh.runs.scenarios.member_groups import ProfileMembers as ProfileMembers
from hmesh.runs.scenarios.member_groups import ProsumerMembers as ProsumerMembers
from hmesh.runs.scenarios.money_defaults import OF_EVERY_RUN, money
from hmesh.runs.scenarios.places_section import Area, PlaceSettings, RoadFile, location_problems


class Holidays(Section):
    """The public holidays, which count as Sundays."""

    country: str = Field(description="ISO 3166-1 code of the country")
    subdivision: str | None = Field(
        default=None, description="code of the state or province, or null"
    )

    @check("country")
    @classmethod
    def _known_country(cls, country: str) -> str:
        import holidays

        loader = holidays.registry.EntityLoader
        if len(country) == 2 and isinstance(getattr(holidays, country, None), loader):
            return country  # found without the second that listing all of them takes
        countries = holidays.list_supported_countries()
        if country in countries:
            return country
        codes = {name: code for name, code, *_ in holidays.registry.COUNTRIES.values()}
        near = nearest(country, [*countries, *codes])
        raise refuse(f"no holidays are known of {country!r}", suggestion=codes.get(near, near))

    @check("subdivision")
    @classmethod
    def _known_subdivision(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        if subdivision is None or "country" not in info.data:
            return subdivision
        import holidays

        country = info.data["country"]
        known = holidays.list_supported_countries().get(country, [])
        if subdivision not in known:
            raise refuse(
                f"{country} has no subdivision {subdivision!r}",
                allowed=", ".join(known) or "null",
                suggestion=nearest(subdivision, known),
            )
        return subdivision


class GenerationCost(Section):
    """Cost of generation per hour, quadratic * e^2 + linear * e + fixed of the energy e."""

    quadratic: NotNegative = money(OF_EVERY_RUN["generation_cost.quadratic"], "a")
    linear: Money = money(OF_EVERY_RUN["generation_cost.linear"], "b")
    fixed: Money = money(OF_EVERY_RUN["generation_cost.fixed"], "c")


class TimeOfUse(Section):
    """The tariff of the two-level strategy; on-peak is from_hour <= clock hour < to_hour."""

    on_peak: Money = money(OF_EVERY_RUN["prices.time_of_use.on_peak"], "price in the on-peak hours")
    off_peak: Money = money(OF_EVERY_RUN["prices.time_of_use.off_peak"], "price in all other hours")
    from_hour: Annotated[float, Field(ge=0, le=24)] = Field(
        default=9.0, description="clock hour at which on-peak begins [h]"
    )
    to_hour: Annotated[float, Field(ge=0, le=24)] = Field(
        default=22.0,
        description="clock hour at which on-peak ends, before from_hour past midnight [h]",
    )

    dataset: str | None = Field(
        default=None, description="folder of a dataset whose market sets the tariff, or null"
    )
    column: Literal["price", "feed_in"] = Field(
        default="price", description="column of its table market that is the tariff"
    )

    @check("dataset")
    @classmethod
    def _existing_dataset(cls, dataset: str | None, info: ValidationInfo) -> str | None:
        return None if dataset is None else existing_dataset(dataset, info)

    @check("to_hour")
    @classmethod
    def _some_hours(cls, to_hour: float, info: ValidationInfo) -> float:
        if info.data.get("from_hour") == to_hour:
            raise refuse(
                f"on-peak begins and ends at {to_hour:g}",
                allowed="another hour than from_hour; 0 and 24 are the whole day",
            )
        return to_hour


class PriceRules(Section):
    """The bounds of the prices and the rules where no game sets them."""

    utility: Interval = money(OF_EVERY_RUN["prices.utility"], "lowest and highest utility price")
    aggregator: Interval = money(
        OF_EVERY_RUN["prices.aggregator"], "lowest and highest community price"
    )
    without_vehicles: Literal["pass_through", "profit_max"] = Field(
        default="pass_through",
        description="how a community in which nobody answers to prices sets its own",
    )
    retail: Literal["marginal", "average"] = Field(
        default="marginal", description="which generation cost typical charging pays"
    )
    time_of_use: TimeOfUse = Field(
        default=TimeOfUse(), description="utility price of the two-level game"
    )

    _ordered = check("utility", "aggregator")(ordered)

    @check("aggregator")
    @classmethod
    def _no_forced_loss(
        cls, aggregator: tuple[float, float], info: ValidationInfo
    ) -> tuple[float, float]:
        utility = info.data.get("utility", aggregator)
        if utility[1] > aggregator[1]:
            raise refuse(
                f"the highest price {aggregator[1]:g} is below the utility's {utility[1]:g}, "
                "which would force a loss on the aggregator",
                allowed=f"a highest price of at least {utility[1]:g}",
            )
        return aggregator


class GameSettings(Section):
    """How the price of the game is found."""

    solver: Literal["negotiate", "grid", "closed_form", "exact"] = Field(
        default="negotiate", description="how leaders find their price"
    )
    bids: Literal["prices", "curves"] = Field(
        default="prices",
        description="whether those who negotiate answer to prices, or send their whole curves",
    )
    losses: Literal["known", "ignored"] = Field(
        default="known", description="whether the utility's price counts losses of the lines"
    )
    tolerance: Annotated[float, Field(gt=0, le=0.1)] = Field(
        default=1.0e-6, description="accuracy of a negotiated price [share of the price range]"
    )
    grid_step: Positive = money(OF_EVERY_RUN["game.grid_step"], "first step of the enumeration")
    grid_zooms: Annotated[int, Field(ge=0, le=12)] = Field(
        default=3, description="how often the enumeration is refined tenfold around its best price"
    )
    leaders: Leaders = Field(
        default=Leaders(), description="who sets prices how under the strategy leaders"
    )


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
        if problems := names_given_twice(members):
            raise InputError(problems)
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
        if problems:
            raise InputError(problems)
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
    if problems:
        raise InputError(problems)
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
    if problems:
        raise InputError(problems)
    return roads


class MessageSettings(Section):
    """How messages travel within a step, and which are kept."""

    latency_h: Annotated[NotNegative, AS_HOURS] = Field(
        default=0.0, description="mean time a message takes [h]"
    )
    latency: Literal["constant", "exponential"] = Field(
        default="constant", description="whether all messages take this time, or each its own"
    )
    loss_rate: LossRate = Field(default=0.0, description="share of the messages lost [-]")
    deadline_h: Annotated[Positive, AS_HOURS] | None = Field(
        default=None, description="time within a step after which nobody waits [h], or null"
    )
    keep: Literal["none", "leaders", "all"] = Field(
        default="none", description="whose messages are written to the results"
    )


class Record(Section):
    """What is written to the results beside the hours of the communities."""

    vehicles: keys.Recorded = Field(
        default="all",
        description="which vehicles are written at every step: all, none or the first N",
    )
    buildings: keys.Recorded = Field(
        default="all",
        description="which buildings with batteries are written at every step: all, none or the "
        "first N",
    )
    schools: keys.Recorded = Field(
        default="all",
        description="which schools are written at every step: all, none or the first N",
    )
    homes: keys.Recorded = Field(
        default="all",
        description="which smart homes are written at every step: all, none or the first N",
    )
    houses: keys.Recorded = Field(
        default="all",
        description="which houses with storages are written at every step: all, none or the "
        "first N",
    )
    sites: keys.Recorded = Field(
        default="all",
        description="which metered sites are written at every step: all, none or the first N",
    )
    prosumers: keys.Recorded = Field(
        default="all",
        description="which prosumers are written at every step: all, none or the first N",
    )
    sessions: bool = Field(
        default=False,
        description="whether times of the recorded vehicles at a plug are written as they end",
    )
    events: bool = Field(
        default=False,
        description="whether what happens to feeders, chargers, school buses, vehicles and "
        "messages, of those recorded, is written at its own time",
    )
    welfare: bool = Field(
        default=True,
        description="whether welfare and the planner's are written, where vehicles answer prices",
    )
    local_members: bool = Field(
        default=False,
        description="whether it is written at every step what each member got and gave in the "
        "local exchange of its community",
    )
    burn_in_h: NotNegative = Field(
        default=0.0,
        description="what sweeps leave out at the start of each run, of whose rest the summary "
        "has figures of their own [h]",
    )
    states: Literal["none", "end", "all"] = Field(
        default="none",
        description="which states stay in the folder of the run, to extend it or to branch from "
        "it: none; end, that of its end; all, those of all its checkpoints too",
    )
    accounts: Literal["none", "kinds", "all"] = Field(
        default="kinds",
        description="who has accounts: none; kinds, all parties of the ledger and households and "
        "buildings of each community; all, every member too",
    )
    measures: Annotated[tuple[str, ...], AS_TUPLE] = Field(
        default=(), description="measures of what emerges among vehicles that are recorded, by name"
    )

    @check("measures")
    @classmethod
    def _known_measures(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for name in names:
            if name not in MEASURES:
                raise refuse(
                    f"there is no measure {name!r}", allowed=", ".join(MEASURES),
                    suggestion=nearest(name, MEASURES),
                )  # fmt: skip
            if name in OF_ACCOUNTS and info.data.get("accounts") != "all":
                raise refuse(f"{name} needs every account", allowed="record.accounts: all")
        return names
