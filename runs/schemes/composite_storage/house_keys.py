"""What houses with storages are like: needs, photovoltaics, devices, sizes of the cases."""

from typing import Self

from pydantic import Field, model_validator
from pydantic import field_validator as check

from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    Count,
    Efficiency,
    LossRate,
    Name,
    NotNegative,
    Positive,
    Section,
    Share,
    above_lowest,
    of_no_other_part,
)
from hmesh.runs.scenarios.measured_series import MeasuredSeries
from hmesh.runs.scenarios.money_defaults import money
from hmesh.runs.schemes.composite_storage.heat_pump_section import OutdoorCop, OutdoorTank
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
    clearness: keys.Clearness = 0.56
    clearness_deviation: keys.ClearnessDeviation = 0.27

    @model_validator(mode="after")
    def _follows_something(self) -> Self:
        self._one_source("pv_kw")
        keys.possible_clearness(self.clearness, self.clearness_deviation)
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


# The case whose houses have no store of heat.
BATTERY_ALONE = "house_battery"


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
    calendar_fade: keys.CalendarFade = 0.0
    cycle_fade: keys.CycleFade = 0.0
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

    @property
    def battery_fades(self) -> bool:
        """Whether the battery loses capacity."""
        return self.calendar_fade > 0 or self.cycle_fade > 0

    @property
    def highest_cop(self) -> float:
        """The coefficient of performance that its heat pump never exceeds [-]."""
        if (outdoors := self.outdoor_cop) is None:
            return self.cop
        if outdoors.carnot_share is not None:
            return max(outdoors.highest, 1.0)
        return max(cop for _, cop in outdoors.points)
