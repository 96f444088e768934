"""A scenario: everything that a run depends on, read, checked and written back."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
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

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.grid_files.read_grid import grid_files
from hmesh.runs.plugins.loading import Plugin, load_recorded
from hmesh.runs.plugins.metrics import metrics_of
from hmesh.runs.plugins.registered import BEHAVIOURS, FORECASTERS, Metric, unnamed_plugin
from hmesh.runs.scenarios.base import Name
from hmesh.runs.scenarios.behaviour_section import (
    BehaviourChoice,
    behaviour_problems,
    chosen_by_group,
)
from hmesh.runs.scenarios.chance_section import (
    Chances,
    GrowthSettings,
    Location,
)
from hmesh.runs.scenarios.converted_money import CURRENCY_CODE, ConvertedMoney, in_own_currency
from hmesh.runs.scenarios.durations import AS_HOURS
from hmesh.runs.scenarios.events_section import ScenarioEvent, refuse_wrong_events
from hmesh.runs.scenarios.expected_price_section import ExpectedPriceSettings
from hmesh.runs.scenarios.grid_section import KINDS_OF_MEMBERS, GridSettings, grid_problems
from hmesh.runs.scenarios.groups_with_tariff import tariff_problems
from hmesh.runs.scenarios.named_files import datasets_named, files_named
from hmesh.runs.scenarios.overrides import SOURCE, Changes, override
from hmesh.runs.scenarios.problems import Keys, problems_of
from hmesh.runs.scenarios.prosumer_parts import RESOLVED, prosumers_of
from hmesh.runs.scenarios.scenario_files import (
    content_of,
    find_scenario,
    plugins_named,
    sha256_of,
)
from hmesh.runs.scenarios.scheme_sections import add_schemes
from hmesh.runs.scenarios.school import SchoolTermSettings, timetable_files, timetable_of
from hmesh.runs.scenarios.section_consistency import (
    each_once,
    known_for_the_sun,
    refuse_all_burn_in,
    tariff_within_bounds,
)
from hmesh.runs.scenarios.sections import (
    Community,
    DatasetMembers,
    GameSettings,
    GenerationCost,
    Holidays,
    MessageSettings,
    Positive,
    PriceRules,
    Record,
    Roads,
    Section,
    between_communities,
    names_of_places,
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
from hmesh.runs.scenarios.yaml_reader import place, with_lines
from hmesh.runs.schemes.descriptor import RETAIL
from hmesh.runs.schemes.registry import on_change, schemes, sections_first
from hmesh.runs.world.dataset_files import dataset_files

# What runs did that were written before these keys existed.
_BEFORE_THESE_KEYS: Mapping[str, Mapping[str, Any]] = {
    "game": {"losses": "ignored"},
    "grid": {"limits": "count"},
    "record": {"welfare": False},
}


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
        default=ExpectedPriceSettings(), description="what members expect their community to ask"
    )
    game: GameSettings = Field(default=GameSettings(), description="how prices are found")
    communities: dict[str, Community] = Field(description="communities by name")
    roads: Roads = Field(
        default=(), description="roads between communities: a list, or a network in a file"
    )
    grid: GridSettings = Field(
        default=GridSettings(), description="lines between the utility and all"
    )
    location: Location | None = Field(
        default=None, description="where the communities are, or null where nothing needs it"
    )
    travel: Travel = Field(default=PlannedTravel(), description="how vehicles travel")
    chance: Chances = Field(default=Chances(), description="what is left to chance in a run")
    growth: GrowthSettings = Field(default=GrowthSettings(), description="what grows over years")
    events: Annotated[tuple[ScenarioEvent, ...], Field(strict=False)] = Field(
        default=(), description="values that change at a time"
    )
    behaviours: Annotated[tuple[BehaviourChoice, ...], Field(strict=False)] = Field(
        default=(), description="agents that decide by a behaviour of a plugin"
    )
    messages: MessageSettings = Field(default=MessageSettings(), description="how messages travel")
    record: Record = Field(default=Record(), description="what is written beside the hours")
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
        """Remember the folder from which the files of the scenario are seen, if it names any."""
        named = files_named(self) or self.datasets() or timetable_of(self.school_terms)
        if named or self.grid.file is not None:
            self._folder = Path((context or {}).get("folder", "")).resolve()

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
        resolved = self.model_dump(mode="json")
        del resolved["plugins"]
        if not self.behaviours:
            del resolved["behaviours"]
        if not self.events:
            del resolved["events"]
        if not self.expects_prices:
            del resolved["expected_price"]
        if self._plugins:
            resolved["plugins"] = {
                plugin.name: {"path": plugin.path, "sha256": plugin.sha256}
                for plugin in self._plugins
            }
        files = self.files()
        if files:
            digests = {file: sha256_of(self.path_of(file)) for file in files}
            resolved["files"] = {"folder": str(self._folder), "sha256": digests}
        if self._converted:
            resolved["converted_money"] = [asdict(amount) for amount in self._converted]
        return resolved

    @classmethod
    def from_resolved(cls, resolved: Mapping[str, Any]) -> Self:
        """Return the scenario that `resolved` described.

        Parameters
        ----------
        resolved
            What `resolved` returned. The files it names need not be there.

        Raises
        ------
        InputError
            When it describes no scenario.
        """
        given = dict(resolved)
        files = given.pop("files", {})
        amounts = given.pop("converted_money", [])
        recorded = given.pop("plugins", {})
        plugins = load_recorded(recorded)
        given["plugins"] = tuple(recorded)
        for section, before in _BEFORE_THESE_KEYS.items():
            given[section] = before | given.get(section, {})
        context = {"folder": Path(files.get("folder", "")), RESOLVED: True}
        try:
            scenario = cls.model_validate(given, context=context)
        except ValidationError as error:
            problems = problems_of(error, cls, lambda keys: place("run.json", ("scenario", *keys)))
            raise InputError(problems) from None
        scenario._converted = tuple(ConvertedMoney(**amount) for amount in amounts)
        scenario._plugins = plugins
        return scenario

    @model_validator(mode="wrap")
    @classmethod
    def _in_own_currency(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        given, amounts = in_own_currency(given)
        scenario = handler(given)
        if amounts:
            scenario._converted = amounts
        return scenario

    @model_validator(mode="after")
    def _forecaster_of_a_plugin_named(self) -> Self:
        expected = self.expected_price
        if expected.of_a_plugin:
            registered = FORECASTERS[expected.forecaster]
            place, named = "expected_price.forecaster", {"plugins": self.plugins}
            if problems := list(unnamed_plugin(place, "forecaster", registered, named)):
                raise InputError(problems)
        return self

    @model_validator(mode="after")
    def _grid_to_everybody(self) -> Self:
        if problems := [*grid_problems(self), *tariff_problems(self)]:
            raise InputError(problems)
        return self

    @model_validator(mode="after")
    def _behaviours_of_agents_there(self) -> Self:
        sections = {name: self.section(name) for name in self.schemes}
        places = sections, self.plugins, self.communities
        problems = list(behaviour_problems(self.behaviours, *places))
        for name, section in sections.items():
            for number, (group, given) in enumerate(section.behaving_groups.items()):
                if given is not None:
                    place = f"{name}.groups.{number}.behaviour" if group else f"{name}.behaviour"
                    here, named = place, {"plugins": self.plugins}
                    registered = BEHAVIOURS[given.name]
                    problems += unnamed_plugin(here, "behaviour", registered, named)
        if problems:
            raise InputError(problems)
        return self

    _rest_after_burn_in = model_validator(mode="after")(refuse_all_burn_in)
    _events_fit = model_validator(mode="after")(refuse_wrong_events)

    @model_validator(mode="after")
    def _measures_of_vehicles(self) -> Self:
        given = self.record.measures
        if given and "vehicles" not in self.schemes:
            allowed = "a section vehicles"
            raise InputError([Problem("record.measures", "there are no vehicles", allowed)])
        named = sorted({each.name for each in metrics_of(self.plugins)}.intersection(given))
        if named:
            message = f"a metric of a plugin is called {named[0]!r} too"
            raise InputError([Problem("record.measures", message, "another name there")])
        return self

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


def load_scenario(
    name_or_path: str | Path,
    overrides: Changes = (),
    seed: int | None = None,
    plugins: Sequence[str] = (),
) -> Scenario:
    """Read a scenario, change it, and check it.

    Parameters
    ----------
    name_or_path
        The name of a built-in scenario, or the path of a YAML file.
    overrides
        Changes such as `vehicles.count=500`, whose values are YAML, or a mapping such as
        ``{"vehicles.count": 500}``; a part of a list is named by its position from 0.
    seed
        The seed in place of the scenario's.
    plugins
        Files and modules loaded beside those that the scenario names.

    Returns
    -------
    Scenario
        The scenario with everything filled in.

    Raises
    ------
    InputError
        When it cannot be read or is wrong: every problem at once, each with its file and key.
    """
    path = find_scenario(str(name_or_path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(path.name, f"cannot be read: {error}")]) from None
    given = deepcopy(content_of(text, path.name))
    if not isinstance(given, dict):
        sections = ", ".join(Scenario.model_fields)
        raise InputError([Problem(path.name, "is not a scenario", f"the keys {sections}")])
    changed, problems = override(given, overrides)
    if seed is not None:
        given["seed"] = seed

    loaded = plugins_named(given, path, plugins)

    def name_place(keys: Keys) -> str:
        if seed is not None and keys == ("seed",):
            return "--seed"
        by_hand = any(keys[: len(change)] == change for change in changed)
        return place(SOURCE if by_hand else path.name, keys)

    context = {"folder": path.parent, "check_files_in": path.parent}
    try:
        scenario = Scenario.model_validate(given, context=context)
    except ValidationError as error:
        problems += problems_of(error, Scenario, name_place)
    if problems:
        raise InputError(with_lines(problems, text, path.name))
    scenario._plugins = loaded
    return scenario


def scenario_hash(resolved: Mapping[str, Any]) -> str:
    """Return the digest of a scenario and of the content of its files.

    Parameters
    ----------
    resolved
        What `Scenario.resolved` returned. Where the files lie does not count.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    counted = dict(resolved)
    if "files" in counted:
        counted["files"] = counted["files"]["sha256"]
    if "plugins" in counted:
        counted["plugins"] = {name: held["sha256"] for name, held in counted["plugins"].items()}
    text = json.dumps(counted, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
