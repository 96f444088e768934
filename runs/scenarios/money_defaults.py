"""The built-in amounts of money of a scenario: each with its currency, and where it has effect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, Field

from hmesh.environment.retail_tariff import AFTER_TEN_YEARS, BASE_CHARGE_PER_MONTH
from hmesh.environment.retail_tariff import CURRENCY as TARIFF_CURRENCY
from hmesh.runs.strategy_names import STRATEGIES_OF, STRATEGIES_OF_ALL, scheme_of, strategy_within

type Amount = float | tuple[float, float]


class Given:
    """What a scenario file gives, before anything of it is checked."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given

    def of(self, key: str) -> Any:
        """Return what is given for a dotted key; None where it is not given."""
        part: Any = self.given
        for name in key.split("."):
            part = content_of(part).get(name)
        return part

    def has(self, key: str) -> bool:
        """Whether a dotted key is given; so is every part of what is no section."""
        part: Any = self.given
        for name in key.split("."):
            if not isinstance(part, Mapping | BaseModel):
                return True
            if name not in content_of(part):
                return False
            part = content_of(part)[name]
        return True

    def compares(self, scheme: str, *strategies: str) -> bool:
        """Whether a scheme follows one of some strategies in the run."""
        compared = self.of("strategies")
        if not isinstance(compared, list | tuple):
            compared = STRATEGIES_OF["vehicles"]
        named = [name for name in compared if isinstance(name, str)]
        # A strategy that is no built-in one may do anything.
        return any(strategy_within(scheme, name) in strategies or _own(name) for name in named)

    @property
    def bargains(self) -> bool:
        """Whether prices are found within bounds."""
        return self.compares("vehicles", "two_level", "three_level")

    @property
    def buys_from_buses(self) -> bool:
        """Whether the utility looks for an incentive price."""
        return self.has_section("school_buses") and self.compares(
            "school_buses", "optimal_energy_price"
        )

    @property
    def has_vehicles(self) -> bool:
        """Whether there are vehicles, now or later."""
        return bool(self.of("vehicles.count") or self.of("growth.vehicles_per_year"))

    def has_section(self, name: str) -> bool:
        """Whether a section is there that may be left out."""
        return isinstance(self.of(name), Mapping | BaseModel)


def _own(strategy: str) -> bool:
    return scheme_of(strategy) is None and strategy not in STRATEGIES_OF_ALL


def content_of(part: Any) -> Mapping[str, Any]:
    """Return what a part gives by key: nothing where it is no section."""
    if isinstance(part, BaseModel):
        return {name: getattr(part, name) for name in part.model_fields_set}
    return part if isinstance(part, Mapping) else {}


def _always(given: Given) -> bool:
    return True


def _bargains(given: Given) -> bool:
    return given.bargains


def _tariff_of_two_prices(given: Given) -> bool:
    measured = given.of("prices.time_of_use.dataset") is not None
    return given.compares("vehicles", "two_level") and not measured


def _enumerates(given: Given) -> bool:
    games = given.compares("vehicles", "three_level") or given.buys_from_buses
    return given.of("game.solver") == "grid" and games


def _has_vehicles(given: Given) -> bool:
    return given.has_vehicles


def _has_schools(given: Given) -> bool:
    return given.has_section("school_buses")


def _buys_from_buses(given: Given) -> bool:
    return given.buys_from_buses


def _controls_buses(given: Given) -> bool:
    return _has_schools(given) and given.compares("school_buses", "centralised")


def _has_houses(given: Given) -> bool:
    return given.has_section("composite_storage")


def _has_houses_without_tariff(given: Given) -> bool:
    # A tariff that is given says itself what feeding in pays.
    return _has_houses(given) and not given.has("composite_storage.tariff")


@dataclass(frozen=True, slots=True)
class MoneyDefault:
    """A built-in amount of money.

    Attributes
    ----------
    key
        Its dotted key in a scenario.
    value
        The amount, or a lowest and a highest one.
    currency
        ISO 4217 code of the currency it is in.
    unit
        Its unit.
    source
        Where it is from.
    used
        Whether it has any effect in a scenario.
    """

    key: str
    value: Amount
    currency: str
    unit: str
    source: str
    used: Callable[[Given], bool]

    @property
    def is_zero(self) -> bool:
        """Whether it is nothing, whatever the currency."""
        return self.value == 0.0


_THREE_COMMUNITIES = "built-in scenario three-communities"
_COMPOSITE = "Scientific Reports 14 (2024) 6279"
_SCHOOLS = "built-in scenario school-buses"
_PER_KWH, _PER_KWH2 = "money/kWh", "money/kWh^2"

_ALL = (
    MoneyDefault(
        "generation_cost.quadratic", 5.0e-4, "JPY", _PER_KWH2, _THREE_COMMUNITIES, _always
    ),
    MoneyDefault("generation_cost.linear", 10.14, "JPY", _PER_KWH, _THREE_COMMUNITIES, _always),
    MoneyDefault("generation_cost.fixed", 0.0, "JPY", "money/h", _THREE_COMMUNITIES, _always),
    MoneyDefault(
        "prices.utility", (0.0, 70.0), "JPY", _PER_KWH, _THREE_COMMUNITIES, _bargains
    ),
    MoneyDefault(
        "prices.aggregator", (0.0, 70.0), "JPY", _PER_KWH, _THREE_COMMUNITIES, _bargains
    ),
    MoneyDefault(
        "prices.time_of_use.on_peak", 36.0, "JPY", _PER_KWH, _THREE_COMMUNITIES,
        _tariff_of_two_prices,
    ),
    MoneyDefault(
        "prices.time_of_use.off_peak", 23.0, "JPY", _PER_KWH, _THREE_COMMUNITIES,
        _tariff_of_two_prices,
    ),
    MoneyDefault("game.grid_step", 0.1, "JPY", _PER_KWH, _THREE_COMMUNITIES, _enumerates),
    MoneyDefault(
        "vehicles.lam", (50.0, 70.0), "JPY", _PER_KWH, _THREE_COMMUNITIES, _has_vehicles
    ),
    MoneyDefault("vehicles.theta", 2.0, "JPY", _PER_KWH2, _THREE_COMMUNITIES, _has_vehicles),
    MoneyDefault("school_buses.lam", (1.0, 1.2), "USD", _PER_KWH, _SCHOOLS, _has_schools),
    MoneyDefault("school_buses.theta", 0.001, "USD", _PER_KWH2, _SCHOOLS, _has_schools),
    MoneyDefault(
        "school_buses.average_price_start", 1.44, "USD", _PER_KWH, _SCHOOLS, _has_schools
    ),
    MoneyDefault(
        "school_buses.incentive_price", (1.0, 10.0), "USD", _PER_KWH, _SCHOOLS, _buys_from_buses
    ),
    MoneyDefault(
        "school_buses.centralised_margin", 0.4, "USD", _PER_KWH, _SCHOOLS, _controls_buses
    ),
    MoneyDefault(
        "composite_storage.devices.battery_wear", 1.443, "JPY", _PER_KWH, _COMPOSITE, _has_houses
    ),
    MoneyDefault(
        "composite_storage.devices.tank_wear", 0.777, "JPY", _PER_KWH, _COMPOSITE, _has_houses
    ),
    MoneyDefault(
        "composite_storage.tariff.feed_in", AFTER_TEN_YEARS, TARIFF_CURRENCY, _PER_KWH,
        "Kyushu Electric Power, after ten years", _has_houses_without_tariff,
    ),
    MoneyDefault(
        "composite_storage.tariff.base_charge_per_month", BASE_CHARGE_PER_MONTH, TARIFF_CURRENCY,
        "money", _COMPOSITE, _has_houses,
    ),
    MoneyDefault(
        "composite_storage.carbon_tax", 0.0, "JPY", "money/kg", _COMPOSITE, _has_houses
    ),
    MoneyDefault(
        "composite_storage.battery_price_per_kwh", 32_634.0, "JPY", _PER_KWH, _COMPOSITE,
        _has_houses,
    ),
    MoneyDefault(
        "composite_storage.tank_price_per_kwh", 26_640.0, "JPY", _PER_KWH, _COMPOSITE, _has_houses
    ),
)  # fmt: skip
MONEY_DEFAULTS: Mapping[str, MoneyDefault] = MappingProxyType({each.key: each for each in _ALL})


def money(key: str, description: str) -> Any:
    """Return the field of an amount: its default, its unit and its currency from the table."""
    built_in = MONEY_DEFAULTS[key]
    return Field(
        default=built_in.value,
        description=f"{description} [{built_in.unit}]",
        json_schema_extra={"currency": built_in.currency},
    )
