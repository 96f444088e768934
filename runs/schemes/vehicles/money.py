"""The built-in amounts of money of vehicles, and where each has effect."""

from hmesh.runs.scenarios.money_defaults import (
    PER_KWH,
    PER_KWH2,
    THREE_COMMUNITIES,
    Given,
    MoneyDefault,
    by_key,
)


def has_vehicles(given: Given) -> bool:
    """Return whether there are vehicles, now or later."""
    return bool(given.of("vehicles.count") or given.of("growth.vehicles_per_year"))


MONEY = by_key(
    MoneyDefault("vehicles.lam", (50.0, 70.0), "JPY", PER_KWH, THREE_COMMUNITIES, has_vehicles),
    MoneyDefault("vehicles.theta", 2.0, "JPY", PER_KWH2, THREE_COMMUNITIES, has_vehicles),
)
