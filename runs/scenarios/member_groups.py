"""The members of a community as a scenario states them: by profile, by file or by dataset."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    Count,
    DatasetFolder,
    Name,
    NotNegative,
    Positive,
    Section,
    TableFile,
    of_no_other_part,
    refuse,
)
from hmesh.runs.scenarios.prosumer_parts import checked_parts
from hmesh.runs.scenarios.tariff_of_meters import StatedTariff


class Elasticity(Section):
    """Price elasticity of a load: linear in the price of its community around a reference."""

    value: Positive = Field(
        description="share by which the load falls where the price rises by its reference [-]"
    )
    reference_price: Positive = Field(
        description="price at which the load is that of its profile, file or dataset [money/kWh]"
    )
    lower_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="least share of the load that is always used [-]"
    )
    upper_share: Annotated[float, Field(ge=1, le=10)] = Field(
        default=1.5, description="greatest share of the load that is ever used [-]"
    )

    @check("upper_share")
    @classmethod
    def _some_room(cls, upper_share: float, info: ValidationInfo) -> float:
        if upper_share == 1.0 and info.data.get("lower_share") == 1.0:
            raise refuse(
                "lower_share and upper_share are both 1, so that no price changes the load",
                allowed="a lower_share below 1 or an upper_share above 1; or elasticity: null",
            )
        return upper_share


class _Members(Section):
    kind: Literal["household", "building", "prosumer"] = Field(description="what the members are")
    name: Name = Field(description="name of these members in the results")
    pv_kw: NotNegative = Field(
        default=0.0, description="peak power of the photovoltaics of each member [kW]"
    )
    pv_tilt: keys.Tilt = 30.0
    pv_azimuth: keys.Azimuth = 180.0
    pv_performance_ratio: keys.PerformanceRatio = 0.86

    elasticity: Elasticity | None = Field(
        default=None, description="price elasticity of their load, or null where it is inelastic"
    )
    tariff: StatedTariff | None = Field(
        default=None,
        description="what the meter of each pays the utility and is paid, or null for the price of "
        "the community; of prosumers that of their load and photovoltaics",
    )

    _not_taken = check("name")(of_no_other_part)

    @check("tariff")
    @classmethod
    def _one_price(cls, tariff: StatedTariff | None, info: ValidationInfo) -> StatedTariff | None:
        if tariff is not None and info.data.get("elasticity") is not None:
            raise refuse(
                "their load answers to the price of the community, which they do not pay",
                allowed="null, or elasticity: null",
            )
        return tariff


class ProfileMembers(_Members):
    """Members whose load follows a standard load profile."""

    count: Count = Field(default=1, description="how many of them")
    annual_kwh: Positive = Field(description="consumption of each in a year [kWh]")
    profile: str = Field(description="standard load profile")

    _profile = check("profile")(keys.known_profile)


class FileMembers(_Members):
    """Members whose load stands in a file; each distinct member of the file becomes one."""

    file: TableFile = Field(description="CSV or Parquet file, relative to the scenario's folder")
    members: Annotated[tuple[str, ...], AS_TUPLE] | None = Field(
        default=None, description="which members of the file, or null for all"
    )
    scale: Positive = Field(default=1.0, description="factor on the loads [-]")


class DatasetMembers(_Members):
    """Members measured in a dataset, their loads and what their photovoltaics generated."""

    dataset: DatasetFolder = Field(
        description="folder of a dataset, relative to the scenario's folder"
    )
    members: Annotated[tuple[str, ...], AS_TUPLE] | None = Field(
        default=None, description="which members or regions of the dataset, or null for all"
    )
    scale: Positive = Field(default=1.0, description="factor on the loads and generation [-]")


# Of logarithms: ten deviations above the mean stand for the factor exp(100).
Spread = Annotated[float, Field(ge=0, le=10)]


class BusinessMembers(_Members):
    """Commercial buildings made from standard load profiles, closed on some days."""

    kind: Literal["building"] = Field(description="what the members are")
    businesses: Count = Field(description="how many of them")
    peak_kw: Positive = Field(
        default=44_300.0, description="highest hour of all together in the first year [kW]"
    )
    size_spread: Spread = Field(
        default=0.8, description="standard deviation of the logarithm of their sizes [-]"
    )
    activity_spread: Spread = Field(
        default=0.15, description="likewise of what each does from day to day [-]"
    )


class ProsumerMembers(ProfileMembers):
    """Households that generate and store energy: one account and one connection for all they own.

    What they own beside a load and photovoltaics is described in the words of the scheme that knows
    it, and takes part in this scheme.
    """

    kind: Literal["prosumer"] = Field(description="what the members are")
    annual_kwh: NotNegative = Field(
        default=0.0,
        description="consumption of each in a year, beside that of what it owns [kWh]",
    )
    profile: str = Field(default="h0", description="standard load profile of this consumption")
    connection_kw: Positive | None = Field(
        default=None,
        description="power of the connection of each, both ways [kW], or null for no limit",
    )
    owns: dict[str, Any] = Field(
        default={}, description="what they own by its name, each with the share that own one"
    )

    @check("owns")
    @classmethod
    def _known_parts(cls, owns: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        return checked_parts(owns, info)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.annual_kwh or self.pv_kw or self.owns):
            raise refuse(
                "they use and own nothing", place="owns", allowed="a part, annual_kwh or pv_kw"
            )
        return self


_SOURCES = {"dataset": "from dataset", "file": "from file", "businesses": "of businesses"}


def _source_of_members(value: object) -> str:
    # What is no section at all is refused as members of the commonest kind.
    given = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    if given.get("kind") == "prosumer":
        return "of prosumers"
    return next((source for key, source in _SOURCES.items() if key in given), "from profile")


Members = Annotated[
    Annotated[ProfileMembers, Tag("from profile")]
    | Annotated[FileMembers, Tag("from file")]
    | Annotated[DatasetMembers, Tag("from dataset")]
    | Annotated[BusinessMembers, Tag("of businesses")]
    | Annotated[ProsumerMembers, Tag("of prosumers")],
    Discriminator(_source_of_members),
]
