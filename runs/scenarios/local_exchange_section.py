"""How members of a community share what some of them generate beyond their own use."""

from typing import Literal

from pydantic import Field, ValidationInfo
from pydantic import field_validator as check

from hmesh.runs.scenarios.base import Money, NotNegative, Positive, Section, Share, refuse
from hmesh.runs.scenarios.membership_keys import Membership


class LocalExchange(Section):
    """How members of a community share what some of them generate beyond their own use."""

    allocation: Literal["none", "static", "equal", "consumption", "need"] = Field(
        default="need",
        description="who gets how much of the surplus: nobody; each a fixed share; all the same; "
        "by what each uses; or by what each lacks after its own generation",
    )
    shares: dict[str, Positive] | None = Field(
        default=None,
        description="weight of each member of a group or kind in static shares, 1 where it is not "
        "named, or null [-]",
    )
    pass_on: bool = Field(
        default=False, description="whether what a static share leaves unused goes to others"
    )
    price: Literal["split", "scarcity"] = Field(
        default="split",
        description="whether sellers get a given share of what local energy saves, or the more the "
        "scarcer it is",
    )
    seller_share: Share = Field(
        default=0.5, description="share of what local energy saves that its sellers get [-]"
    )
    feed_in_share: Share = Field(
        default=0.5,
        description="share of the price of the community that is paid for a surplus which no "
        "member takes [-]",
    )
    feed_in_price: Money | None = Field(
        default=None,
        description="what is paid for it in place of that share, at most the price of the "
        "community [money/kWh], or null",
    )
    grid_fee: NotNegative = Field(
        default=0.0,
        description="grid fee that is part of the price of the community [money/kWh]",
    )
    fee_reduction: Share = Field(
        default=0.0, description="share of the grid fee that local energy is spared [-]"
    )

    membership: Membership | None = Field(
        default=None, description="how members join and leave each month, or null: all take part"
    )

    @check("membership")
    @classmethod
    def _of_known_prices(
        cls, membership: Membership | None, info: ValidationInfo
    ) -> Membership | None:
        if membership is not None and info.data.get("price") == "scarcity":
            raise refuse(
                "is given, but the price depends on the scarcity among all members",
                allowed="price: split, or membership: null",
            )
        return membership

    @check("shares")
    @classmethod
    def _of_static(
        cls, shares: dict[str, Positive] | None, info: ValidationInfo
    ) -> dict[str, Positive] | None:
        allocation = info.data.get("allocation")
        if shares is not None and allocation not in (None, "static"):
            raise refuse(
                f"are given, but the allocation is {allocation!r}",
                allowed="allocation: static, or shares: null",
            )
        return shares

    @check("pass_on")
    @classmethod
    def _of_shares(cls, pass_on: bool, info: ValidationInfo) -> bool:
        allocation = info.data.get("allocation")
        if pass_on and allocation not in (None, "static"):
            raise refuse(
                f"is true, but the allocation is {allocation!r}, which passes on all or nothing",
                allowed="allocation: static, or pass_on: false",
            )
        return pass_on

    @check("fee_reduction")
    @classmethod
    def _of_a_fee(cls, reduction: float, info: ValidationInfo) -> float:
        if reduction > 0.0 and info.data.get("grid_fee") == 0.0:
            raise refuse(
                f"is {reduction:g}, but there is no grid fee to reduce",
                allowed="a grid_fee above 0, or fee_reduction: 0",
            )
        return reduction

    @property
    def local_fee(self) -> float:
        """Grid fee that local energy pays [money/kWh]."""
        return self.grid_fee * (1.0 - self.fee_reduction)


def kinds_that_share() -> tuple[str, ...]:
    """Return the kinds of members that may take part in a local exchange."""
    from hmesh.runs.schemes.registry import sections_first

    kinds = (each.part("section").shares_locally for each in sections_first())
    return ("households", "buildings", "prosumers", *dict.fromkeys(kind for kind in kinds if kind))
