"""What an investment of a scheme costs and what money costs, in any section."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from hmesh.runs.scenarios.base import (
    AS_TUPLE,
    DatasetFolder,
    NotNegative,
    Positive,
    Section,
    read_of,
    refuse,
)
from hmesh.runs.scenarios.tariff_sections import TariffBand


class EnergyTariff(Section):
    """Prices of energy by the clock, stated in the scenario or by the market of a dataset."""

    bands: Annotated[tuple[TariffBand, ...], AS_TUPLE] = Field(
        default=(), description="prices by hour, day and season, the first that holds counts"
    )
    dataset: DatasetFolder | None = Field(
        default=None, description="or the folder of a dataset whose market sets the price, or null"
    )
    column: str = Field(default="price", description="column of its table market")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.bands) == (self.dataset is not None):
            text = "bands and dataset are given" if self.bands else "nothing sets the price"
            raise refuse(text, allowed="one of bands and dataset")
        return self


class Economics(Section):
    """What money costs, the lifetime of an investment, and at which prices it earns."""

    interest_rate: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.035, description="interest of a year [-]"
    )
    lifetime_years: Positive = Field(default=15.0, description="lifetime of the devices [a]")
    tariff: EnergyTariff | None = Field(
        default=None,
        description="prices at which energy is valued, or null for those paid in the run",
    )

    @property
    def datasets(self) -> dict[str, tuple[str, ...]]:
        """The dataset whose market sets prices at which energy is valued."""
        return {} if self.tariff is None else read_of(self.tariff.dataset, "market")


class BatteryEconomics(Economics):
    """What batteries of buildings cost, and whether they pay."""

    battery_price_per_kwh: NotNegative = Field(
        description="price of a battery per size [money/kWh]"
    )


class VehicleEconomics(Economics):
    """What lets vehicles give energy back costs, and whether it pays."""

    charger_price: NotNegative = Field(
        description="price of a bidirectional charger, one for each vehicle that may "
        "discharge, under every strategy but typical charging [money]"
    )
    charger_price_per_kw: NotNegative = Field(
        default=0.0, description="what it costs more per power of discharging [money/kW]"
    )
    wear: NotNegative = Field(
        default=0.0, description="wear of batteries per energy discharged [money/kWh]"
    )


class BusEconomics(VehicleEconomics):
    """What lets school buses give energy back costs, and whether it pays."""

    charger_price: NotNegative = Field(
        description="price of a bidirectional charger, one for each bus, under every "
        "strategy by which buses sell [money]"
    )
    battery_price_per_kwh: NotNegative = Field(
        default=0.0,
        description="what a battery that may also be discharged at the plug costs more, per size "
        "[money/kWh]",
    )


class HomeEconomics(Economics):
    """What storages of smart homes cost, and whether they pay."""

    storage_price_per_kwh: NotNegative = Field(
        description="price of a storage per size [money/kWh]"
    )
    wear: NotNegative = Field(
        default=0.0, description="wear of storages per energy discharged [money/kWh]"
    )
    feed_in: NotNegative | None = Field(
        default=None,
        description="at which price what homes deliver is valued, or null for the price of what "
        "they draw [money/kWh]",
    )


class StorageEconomics(Economics):
    """What storages of a community and their plants cost, and whether they pay."""

    storage_price_per_kwh: NotNegative = Field(
        description="price of a storage per size [money/kWh]"
    )
    pv_price_per_kw: NotNegative | None = Field(
        default=None,
        description="price of a plant per peak power [money/kW], or null where plants cost nothing",
    )
