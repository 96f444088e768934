"""The devices of a smart home in a scenario: generators, appliances and storages."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, refuse_all
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    Efficiency,
    Name,
    Positive,
    Section,
    above_lowest,
    refuse,
    within_limits,
)
from hmesh.runs.scenarios.preferences import PositivePreference

Hours = Annotated[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], AS_TUPLE]


DAY_H = 24.0


def within_a_day(hours: Sequence[tuple[float, float]] | None) -> Any:
    """Return times of a day that begin before they end, within the day and not twice."""
    problems = []
    for index, (begins, ends) in enumerate(hours or ()):
        if ends - begins > DAY_H:
            message = f"from {begins:g} to {ends:g} is {ends - begins:g} h, longer than the day"
            problems.append(Problem(str(index), message, "at most 24 h"))
        elif not begins < ends <= DAY_H:
            message = f"from {begins:g} to {ends:g} is no time of a day"
            problems.append(Problem(str(index), message, "[from, to] with 0 <= from < to <= 24"))
    refuse_all(problems)
    total = sum(ends - begins for begins, ends in hours or ())
    if total > DAY_H + 1e-9:
        raise refuse(f"{total:g} h in all is longer than the day", allowed="times that lie apart")
    return hours


class _Device(Section):
    name: Name = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the device in its home"
    )
    storage: str = Field(description="the storage that stands at the other end of its own line")
    rank: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=1, description="order in which it takes part in direct supply, the lowest first"
    )
    scale: PositivePreference = Field(
        default=1.0, description="factor on its energy; two bounds are drawn between [-]"
    )
    profile: str | None = Field(
        default=None, description="published day it follows: winter, summer, summer_from_05"
    )
    power_kw: Positive | None = Field(default=None, description="its power in its hours [kW]")
    hours: Annotated[tuple[Hours, ...], AS_TUPLE] = Field(
        default=(), description="clock hours in which it runs, [from, to] each [h]"
    )
    measured: bool = Field(default=False, description="whether the group's dataset measured it")

    _day = check("hours")(within_a_day)

    @check("profile")
    @classmethod
    def _known_profile(cls, profile: str | None) -> str | None:
        if profile is not None:
            from hmesh.environment.smart_home_profiles import smart_home_profile

            smart_home_profile(profile)
        return profile

    def _sources(self) -> list[str]:
        named = {"profile": self.profile, "power_kw": self.power_kw, "measured": self.measured}
        return [name for name, given in named.items() if given]

    def _one_source(self, allowed: str) -> None:
        sources = self._sources()
        if len(sources) != 1:
            text = " and ".join(sources) or "nothing"
            raise refuse(f"{self.name!r} follows {text}", allowed=f"one of {allowed}")


class HomeGeneratorSettings(_Device):
    """A generator of a home."""

    kind: Literal["photovoltaics", "fuel_cell", "generator"] = Field(description="what it is")
    pv_kw: Positive | None = Field(default=None, description="peak power of photovoltaics [kW]")
    tilt: keys.Tilt = 30.0
    azimuth: keys.Azimuth = 180.0
    performance_ratio: keys.PerformanceRatio = 0.86

    def _sources(self) -> list[str]:
        return [*super()._sources(), *(["pv_kw"] if self.pv_kw else [])]

    @model_validator(mode="after")
    def _follows_something(self) -> Self:
        self._one_source("profile, power_kw with hours, pv_kw, measured")
        if self.profile is not None and self.kind == "generator":
            raise refuse(
                "a published day knows photovoltaics and fuel_cell alone", place="kind",
                allowed="one of these kinds, or another source than profile",
            )  # fmt: skip
        return self


class Comfort(Section):
    """When an air conditioner is needed: where the room by itself is too cold or too warm."""

    category: Literal["A", "B", "C"] = Field(
        default="B", description="category of thermal comfort of ISO 7730"
    )
    time_constant_h: Positive = Field(
        default=24.0, description="how slowly the room follows the weather [h]"
    )
    gains_k: Annotated[float, Field(ge=0, le=30)] = Field(
        default=3.0, description="how much warmer than outdoors people and sun keep it [K]"
    )


class ApplianceSettings(_Device):
    """An appliance of a home, taken whole or not at all in every step."""

    kind: Literal["air_conditioner", "ventilation_fan", "appliance"] = Field(
        description="what it is"
    )
    priority: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=1, description="priority class, the lowest is admitted first"
    )
    shiftable: bool = Field(default=False, description="whether it may get other slots")
    window: Annotated[tuple[Hours, ...], AS_TUPLE] | None = Field(
        default=None, description="clock hours it may be shifted to, or null for its own [h]"
    )
    refuses: Annotated[tuple[Hours, ...], AS_TUPLE] = Field(
        default=(), description="clock hours that it refuses when they are offered [h]"
    )
    comfort: Comfort | None = Field(
        default=None, description="in place of hours: when the room needs it, or null"
    )

    _window = check("window", "refuses")(within_a_day)

    @model_validator(mode="after")
    def _follows_something(self) -> Self:
        self._one_source("profile, power_kw with hours or comfort, measured")
        if self.profile is not None and self.kind == "appliance":
            raise refuse(
                "a published day knows air_conditioner and ventilation_fan alone", place="kind",
                allowed="one of these kinds, or another source than profile",
            )  # fmt: skip
        if self.comfort is not None and (self.power_kw is None or self.hours):
            raise refuse(
                "comfort states the hours of an appliance with a power", place="comfort",
                allowed="power_kw beside it, and no hours",
            )  # fmt: skip
        if self.shiftable and self.measured:
            raise refuse(
                "what was measured uses another energy in every step", place="shiftable",
                allowed="false",
            )  # fmt: skip
        if self.window is not None and not self.shiftable:
            raise refuse("it cannot be shifted", place="window", allowed="null, or shiftable: true")
        return self


class HomeStorageSettings(Section):
    """A storage of a home."""

    lacks = keys.keep_their_capacity("smart homes")

    name: Name = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the storage in its home"
    )
    capacity_kwh: Positive = Field(default=100.0, description="size [kWh]")
    power_kw: Positive | None = Field(
        default=None, description="rating at the plug, in each direction [kW], or null for none"
    )
    soc_min: keys.SocMin = 0.2
    soc_max: keys.SocMax = 0.94
    soc_start: keys.SocStart = 0.2
    charge_efficiency: Efficiency = Field(default=0.92, description="stored per energy taken [-]")
    discharge_efficiency: keys.DischargeEfficiency = 0.92

    _above_lowest = check("soc_max")(above_lowest)
    _within_limits = check("soc_start")(within_limits)
