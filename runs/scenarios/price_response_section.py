"""What stores value energy at that answer to the price of the step, in any section."""

from pydantic import Field

from hmesh.runs.scenarios.base import Money, Positive, Section


class PriceResponse(Section):
    """What a store values the energy at that it holds, lam e - theta e^2 / 2 of the energy e."""

    lam: Money = Field(description="worth of the first energy stored [money/kWh]")
    theta: Positive = Field(description="by how much it falls with each kWh stored [money/kWh^2]")
