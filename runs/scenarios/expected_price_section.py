"""What members of a community expect it to ask, before the price of a step is known."""

from typing import Annotated

from pydantic import Field
from pydantic import field_validator as check

from hmesh.environment.errors import nearest
from hmesh.runs.plugins.registered import FORECASTERS, REGISTER
from hmesh.runs.scenarios.base import Money, Section, refuse

YESTERDAY, LAST_WEEK, LAST, CONSTANT = "yesterday", "last_week", "last", "constant"
KINDS = (YESTERDAY, LAST_WEEK, LAST, CONSTANT)


class ExpectedPriceSettings(Section):
    """Forecast of the price of a community, from its past prices."""

    forecaster: str = Field(
        default=YESTERDAY,
        description="yesterday, last_week (the same hour then), last, constant, or one of a plugin",
    )
    options: dict[str, float | bool | str] = Field(
        default={}, description="values of the arguments of a plugin's forecaster, by name"
    )
    history_days: Annotated[int, Field(ge=1, le=366)] = Field(
        default=7, description="days of past prices that a forecaster sees [d]"
    )
    start: Money | None = Field(
        default=None,
        description="price of the days before the run [money/kWh], or null for the off-peak one of "
        "prices.time_of_use",
    )

    @check("forecaster")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS and kind not in FORECASTERS:
            known = (*KINDS, *FORECASTERS)
            hint = REGISTER.format(decorator="forecaster")
            raise refuse(
                f"there is no forecaster {kind!r}",
                allowed=f"{', '.join(known)}; {hint}",
                suggestion=nearest(kind, known),
            )
        return kind

    @property
    def of_a_plugin(self) -> bool:
        """Whether a plugin makes the forecaster."""
        return self.forecaster not in KINDS
