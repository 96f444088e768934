"""The strategies of every scheme, and what they are called where people read of them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

Strategy = Literal[
    "spfa_s",
    "spfa_gs",
    "mpfa_sg",
    "mpfa_mg",
    "mpfa_sg_shifting",
    "mpfa_mg_shifting",
    "no_house_storage",
    "house_battery",
    "thermal_tank",
    "hybrid_storage",
    "no_battery",
    "own_battery",
    "shared_battery",
    "priced_battery",
    "no_community_storage",
    "community_storage_normal",
    "community_storage_optimal",
    "charge_after_use",
    "valley_charging",
    "centralised",
    "optimal_energy_price",
    "typical",
    "two_level",
    "three_level",
    "nobody_shares",
    "everybody_shares",
]

# The schemes in the order of the hour, each named as its section of a scenario. Of its strategies
# the one that stands for nobody sharing comes first.
STRATEGIES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "smart_homes": (
            "spfa_s",
            "spfa_gs",
            "mpfa_sg",
            "mpfa_mg",
            "mpfa_sg_shifting",
            "mpfa_mg_shifting",
        ),
        "composite_storage": (
            "no_house_storage",
            "house_battery",
            "thermal_tank",
            "hybrid_storage",
        ),
        "battery_sharing": ("no_battery", "own_battery", "shared_battery", "priced_battery"),
        "community_storage": (
            "no_community_storage",
            "community_storage_normal",
            "community_storage_optimal",
        ),
        "school_buses": (
            "charge_after_use",
            "valley_charging",
            "centralised",
            "optimal_energy_price",
        ),
        "vehicles": ("typical", "two_level", "three_level"),
    }
)

# Strategies of a whole city: what every scheme does at once.
STRATEGIES_OF_ALL: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "nobody_shares": {scheme: first for scheme, (first, *_) in STRATEGIES_OF.items()},
        "everybody_shares": {
            "smart_homes": "mpfa_mg_shifting",
            "composite_storage": "hybrid_storage",
            "battery_sharing": "shared_battery",
            "community_storage": "community_storage_optimal",
            "school_buses": "optimal_energy_price",
            "vehicles": "three_level",
        },
    }
)

_NAMES = {
    "spfa_s": "SPFA/S",
    "spfa_gs": "SPFA/GS",
    "mpfa_sg": "MPFA/SG",
    "mpfa_mg": "MPFA/MG",
    "mpfa_sg_shifting": "MPFA/SG with shifting",
    "mpfa_mg_shifting": "MPFA/MG with shifting",
    "no_house_storage": "houses without storage",
    "house_battery": "batteries of houses",
    "thermal_tank": "thermal tanks of houses",
    "hybrid_storage": "batteries and tanks of houses",
    "no_battery": "no battery",
    "own_battery": "levelling alone",
    "shared_battery": "shared levelling",
    "priced_battery": "levelling by two prices",
    "no_community_storage": "no community storage",
    "community_storage_normal": "the storage's normal operation",
    "community_storage_optimal": "the storage's optimal operation",
    "charge_after_use": "charging after use",
    "valley_charging": "valley charging",
    "centralised": "centralised control",
    "optimal_energy_price": "the optimal energy price",
    "typical": "typical charging",
    "two_level": "the two-level game",
    "three_level": "the three-level game",
    "nobody_shares": "nobody sharing",
    "everybody_shares": "everybody sharing",
}


# Strategies whose names are plural.
_PLURAL = frozenset(STRATEGIES_OF["composite_storage"])


def scheme_of(strategy: str) -> str | None:
    """Return the scheme a strategy belongs to; None where it is of all, or the user's own."""
    for scheme, strategies in STRATEGIES_OF.items():
        if strategy in strategies:
            return scheme
    return None


def strategy_within(scheme: str, strategy: str) -> str:
    """Return what a scheme does in a run of a strategy that may be another scheme's.

    Returns
    -------
    str
        The strategy itself where it is the scheme's or the user's own, its part for the scheme
        where it is of all, else the scheme's first.
    """
    if strategy in STRATEGIES_OF_ALL:
        return STRATEGIES_OF_ALL[strategy][scheme]
    return strategy if scheme_of(strategy) in (scheme, None) else STRATEGIES_OF[scheme][0]


def strategies_within(scheme: str, strategies: Sequence[str]) -> list[str]:
    """Return what a scheme does under each strategy of a run."""
    return [strategy_within(scheme, strategy) for strategy in strategies]


def first_of_each(scheme: str, strategies: Sequence[str]) -> list[str]:
    """Return the first strategies of a run under which a scheme does anything new."""
    firsts: dict[str, str] = {}
    for strategy in strategies:
        firsts.setdefault(strategy_within(scheme, strategy), strategy)
    return list(firsts.values())


def strategy_name(strategy: str) -> str:
    """Return what a strategy is called within a sentence."""
    return _NAMES.get(strategy, strategy.replace("_", " "))


def verb(strategy: str, of_one: str) -> str:
    """Return a regular verb that agrees with the name of a strategy: "batteries lower"."""
    return of_one.removesuffix("s") if strategy in _PLURAL else of_one


def strategy_label(strategy: str) -> str:
    """Return what a strategy is called in a legend or at the head of a column."""
    return capital(strategy_name(strategy).removeprefix("the "))


def capital(text: str) -> str:
    """Return a text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
