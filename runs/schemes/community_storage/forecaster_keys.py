"""The forecasters that storages of a community may have in a scenario."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag
from pydantic import field_validator as check

from hmesh.environment.errors import nearest
from hmesh.runs.plugins.registered import FORECASTERS, REGISTER
from hmesh.runs.scenarios.base import (
    Positive,
    Section,
    refuse,
)


class PersistenceForecaster(Section):
    """The last reading goes on."""

    kind: Literal["persistence"] = Field(description="persistence")


class SeasonalForecaster(Section):
    """What was read a day or a week ago comes again."""

    kind: Literal["seasonal_naive"] = Field(default="seasonal_naive", description="seasonal_naive")
    season_days: Annotated[int, Field(ge=1, le=28)] = Field(
        default=1, description="days after which readings come again [d]"
    )


class NoisyForecaster(Section):
    """What will be read, times a lognormal factor: a forecast of any quality, for studies."""

    kind: Literal["noise"] = Field(description="noise")
    sigma: Annotated[float, Field(ge=0, le=3)] = Field(
        default=0.17, description="standard deviation of the logarithm; 0 is perfect [-]"
    )


class RidgeForecaster(Section):
    """Linear regression of a day on the day before, with a penalty."""

    kind: Literal["ridge"] = Field(description="ridge")
    penalty: Positive = Field(
        default=10.0, description="weight of the squared coefficients, readings of variance 1 [-]"
    )


class LstmForecaster(Section):
    """The network of the published Table 1, one for each household and plant; an extra."""

    kind: Literal["lstm"] = Field(description="lstm")
    window: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=96, description="readings that it sees"
    )
    units: Annotated[int, Field(ge=1, le=4096)] = Field(default=64, description="units of its cell")
    epochs: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=50, description="passes over the history"
    )
    batch: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=16, description="windows from which it learns at a time"
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1e-3, description="step of Adam [-]"
    )


class PluginForecaster(Section):
    """A forecaster that a plugin registered."""

    kind: str = Field(description="name with which a plugin registered it")
    options: dict[str, float | bool | str] = Field(
        default={}, description="values of its arguments, by name"
    )

    @check("kind")
    @classmethod
    def _registered(cls, kind: str) -> str:
        if kind not in FORECASTERS:
            known = (*KINDS, *FORECASTERS)
            hint = REGISTER.format(decorator="forecaster")
            raise refuse(
                f"there is no forecaster {kind!r}",
                allowed=f"{', '.join(known)}; {hint}",
                suggestion=nearest(kind, known),
            )
        return kind


KINDS = ("persistence", "seasonal_naive", "noise", "ridge", "lstm")


def _kind_of(value: object) -> str:
    """Return which kind of forecaster is given; one of a plugin is known by its name alone."""
    given = value.get("kind") if isinstance(value, Mapping) else value
    kind = getattr(given, "kind", given)
    return str(kind) if kind in KINDS else "of a plugin"


Forecasters = Annotated[
    Annotated[PersistenceForecaster, Tag("persistence")]
    | Annotated[SeasonalForecaster, Tag("seasonal_naive")]
    | Annotated[NoisyForecaster, Tag("noise")]
    | Annotated[RidgeForecaster, Tag("ridge")]
    | Annotated[LstmForecaster, Tag("lstm")]
    | Annotated[PluginForecaster, Tag("of a plugin")],
    Discriminator(_kind_of),
]
