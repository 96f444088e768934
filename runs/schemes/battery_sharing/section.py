"""The batteries of a scenario's buildings: how large they are, and how they are shared."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    LossRate,
    NotNegative,
    SchemeSection,
    above_lowest,
    refuse,
)
from hmesh.runs.scenarios.economics_section import BatteryEconomics
from hmesh.runs.scenarios.price_response_section import PriceResponse
from hmesh.runs.scenarios.tariff_sections import DaysOfYear

ClockHour = Annotated[float, Field(ge=0, le=24)]
Window = Annotated[tuple[ClockHour, ClockHour], AS_TUPLE]


class MeasuredDays(DaysOfYear):
    """Days over which the deviation of the load is taken, for sizes and in the results."""

    highest: Annotated[int, Field(ge=1, le=3660)] | None = Field(
        default=None,
        description="only so many of these days, those of the highest energy, or null for all",
    )


class BatterySharing(SchemeSection):
    """Batteries of buildings that level the load of their community together."""

    gives_members: ClassVar[bool] = True

    capacity_kwh: NotNegative | None = Field(
        default=None,
        description="capacity of all shared batteries of all communities together, or null for the "
        "one that levels the first year of the run best [kWh]",
    )
    own_capacity: Literal["sized", "shared"] = Field(
        default="sized",
        description="capacity of each where nobody shares: sized for its own load, or the same as "
        "where it is shared",
    )
    spread: Literal["least_exchange", "mean_load", "equal"] = Field(
        default="mean_load", description="how the shared capacity is spread over buildings"
    )
    measure: Literal["annual", "daily_rms"] = Field(
        default="annual", description="standard deviation that sizes a battery: from which mean"
    )
    measure_days: MeasuredDays | None = Field(
        default=None,
        description="days over which it is taken, such as weekdays of a season, or null for all",
    )
    cycle: Literal["full", "free"] = Field(
        default="full", description="whether every day uses the whole battery, or as much as helps"
    )
    dispatch: Literal["alike", "least_exchange"] = Field(
        default="alike",
        description="whether all batteries follow one schedule, or each one with least exchange",
    )
    power_per_capacity: NotNegative = Field(
        default=0.16, description="highest power at the plug, both ways, per capacity [kW/kWh]"
    )
    soc_min: keys.SocMin = 0.1
    soc_max: keys.SocMax = 1.0
    charge_efficiency: keys.ChargeEfficiency = 0.9
    discharge_efficiency: keys.DischargeEfficiency = 0.9
    calendar_fade: keys.CalendarFade = 0.0
    cycle_fade: keys.CycleFade = 0.0
    line_loss_rate: LossRate = Field(
        default=0.08, description="share of the energy lost between two buildings [-]"
    )
    charge_window: Window = Field(
        default=(0.0, 8.0), description="clock hours in which batteries charge, [from, to] [h]"
    )
    discharge_window: Window = Field(
        default=(8.0, 22.0), description="clock hours in which they discharge, [from, to] [h]"
    )

    economics: BatteryEconomics | None = Field(
        default=None,
        description="what batteries cost, for their payback and net present value, or null",
    )

    price_response: PriceResponse | None = Field(
        default=None,
        description="what batteries value energy at where what their schedule leaves of them "
        "answers to the price of the step, or null where it does not",
    )

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """The dataset whose market sets prices at which energy is valued."""
        return {} if self.economics is None else self.economics.datasets

    @property
    def fades(self) -> bool:
        """Whether batteries lose capacity."""
        return self.calendar_fade > 0 or self.cycle_fade > 0

    @property
    def depth_of_discharge(self) -> float:
        """Share of the capacity that a cycle may use."""
        return self.soc_max - self.soc_min

    _above_lowest = check("soc_max")(above_lowest)

    @check("charge_window", "discharge_window")
    @classmethod
    def _some_hours(cls, window: tuple[float, float]) -> tuple[float, float]:
        if window[0] >= window[1]:
            raise refuse(
                f"the window opens at {window[0]:g} and closes at {window[1]:g}",
                allowed="two hours of one day, the second after the first",
            )
        return window

    @check("discharge_window")
    @classmethod
    def _after_charging(
        cls, window: tuple[float, float], info: ValidationInfo
    ) -> tuple[float, float]:
        ends = info.data.get("charge_window", (0.0, 0.0))[1]
        if window[0] < ends:
            raise refuse(
                f"batteries would discharge from {window[0]:g}, before they have charged",
                allowed=f"a window that opens at {ends:g} or later",
            )
        return window
