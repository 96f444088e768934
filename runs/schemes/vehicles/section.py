"""The electric vehicles of a scenario."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.plug_habits import PlugHabit
from hmesh.runs.plugins.registered import BEHAVIOURS
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    Name,
    SchemeSection,
    names_given_twice,
    read_together,
)
from hmesh.runs.scenarios.economics_section import VehicleEconomics
from hmesh.runs.scenarios.tariff_of_meters import StatedTariff
from hmesh.runs.scenarios.travel_section import Travel, between, datasets_of, files_of
from hmesh.runs.schemes.vehicles.vehicle_keys import VehicleKeys, above_lowest, within_limits
from hmesh.runs.strategy_names import schemes_of

CONNECTION = "charging"
# The group of vehicles in none, beside those of prosumers.
OTHERS = "others"
_NOT_SHARED = ("count", "groups", "name", "travel", "home", "economics")


class VehicleGroup(VehicleKeys):
    """Some of the vehicles; what is left out is that of all vehicles."""

    name: Name = Field(description="name of the group")
    travel: Travel | None = Field(
        default=None, description="how these vehicles travel, or null: as the scenario says"
    )
    home: str | None = Field(
        default=None, description="community where they stay overnight, or null: by travel"
    )

    @property
    def files(self) -> list[str]:
        """The files of its keys and of its travel."""
        return [*super().files, *(() if self.travel is None else files_of(self.travel))]

    def problems(self) -> Iterator[Problem]:
        """Yield what does not fit together in it."""
        yield from self.inconsistencies()


class Vehicles(VehicleKeys, SchemeSection):
    """The electric vehicles: alike but for what is drawn, or in groups."""

    connects: ClassVar[str] = "vehicles"

    groups: Annotated[tuple[VehicleGroup, ...], AS_TUPLE] = Field(
        default=(),
        description="groups of vehicles, each with a name, a count and any of the keys; "
        "none given: all are alike",
    )
    economics: VehicleEconomics | None = Field(
        default=None,
        description="price of bidirectional chargers, interest and life, or null",
    )

    # Whether its own vehicles are in no group of the scenario, beside those of prosumers.
    _ungrouped: bool = PrivateAttr(default=False)

    _above_lowest = check("soc_max")(above_lowest)
    _within_limits = check("soc_start")(within_limits)

    @classmethod
    def absent(cls) -> Self:
        """Return the section of a scenario that leaves it out: no vehicles."""
        return cls(count=0)

    @model_validator(mode="before")
    @classmethod
    def _as_many_as_their_groups(cls, given: Any) -> Any:
        """Count the vehicles of groups where no count is given."""
        groups = given.get("groups") if isinstance(given, Mapping) else None
        if not isinstance(groups, list | tuple) or not groups or "count" in given:
            return given
        counts = [one.get("count") for one in groups if isinstance(one, Mapping)]
        return {"count": sum(c for c in counts if isinstance(c, int)), **given}

    @model_validator(mode="after")
    def _complete_groups(self) -> Self:
        """Give each group what the section gives for all, and refuse what does not fit."""
        if not self.groups:
            refuse_all(list(self.inconsistencies()))
            return self
        problems = names_given_twice(self.groups, place="groups.")
        complete = []
        for number, group in enumerate(self.groups):
            group = self._completed(group)
            complete.append(group)
            problems += [
                replace(each, place=f"groups.{number}.{each.place}") for each in group.problems()
            ]
        count = sum(group.count for group in complete)
        if self.count != count:
            message = f"{self.count:,} is not the sum of the groups"
            problems.append(Problem("count", message, f"{count:,}, or no count"))
        refuse_all(problems)
        # The section is frozen; nobody has seen it yet.
        self.__dict__["groups"] = tuple(complete)
        return self

    def _completed(self, group: VehicleGroup) -> VehicleGroup:
        """Return a group with what the section gives for all."""
        here = self.model_fields_set.difference(_NOT_SHARED)
        missing = here - group.model_fields_set
        return group.model_copy(update={key: getattr(self, key) for key in missing})

    def with_owned(self, groups: tuple[VehicleGroup, ...]) -> Self:
        """Return the section with vehicles that prosumers own after its own.

        Its own in no group become one, since groups are distinguished by name.
        """
        own = self.groups
        if self.count and not own:
            own = (self._completed(VehicleGroup(name=OTHERS, count=self.count)),)
        complete = tuple(self._completed(group) for group in groups)
        problems = [
            replace(each, place=f"{group.name} of prosumers: {each.place}")
            for group in complete
            for each in group.problems()
        ]
        problems += names_given_twice((*own, *complete), place="groups.")
        refuse_all(problems)
        count = self.count + sum(group.count for group in complete)
        made = self.model_copy(update={"groups": (*own, *complete), "count": count})
        made._ungrouped = [group.name for group in own] == [OTHERS]
        return made

    def without_owned(self, given: int) -> Self:
        """Return the section with its own vehicles alone, as the scenario has them."""
        if self._ungrouped:
            return self.model_copy(update={"groups": (), "count": self.groups[0].count})
        groups = self.groups[:given]
        count = sum(group.count for group in groups) if self.groups else self.count
        return self.model_copy(update={"groups": groups, "count": count})

    @classmethod
    def agree(cls, section: "Vehicles", info: ValidationInfo) -> "Vehicles":
        """Return the section once the places of its groups' travel are found to exist."""
        communities = info.data.get("communities")
        problems = list(_unexplained_departures(section, info))
        for number, group in enumerate(section.groups):
            if group.home is not None and communities is not None and group.home not in communities:
                message = f"no community is called {group.home!r}"
                near = nearest(group.home, communities)
                place = f"groups.{number}.home"
                problems.append(Problem(place, message, ", ".join(communities), near))
            try:
                if group.travel is not None and communities is not None:
                    between(group.travel, communities, info.data.get("roads", ()))
            except InputError as error:
                place = f"groups.{number}.travel"
                problems += [replace(p, place=f"{place}.{p.place}") for p in error.problems]
        refuse_all(problems)
        return section

    @property
    def every(self) -> tuple[VehicleGroup, ...]:
        """Its groups; one without a name where all vehicles are alike."""
        if self.groups:
            return self.groups
        shared = {key: getattr(self, key) for key in VehicleKeys.model_fields}
        return (VehicleGroup.model_construct(name="", **shared),)

    def takes_part(self, scenario: Any) -> bool:
        """Return whether there are vehicles, some join, or their strategies are compared."""
        compared = any("vehicles" in schemes_of(strategy) for strategy in scenario.strategies)
        return compared or self.expected(scenario)

    def expected(self, scenario: Any) -> bool:
        """Return whether there are vehicles at any time of the run."""
        joining = any(event.vehicles for event in scenario.events)
        growth = scenario.growth
        return bool(self.count or growth.vehicles_per_year or growth.adoption or joining)

    @property
    def departures(self) -> bool:
        """Whether any vehicle wants a state of charge at its departure."""
        return any(group.departure_soc is not None for group in self.every)

    @property
    def habits(self) -> tuple[PlugHabit, ...]:
        """When the vehicles of each group plug in; none where all always do."""
        habits = tuple(group.habit for group in self.every)
        return () if all(habit.always for habit in habits) else habits

    @property
    def behaving_groups(self) -> dict[str, Any]:
        """The behaviour by which each group decides, by its name."""
        return {group.name: group.behaviour for group in self.every}

    @property
    def expects_prices(self) -> bool:
        """Whether vehicles plan on the price that they expect of their community."""
        given = (group.behaviour for group in self.every)
        return any(each is not None and each.expects_prices for each in given)

    @property
    def tariffs(self) -> list[tuple[int, StatedTariff]]:
        """The groups with a tariff of their own by number, and their tariffs."""
        return [(n, each.tariff) for n, each in enumerate(self.every) if each.tariff is not None]

    def place_of_tariff(self, number: int) -> str:
        """Return the key of the tariff of a group."""
        return f"vehicles.groups.{number}.tariff" if self.groups else "vehicles.tariff"

    def tariff_problems(self, scenario: Any) -> Iterator[Problem]:
        """Yield what of a scenario does not go with vehicles that have a tariff of their own."""
        given = {self.every[number].name: number for number, _ in self.tariffs}
        if not given:
            return
        place = self.place_of_tariff(min(given.values()))
        growth = scenario.growth
        joining = any(event.vehicles for event in scenario.events)
        if growth.vehicles_per_year or growth.adoption or joining:
            message = "vehicles join in the run, before which they have no meter"
            yield Problem(place, message, "null, or vehicles that are there from the start")
        for k, choice in enumerate(scenario.behaviours):
            of_vehicles = BEHAVIOURS[choice.behaviour].scheme == "vehicles"
            if of_vehicles and (choice.group is None or choice.group in given):
                message = (
                    f"{choice.behaviour} answers to the price of a community, which vehicles with "
                    "a tariff do not pay"
                )
                allowed = f"a group without a tariff, or {place}: null"
                yield Problem(f"behaviours.{k}.group", message, allowed)

    @property
    def asked_tables(self) -> tuple[str, ...]:
        """Return the table of departures where vehicles want energy then."""
        return ("departures",) if self.departures else ()

    def tables_asked(self, scenario: Any) -> tuple[str, ...]:
        """Return those, and those of chargers and sessions where they are asked for."""
        asked = (
            ("chargers", any(each.parking_chargers for each in scenario.communities.values())),
            ("sessions", scenario.record.sessions),
            ("stops", on_the_way(scenario)),
            ("changed_trips", on_the_way(scenario)),
        )
        return (*self.asked_tables, *(name for name, wanted in asked if wanted))

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the node of the grid at which vehicles are plugged in."""
        return (CONNECTION,)

    @property
    def files(self) -> list[str]:
        """The files that its groups name."""
        return list(dict.fromkeys(file for group in self.every for file in group.files))

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """The datasets that the travel and the models of its groups name."""
        models = [group.model.dataset for group in self.every if group.model is not None]
        return read_together(
            dict.fromkeys([name for name in models if name is not None], ("vehicles",)),
            *(tariff.datasets for _, tariff in self.tariffs),
            {} if self.economics is None else self.economics.datasets,
            *(datasets_of(group.travel) for group in self.groups if group.travel is not None),
        )


def on_the_way(scenario: Any) -> bool:
    """Return whether any vehicle stops on its way where its battery does not reach."""
    travels = [scenario.travel if g.travel is None else g.travel for g in scenario.vehicles.every]
    return any(travel.charge_on_the_way is not None for travel in travels)


def _unexplained_departures(section: Vehicles, info: ValidationInfo) -> Iterator[Problem]:
    """Yield a problem where prices are found by a rule that knows no value of departures."""
    game = info.data.get("game")
    bargains = {"two_level", "three_level"}.intersection(info.data.get("strategies", ()))
    if game is None or not bargains:
        return
    by_prices = game.solver == "negotiate" and game.bids == "prices"
    if not by_prices and game.solver != "closed_form":
        return
    how = "negotiate with bids: prices" if by_prices else "closed_form"
    for number, group in enumerate(section.every):
        if group.departure_soc is not None:
            place = f"groups.{number}.departure_soc" if section.groups else "departure_soc"
            message = f"game.solver {how} takes the answer of a vehicle for one line"
            yield Problem(place, message, "game.solver: exact, or negotiate with bids: curves")


def preference_problems(scenario: Any, _: Any) -> Iterator[Problem]:
    """Return what is wrong with the files of distributions."""
    found = (
        problem
        for group in scenario.vehicles.every
        for problem in group.file_problems(scenario, group.count)
    )
    yield from dict.fromkeys(found)
