"""The built-in amounts of money of houses, and where each has effect."""

from collections.abc import Iterator, Mapping
from typing import Any

from hmesh.environment.retail_tariff import AFTER_TEN_YEARS, BASE_CHARGE_PER_MONTH, CURRENCY
from hmesh.runs.scenarios.money_defaults import (
    PER_KWH,
    Given,
    MoneyDefault,
    PriceTable,
    by_key,
    content_of,
)

_SOURCE = "Scientific Reports 14 (2024) 6279"
# The keys that name a table of prices, the first of them one unless another is given.
_TARIFF = "composite_storage.tariff"
_TIME_OF_USE = "composite_storage.tariff.time_of_use"
_FEED_IN_YEAR = "composite_storage.tariff.feed_in_year"


def _has_houses(given: Given) -> bool:
    return given.has_section("composite_storage")


def _of_a_community(given: Given) -> bool:
    """Return whether houses pay the price of their community, which knows no base charge."""
    asked = given.of(_TARIFF) == "community"
    return asked or given.of(f"{_TARIFF}.community") is True


def houses_settle_apart(given: Given) -> bool:
    """Return whether houses pay by their tariff alone, whatever energy costs to generate."""
    answers = given.of("composite_storage.price_response") is not None
    return not _of_a_community(given) and not answers


def states_prices(tariff: Mapping[str, Any]) -> bool:
    """Return whether a tariff states its own prices; what it leaves out is then not charged."""
    return any(tariff.get(key) for key in ("bands", "file"))


def _has_a_base_charge(given: Given) -> bool:
    if not _has_houses(given) or _of_a_community(given):
        return False
    return not states_prices(content_of(given.of(_TARIFF)))


def _has_houses_without_tariff(given: Given) -> bool:
    # A tariff that is given says itself what feeding in pays.
    return _has_houses(given) and not given.has("composite_storage.tariff")


def price_tables(given: Given) -> Iterator[PriceTable]:
    """Yield every built-in table of prices that houses pay or are paid."""
    if not _has_houses(given) or _of_a_community(given):
        return
    stated = states_prices(content_of(given.of(_TARIFF)))
    by_default = not given.has(_TIME_OF_USE) and not stated
    for key in (_TIME_OF_USE, _FEED_IN_YEAR):
        name = "kyushu" if by_default and key == _TIME_OF_USE else given.of(key)
        if name is not None:
            yield PriceTable(key, str(name), CURRENCY)


MONEY = by_key(
    MoneyDefault(
        "composite_storage.devices.battery_wear", 1.443, "JPY", PER_KWH, _SOURCE, _has_houses
    ),
    MoneyDefault(
        "composite_storage.devices.tank_wear", 0.777, "JPY", PER_KWH, _SOURCE, _has_houses
    ),
    MoneyDefault(
        "composite_storage.tariff.feed_in", AFTER_TEN_YEARS, CURRENCY, PER_KWH,
        "Kyushu Electric Power, after ten years", _has_houses_without_tariff,
    ),
    MoneyDefault(
        "composite_storage.tariff.base_charge_per_month", BASE_CHARGE_PER_MONTH, CURRENCY,
        "money", _SOURCE, _has_a_base_charge,
    ),
    MoneyDefault("composite_storage.carbon_tax", 0.0, "JPY", "money/kg", _SOURCE, _has_houses),
    MoneyDefault(
        "composite_storage.battery_price_per_kwh", 32_634.0, "JPY", PER_KWH, _SOURCE, _has_houses
    ),
    MoneyDefault(
        "composite_storage.tank_price_per_kwh", 26_640.0, "JPY", PER_KWH, _SOURCE, _has_houses
    ),
)  # fmt: skip
