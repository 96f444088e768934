"""How utility and aggregators set prices under the strategy of leaders that do not best-respond."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hmesh.runs.scenarios.base import AS_TUPLE, Money, NotNegative, Section, refuse


class LeaderLearning(Section):
    """How a leader learns from its own profit."""

    method: Literal["gradient", "bandit"] = Field(
        default="gradient",
        description="by the slope between two trials (Kiefer and Wolfowitz), or among some prices "
        "(UCB1)",
    )
    lowest: Money = Field(default=0.0, description="lowest price or markup tried [money/kWh]")
    highest: Money = Field(description="highest price or markup tried [money/kWh]")
    arms: Annotated[int, Field(ge=2, le=1000)] = Field(
        default=21, description="how many prices a bandit tries, evenly from lowest to highest"
    )
    hours_apart: Annotated[int, Field(ge=1, le=24)] = Field(
        default=24, description="how many parts of the day it learns a price for"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.highest <= self.lowest:
            raise refuse(
                f"highest {self.highest:g} is not above lowest", place="highest",
                allowed=f"above {self.lowest:g}",
            )  # fmt: skip
        return self


class Leader(Section):
    """What utility and aggregators have in common where they do not best-respond."""

    markup: NotNegative = Field(
        default=0.0, description="share added by fixed_markup, and by a cost-based utility [-]"
    )
    learning: LeaderLearning | None = Field(
        default=None, description="how it learns; for the rule learning alone"
    )


class UtilityLeader(Leader):
    """How the utility sets its price."""

    rule: Literal["best_response", "welfare", "fixed_markup", "learning", "tariff"] = Field(
        default="best_response",
        description="its best price; marginal cost; marginal cost and a markup; a price that it "
        "learns; or its time-of-use tariff",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _learning_or_not(self)
        return self


class AggregatorLeader(Leader):
    """How aggregators set the prices of their communities."""

    rule: Literal["best_response", "fixed_markup", "learning", "cartel"] = Field(
        default="best_response",
        description="their best prices; the utility's and a markup; a markup that each learns; or "
        "together, knowing how the utility's cost follows their demand",
    )
    members: Annotated[tuple[str, ...], AS_TUPLE] = Field(
        default=(), description="communities of a cartel, none given: all; others best-respond"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.members and self.rule != "cartel":
            raise refuse(f"members go with cartel, not {self.rule}", place="members")
        _learning_or_not(self)
        return self


def _learning_or_not(leader: UtilityLeader | AggregatorLeader) -> None:
    """Refuse learning without its keys, and its keys without learning."""
    if (leader.rule == "learning") != (leader.learning is not None):
        text = "is missing" if leader.learning is None else f"goes not with {leader.rule}"
        raise refuse(text, place="learning", allowed="with rule: learning, at least highest")


class Leaders(Section):
    """Who sets prices how under the strategy leaders."""

    utility: UtilityLeader = Field(default=UtilityLeader(), description="the utility")
    aggregators: AggregatorLeader = Field(default=AggregatorLeader(), description="the aggregators")

    @model_validator(mode="after")
    def _cartel_that_matters(self) -> Self:
        if self.aggregators.rule == "cartel" and self.utility.rule not in (
            "welfare",
            "fixed_markup",
        ):
            raise refuse(
                f"a cartel moves no price of a utility whose rule is {self.utility.rule}",
                place="utility.rule", allowed="welfare, fixed_markup",
            )  # fmt: skip
        return self
