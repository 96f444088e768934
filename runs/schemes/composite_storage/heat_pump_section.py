"""How well heat pumps work, and what tanks lose, by the temperature outdoors."""

from typing import Annotated, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    DatasetFolder,
    Positive,
    Section,
    Share,
    refuse,
)

Celsius = Annotated[float, Field(ge=-60, le=95)]
Point = Annotated[tuple[Celsius, Positive], AS_TUPLE]


class OutdoorCop(Section):
    """The coefficient of performance by the temperature of the air, from a dataset's weather."""

    dataset: DatasetFolder = Field(
        description="folder of a dataset whose table weather has temp_air"
    )
    points: Annotated[tuple[Point, ...], AS_TUPLE] = Field(
        default=(),
        description="temperatures of the air and the coefficient at each, lines between [degC, 1]",
    )
    carnot_share: Share | None = Field(
        default=None,
        description="or the share of Carnot's coefficient that it reaches, such as 0.4, or null "
        "[1]",
    )
    flow_temperature: Celsius = Field(
        default=45.0, description="temperature of the water that it heats, with carnot_share [degC]"
    )
    highest: Positive = Field(default=6.0, description="highest coefficient, with carnot_share [-]")

    @check("points")
    @classmethod
    def _rising(cls, points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        temperatures = [temperature for temperature, _ in points]
        if temperatures != sorted(set(temperatures)):
            raise refuse("temperatures do not rise", allowed="each above the one before")
        return points

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.points) == (self.carnot_share is not None):
            what = "points and carnot_share are given" if self.points else "nothing sets it"
            raise refuse(what, allowed="one of points and carnot_share")
        return self


class OutdoorTank(Section):
    """The losses of a tank by the temperature of the air around it, from a dataset's weather."""

    dataset: DatasetFolder = Field(
        description="folder of a dataset whose table weather has temp_air"
    )
    tank_temperature: Celsius = Field(
        default=60.0, description="temperature of the water in the tank [degC]"
    )
    rated_temperature: Celsius = Field(
        default=20.0, description="temperature of the air at which tank_loss_per_h is lost [degC]"
    )

    @check("rated_temperature")
    @classmethod
    def _colder(cls, rated_temperature: float, info: ValidationInfo) -> float:
        water = info.data.get("tank_temperature", 95.0)
        if rated_temperature >= water:
            message = f"{rated_temperature:g} is not below the {water:g} of the water"
            raise refuse(message, allowed="below tank_temperature")
        return rated_temperature
