"""A community's storage in a scenario: storages with their plants, households and forecasters."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, nearest, refuse_all
from hmesh.runs.plugins.registered import FORECASTERS, unnamed_plugin
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    DatasetFolder,
    Name,
    NotNegative,
    Positive,
    SchemeSection,
    Section,
    Share,
    above_lowest,
    names_given_twice,
    read_together,
    refuse,
)
from hmesh.runs.scenarios.economics_section import StorageEconomics
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.schemes.community_storage.forecaster_keys import (
    Forecasters,
    PluginForecaster,
    SeasonalForecaster,
)

CONNECTION = "community-storage"
ClockHour = Annotated[float, Field(ge=0, le=24)]
# Where a measured plant stands in a dataset.
PLANT_TABLES = ("members", "profiles")


class SharedStorage(Section):
    """A storage, the plant that alone charges it, and the households that it serves."""

    name: Name = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the storage in the results"
    )
    community: str = Field(description="community in which it stands")
    serves: Annotated[tuple[str, ...], AS_TUPLE] | None = Field(
        default=None, description="groups of members that it may serve, or null for all there"
    )
    dischargers: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=2, description="members that it serves at once, at most"
    )
    capacity_kwh: Positive = Field(default=10.0, description="size of the storage [kWh]")
    soc_min: keys.SocMin = 0.1
    soc_max: keys.SocMax = 0.95
    soc_start: keys.SocStart = 0.5
    power_kw: Positive | None = Field(
        default=None, description="rating in each direction, or null for none [kW]"
    )
    charge_efficiency: keys.ChargeEfficiency = 1.0
    discharge_efficiency: keys.DischargeEfficiency = 1.0
    calendar_fade: keys.CalendarFade = 0.0
    cycle_fade: keys.CycleFade = 0.0
    pv_kw: NotNegative = Field(default=3.0, description="peak power of the plant [kW]")
    pv_tilt: keys.Tilt = 30.0
    pv_azimuth: keys.Azimuth = 180.0
    pv_performance_ratio: keys.PerformanceRatio = 0.86
    pv_dataset: DatasetFolder | None = Field(
        default=None,
        description="folder of a dataset that measured the plant, in place of pv_kw and the sky, "
        "or null",
    )
    pv_member: str | None = Field(
        default=None, description="whose photovoltaics of the dataset, or null for the only ones"
    )
    pv_scale: Positive = Field(default=1.0, description="factor on what was measured [-]")
    charge_above_kw: Positive = Field(
        default=0.02, description="power of the plant from which the storage is charged [kW]"
    )

    @property
    def fades(self) -> bool:
        """Whether it loses capacity."""
        return self.calendar_fade > 0 or self.cycle_fade > 0

    @property
    def sunlit(self) -> bool:
        """Whether what its plant generates follows from the sky."""
        return self.pv_kw > 0 and self.pv_dataset is None

    @check("pv_member", "pv_scale")
    @classmethod
    def _of_a_dataset(cls, given: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        usual = cls.model_fields[name].default
        if given != usual and info.data.get("pv_dataset", "") is None:
            raise refuse("no dataset measured the plant", allowed=f"pv_dataset, or no {name}")
        return given

    _above_lowest = check("soc_max")(above_lowest)


class NightCharging(Section):
    """When storages charge from the grid by the clock, and how far."""

    hours: Annotated[tuple[ClockHour, ClockHour], AS_TUPLE] = Field(
        default=(0.0, 6.0),
        description="clock hours from and to, past midnight where to lies before from [h]",
    )
    soc: Share = Field(
        default=0.5, description="state of charge up to which they charge from the grid [-]"
    )

    @check("hours")
    @classmethod
    def _some_hours(cls, hours: tuple[float, float]) -> tuple[float, float]:
        if hours[0] == hours[1]:
            raise refuse(
                f"the hours begin and end at {hours[0]:g}",
                allowed="two hours; [0, 24] is the whole day",
            )
        return hours

    def holds(self, clock_h: float) -> bool:
        """Return whether they charge at a time that the clock shows [h]."""
        first, last = self.hours
        return first <= clock_h < last if first < last else clock_h >= first or clock_h < last


class CommunityStorage(SchemeSection):
    """Storages that communities share, and how they are scheduled on forecasts."""

    connects: ClassVar[str] = "storages"
    gives_members: ClassVar[bool] = True

    storages: Annotated[tuple[SharedStorage, ...], AS_TUPLE] = Field(
        description="storages, each with its plant"
    )
    forecaster: Forecasters = Field(
        default=SeasonalForecaster(), description="what households and plants expect"
    )
    history_days: Annotated[int, Field(ge=1, le=3660)] = Field(
        default=14, description="days before the start that forecasters have seen [d]"
    )
    horizon_days: Annotated[int, Field(ge=1, le=60)] = Field(
        default=2, description="days for which the allowance is planned at a time [d]"
    )
    plan_on: Literal["forecast", "actual"] = Field(
        default="forecast",
        description="whether the plan is made of forecasts, or of what will be, as in the source",
    )
    stop_when: Literal["left", "delivered"] = Field(
        default="delivered",
        description="whether the allowance settles with the energy delivered, or that left at the "
        "end, as in the source",
    )
    tolerance_kwh: Positive = Field(
        default=1e-3, description="change of that energy which counts as none [kWh]"
    )
    most_alpha: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=4096, description="highest alpha that is tried"
    )
    normal: Literal["allowance", "averages"] = Field(
        default="allowance",
        description="what sets normal operation apart from the optimal one: alpha stays 1, or "
        "households are ranked by the static averages of the day",
    )
    sharing: Literal["priority", "proportional"] = Field(
        default="priority",
        description="where the energy is short: the first are served first, or all alike",
    )
    serve_while_charging: bool = Field(
        default=False,
        description="whether households are served while the plant charges the storage, from the "
        "plant first",
    )
    grid_charging: bool = Field(
        default=False,
        description="whether storages may charge from the grid too, where their price_response "
        "makes it worth its price",
    )
    night_charging: NightCharging | None = Field(
        default=None,
        description="when storages charge from the grid by the clock, at the price of the step, "
        "or null where they do not",
    )
    economics: StorageEconomics | None = Field(
        default=None,
        description="what storages and plants cost, for their payback and net present value, or "
        "null",
    )
    record_households: bool = Field(
        default=True, description="whether every household is written down in every step"
    )

    price_response: PriceResponse | None = Field(
        default=None,
        description="what storages value energy at where what households leave of them answers to "
        "the price of the step, or null where it does not",
    )

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the nodes of the grid that storages add under a community."""
        here = any(storage.community == community for storage in self.storages)
        return (CONNECTION,) if here else ()

    @property
    def sunlit(self) -> bool:
        """Whether the sky above the plants is needed."""
        return any(storage.sunlit for storage in self.storages)

    @property
    def in_the_sun(self) -> str:
        """The part of it that generates by the sun of a known place."""
        return "storages have plants" if self.sunlit else ""

    @classmethod
    def agree(cls, section: Self | None, info: ValidationInfo) -> Self | None:
        """Refuse storages where there is no community, and groups that are not there or shared."""
        communities = info.data.get("communities")
        if section is None or communities is None:
            return section
        members = {
            name: tuple(group.name for group in community.members)
            for name, community in communities.items()
        }
        problems = section.problems(members)
        if isinstance(section.forecaster, PluginForecaster):
            registered = FORECASTERS[section.forecaster.kind]
            problems += unnamed_plugin("forecaster.kind", "forecaster", registered, info.data)
        refuse_all(problems)
        return section

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """Datasets that measured plants or set prices, and the tables they are read for."""
        named = (storage.pv_dataset for storage in self.storages)
        return read_together(
            {dataset: PLANT_TABLES for dataset in named if dataset is not None},
            {} if self.economics is None else self.economics.datasets,
        )

    def problems(self, members: Mapping[str, tuple[str, ...]]) -> list[Problem]:
        """Return what does not fit the communities.

        Parameters
        ----------
        members : mapping of tuple of str
            Names of the groups of members of every community.
        """
        problems: list[Problem] = []
        taken: dict[tuple[str, str], str] = {}
        for index, storage in enumerate(self.storages):
            place = f"storages.{index}"
            if storage.community not in members:
                message = f"no community is called {storage.community!r}"
                near = nearest(storage.community, members)
                problems.append(Problem(f"{place}.community", message, ", ".join(members), near))
                continue
            groups = members[storage.community]
            wanted = groups if storage.serves is None else storage.serves
            for at, group in enumerate(wanted):
                here = place if storage.serves is None else f"{place}.serves.{at}"
                other = taken.setdefault((storage.community, group), storage.name)
                if group not in groups:
                    message = f"{storage.community} has no group {group!r}"
                    near = nearest(group, groups)
                    problems.append(Problem(here, message, ", ".join(groups), near))
                elif other != storage.name:
                    message = f"{group!r} is served by {other!r} too"
                    problems.append(Problem(here, message, "each group by one storage"))
                elif group in wanted[:at]:
                    problems.append(Problem(here, f"{group!r} is named twice", "each group once"))
        return problems

    @model_validator(mode="after")
    def _charged_at_a_price(self) -> Self:
        if self.grid_charging and self.price_response is None:
            raise refuse(
                "storages charge from the grid by the price of the step alone",
                place="grid_charging", allowed="false, or a price_response; night_charging charges "
                "by the clock",
            )  # fmt: skip
        if self.night_charging is not None and self.price_response is not None:
            raise refuse(
                "storages that answer to prices charge by them, not by the clock",
                place="night_charging", allowed="null, or no price_response",
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _plants_of_known_size(self) -> Self:
        priced = self.economics is not None and self.economics.pv_price_per_kw is not None
        measured = [s.name for s in self.storages if s.pv_dataset is not None]
        if priced and measured:
            raise refuse(
                f"a dataset measured the plant of {measured[0]!r}, whose size it does not state",
                place="economics.pv_price_per_kw", allowed="null, or plants by pv_kw",
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _charged_within_limits(self) -> Self:
        if self.night_charging is None:
            return self
        lowest = max(storage.soc_min for storage in self.storages)
        highest = min(storage.soc_max for storage in self.storages)
        if not lowest < self.night_charging.soc <= highest:
            raise refuse(
                f"{self.night_charging.soc:g} lies outside the limits of a storage",
                place="night_charging.soc", allowed=f"above {lowest:g}, at most {highest:g}",
            )  # fmt: skip
        return self

    @check("storages")
    @classmethod
    def _distinct_names(cls, storages: tuple[SharedStorage, ...]) -> tuple[SharedStorage, ...]:
        if not storages:
            raise refuse("there is no storage")
        refuse_all(names_given_twice(storages, "storage"))
        return storages
