"""What sets prices in a scenario: cost of generation, tariff, bounds, and how a game is solved."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.runs.scenarios.base import (
    DatasetFolder,
    Interval,
    Money,
    NotNegative,
    Positive,
    Section,
    ordered,
    refuse,
)
from hmesh.runs.scenarios.leader_section import Leaders
from hmesh.runs.scenarios.money_defaults import OF_EVERY_RUN, money


class GenerationCost(Section):
    """Cost of generation per hour, quadratic * e^2 + linear * e + fixed of the energy e."""

    quadratic: NotNegative = money(OF_EVERY_RUN["generation_cost.quadratic"], "a")
    linear: Money = money(OF_EVERY_RUN["generation_cost.linear"], "b")
    fixed: Money = money(OF_EVERY_RUN["generation_cost.fixed"], "c")


class TimeOfUse(Section):
    """The tariff of the two-level strategy; on-peak is from_hour <= clock hour < to_hour."""

    on_peak: Money = money(OF_EVERY_RUN["prices.time_of_use.on_peak"], "price in the on-peak hours")
    off_peak: Money = money(OF_EVERY_RUN["prices.time_of_use.off_peak"], "price in all other hours")
    from_hour: Annotated[float, Field(ge=0, le=24)] = Field(
        default=9.0, description="clock hour at which on-peak begins [h]"
    )
    to_hour: Annotated[float, Field(ge=0, le=24)] = Field(
        default=22.0,
        description="clock hour at which on-peak ends, before from_hour past midnight [h]",
    )

    dataset: DatasetFolder | None = Field(
        default=None, description="folder of a dataset whose market sets the tariff, or null"
    )
    column: Literal["price", "feed_in"] = Field(
        default="price", description="column of its table market that is the tariff"
    )

    @check("to_hour")
    @classmethod
    def _some_hours(cls, to_hour: float, info: ValidationInfo) -> float:
        if info.data.get("from_hour") == to_hour:
            raise refuse(
                f"on-peak begins and ends at {to_hour:g}",
                allowed="another hour than from_hour; 0 and 24 are the whole day",
            )
        return to_hour


class PriceRules(Section):
    """The bounds of the prices and the rules where no game sets them."""

    utility: Interval = money(OF_EVERY_RUN["prices.utility"], "lowest and highest utility price")
    aggregator: Interval = money(
        OF_EVERY_RUN["prices.aggregator"], "lowest and highest community price"
    )
    without_vehicles: Literal["pass_through", "profit_max"] = Field(
        default="pass_through",
        description="price rule of a community without price response",
    )
    retail: Literal["marginal", "average"] = Field(
        default="marginal", description="which generation cost typical charging pays"
    )
    time_of_use: TimeOfUse = Field(
        default=TimeOfUse(), description="utility price of the two-level game"
    )

    _ordered = check("utility", "aggregator")(ordered)

    @check("aggregator")
    @classmethod
    def _no_forced_loss(
        cls, aggregator: tuple[float, float], info: ValidationInfo
    ) -> tuple[float, float]:
        utility = info.data.get("utility", aggregator)
        if utility[1] > aggregator[1]:
            raise refuse(
                f"the highest price {aggregator[1]:g} is below the utility's {utility[1]:g}, "
                "which would force a loss on the aggregator",
                allowed=f"a highest price of at least {utility[1]:g}",
            )
        return aggregator


class GameSettings(Section):
    """How the price of the game is found."""

    solver: Literal["negotiate", "grid", "closed_form", "exact"] = Field(
        default="negotiate", description="how leaders find their price"
    )
    bids: Literal["prices", "curves"] = Field(
        default="prices",
        description="whether bids are energies at offered prices, or whole demand curves",
    )
    losses: Literal["known", "ignored"] = Field(
        default="known", description="whether the utility anticipates losses of the lines"
    )
    tolerance: Annotated[float, Field(gt=0, le=0.1)] = Field(
        default=1.0e-6, description="accuracy of a negotiated price [share of the price range]"
    )
    grid_step: Positive = money(OF_EVERY_RUN["game.grid_step"], "first step of the enumeration")
    grid_zooms: Annotated[int, Field(ge=0, le=12)] = Field(
        default=3, description="how often the enumeration is refined tenfold around its best price"
    )
    leaders: Leaders = Field(default=Leaders(), description="price rules of the strategy leaders")
