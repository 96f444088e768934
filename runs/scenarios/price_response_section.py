"""What stores value energy at that answer to the price of the step, in any section."""

from pydantic import Field

from hmesh.runs.scenarios.base import Money, Positive, Section


class PriceResponse(Section):
    """Utility of the energy e in a storage, lam e - theta e^2 / 2."""

    lam: Money = Field(description="marginal utility of the first kWh stored [money/kWh]")
    theta: Positive = Field(description="slope of marginal utility per kWh stored [money/kWh^2]")
