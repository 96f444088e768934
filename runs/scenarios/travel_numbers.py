"""Numbers of travel that are drawn: distributions, in the words of a scenario."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo
from pydantic import field_validator as check

from hmesh.environment import distributions
from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import nearest
from hmesh.runs.scenarios.base import AS_TUPLE, NotNegative, Positive, Section, refuse
from hmesh.runs.scenarios.preferences import Constant, Lognormal, Normal, Triangular, Uniform

Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Hour = Annotated[float, Field(ge=0, le=24)]
Numbers = Annotated[tuple[Number, ...], AS_TUPLE]
Shares = Annotated[tuple[NotNegative, ...], AS_TUPLE]


def some_share(shares: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse shares of nothing."""
    if sum(shares) <= 0:
        raise refuse("no share is above 0")
    return shares


class Gamma(Section):
    """A gamma distribution, above 0."""

    distribution: Literal["gamma"] = Field(description="name of the distribution")
    mean: Positive = Field(description="mean of the values, in the unit of the quantity")
    deviation: Positive = Field(
        description="standard deviation of the values, in the unit of the quantity"
    )

    @property
    def lowest(self) -> float:
        """Lowest value possible."""
        return 0.0

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each uniform draw."""
        return distributions.gamma(u, self.mean, self.deviation)


class Bins(Section):
    """Shares of the values between edges, spread evenly within each bin."""

    distribution: Literal["histogram"] = Field(description="name of the distribution")
    edges: Numbers = Field(description="edges of the bins, ascending, in the unit of the quantity")
    shares: Shares = Field(description="share of the values in each bin, of any sum [-]")

    @check("edges")
    @classmethod
    def _ascending(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if len(edges) < 2 or any(b <= a for a, b in pairwise(edges)):
            raise refuse("the edges do not ascend", allowed="two or more, each above the last")
        return edges

    @check("shares")
    @classmethod
    def _one_each(cls, shares: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        bins = len(info.data.get("edges", ())) - 1
        if bins > 0 and len(shares) != bins:
            raise refuse(f"there are {len(shares)} shares of {bins} bins", allowed=f"{bins}")
        return some_share(shares)

    @property
    def lowest(self) -> float:
        """Lowest value possible."""
        return self.edges[0]

    def values(self, u: FloatArray) -> FloatArray:
        """Return a value for each uniform draw."""
        return distributions.histogram(u, np.array(self.edges), np.array(self.shares))


NAMES = ("constant", "uniform", "normal", "lognormal", "triangular", "gamma", "histogram")


def _form(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("distribution"))
    return str(getattr(value, "distribution", "number"))


def _known(value: object) -> object:
    if isinstance(value, Mapping) and value.get("distribution") not in NAMES:
        name = str(value.get("distribution"))
        message = f"there is no distribution {name!r}"
        near = nearest(name, NAMES)
        raise refuse(message, place="distribution", allowed=", ".join(NAMES), suggestion=near)
    return value


Distribution = Annotated[
    Annotated[float, Tag("number")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Lognormal, Tag("lognormal")]
    | Annotated[Triangular, Tag("triangular")]
    | Annotated[Gamma, Tag("gamma")]
    | Annotated[Bins, Tag("histogram")],
    Discriminator(_form),
    BeforeValidator(_known),
]


def not_negative(value: Any) -> Any:
    """Refuse a distribution whose values may be below 0."""
    lowest = getattr(value, "lowest", value if isinstance(value, float) else 0.0)
    if lowest < 0:
        shown = "without bound" if lowest == -np.inf else f"{lowest:g}"
        raise refuse(f"the lowest value is {shown}", allowed="a lowest value of at least 0")
    return value
