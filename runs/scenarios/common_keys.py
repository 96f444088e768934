"""Keys that several sections of a scenario share, each with its bounds and its meaning."""

from typing import Annotated, Literal

from pydantic import Field

from hmesh.environment.errors import nearest
from hmesh.runs.scenarios.base import Efficiency, LossRate, NotNegative, Positive, Share, refuse

# Photovoltaics.
Tilt = Annotated[
    float, Field(ge=0, le=90, description="tilt of the modules from the horizontal [deg]")
]
Azimuth = Annotated[
    float, Field(ge=0, le=360, description="where the modules face, clockwise from north [deg]")
]
PerformanceRatio = Annotated[
    Efficiency, Field(description="energy delivered per energy that the peak power promises [-]")
]
Clearness = Annotated[
    float, Field(gt=0, lt=1, description="mean share of the clear sky's sunshine in a day [-]")
]
ClearnessDeviation = Annotated[
    float,
    Field(ge=0.001, lt=0.5, description="standard deviation of this share from day to day [-]"),
]


def possible_clearness(mean: float, deviation: float) -> None:
    """Refuse a deviation that no share between 0 and 1 of this mean can have."""
    most = (mean * (1 - mean)) ** 0.5
    if deviation >= most:
        raise refuse(
            f"days cannot vary by {deviation:g} about {mean:g}",
            place="clearness_deviation",
            allowed=f"below {most:.3g}",
        )


# Batteries.
Capacity = Annotated[Positive, Field(description="capacity of a battery [kWh]")]
PlugPower = Annotated[Positive, Field(description="highest power at the plug [kW]")]
Consumption = Annotated[NotNegative, Field(description="consumption driving [kWh/km]")]
SocMin = Annotated[Share, Field(description="lowest state of charge [-]")]
SocMax = Annotated[Share, Field(description="highest state of charge [-]")]
SocStart = Annotated[Share, Field(description="state of charge at the start [-]")]
DischargeSocMin = Annotated[Share, Field(description="lowest state of charge for discharging [-]")]
ChargeSocMax = Annotated[Share, Field(description="highest state of charge for charging [-]")]
ChargeEfficiency = Annotated[Efficiency, Field(description="stored per energy charged [-]")]
DischargeEfficiency = Annotated[Efficiency, Field(description="delivered per energy taken out [-]")]
CalendarFade = Annotated[
    LossRate, Field(description="share of the capacity that is lost in a year [1/a]")
]
CycleFade = Annotated[
    LossRate, Field(description="share of the capacity that is lost in a full cycle [-]")
]


def keep_their_capacity(batteries: str) -> dict[str, tuple[str, str]]:
    """Return why batteries that do not age in a run lack these keys, and what there is instead."""
    why = f"batteries of {batteries} keep their capacity in a run, and wear of them is a cost"
    allowed = (
        "wear under economics; under battery_sharing, community_storage.storages, "
        "composite_storage.devices and metered_sites.battery also calendar_fade and cycle_fade"
    )
    return dict.fromkeys(("calendar_fade", "cycle_fade"), (why, allowed))


# Which rows are written to the results; a scenario has a number in place of "auto".
Recorded = Literal["all", "none", "auto"] | Annotated[int, Field(ge=0)]


def known_profile(profile: str) -> str:
    """Refuse a standard load profile that does not exist."""
    from hmesh.environment.standard_profiles import PROFILES

    if profile not in PROFILES:
        raise refuse(
            f"no standard load profile is called {profile!r}",
            allowed=", ".join(PROFILES),
            suggestion=nearest(profile, PROFILES),
        )
    return profile
