"""The built-in amounts of money of a scenario: each with its currency, and where it has effect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, Field

from hmesh.runs.schemes.descriptor import OWN_RULE, THREE_LEVEL, TWO_LEVEL
from hmesh.runs.schemes.registry import FromSchemes, sections_first
from hmesh.runs.strategy_names import (
    STRATEGIES_OF_ALL,
    default_strategies,
    pricing_of,
    schemes_of,
    strategy_within,
)

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
        return any(
            strategy_within(scheme, name) in strategies or _own(name) for name in self._compared()
        )

    def prices_by(self, *rules: str) -> bool:
        """Whether one of some rules, such as `TWO_LEVEL`, sets prices in the run."""
        return any(pricing_of(name) in rules or _own(name) for name in self._compared())

    @property
    def bargains(self) -> bool:
        """Whether prices are found within bounds."""
        return self.prices_by(TWO_LEVEL, THREE_LEVEL)

    def _compared(self) -> list[str]:
        compared = self.of("strategies")
        if not isinstance(compared, list | tuple):
            compared = default_strategies()
        return [name for name in compared if isinstance(name, str)]

    def has_section(self, name: str) -> bool:
        """Whether a section is there that may be left out."""
        return isinstance(self.of(name), Mapping | BaseModel)


def _own(strategy: str) -> bool:
    # A strategy that is no built-in one may do anything.
    if pricing_of(strategy) == OWN_RULE:
        return True
    return not schemes_of(strategy) and strategy not in STRATEGIES_OF_ALL


def content_of(part: Any) -> Mapping[str, Any]:
    """Return what a part gives by key: nothing where it is no section."""
    if isinstance(part, BaseModel):
        return {name: getattr(part, name) for name in part.model_fields_set}
    return part if isinstance(part, Mapping) else {}


def _always(given: Given) -> bool:
    return True


def _generation_is_paid(given: Given) -> bool:
    """Return whether somebody pays a price that follows from the cost of generation."""
    places = content_of(given.of("communities")).values()
    if any(content_of(place).get("members") for place in places):
        return True
    there = [each for each in sections_first() if given.has_section(each.name)]
    apart = [bool(each.settles_apart) and bool(each.part("settles_apart")(given)) for each in there]
    return not there or not all(apart) or given.has_section("prosumers")


def _bargains(given: Given) -> bool:
    return given.bargains


def _tariff_of_two_prices(given: Given) -> bool:
    measured = given.of("prices.time_of_use.dataset") is not None
    return given.prices_by(TWO_LEVEL) and not measured


def _enumerates(given: Given) -> bool:
    if given.of("game.solver") != "grid":
        return False
    asking = (each for each in sections_first() if each.searches_price)
    return given.prices_by(THREE_LEVEL) or any(
        each.part("searches_price")(given) for each in asking
    )


@dataclass(frozen=True, slots=True)
class MoneyDefault:
    """A built-in amount of money.

    Attributes
    ----------
    key : str
        Its dotted key in a scenario.
    value : float or (float, float)
        The amount, or a lowest and a highest one.
    currency : str
        ISO 4217 code of the currency it is in.
    unit : str
        Its unit.
    source : str
        Where it is from.
    used : callable
        Whether it has any effect in a scenario.
    unused : float or None
        The amount where it has none, where that is another one.
    """

    key: str
    value: Amount
    currency: str
    unit: str
    source: str
    used: Callable[[Given], bool]
    unused: float | None = None

    @property
    def is_zero(self) -> bool:
        """Whether it is nothing, whatever the currency."""
        return self.value == 0.0


@dataclass(frozen=True, slots=True)
class PriceTable:
    """A built-in table of prices that a scenario uses.

    Attributes
    ----------
    key : str
        The dotted key in a scenario that names it.
    name : str
        Its name.
    currency : str
        ISO 4217 code of the currency it is in.
    """

    key: str
    name: str
    currency: str


THREE_COMMUNITIES = "built-in scenario three-communities"
PER_KWH, PER_KWH2 = "money/kWh", "money/kWh^2"


def by_key(*amounts: MoneyDefault) -> Mapping[str, MoneyDefault]:
    """Return built-in amounts by their keys."""
    return MappingProxyType({each.key: each for each in amounts})


OF_EVERY_RUN = by_key(
    MoneyDefault(
        "generation_cost.quadratic", 5.0e-4, "JPY", PER_KWH2, THREE_COMMUNITIES,
        _generation_is_paid, unused=0.0,
    ),
    MoneyDefault(
        "generation_cost.linear", 10.14, "JPY", PER_KWH, THREE_COMMUNITIES, _generation_is_paid,
        unused=0.0,
    ),
    MoneyDefault("generation_cost.fixed", 0.0, "JPY", "money/h", THREE_COMMUNITIES, _always),
    MoneyDefault("prices.utility", (0.0, 70.0), "JPY", PER_KWH, THREE_COMMUNITIES, _bargains),
    MoneyDefault("prices.aggregator", (0.0, 70.0), "JPY", PER_KWH, THREE_COMMUNITIES, _bargains),
    MoneyDefault(
        "prices.time_of_use.on_peak", 36.0, "JPY", PER_KWH, THREE_COMMUNITIES,
        _tariff_of_two_prices,
    ),
    MoneyDefault(
        "prices.time_of_use.off_peak", 23.0, "JPY", PER_KWH, THREE_COMMUNITIES,
        _tariff_of_two_prices,
    ),
    MoneyDefault("game.grid_step", 0.1, "JPY", PER_KWH, THREE_COMMUNITIES, _enumerates),
)  # fmt: skip


def _all() -> dict[str, MoneyDefault]:
    return dict(OF_EVERY_RUN) | {
        key: built_in
        for each in sections_first()
        if each.money
        for key, built_in in each.part("money").items()
    }


# Those of every run, and those of each scheme.
MONEY_DEFAULTS: Mapping[str, MoneyDefault] = FromSchemes(_all)


def money(built_in: MoneyDefault, description: str) -> Any:
    """Return the field of an amount: its default, its unit and its currency."""
    return Field(
        default=built_in.value,
        description=f"{description} [{built_in.unit}]",
        json_schema_extra={"currency": built_in.currency},
    )
