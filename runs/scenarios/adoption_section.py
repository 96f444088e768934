"""Who buys a vehicle when, since others whom it knows have one."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.scenarios.base import AS_TUPLE, NotNegative, Section, Share, refuse


class Adoption(Section):
    """Vehicles that join month by month, as their owners adopt them on a social network."""

    adopters: Annotated[int, Field(ge=2, le=1_000_000)] = Field(
        description="who may adopt a vehicle, those at the start among them [-]"
    )
    rule: Literal["bass", "threshold"] = Field(
        default="bass",
        description="by a rate that rises with the share of acquaintances that have one, or from a "
        "share of them on",
    )
    innovation: NotNegative = Field(
        default=0.03, description="rate at which each adopts whatever others do [1/year]"
    )
    imitation: NotNegative = Field(
        default=0.4, description="rate more where all acquaintances have one, for bass [1/year]"
    )
    thresholds: Annotated[tuple[Share, Share], AS_TUPLE] = Field(
        default=(0.1, 0.5),
        description="lowest and highest share of acquaintances from which on one adopts, for "
        "threshold [-]",
    )
    network: Literal["small_world", "scale_free"] = Field(
        default="small_world", description="Watts and Strogatz, or Barabasi and Albert"
    )
    neighbours: Annotated[int, Field(ge=2, le=1000, multiple_of=2)] = Field(
        default=6, description="mean number of acquaintances, an even one"
    )
    rewired: Share = Field(
        default=0.1, description="share of the edges of a small world that lead elsewhere [-]"
    )

    @check("thresholds")
    @classmethod
    def _in_order(
        cls, thresholds: tuple[float, float], info: ValidationInfo
    ) -> tuple[float, float]:
        if thresholds[0] > thresholds[1]:
            raise refuse(f"{thresholds[0]:g} is above {thresholds[1]:g}", allowed="[low, high]")
        return thresholds


def adopters_enough(scenario: Any) -> Any:
    """Return a scenario of which as many may adopt a vehicle as have one at the start.

    Raises
    ------
    InputError
        Otherwise.
    """
    given = scenario.growth.adoption
    if given is None:
        return scenario
    count = scenario.vehicles.count if "vehicles" in scenario.schemes else 0
    if given.adopters < count:
        message = f"{given.adopters} may adopt a vehicle, and {count} have one at the start"
        raise InputError([Problem("growth.adoption.adopters", message, f"at least {count}")])
    return scenario
