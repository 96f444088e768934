"""A scenario: everything that a run depends on, checked as a whole."""

from collections.abc import Mapping
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic import field_validator as check

from hmesh.environment.errors import InputError
from hmesh.environment.grid_files.read_grid import grid_files
from hmesh.runs.plugins.loading import Plugin
from hmesh.runs.plugins.metrics import metrics_of
from hmesh.runs.plugins.registered import Metric
from hmesh.runs.scenarios.adoption_section import adopters_enough
from hmesh.runs.scenarios.base import Name, Positive, Section
from hmesh.runs.scenarios.behaviour_section import BehaviourChoice, chosen_by_group
from hmesh.runs.scenarios.chance_section import (
    Chances,
    GrowthSettings,
    Location,
)
from hmesh.runs.scenarios.community_section import (
    Community,
    Roads,
    between_communities,
    names_of_places,
)
from hmesh.runs.scenarios.converted_money import CURRENCY_CODE, ConvertedMoney, in_own_currency
from hmesh.runs.scenarios.durations import AS_HOURS
from hmesh.runs.scenarios.events_section import ScenarioEvent, refuse_wrong_events
from hmesh.runs.scenarios.expected_price_section import ExpectedPriceSettings
from hmesh.runs.scenarios.grid_section import KINDS_OF_MEMBERS, GridSettings
from hmesh.runs.scenarios.holidays_section import Holidays
from hmesh.runs.scenarios.member_groups import DatasetMembers
from hmesh.runs.scenarios.named_files import datasets_named, files_named
from hmesh.runs.scenarios.price_sections import GameSettings, GenerationCost, PriceRules
from hmesh.runs.scenarios.problems import problems_of
from hmesh.runs.scenarios.prosumer_parts import prosumers_of
from hmesh.runs.scenarios.record_section import (
    MessageSettings,
    Record,
    RecordOrAuto,
    with_numbers_for_auto,
)
from hmesh.runs.scenarios.resolved_scenario import given_and_context, resolved_data
from hmesh.runs.scenarios.scheme_sections import add_schemes
from hmesh.runs.scenarios.school import SchoolTermSettings, timetable_files, timetable_of
from hmesh.runs.scenarios.section_consistency import (
    behaviours_of_agents_there,
    each_once,
    forecaster_of_a_plugin_named,
    grid_to_everybody,
    known_for_the_sun,
    measures_of_vehicles,
    refuse_all_burn_in,
    tariff_within_bounds,
)
from hmesh.runs.scenarios.strategies_there import of_plugins_named, of_schemes_there
from hmesh.runs.scenarios.time_span import (
    SHORTEST_STEP_H,
    existing_time,
    known_zone,
    part_or_multiple_of_an_hour,
    whole_steps,
)
from hmesh.runs.scenarios.travel_section import PlannedTravel, Travel, between
from hmesh.runs.scenarios.yaml_reader import place
from hmesh.runs.schemes.descriptor import RETAIL
from hmesh.runs.schemes.registry import on_change, schemes, sections_first
from hmesh.runs.world.dataset_files import dataset_files


class Scenario(Section):
    """Everything that a run depends on; the same scenario and seed give the same results."""

    if TYPE_CHECKING:

        def __getattr__(self, scheme: str) -> Any:
            """Return the section of a scheme; `_complete` adds them as fields."""

    name: Name = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="short name of letters, digits, points, hyphens and underscores",
    )
    plugins: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="Python files and modules that add metrics, strategies and schemes"
    )
    description: str = Field(default="", description="one line on what the scenario shows")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=1, description="every draw follows from it"
    )
    time_zone: str = Field(description="IANA name of the time zone")
    start: str = Field(description="local time as 2024-01-15T01:00")
    step_h: Annotated[float, Field(ge=SHORTEST_STEP_H, le=24), AS_HOURS] = Field(
        default=1.0, description="length of a step, a whole part or multiple of an hour [h]"
    )
    years: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="length of the run in calendar years, in place of hours, or null"
    )
    hours: Annotated[float, Field(gt=0, le=1_000_000)] = Field(
        default=24.0, description="length of the run, a whole number of steps [h]"
    )
    currency: str = Field(
        default="JPY", pattern=CURRENCY_CODE, description="ISO 4217 code of three capital letters"
    )
    holidays: Holidays | None = Field(default=None, description="public holidays, or null for none")
    school_terms: SchoolTermSettings | None = Field(
        default=None, description="when there is school, or null where nothing needs it"
    )
    strategies: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="strategies run side by side"
    )
    generation_cost: GenerationCost = Field(
        default=GenerationCost(), description="cost of generation"
    )
    prices: PriceRules = Field(default=PriceRules(), description="bounds and rules of the prices")
    expected_price: ExpectedPriceSettings = Field(
        default=ExpectedPriceSettings(), description="forecast of the price of their community"
    )
    game: GameSettings = Field(default=GameSettings(), description="how prices are found")
    communities: dict[str, Community] = Field(description="communities by name")
    roads: Roads = Field(
        default=(), description="roads between communities: a list, or a network in a file"
    )
    grid: GridSettings = Field(
        default=GridSettings(), description="lines between the utility and the communities"
    )
    location: Location | None = Field(
        default=None, description="where the communities are, or null where nothing needs it"
    )
    travel: Travel = Field(default=PlannedTravel(), description="how vehicles travel")
    chance: Chances = Field(default=Chances(), description="random processes of a run")
    growth: GrowthSettings = Field(default=GrowthSettings(), description="what grows over years")
    events: Annotated[tuple[ScenarioEvent, ...], Field(strict=False)] = Field(
        default=(), description="values that change at a time"
    )
    behaviours: Annotated[tuple[BehaviourChoice, ...], Field(strict=False)] = Field(
        default=(), description="agents that decide by a behaviour of a plugin"
    )
    messages: MessageSettings = Field(default=MessageSettings(), description="how messages travel")
    record: RecordOrAuto = Field(
        default=Record(), description="further tables and figures of the results"
    )
    checkpoint_every_h: Positive | None = Field(
        default=168.0, description="simulated time between checkpoints [h], or null for none"
    )
    checkpoint_every_minutes: Positive | None = Field(
        default=5.0, description="time on the clock between checkpoints [min], or null for none"
    )
    plots: bool = Field(default=True, description="whether figures are drawn at the end")

    _folder: Path = PrivateAttr(default=Path())
    _converted: tuple[ConvertedMoney, ...] = PrivateAttr(default=())
    _plugins: tuple[Plugin, ...] = PrivateAttr(default=())

    @property
    def steps(self) -> int:
        """The number of steps of the run."""
        return round(self.hours / self.step_h)

    @property
    def burn_in_steps(self) -> int:
        """How many steps at the start sweeps leave out."""
        return ceil(self.record.burn_in_h / self.step_h - 1e-9)

    def model_post_init(self, context: Any, /) -> None:
        """Remember the folder of the scenario's files, its plugins, and what was converted."""
        given: Mapping[str, Any] = context or {}
        named = files_named(self) or self.datasets() or timetable_of(self.school_terms)
        if named or self.grid.file is not None:
            self._folder = Path(given.get("folder", "")).resolve()
        self._plugins = given.get("plugins", ())
        self._converted = given.get("converted_money", ())

    @property
    def converted_money(self) -> tuple[ConvertedMoney, ...]:
        """The built-in amounts of money that are converted to the currency of the scenario."""
        return self._converted

    @property
    def loaded_plugins(self) -> tuple[Plugin, ...]:
        """The plugins as they were loaded for the scenario."""
        return self._plugins

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The measures that it records, and the metrics of its plugins, by name."""
        if not self.record.measures:
            return tuple(metrics_of(self.plugins))
        # By its place, since measures look at a world, which is made from a scenario.
        measures = import_module("hmesh.runs.world.measures")
        return (*measures.measures_named(self.record.measures), *metrics_of(self.plugins))

    def path_of(self, file: str) -> Path:
        """Return where a file that the scenario names lies."""
        return self._folder / file

    def files(self) -> list[str]:
        """Return the files that the scenario names, each once, and those of its folders."""
        named = files_named(self) + timetable_files(self.school_terms, self.path_of)
        named += self.grid_files()
        for dataset, tables in self.datasets().items():
            files = dataset_files(self.path_of(dataset), tables)
            named += [f"{dataset}/{file}" for file in files]
        return list(dict.fromkeys(named))

    def grid_files(self) -> list[str]:
        """Return the files of the grid, where it stands in files."""
        file = self.grid.file
        return [] if file is None else grid_files(file, self.path_of(file))

    def datasets(self) -> dict[str, tuple[str, ...]]:
        """Return the datasets that the scenario names, with the tables that it uses."""
        return datasets_named(self)

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes that take part, in the order of the hour."""
        return tuple(name for name, each in schemes().items() if each.takes_part(self))

    @property
    def chosen_behaviours(self) -> tuple[BehaviourChoice, ...]:
        """The behaviours that agents have, those of groups of sections last."""
        of_groups = (
            chosen_by_group(group, given)
            for scheme in self.schemes
            for group, given in self.section(scheme).behaving_groups.items()
            if given is not None
        )
        return (*self.behaviours, *of_groups)

    def section(self, scheme: str) -> Any:
        """Return the section of a scheme; None where it has none."""
        return getattr(self, scheme, None)

    @property
    def sections(self) -> dict[str, Any]:
        """The sections of schemes that there are, in the order of the scenario."""
        found = {each.name: self.section(each.name) for each in sections_first()}
        return {name: section for name, section in found.items() if section is not None}

    def connections(self, community: str) -> tuple[str, ...]:
        """Return what is connected to the grid in a community, by name."""
        names = [group.name for group in self.communities[community].members]
        for scheme in self.schemes:
            names += self.section(scheme).connections(community)
        # What prosumers own is behind their connection.
        return tuple(dict.fromkeys(names))

    def connection_kinds(self, community: str) -> dict[str, str]:
        """Return what is connected to the grid in a community, by name, and its kind."""
        there = self.communities[community].members
        kinds = {group.name: KINDS_OF_MEMBERS[group.kind] for group in there}
        for scheme in self.schemes:
            section = self.section(scheme)
            kind = section.connects or scheme
            for name in section.connections(community):
                kinds.setdefault(name, kind)
        return kinds

    @property
    def outages(self) -> bool:
        """Whether anything fails, by chance or by an event."""
        return self.chance.outages or any(event.feeders_out for event in self.events)

    @property
    def expects_prices(self) -> bool:
        """Whether anybody plans on the price that is expected of a community."""
        return any(self.section(name).expects_prices for name in self.schemes)

    @property
    def stores_answer(self) -> bool:
        """Whether stores answer to prices with what their own rule leaves."""
        return any(self.section(name).stores_answer for name in self.schemes)

    @property
    def welfare_recorded(self) -> bool:
        """Whether the welfare of every step is recorded: where somebody answers to prices."""
        strategies = (s for name in self.schemes for s in schemes()[name].strategies or ())
        return self.record.welfare and any(s.pricing not in ("", RETAIL) for s in strategies)

    @property
    def local_exchange(self) -> bool:
        """Whether members of any community share what some of them generate."""
        return any(each.local_exchange is not None for each in self.communities.values())

    @property
    def members_join(self) -> bool:
        """Whether members of any community join and leave its local exchange."""
        sections = (each.local_exchange for each in self.communities.values())
        return any(each is not None and each.membership is not None for each in sections)

    @property
    def prosumers_there(self) -> bool:
        """Whether any members are prosumers."""
        return any(True for _ in prosumers_of(self.communities))

    @property
    def photovoltaics(self) -> bool:
        """Whether members may generate energy."""
        groups = (group for community in self.communities.values() for group in community.members)
        return any(group.pv_kw or isinstance(group, DatasetMembers) for group in groups)

    @property
    def sunlit(self) -> bool:
        """Whether what anybody generates follows from the sky over a community."""
        groups = (group for community in self.communities.values() for group in community.members)
        lit = any(section.sunlit for section in self.sections.values())
        return lit or any(group.pv_kw for group in groups)

    def resolved(self) -> dict[str, Any]:
        """Return the scenario as plain data with everything filled in.

        The files and plugins it names are given with their place and the digest of their content,
        and built-in amounts of money in another currency with what they were converted from.

        Returns
        -------
        dict
            Text, numbers, lists and dicts only; `from_resolved` reads it back.
        """
        return resolved_data(self)

    @classmethod
    def from_resolved(cls, resolved: Mapping[str, Any]) -> Self:
        """Return the scenario that `resolved` described.

        Parameters
        ----------
        resolved : mapping
            What `resolved` returned. The files it names need not be there.

        Raises
        ------
        InputError
            When it describes no scenario.
        """
        given, context = given_and_context(resolved)
        try:
            return cls.model_validate(given, context=context)
        except ValidationError as error:
            problems = problems_of(error, cls, lambda keys: place("run.json", ("scenario", *keys)))
            raise InputError(problems) from None

    @model_validator(mode="wrap")
    @classmethod
    def _in_own_currency(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        given, amounts = in_own_currency(given)
        scenario = handler(given)
        if amounts:
            scenario._converted = amounts
        return scenario

    _forecaster = model_validator(mode="after")(forecaster_of_a_plugin_named)
    _grid_to_everybody = model_validator(mode="after")(grid_to_everybody)
    _behaviours = model_validator(mode="after")(behaviours_of_agents_there)
    _adopters_enough = model_validator(mode="after")(adopters_enough)
    _rest_after_burn_in = model_validator(mode="after")(refuse_all_burn_in)
    _events_fit = model_validator(mode="after")(refuse_wrong_events)
    _recorded = model_validator(mode="after")(with_numbers_for_auto)
    _measures = model_validator(mode="after")(measures_of_vehicles)
    _of_plugins_named = model_validator(mode="after")(of_plugins_named)
    _of_schemes_there = model_validator(mode="after")(of_schemes_there)
    _known_zone = check("time_zone")(known_zone)
    _existing_time = check("start")(existing_time)
    _step = check("step_h")(part_or_multiple_of_an_hour)
    _whole_steps = check("hours")(whole_steps)
    _each_once = check("strategies")(each_once)
    _tariff = check("prices")(tariff_within_bounds)
    _names = check("communities")(names_of_places)
    _roads = check("roads")(between_communities)
    _location = check("location")(known_for_the_sun)

    @check("travel")
    @classmethod
    def _travels_between_communities(cls, travel: Travel, info: ValidationInfo) -> Travel:
        communities, roads = info.data.get("communities"), info.data.get("roads", ())
        return travel if communities is None else between(travel, communities, roads)


_FIELDS = dict(Scenario.model_fields)


def _complete() -> None:
    """Give the scenario the sections of all schemes that there are, and their strategies."""
    add_schemes(Scenario, _FIELDS)


_complete()
on_change(_complete)
