"""The smart homes of a scenario: their devices, and how these are wired."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, nearest, refuse_all
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    Count,
    DatasetFolder,
    Name,
    SchemeSection,
    Section,
    Share,
    misplaced_groups,
    names_given_twice,
    of_no_other_part,
    read_of,
    read_together,
)
from hmesh.runs.scenarios.economics_section import HomeEconomics
from hmesh.runs.scenarios.preferences import FromFile
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.scenarios.tariff_of_meters import StatedTariff
from hmesh.runs.schemes.smart_homes.device_keys import (
    ApplianceSettings,
    HomeGeneratorSettings,
    HomeStorageSettings,
)


class HomeGroupSettings(Section):
    """Homes with the same devices."""

    lacks = keys.keep_their_capacity("smart homes")

    name: Name = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of these homes in the results"
    )
    community: str = Field(description="community in which they stand")
    count: Count = Field(default=1, description="how many homes; of a dataset, one each member")
    connected: bool = Field(
        default=False,
        description="whether the grid takes what they have left and serves what they refuse",
    )
    dataset: DatasetFolder | None = Field(
        default=None, description="folder of a dataset that measured their loads, or null"
    )
    members: Annotated[tuple[str, ...], AS_TUPLE] | None = Field(
        default=None, description="which members of the dataset, or null for all"
    )
    generators: Annotated[tuple[HomeGeneratorSettings, ...], AS_TUPLE] = Field(
        default=(), description="the generators of each home"
    )
    appliances: Annotated[tuple[ApplianceSettings, ...], AS_TUPLE] = Field(
        description="the appliances of each home"
    )
    storages: Annotated[tuple[HomeStorageSettings, ...], AS_TUPLE] = Field(
        description="the storages of each home"
    )
    tariff: StatedTariff | None = Field(
        default=None,
        description="what the meter of each pays the utility and is paid, or null for the price of "
        "the community",
    )

    _not_taken = check("name")(of_no_other_part)

    @property
    def uncounted(self) -> str:
        """Why ``count`` does not say how many homes there are; "" where it does."""
        return "" if self.dataset is None else "a dataset says how many homes there are"

    @property
    def devices(self) -> tuple[HomeGeneratorSettings | ApplianceSettings, ...]:
        """Generators and appliances."""
        return (*self.generators, *self.appliances)

    @model_validator(mode="after")
    def _wired(self) -> Self:
        problems = []
        if self.tariff is not None and not self.connected:
            message = "homes that draw nothing from the grid have no meter"
            problems.append(Problem("tariff", message, "null, or connected: true"))
        if not self.storages:
            problems.append(Problem("storages", "the home has no storage", "at least one"))
        if not self.appliances:
            problems.append(Problem("appliances", "the home has no appliance", "at least one"))
        stores = [storage.name for storage in self.storages]
        names = [*stores, *(device.name for device in self.devices)]
        problems += [
            Problem("", f"two devices are called {name!r}", "its own name for each")
            for name in dict.fromkeys(names)
            if names.count(name) > 1
        ]
        for kind, devices in (("generators", self.generators), ("appliances", self.appliances)):
            for index, device in enumerate(devices):
                if stores and device.storage not in stores:
                    problems.append(
                        Problem(
                            f"{kind}.{index}.storage",
                            f"no storage is called {device.storage!r}",
                            ", ".join(stores),
                            nearest(device.storage, stores),
                        )
                    )
                if device.measured and self.dataset is None:
                    problems.append(
                        Problem(
                            f"{kind}.{index}.measured",
                            "the homes have no dataset",
                            "a dataset beside count",
                        )
                    )
        refuse_all(problems)
        return self


class Sizing(Section):
    """How storages are sized for the first day of the first home of each group."""

    soc_start: Share = Field(default=0.21, description="state of charge as the day begins [-]")
    window: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=2,
        description="longest run of adjacent steps that the published conditions add up [steps]",
    )


class SmartHomesSettings(SchemeSection):
    """Smart homes with power flow assignment and load shifting."""

    shares_locally: ClassVar[str] = "homes"
    connects: ClassVar[str] = "homes"
    lacks = keys.keep_their_capacity("smart homes")

    groups: Annotated[tuple[HomeGroupSettings, ...], AS_TUPLE] = Field(description="homes")
    weather: DatasetFolder | None = Field(
        default=None,
        description="folder of a dataset with measured irradiance and temperature, or null",
    )
    exact_choices: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        default=50_000,
        description="up to how many choices of slots of a home all are tried [choices]",
    )
    rounds: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="how often a home is offered other slots at most"
    )
    sizing: Sizing = Field(
        default=Sizing(), description="how the capacity that each group needs is worked out"
    )

    economics: HomeEconomics | None = Field(
        default=None,
        description="what storages of homes cost, for their payback and net present value, or null",
    )

    price_response: PriceResponse | None = Field(
        default=None,
        description="what storages of connected homes value energy at where what their homes leave "
        "of them answers to the price of the step, or null where it does not",
    )

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the nodes of the grid that homes add under a community."""
        return tuple(
            group.name for group in self.groups if group.community == community and group.connected
        )

    @property
    def communities_of_members(self) -> set[str]:
        """Communities in which its homes stand."""
        return {group.community for group in self.groups}

    @classmethod
    def agree(cls, section: Self | None, info: ValidationInfo) -> Self | None:
        """Refuse homes where there is no community, or whose name is taken there."""
        if section is None:
            return None
        if "communities" not in info.data:
            return section
        refuse_all([*misplaced_groups(section.groups, info), *section._problems()])
        return section

    @property
    def files(self) -> list[str]:
        """Files from which devices take their sizes, and files of tariffs."""
        scales = (device.scale for group in self.groups for device in group.devices)
        sizes = [given.file for given in scales if isinstance(given, FromFile)]
        return sizes + [file for _, tariff in self.tariffs for file in tariff.files]

    @property
    def tariffs(self) -> list[tuple[int, StatedTariff]]:
        """The groups with a tariff of their own by number, and their tariffs."""
        return [(n, each.tariff) for n, each in enumerate(self.groups) if each.tariff is not None]

    def tariff_problems(self, scenario: Any) -> Iterator[Problem]:
        """Yield what of a scenario does not go with homes that have a tariff of their own."""
        for number, _ in self.tariffs:
            place, group = f"smart_homes.groups.{number}.tariff", self.groups[number]
            if self.price_response is not None:
                message = "storages of homes would answer to the price of the community, which "
                message += f"{group.name} do not pay"
                yield Problem(place, message, "null, or smart_homes.price_response: null")
            if scenario.communities[group.community].local_exchange is not None:
                message = f"{group.community} shares at the price that {group.name} do not pay"
                yield Problem(place, message, "null, or no local_exchange there")

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """Datasets that measured homes or the weather, and the tables they are read for."""
        measured = [group.dataset for group in self.groups if group.dataset is not None]
        return read_together(
            dict.fromkeys(measured, ("members", "profiles")),
            read_of(self.weather, "weather"),
            *(own.datasets for _, own in self.tariffs),
            {} if self.economics is None else self.economics.datasets,
        )

    def _problems(self) -> list[Problem]:
        """Return what is wrong with the homes, those that prosumers own among them."""
        problems = names_given_twice(self.groups, place="groups.")
        if not self.groups:
            problems.append(Problem("groups", "there is no home", "at least one group"))
        elif self.price_response is not None and not any(group.connected for group in self.groups):
            message = "no home is connected, so that no price reaches any"
            allowed = "null, or a group with connected: true"
            problems.append(Problem("price_response", message, allowed))
        problems += [
            Problem(
                f"groups.{g}.connected",
                f"economics values what {group.name} draw from the grid, and they draw nothing",
                "connected: true, or economics: null",
            )
            for g, group in enumerate(self.groups)
            if self.economics is not None and not group.connected
        ]
        return problems + [
            Problem(
                f"groups.{g}.appliances.{a}.comfort",
                "nothing states the weather",
                "weather, a dataset with temp_air",
            )
            for g, group in enumerate(self.groups)
            for a, appliance in enumerate(group.appliances)
            if appliance.comfort is not None and self.weather is None
        ]
