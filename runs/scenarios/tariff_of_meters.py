"""A tariff that a person states for any kind of member: prices by band, fees, tax, months."""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import Problem, refuse_all
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    DatasetFolder,
    JsonFile,
    Money,
    NotNegative,
    Section,
    Share,
    refuse,
)
from hmesh.runs.scenarios.tariff_sections import DemandCharge, TariffBand, TariffTier

_FEE = re.compile(r"[a-z][a-z0-9_]{0,30}")


def names_of_fees(fees: Mapping[str, float]) -> Mapping[str, float]:
    """Return fees whose names can be parts of the kinds of payments."""
    problems = [
        Problem(name, f"{name!r} is no name of a fee", "small letters, digits and _")
        for name in fees
        if not _FEE.fullmatch(name) or name in ("energy", "base", "demand", "tier", "feed_in")
    ]
    refuse_all(problems)
    return fees


class TariffParts(Section):
    """The parts of a tariff, whichever kind of member pays by it."""

    # Keys that set the price, and keys that pay for deliveries: one of each may be given.
    price_keys: ClassVar[tuple[str, ...]] = ("bands", "file", "dataset")
    feed_in_keys: ClassVar[tuple[str, ...]] = ("feed_in", "feed_in_column")
    pays_for_deliveries: ClassVar[bool] = False

    bands: Annotated[tuple[TariffBand, ...], AS_TUPLE] = Field(
        default=(), description="prices by hour, day and season, the first that holds counts"
    )
    file: JsonFile | None = Field(
        default=None, description="or a JSON file of bands and demand charges, or null"
    )
    dataset: DatasetFolder | None = Field(
        default=None, description="or the folder of a dataset whose market asks the price, or null"
    )
    column: str = Field(default="price", description="column of its table market")
    feed_in: Money | None = Field(
        default=None, description="price paid for what is delivered, or null for 0 [money/kWh]"
    )
    feed_in_column: str | None = Field(
        default=None, description="or the column of the dataset's market that pays for deliveries"
    )
    settlement: Literal["net_billing", "net_metering"] = Field(
        default="net_billing",
        description="what a delivery is worth: net_billing, the price of feed-in in every step; "
        "net_metering, as much as a purchase up to what is bought in the month, beyond that the "
        "price of feed-in",
    )
    base_charge_per_month: NotNegative = Field(
        default=0.0, description="base charge of each meter and month [money]"
    )
    fees: dict[str, Money] = Field(
        default={}, description="fees and levies on energy bought by name [money/kWh]"
    )
    value_added_tax: Share = Field(
        default=0.0, description="share added to energy, fees and monthly amounts [-]"
    )
    demand_charges: Annotated[tuple[DemandCharge, ...], AS_TUPLE] = Field(
        default=(), description="charges for the highest mean power of each month"
    )
    tiers: Annotated[tuple[TariffTier, ...], AS_TUPLE] = Field(
        default=(), description="surcharges on energy of a month beyond thresholds"
    )

    @check("fees")
    @classmethod
    def _names(cls, fees: dict[str, float]) -> dict[str, float]:
        return dict(names_of_fees(fees))

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        return self._refuse_several()

    def _refuse_several(self) -> Self:
        """Refuse anything but one key that sets the price, and one that pays for deliveries."""
        given = [name for name in self.price_keys if getattr(self, name)]
        if self.feed_in_column is not None and len(given) == 2:
            # The dataset pays for deliveries, another one sets the price.
            given = [name for name in given if name != "dataset"]
        if len(given) != 1:
            what = f"{' and '.join(given)} are given" if given else "nothing sets the price"
            raise refuse(what, allowed=f"one of {_either(self.price_keys)}")
        given = [name for name in self.feed_in_keys if getattr(self, name) is not None]
        if len(given) > 1 or (self.pays_for_deliveries and not given):
            what = f"{' and '.join(given)} are given" if given else "nothing pays for deliveries"
            raise refuse(what, allowed=f"one of {_either(self.feed_in_keys)}")
        if self.feed_in_column is not None and self.dataset is None:
            raise refuse("feed_in_column needs a dataset", place="dataset", allowed="a folder")
        return self

    @property
    def netted(self) -> bool:
        """Whether a delivery is worth as much as a purchase of its month."""
        return self.settlement == "net_metering"


class StatedTariff(TariffParts):
    """What a meter pays and is paid; nothing is built in, what is left out is not charged."""

    @property
    def time_of_use(self) -> str | None:
        """No built-in tariff."""
        return None

    @property
    def files(self) -> list[str]:
        """The file that it names."""
        return [] if self.file is None else [self.file]

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """The dataset that it names, and the table it is read for."""
        return {} if self.dataset is None else {self.dataset: ("market",)}

    def feed_in_price(self, currency: str) -> float:
        """Return the price paid for what is delivered [money/kWh]."""
        return self.feed_in or 0.0


def _either(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
