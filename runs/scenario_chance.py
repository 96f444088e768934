"""What a scenario leaves to chance, and how its demand grows; all of it is off where not given."""

from typing import Annotated

from pydantic import Field

from .scenario_base import NotNegative, Section

Growth = Annotated[float, Field(gt=-1, le=10)]


class DemandNoise(Section):
    """Noise of loads: each is multiplied by a lognormal factor of mean 1 that changes in time.

    The factor is exp(sigma z - sigma^2/2), z a stationary normal process of the first order whose
    correlation over a step is exp(-step_h / correlation_h).
    """

    sigma: Annotated[float, Field(ge=0, le=3)] = Field(
        description="standard deviation of the logarithm of a load [1]"
    )
    correlation_h: NotNegative = Field(
        default=24.0, description="time after which the correlation has fallen to 1/e [h]"
    )


class DemandNoises(Section):
    """The noise of the load of every member, by kind."""

    household: DemandNoise | None = Field(default=None, description="of households, or null")
    building: DemandNoise | None = Field(default=None, description="of buildings, or null")


class Chances(Section):
    """What is left to chance in the course of a run."""

    demand_noise: DemandNoises = Field(
        default=DemandNoises(), description="noise of the members' loads"
    )


class DemandGrowth(Section):
    """How much the loads grow in a year of 8,760 hours, by kind."""

    household: Growth = Field(default=0.0, description="growth of households' loads [1/year]")
    building: Growth = Field(default=0.0, description="growth of buildings' loads [1/year]")


class GrowthSettings(Section):
    """What grows over the years, compounding at every moment from the start of the run."""

    demand_per_year: DemandGrowth = Field(default=DemandGrowth(), description="growth of loads")
