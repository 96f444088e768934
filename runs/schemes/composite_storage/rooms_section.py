"""The rooms of a house as its store of heat, within bounds of comfort."""

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.thermal_comfort import comfort_band, room_loss_per_h, room_store_kwh
from hmesh.runs.scenarios.base import Positive, Section, refuse
from hmesh.runs.schemes.composite_storage.heat_pump_section import Celsius

_LOWEST_C, _HIGHEST_C = comfort_band("winter")


class Rooms(Section):
    """Rooms that store heat between two comfortable temperatures, in place of a tank."""

    lowest: Celsius = Field(
        default=_LOWEST_C,
        description="lowest comfortable temperature, which the need of heat keeps [degC]",
    )
    highest: Celsius = Field(
        default=_HIGHEST_C, description="highest comfortable temperature [degC]"
    )
    kwh_per_k: Positive = Field(
        default=5.0, description="heat capacity of the rooms with walls and floors [kWh/K]"
    )
    time_constant_h: Positive = Field(
        default=60.0, description="how slowly rooms cool: heat capacity by losses [h]"
    )
    heating_kw: Positive | None = Field(
        default=None,
        description="most heat that warms rooms beyond what they need, and that they need less "
        "while they cool [kW], or null for what the heat pump makes",
    )

    @check("highest")
    @classmethod
    def _warmer(cls, highest: float, info: ValidationInfo) -> float:
        lowest = info.data.get("lowest")
        if lowest is not None and highest <= lowest:
            message = f"{highest:g} is not above the lowest, {lowest:g}"
            raise refuse(message, allowed="a number above lowest")
        return highest

    @property
    def store_kwh(self) -> float:
        """The heat between both temperatures [kWh]."""
        return room_store_kwh(self.kwh_per_k, self.lowest, self.highest)

    @property
    def loss_per_h(self) -> float:
        """The share of it that is lost in an hour [1/h]."""
        return room_loss_per_h(self.time_constant_h)
