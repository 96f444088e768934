"""The houses with storages of a scenario: needs, devices, sizes, tariff and what money costs."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.retail_tariff import AFTER_TEN_YEARS
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    Count,
    Efficiency,
    LossRate,
    Name,
    NotNegative,
    Positive,
    SchemeSection,
    Section,
    Share,
    above_lowest,
    misplaced_groups,
    names_given_twice,
    of_no_other_part,
    refuse,
)
from hmesh.runs.scenarios.measured_series import MeasuredSeries
from hmesh.runs.scenarios.money_defaults import money
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.scenarios.prosumer_parts import given_groups
from hmesh.runs.schemes.composite_storage.heat_pump_section import OutdoorCop, OutdoorTank
from hmesh.runs.schemes.composite_storage.house_tariff import HouseTariff
from hmesh.runs.schemes.composite_storage.money import MONEY


class HouseNeed(MeasuredSeries):
    """What appliances, or heating, of a house need."""

    annual_kwh: Positive | None = Field(
        default=None, description="need of a year that follows the built-in shape [kWh]"
    )

    @model_validator(mode="after")
    def _follows_something(self) -> Self:
        self._one_source("annual_kwh")
        return self


class HousePhotovoltaics(MeasuredSeries):
    """What generates on the roof of a house."""

    pv_kw: NotNegative | None = Field(default=None, description="peak power of the modules [kW]")
    tilt: keys.Tilt = 25.0
    azimuth: keys.Azimuth = 180.0
    performance_ratio: keys.PerformanceRatio = 0.86
    clearness: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.56, description="mean share of the clear sky's sunshine in a day [-]"
    )
    clearness_deviation: Annotated[float, Field(ge=0.001, lt=0.5)] = Field(
        default=0.27, description="standard deviation of this share from day to day [-]"
    )

    @model_validator(mode="after")
    def _follows_something(self) -> Self:
        self._one_source("pv_kw")
        most = (self.clearness * (1 - self.clearness)) ** 0.5
        if self.clearness_deviation >= most:
            raise refuse(
                f"days cannot vary by {self.clearness_deviation:g} about {self.clearness:g}",
                place="clearness_deviation",
                allowed=f"below {most:.3g}",
            )
        return self


class StorageHouseGroup(Section):
    """Houses of one community that are described together."""

    name: Name = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of these houses in the results"
    )
    community: str = Field(description="community in which they stand")
    count: Count = Field(
        default=1, description="how many houses; of measured appliances, one each member"
    )
    variation: LossRate = Field(
        default=0.0,
        description="by what share the needs of houses lie above or below, drawn for each [-]",
    )
    appliances: HouseNeed = Field(
        default=HouseNeed(annual_kwh=5500.0), description="electricity of the appliances"
    )
    heat: HouseNeed = Field(
        default=HouseNeed(annual_kwh=9300.0), description="heat of rooms and hot water"
    )
    photovoltaics: HousePhotovoltaics = Field(
        default=HousePhotovoltaics(pv_kw=5.0), description="generation on the roof"
    )

    _not_taken = check("name")(of_no_other_part)

    @property
    def uncounted(self) -> str:
        """Why ``count`` does not say how many houses there are; "" where it does."""
        measured = self.appliances.measured
        return "measured appliances say how many houses there are" if measured else ""


class StorageSizes(Section):
    """The storages of each house in one case."""

    battery_kwh: NotNegative = Field(default=0.0, description="size of the battery [kWh]")
    tank_kwh: NotNegative = Field(
        default=0.0, description="size of the thermal tank, in the unit of tank_unit [kWh]"
    )


class CaseSizes(Section):
    """The storages of each house under each strategy but the first, which has none."""

    house_battery: StorageSizes = Field(
        default=StorageSizes(battery_kwh=8.2), description="case 2, a battery alone"
    )
    thermal_tank: StorageSizes = Field(
        default=StorageSizes(tank_kwh=4.7), description="case 3, a tank alone"
    )
    hybrid_storage: StorageSizes = Field(
        default=StorageSizes(battery_kwh=5.6, tank_kwh=3.4), description="case 4, both"
    )


class HouseDeviceSettings(Section):
    """What the devices of every house can do."""

    heat_pump_kw: Positive = Field(
        default=1.5, description="most electricity the heat pump takes [kW]"
    )
    cop: Positive = Field(default=3.0, description="heat the heat pump makes per electricity [-]")
    outdoor_cop: OutdoorCop | None = Field(
        default=None,
        description="its coefficient of performance by the temperature outdoors in place of cop, "
        "or null",
    )
    battery_power_per_kwh: Positive = Field(
        default=0.5, description="rating of the battery per size, both ways [kW/kWh]"
    )
    battery_efficiency: Efficiency = Field(
        default=0.95, description="of charging, and of discharging the battery [-]"
    )
    soc_min: Share = Field(default=0.1, description="lowest state of charge, also at first [-]")
    battery_exports: bool = Field(
        default=False,
        description="whether foresight may deliver what the battery gives; else no more is "
        "delivered in a step than is generated in it",
    )
    soc_max: keys.SocMax = 0.9
    tank_power_per_kwh: Positive = Field(
        default=1.0, description="heat that flows at most per size of the tank [kW/kWh]"
    )
    tank_efficiency: Efficiency = Field(
        default=0.98, description="of filling, and of drawing from the tank [-]"
    )
    tank_loss_per_h: LossRate = Field(
        default=0.01, description="share of the stored heat lost in an hour [1/h]"
    )
    outdoor_tank: OutdoorTank | None = Field(
        default=None,
        description="its losses by the temperature outdoors in place of the same all year, or null",
    )
    battery_wear: NotNegative = money(
        MONEY["composite_storage.devices.battery_wear"],
        "upkeep of the battery per energy discharged",
    )
    tank_wear: NotNegative = money(
        MONEY["composite_storage.devices.tank_wear"], "upkeep of the tank per heat drawn"
    )

    _above_lowest = check("soc_max")(above_lowest)


class CompositeStorage(SchemeSection):
    """Houses with photovoltaics, heat pump, battery and thermal tank, and their managers."""

    connects: ClassVar[str] = "homes"

    manager: Literal["rule_based", "foresight"] = Field(
        default="rule_based",
        description="how houses are managed: hour by hour, or knowing the whole run ahead",
    )
    groups: Annotated[tuple[StorageHouseGroup, ...], AS_TUPLE] = Field(description="houses")
    sizes: CaseSizes = Field(default=CaseSizes(), description="storages of the cases")
    sizing: Literal["given", "least_cost"] = Field(
        default="given",
        description="whether storages have these sizes, or those that cost the mean house least "
        "over the run, bought and run with foresight",
    )
    tank_unit: Literal["electric", "heat"] = Field(
        default="electric",
        description="whether tanks are sized by the electricity that fills them, or by their heat",
    )
    devices: HouseDeviceSettings = Field(
        default=HouseDeviceSettings(), description="the devices of every house"
    )
    tariff: HouseTariff = Field(
        default=HouseTariff(feed_in=AFTER_TEN_YEARS),
        description="what houses pay and are paid; `community` for the price of theirs",
    )
    emission_factor: NotNegative = Field(
        default=0.347, description="emissions of what is bought [kg/kWh]"
    )
    carbon_tax: NotNegative = money(MONEY["composite_storage.carbon_tax"], "tax on emissions")
    battery_price_per_kwh: NotNegative = money(
        MONEY["composite_storage.battery_price_per_kwh"], "price of a battery per size"
    )
    tank_price_per_kwh: NotNegative = money(
        MONEY["composite_storage.tank_price_per_kwh"],
        "price of a tank per size, in the unit of tank_unit",
    )
    interest_rate: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.035, description="interest of a year [-]"
    )
    lifetime_years: Positive = Field(default=15.0, description="life of the storages [a]")
    memory: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.3, description="weight of the last day in what a manager expects of the next [-]"
    )

    price_response: PriceResponse | None = Field(
        default=None,
        description="what battery and tank value energy at where what houses leave of them answers "
        "to the price of the step, or null where it does not",
    )

    @property
    def expects_prices(self) -> bool:
        """Whether houses plan on the price that they expect of their community."""
        return self.tariff.community

    @property
    def stores_answer(self) -> bool:
        """Whether storages answer to the price of the step."""
        return self.price_response is not None

    @model_validator(mode="after")
    def _one_cop_of_plans(self) -> Self:
        for key, what in (
            ("outdoor_cop", "coefficient of performance"),
            ("outdoor_tank", "share of losses of tanks"),
        ):
            if getattr(self.devices, key) is None:
                continue
            place = f"devices.{key}"
            if self.manager == "foresight":
                message = f"foresight plans with one {what}"
                raise refuse(message, place=place, allowed="null, or manager: rule_based")
            if self.price_response is not None:
                message = f"tanks answer to prices with one {what}"
                raise refuse(message, place=place, allowed="null, or no price_response")
            if self.sizing == "least_cost":
                message = f"sizes are found with one {what}"
                raise refuse(message, place=place, allowed="null, or sizing: given")
        return self

    @model_validator(mode="after")
    def _no_foresight_of_communities(self) -> Self:
        if self.tariff.community and self.manager == "foresight":
            raise refuse(
                "nobody knows the prices of a community ahead", place="manager",
                allowed="rule_based, or another tariff than that of the community",
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _no_sizes_by_unknown_prices(self) -> Self:
        if self.tariff.community and self.sizing == "least_cost":
            raise refuse(
                "nobody knows the prices of a community ahead", place="sizing",
                allowed="given, or another tariff than that of the community",
            )  # fmt: skip
        return self

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the nodes of the grid that houses add under a community."""
        return tuple(group.name for group in self.groups if group.community == community)

    def tank_heat_kwh(self, tank_kwh: float) -> float:
        """Return the heat that a tank of a size in the scenario's unit holds [kWh]."""
        return tank_kwh * self.devices.cop if self.tank_unit == "electric" else tank_kwh

    @property
    def decided_above(self) -> str:
        """Why its managers are not asked: plans with foresight are made for them."""
        return "manager: foresight plans for all houses" if self.manager == "foresight" else ""

    @property
    def files(self) -> list[str]:
        """Files with measured needs, and that of the tariff."""
        tariff = [] if self.tariff.file is None else [self.tariff.file]
        return [*self.load_files, *tariff]

    @property
    def load_files(self) -> list[str]:
        """Those that hold energies."""
        return [each.file for each in self._sources() if each.file is not None]

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """Datasets with measured needs or prices, and the tables they are read for."""
        used: dict[str, tuple[str, ...]] = {
            each.dataset: ("members", "profiles")
            for each in self._sources()
            if each.dataset is not None
        }
        if (market := self.tariff.dataset) is not None:
            used[market] = (*used.get(market, ()), "market")
        for outdoors in (self.devices.outdoor_cop, self.devices.outdoor_tank):
            if outdoors is not None:
                used[outdoors.dataset] = (*used.get(outdoors.dataset, ()), "weather")
        return used

    @property
    def in_the_sun(self) -> str:
        """The part of it that generates by the sun of a known place."""
        lit = any(group.photovoltaics.pv_kw for group in self.groups)
        return "houses have photovoltaics" if lit else ""

    @property
    def lived_in(self) -> set[str]:
        """Communities in which its houses stand."""
        return {group.community for group in self.groups}

    @classmethod
    def agree(cls, section: Self | None, info: ValidationInfo) -> Self | None:
        """Refuse houses where there is no community, or whose name is taken there."""
        if section is None:
            return None
        problems = misplaced_groups(section.groups, info)
        problems += names_given_twice(section.groups, place="groups.")
        if not section.groups and "communities" in info.data:
            problems.append(Problem("groups", "there is no house", "at least one group"))
        places = info.data.get("communities", {})
        given = given_groups("composite_storage", section, places)
        if given < len(section.groups) and not section.tariff.community:
            message = "prosumers pay the price of their community for all that they own"
            problems.append(Problem("tariff", message, "community"))
        if problems:
            raise InputError(problems)
        return section

    def _sources(self) -> list[MeasuredSeries]:
        return [
            source
            for group in self.groups
            for source in (group.appliances, group.heat, group.photovoltaics)
        ]
