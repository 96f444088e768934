"""The houses with storages of a scenario: needs, devices, sizes, tariff and what money costs."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from hmesh.environment.errors import Problem, refuse_all
from hmesh.environment.retail_tariff import AFTER_TEN_YEARS
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    NotNegative,
    Positive,
    SchemeSection,
    misplaced_groups,
    names_given_twice,
    read_of,
    read_together,
    refuse,
)
from hmesh.runs.scenarios.measured_series import MeasuredSeries
from hmesh.runs.scenarios.money_defaults import money
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.schemes.composite_storage.house_keys import (
    BATTERY_ALONE,
    CaseSizes,
    HouseDeviceSettings,
    StorageHouseGroup,
    StorageSizes,
)
from hmesh.runs.schemes.composite_storage.house_tariff import HouseTariff
from hmesh.runs.schemes.composite_storage.money import MONEY
from hmesh.runs.schemes.composite_storage.rooms_section import Rooms


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
    rooms: Rooms | None = Field(
        default=None,
        description="rooms within bounds of comfort, which store heat in place of every tank, or "
        "null for tanks",
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
    def _one_capacity_of_plans(self) -> Self:
        if not self.devices.battery_fades:
            return self
        key = "calendar_fade" if self.devices.calendar_fade else "cycle_fade"
        if self.manager == "foresight":
            message = "foresight plans the whole run with one capacity"
            raise refuse(message, place=f"devices.{key}", allowed="0, or manager: rule_based")
        if self.sizing == "least_cost":
            message = "sizes are found by dispatches with one capacity"
            raise refuse(message, place=f"devices.{key}", allowed="0, or sizing: given")
        return self

    @model_validator(mode="after")
    def _rooms_or_tanks(self) -> Self:
        if self.rooms is None:
            return self
        if self.devices.outdoor_tank is not None:
            message = "rooms take the place of tanks"
            raise refuse(message, place="devices.outdoor_tank", allowed="null, or rooms: null")
        if self.sizing == "least_cost":
            message = "rooms have the size that their comfort allows"
            raise refuse(message, place="sizing", allowed="given, or rooms: null")
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
        by_electricity = self.tank_unit == "electric" and self.rooms is None
        return tank_kwh * self.devices.cop if by_electricity else tank_kwh

    @property
    def equipment(self) -> HouseDeviceSettings:
        """The devices of every house, with rooms for a tank where rooms store heat."""
        own, rooms = self.devices, self.rooms
        if rooms is None:
            return own
        heating_kw = rooms.heating_kw or own.heat_pump_kw * own.highest_cop
        return own.model_copy(
            update={
                "tank_efficiency": 1.0,
                "tank_loss_per_h": rooms.loss_per_h,
                "tank_power_per_kwh": heating_kw / rooms.store_kwh,
                "tank_wear": 0.0,
            }
        )

    def sizes_of(self, case: str) -> StorageSizes:
        """Return the storages of each house in a case, the store of its rooms as that of a tank."""
        sizes: StorageSizes = getattr(self.sizes, case)
        if self.rooms is None:
            return sizes
        rooms_kwh = 0.0 if case == BATTERY_ALONE else self.rooms.store_kwh
        return sizes.model_copy(update={"tank_kwh": rooms_kwh})

    @property
    def price_of_tanks(self) -> float:
        """Price of a tank per size [money/kWh]; rooms are there already."""
        return 0.0 if self.rooms is not None else self.tank_price_per_kwh

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
        named = [each.dataset for each in self._sources() if each.dataset is not None]
        outdoors = (self.devices.outdoor_cop, self.devices.outdoor_tank)
        return read_together(
            dict.fromkeys(named, ("members", "profiles")),
            read_of(self.tariff.dataset, "market"),
            *(read_of(each.dataset, "weather") for each in outdoors if each is not None),
        )

    @property
    def in_the_sun(self) -> str:
        """The part of it that generates by the sun of a known place."""
        lit = any(group.photovoltaics.pv_kw for group in self.groups)
        return "houses have photovoltaics" if lit else ""

    @property
    def communities_of_members(self) -> set[str]:
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
        refuse_all(problems)
        return section

    def _sources(self) -> list[MeasuredSeries]:
        return [
            source
            for group in self.groups
            for source in (group.appliances, group.heat, group.photovoltaics)
        ]
