"""The electric vehicles of a scenario."""

from collections.abc import Iterator
from math import inf
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import Problem
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    SchemeSection,
    above_lowest,
    existing,
    within_limits,
)
from hmesh.runs.scenarios.money_defaults import money
from hmesh.runs.scenarios.preferences import FromFile, PositivePreference, Preference, file_problems
from hmesh.runs.schemes.vehicles.money import MONEY
from hmesh.runs.strategy_names import scheme_of

CONNECTION = "charging"


class Vehicles(SchemeSection):
    """The electric vehicles, alike but for their day plans and satisfaction."""

    connects: ClassVar[str] = "vehicles"

    count: Annotated[int, Field(ge=0, le=10_000_000)] = Field(description="how many vehicles")
    day_plans: str | None = Field(
        default=None, description="CSV file of day plans, or null for the ten published ones"
    )
    capacity_kwh: keys.Capacity = 40.0
    power_kw: keys.PlugPower = 7.0
    consumption_kwh_per_km: keys.Consumption = 0.16
    soc_min: keys.DischargeSocMin = 0.2
    soc_max: keys.ChargeSocMax = 0.9
    soc_start: keys.SocStart = 0.5
    charge_efficiency: keys.ChargeEfficiency = 1.0
    discharge_efficiency: keys.DischargeEfficiency = 1.0
    lam: Preference = money(
        MONEY["vehicles.lam"], "satisfaction of the first kWh; two bounds are drawn between"
    )
    theta: PositivePreference = money(
        MONEY["vehicles.theta"], "fall of satisfaction per kWh stored"
    )
    trip_reserve: bool = Field(default=False, description="keep the energy of the next trip back")

    @check("day_plans")
    @classmethod
    def _existing_plans(cls, file: str | None, info: ValidationInfo) -> str | None:
        return None if file is None else existing(file, info, (".csv",))

    _above_lowest = check("soc_max")(above_lowest)
    _within_limits = check("soc_start")(within_limits)

    @classmethod
    def absent(cls) -> Self:
        """Return the section of a scenario that leaves it out: no vehicles."""
        return cls(count=0)

    def takes_part(self, scenario: Any) -> bool:
        """Return whether there are vehicles, some join, or their strategies are compared."""
        compared = any(scheme_of(strategy) == "vehicles" for strategy in scenario.strategies)
        return compared or self.expected(scenario)

    def expected(self, scenario: Any) -> bool:
        """Return whether there are vehicles at any time of the run."""
        return bool(self.count or scenario.growth.vehicles_per_year)

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the node of the grid at which vehicles are plugged in."""
        return (CONNECTION,)

    @property
    def files(self) -> list[str]:
        """The file of day plans and those of preferences."""
        plans = [] if self.day_plans is None else [self.day_plans]
        given = (self.lam, self.theta)
        return [*plans, *(each.file for each in given if isinstance(each, FromFile))]


def preference_problems(scenario: Any, _: Any) -> Iterator[Problem]:
    """Return what is wrong with the files of preferences."""
    vehicles: Vehicles = scenario.vehicles
    given = ((vehicles.lam, -inf, vehicles.count), (vehicles.theta, 0.0, vehicles.count))
    return file_problems(scenario, given)
