"""How somebody joins and leaves month by month, by a logit choice."""

from pydantic import Field

from hmesh.runs.scenarios.base import Money, NotNegative, Section, Share


class Membership(Section):
    """Who is a member at first, and who joins or leaves as a month begins, by a logit choice."""

    first_share: Share = Field(
        default=1.0, description="probability of being a member at first [-]"
    )
    cost: Money = Field(
        default=0.0,
        description="what membership costs in a month, in time and trouble that is paid to nobody "
        "[money]",
    )
    sensitivity: NotNegative = Field(
        description="how strongly savings count beyond what membership costs [1/money]"
    )
    reconsiders: Share = Field(
        default=1.0, description="probability of choosing again in a month [-]"
    )
