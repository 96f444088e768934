"""What houses with storages pay and are paid: a tariff, or the price of their community."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, nearest, refuse_all
from hmesh.environment.exchange_rates import converted
from hmesh.runs.scenarios.base import (
    Money,
    NotNegative,
    refuse,
)
from hmesh.runs.scenarios.money_defaults import money
from hmesh.runs.scenarios.tariff_of_meters import TariffParts
from hmesh.runs.schemes.composite_storage.money import MONEY, states_prices

# What `tariff` may be in place of a section.
COMMUNITY = "community"
# Keys that set prices, and keys of further parts of a bill, each with what stands for nothing.
_PRICES = {
    **dict.fromkeys(("time_of_use", "dataset", "file"), "null"),
    "bands": "[]",
    **dict.fromkeys(("feed_in", "feed_in_year", "feed_in_column"), "null"),
}
_PARTS = {
    "fees": "{}", "value_added_tax": "0", "demand_charges": "[]", "tiers": "[]",
    "netted": "settlement: net_billing",
}  # fmt: skip
# Where a part stands that is no key itself.
_PLACES = {"netted": "settlement"}


class HouseTariff(TariffParts):
    """What houses pay and are paid."""

    price_keys: ClassVar[tuple[str, ...]] = ("time_of_use", "dataset", "bands", "file")
    feed_in_keys: ClassVar[tuple[str, ...]] = ("feed_in", "feed_in_year", "feed_in_column")
    pays_for_deliveries: ClassVar[bool] = True

    community: bool = Field(
        default=False,
        description="whether the price of their community is what they pay; `tariff: community` "
        "says the same",
    )
    feed_in_share: NotNegative | None = Field(
        default=None,
        description="what of that price is paid for what is delivered, 1 with community unless "
        "given [1], or null",
    )
    time_of_use: str | None = Field(
        default="kyushu", description="built-in tariff of purchases, or null"
    )
    feed_in: Money | None = Field(
        default=None, description="price paid for what is delivered [money/kWh], or null"
    )
    feed_in_year: int | None = Field(
        default=None, description="or the year whose feed-in tariff is paid"
    )
    base_charge_per_month: NotNegative = money(
        MONEY["composite_storage.tariff.base_charge_per_month"], "base charge of a month"
    )

    @check("time_of_use")
    @classmethod
    def _known_tariff(cls, name: str | None) -> str | None:
        if name is not None:
            from hmesh.environment.retail_tariff import time_of_use_names

            known = time_of_use_names()
            if name not in known:
                raise refuse(
                    f"no time-of-use tariff is called {name!r}",
                    allowed=", ".join(known),
                    suggestion=nearest(name, known),
                )
        return name

    @model_validator(mode="before")
    @classmethod
    def _own_prices(cls, given: Any) -> Any:
        """Leave out the built-in tariff and its base charge where others set the price."""
        if given == COMMUNITY:
            given = {"community": True}
        if not isinstance(given, Mapping):
            return given
        own: dict[str, Any] = {"time_of_use": None, "base_charge_per_month": 0.0}
        if given.get("community") is True:
            return own | {"feed_in_share": 1.0} | dict(given)
        return own | dict(given) if states_prices(given) else given

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.community:
            return self._nothing_of_others()
        if self.feed_in_share is not None:
            raise refuse(
                "feed_in_share is a share of the price of a community",
                place="feed_in_share", allowed="null, or community: true",
            )  # fmt: skip
        self._refuse_several()
        if self.feed_in_year is not None:
            from hmesh.environment.retail_tariff import feed_in_of

            feed_in_of(self.feed_in_year)
        return self

    def _nothing_of_others(self) -> Self:
        problems = [
            Problem(name, "the price of the community is what houses pay", nothing)
            for name, nothing in _PRICES.items()
            if getattr(self, name) not in (None, ())
        ]
        # Aggregators ask one price for each kWh: it has no parts, and no month.
        problems += [
            Problem(_PLACES.get(name, name), "the price of a community has no such part", nothing)
            for name, nothing in _PARTS.items()
            if getattr(self, name)
        ]
        if self.feed_in_share is None:
            problems.append(Problem("feed_in_share", "nothing sets the price", "0 or more"))
        refuse_all(problems)
        return self

    @property
    def itemized(self) -> bool:
        """Whether a bill has more parts than energy, feed-in and base charge."""
        return bool(
            self.bands or self.file or self.fees or self.value_added_tax or self.demand_charges
            or self.tiers or self.netted
        )  # fmt: skip

    def feed_in_price(self, currency: str) -> float:
        """Return the price paid for what is delivered, in the scenario's currency [money/kWh]."""
        from hmesh.environment.retail_tariff import CURRENCY, feed_in_of

        if self.feed_in_year is not None:
            return converted(feed_in_of(self.feed_in_year), CURRENCY, currency)
        assert self.feed_in is not None
        return self.feed_in
