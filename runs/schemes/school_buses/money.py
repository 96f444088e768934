"""The built-in amounts of money of school buses, and where each has effect."""

from hmesh.runs.scenarios.money_defaults import PER_KWH, PER_KWH2, Given, MoneyDefault, by_key

_SOURCE = "built-in scenario school-buses"


def buys_from_buses(given: Given) -> bool:
    """Return whether the utility looks for an incentive price."""
    return _has_schools(given) and given.compares("school_buses", "optimal_energy_price")


def _has_schools(given: Given) -> bool:
    return given.has_section("school_buses")


def _controls_buses(given: Given) -> bool:
    return _has_schools(given) and given.compares("school_buses", "centralised")


MONEY = by_key(
    MoneyDefault("school_buses.lam", (1.0, 1.2), "USD", PER_KWH, _SOURCE, _has_schools),
    MoneyDefault("school_buses.theta", 0.001, "USD", PER_KWH2, _SOURCE, _has_schools),
    MoneyDefault("school_buses.average_price_start", 1.44, "USD", PER_KWH, _SOURCE, _has_schools),
    MoneyDefault(
        "school_buses.incentive_price", (1.0, 10.0), "USD", PER_KWH, _SOURCE, buys_from_buses
    ),
    MoneyDefault("school_buses.centralised_margin", 0.4, "USD", PER_KWH, _SOURCE, _controls_buses),
)
