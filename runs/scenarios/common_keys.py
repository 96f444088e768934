"""Types of keys that several sections of a scenario share, each with its bounds and its meaning."""

from typing import Annotated, Literal

from pydantic import Field

from hmesh.runs.scenarios.base import Efficiency, NotNegative, Positive, Share

# Photovoltaics.
Tilt = Annotated[
    float, Field(ge=0, le=90, description="tilt of the modules from the horizontal [deg]")
]
Azimuth = Annotated[
    float, Field(ge=0, le=360, description="where the modules face, clockwise from north [deg]")
]
PerformanceRatio = Annotated[
    Efficiency, Field(description="energy delivered per energy that the peak power promises [1]")
]

# Batteries.
Capacity = Annotated[Positive, Field(description="capacity of a battery [kWh]")]
PlugPower = Annotated[Positive, Field(description="highest power at the plug [kW]")]
Consumption = Annotated[NotNegative, Field(description="consumption driving [kWh/km]")]
SocMin = Annotated[Share, Field(description="lowest state of charge [1]")]
SocMax = Annotated[Share, Field(description="highest state of charge [1]")]
SocStart = Annotated[Share, Field(description="state of charge at the start [1]")]
DischargeSocMin = Annotated[Share, Field(description="lowest state of charge for discharging [1]")]
ChargeSocMax = Annotated[Share, Field(description="highest state of charge for charging [1]")]
ChargeEfficiency = Annotated[Efficiency, Field(description="stored per energy charged [1]")]
DischargeEfficiency = Annotated[Efficiency, Field(description="delivered per energy taken out [1]")]

# Which rows are written to the results.
Recorded = Literal["all", "none"] | Annotated[int, Field(ge=0)]
