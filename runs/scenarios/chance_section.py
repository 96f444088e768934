"""What a scenario leaves to chance, and how its demand grows; all of it is off where not given."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.runs.scenarios.adoption_section import Adoption
from hmesh.runs.scenarios.base import NotNegative, Positive, Section, refuse
from hmesh.runs.scenarios.durations import AS_HOURS

Growth = Annotated[float, Field(gt=-1, le=10)]


class DemandNoise(Section):
    """Noise of loads: each is multiplied by a lognormal factor of mean 1 that changes in time.

    The factor is exp(sigma z - sigma^2/2), z a stationary normal process of the first order whose
    correlation over a step is exp(-step_h / correlation_h).
    """

    sigma: Annotated[float, Field(ge=0, le=3)] = Field(
        description="standard deviation of the logarithm of a load [-]"
    )
    correlation_h: NotNegative = Field(
        default=24.0, description="time after which the correlation has fallen to 1/e [h]"
    )


class DemandNoises(Section):
    """The noise of the load of every member, by kind."""

    household: DemandNoise | None = Field(default=None, description="of households, or null")
    building: DemandNoise | None = Field(default=None, description="of buildings, or null")


class Cloudiness(Section):
    """The clearness of the sky, the share of clear-sky generation that clouds let through.

    Its distribution is a beta distribution, its memory that of a stationary normal process of the
    first order whose correlation over a step is exp(-step_h / correlation_h).
    """

    mean: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.6, description="mean clearness [-]")
    deviation: Annotated[float, Field(ge=0.001, lt=0.5)] = Field(
        default=0.25, description="standard deviation of the clearness [-]"
    )
    correlation_h: NotNegative = Field(
        default=6.0, description="time after which the correlation has fallen to 1/e [h]"
    )
    common: bool = Field(default=True, description="whether all communities have one sky")

    @check("deviation")
    @classmethod
    def _possible(cls, deviation: float, info: ValidationInfo) -> float:
        mean = info.data.get("mean")
        if mean is not None and deviation**2 >= mean * (1 - mean):
            most = (mean * (1 - mean)) ** 0.5
            raise refuse(
                f"no share of mean {mean:g} deviates by {deviation:g}",
                allowed=f"below {most:.4g}",
            )
        return deviation


class Outages(Section):
    """Failures and repairs, each at its own second; times up and out are exponential.

    They are out for mean_time_to_repair_h of every mean_time_between_failures_h +
    mean_time_to_repair_h, also at the start.
    """

    mean_time_between_failures_h: Annotated[Positive, AS_HOURS] = Field(
        description="mean time from a repair to the next failure [h]"
    )
    mean_time_to_repair_h: Annotated[Positive, AS_HOURS] = Field(
        description="mean time from a failure to its repair [h]"
    )


class Chances(Section):
    """Random processes of a run."""

    demand_noise: DemandNoises = Field(
        default=DemandNoises(), description="noise of the members' loads"
    )
    cloudiness: Cloudiness | None = Field(
        default=None, description="clouds before the photovoltaics, or null for a clear sky"
    )
    charger_outages: Outages | None = Field(
        default=None, description="failures of the vehicles' chargers, or null for none"
    )
    feeder_outages: Outages | None = Field(
        default=None, description="failures of the communities' feeders, or null for none"
    )

    @property
    def outages(self) -> bool:
        """Whether anything fails."""
        return self.charger_outages is not None or self.feeder_outages is not None


class DemandGrowth(Section):
    """How much the loads grow in a year of 8,760 hours, by kind."""

    household: Growth = Field(default=0.0, description="growth of households' loads [1/year]")
    building: Growth = Field(default=0.0, description="growth of buildings' loads [1/year]")


class GrowthSettings(Section):
    """What grows over the years, compounding at every moment from the start of the run."""

    demand_per_year: DemandGrowth = Field(default=DemandGrowth(), description="growth of loads")
    vehicles_per_year: Annotated[float, Field(ge=0, le=10_000_000)] = Field(
        default=0.0, description="vehicles that join the fleet in a year [1/year]"
    )
    vehicles_join: Literal["month", "day"] = Field(
        default="month", description="whether they join on the first of a month or any day"
    )
    adoption: Adoption | None = Field(
        default=None, description="vehicles that join since their owners know others, or null"
    )


class Location(Section):
    """Where the communities are, for the height of the sun."""

    latitude: Annotated[float, Field(ge=-90, le=90)] = Field(
        description="latitude, north positive [deg]"
    )
    longitude: Annotated[float, Field(ge=-180, le=180)] = Field(
        description="longitude, east positive [deg]"
    )
    altitude_m: Annotated[float, Field(ge=-500, le=9000)] = Field(
        default=0.0, description="height above the sea [m]"
    )
