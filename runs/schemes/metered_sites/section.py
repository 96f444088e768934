"""The metered sites of a scenario: loads, devices, connection, tariff and what money costs."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic import field_validator as check

from hmesh.environment.errors import InputError, refuse_all
from hmesh.runs.scenarios import common_keys as keys
from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    Count,
    Name,
    NotNegative,
    Positive,
    SchemeSection,
    Section,
    Share,
    above_lowest,
    misplaced_groups,
    names_given_twice,
    of_no_other_part,
    read_together,
    refuse,
)
from hmesh.runs.scenarios.measured_series import MeasuredSeries
from hmesh.runs.scenarios.tariff_of_meters import StatedTariff

MEASURED = ("members", "profiles")


class SiteLoad(MeasuredSeries):
    """What a site uses."""

    annual_kwh: Positive | None = Field(
        default=None, description="or the consumption of a year by a standard load profile [kWh]"
    )
    profile: str = Field(default="g0", description="this profile")

    _profile = check("profile")(keys.known_profile)

    @model_validator(mode="after")
    def _follows_something(self) -> Self:
        self._one_source("annual_kwh")
        return self


class SitePhotovoltaics(MeasuredSeries):
    """What generates at a site."""

    pv_kw: NotNegative | None = Field(
        default=None,
        description="peak power of the modules; with a file or dataset, that of the measured ones "
        "[kW]",
    )
    tilt: keys.Tilt = 25.0
    azimuth: keys.Azimuth = 180.0
    performance_ratio: keys.PerformanceRatio = 0.86
    clearness: keys.Clearness = 0.56
    clearness_deviation: keys.ClearnessDeviation = 0.27

    @model_validator(mode="after")
    def _follows_something(self) -> Self:
        keys.possible_clearness(self.clearness, self.clearness_deviation)
        if self.file is not None and self.dataset is not None:
            raise refuse("file and dataset are given", allowed="one of file and dataset")
        if not self.measured and self.pv_kw is None:
            raise refuse("nothing is given to follow", allowed="pv_kw, file or dataset")
        return self


class SiteGroup(Section):
    """Sites of one community that are described together."""

    name: Name = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of these sites in the results"
    )
    community: str = Field(description="community in which they stand")
    count: Count = Field(
        default=1, description="how many sites; of a measured load, one each member"
    )
    meter: Literal["each", "together"] = Field(
        default="each",
        description="whether each member has a meter, or all of the group share one connection",
    )
    load: SiteLoad = Field(description="what each uses")
    photovoltaics: SitePhotovoltaics | None = Field(
        default=None, description="what generates behind each meter, or null for nothing"
    )
    battery_kwh: NotNegative = Field(
        default=0.0, description="size of the battery behind each meter [kWh]"
    )

    _not_taken = check("name")(of_no_other_part)


class SiteBattery(Section):
    """What the battery of every site can do."""

    power_per_kwh: Positive = Field(
        default=0.5, description="rating at the plug per size, both ways [kW/kWh]"
    )
    charge_efficiency: keys.ChargeEfficiency = 0.95
    discharge_efficiency: keys.DischargeEfficiency = 0.95
    soc_min: keys.SocMin = 0.1
    soc_max: keys.SocMax = 0.95
    wear: NotNegative = Field(
        default=0.0,
        description="cost per energy discharged, which is weighed and paid [money/kWh]",
    )
    calendar_fade: keys.CalendarFade = 0.0
    cycle_fade: keys.CycleFade = 0.0

    @property
    def fades(self) -> bool:
        """Whether batteries lose capacity."""
        return self.calendar_fade > 0 or self.cycle_fade > 0

    _above_lowest = check("soc_max")(above_lowest)


class SiteConnection(Section):
    """What the connection and the inverters of every site allow, all phases together."""

    import_kw: Positive | None = Field(
        default=None, description="highest power drawn from the grid [kW], or null for no limit"
    )
    export_kw: NotNegative | None = Field(
        default=None, description="highest power delivered to it [kW], or null for no limit"
    )
    export_share_of_pv: Share | None = Field(
        default=None,
        description="share of the peak power of the modules that may be delivered, 0.7 by the rule "
        "of 70 %, or null for no such rule [-]",
    )
    inverter_kw: Positive | None = Field(
        default=None,
        description="rating of the inverter of the modules [kW], or null for no limit",
    )
    coupling: Literal["ac", "dc"] = Field(
        default="ac",
        description="where the battery is: ac, at its own inverter; dc, before the inverter "
        "of the modules, which then carries both",
    )
    battery_exports: bool = Field(
        default=False, description="whether the battery may deliver to the grid"
    )
    grid_charges: bool = Field(
        default=True, description="whether the battery may charge from the grid"
    )
    curtails: bool = Field(
        default=True,
        description="whether modules are curtailed down to what is used behind the meter while "
        "deliveries cost money",
    )


class SiteEconomics(Section):
    """What the devices cost, and what money costs."""

    battery_price_per_kwh: NotNegative = Field(
        default=0.0, description="price of a battery per size, installed [money/kWh]"
    )
    pv_price_per_kw: NotNegative = Field(
        default=0.0, description="price of photovoltaics per peak power, installed [money/kW]"
    )
    interest_rate: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.035, description="interest of a year [-]"
    )
    lifetime_years: Positive = Field(default=15.0, description="life of the devices [a]")


class MeteredSites(SchemeSection):
    """Metered sites, and batteries operated for their tariff."""

    connects: ClassVar[str] = "sites"

    groups: Annotated[tuple[SiteGroup, ...], AS_TUPLE] = Field(description="sites")
    tariff: StatedTariff = Field(description="what each meter pays and is paid")
    battery: SiteBattery = Field(default=SiteBattery(), description="the battery of every site")
    connection: SiteConnection = Field(
        default=SiteConnection(), description="connection and inverters of every site"
    )
    economics: SiteEconomics = Field(
        default=SiteEconomics(), description="prices of devices, interest and life"
    )

    def connections(self, community: str) -> tuple[str, ...]:
        """Return the nodes of the grid that sites add under a community."""
        return tuple(group.name for group in self.groups if group.community == community)

    @property
    def files(self) -> list[str]:
        """Files with measured energies, and that of the tariff."""
        return [*self.load_files, *self.tariff.files]

    @property
    def load_files(self) -> list[str]:
        """Those that hold energies."""
        return [each.file for each in self._sources() if each.file is not None]

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """Datasets with measured energies or prices, and the tables they are read for."""
        named = [each.dataset for each in self._sources() if each.dataset is not None]
        return read_together(dict.fromkeys(named, MEASURED), self.tariff.datasets)

    @property
    def in_the_sun(self) -> str:
        """The part of it that generates by the sun of a known place."""
        lit = any(g.photovoltaics and not g.photovoltaics.measured for g in self.groups)
        return "sites have photovoltaics" if lit else ""

    @property
    def communities_of_members(self) -> set[str]:
        """Communities in which its sites stand."""
        return {group.community for group in self.groups}

    @classmethod
    def agree(cls, section: Self | None, info: ValidationInfo) -> Self | None:
        """Refuse sites where there is no community, or whose name is taken there."""
        if section is not None and (problems := misplaced_groups(section.groups, info)):
            raise InputError(problems)
        return section

    def _sources(self) -> list[Any]:
        found = [s for group in self.groups for s in (group.load, group.photovoltaics)]
        return [source for source in found if source is not None]

    @check("groups")
    @classmethod
    def _distinct(cls, groups: tuple[SiteGroup, ...]) -> tuple[SiteGroup, ...]:
        if not groups:
            raise refuse("there is no site")
        refuse_all(names_given_twice(groups))
        return groups

    @model_validator(mode="after")
    def _peak_power_known(self) -> Self:
        needs = {
            "connection.export_share_of_pv": self.connection.export_share_of_pv is not None,
            "economics.pv_price_per_kw": self.economics.pv_price_per_kw > 0,
        }
        for g, group in enumerate(self.groups):
            sun = group.photovoltaics
            for key, needed in needs.items():
                if needed and sun is not None and sun.pv_kw is None:
                    raise refuse(
                        f"{key} needs the peak power of what was measured",
                        place=f"groups.{g}.photovoltaics.pv_kw", allowed="a number [kW]",
                    )  # fmt: skip
        return self


def sites_settle_apart(_: object) -> bool:
    """Return that sites pay by the tariff of their meter, whatever energy costs to generate."""
    return True
