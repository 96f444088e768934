"""What is hardly meant in a scenario: energies, prices, places out of proportion."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from hmesh.environment.datasets.implausible import (
    highest_price,
    unlikely_price,
    unusual_household,
)
from hmesh.environment.errors import Problem
from hmesh.environment.value_file import read_values
from hmesh.environment.zone_places import far_from_zone
from hmesh.runs.scenarios.member_groups import DatasetMembers, FileMembers, ProfileMembers
from hmesh.runs.scenarios.money_defaults import OF_EVERY_RUN, Given
from hmesh.runs.scenarios.preferences import FromFile, preference_values
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.descriptor import RETAIL
from hmesh.runs.strategy_names import pricing_of

# A first kWh worth so many times the highest price is in another unit or currency.
FAR_ABOVE = 10.0
_PRICES = (
    "generation_cost.linear", "prices.utility", "prices.aggregator",
    "prices.time_of_use.on_peak", "prices.time_of_use.off_peak",
)  # fmt: skip


def implausible(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of what a scenario itself gives.

    Each scheme warns of its own section, and `measured_warnings` of files.

    Parameters
    ----------
    scenario : Scenario
        A scenario whose files can be used.
    """
    yield from _households(scenario)
    yield from _elasticities(scenario)
    yield from _local_exchanges(scenario)
    given = Given(scenario.model_dump())
    yield from _prices(scenario, given)
    if (place := scenario.location) is not None:
        year = int(scenario.start[:4])
        far = far_from_zone(place.latitude, place.longitude, scenario.time_zone, year)
        if far:
            where = f"latitude {place.latitude:g}, longitude {place.longitude:g}"
            yield Problem("location", f"{where}: {far}")


def _households(scenario: Scenario) -> Iterator[Problem]:
    for name, community in scenario.communities.items():
        for index, group in enumerate(community.members):
            if isinstance(group, ProfileMembers) and group.kind == "household":
                place = f"communities.{name}.members.{index}.annual_kwh"
                yield from household(place, group.annual_kwh)


def _elasticities(scenario: Scenario) -> Iterator[Problem]:
    """Warn of elasticities that no strategy lets act, or whose reference is beyond all prices."""
    felt = any(pricing_of(strategy) != RETAIL for strategy in scenario.strategies)
    lowest, highest = scenario.prices.aggregator
    for name, community in scenario.communities.items():
        for index, group in enumerate(community.members):
            if group.elasticity is None:
                continue
            place = f"communities.{name}.members.{index}.elasticity"
            if not felt:
                yield Problem(
                    place,
                    "no strategy of the scenario asks a price before energy is used, so that no "
                    "load answers",
                    "a strategy that sets prices, such as three_level or everybody_shares",
                )
            reference = group.elasticity.reference_price
            if felt and not lowest <= reference <= highest:
                yield Problem(
                    f"{place}.reference_price",
                    f"{reference:g} is a price that no community may ask",
                    f"a price within prices.aggregator, {lowest:g} to {highest:g}",
                )


def _local_exchanges(scenario: Scenario) -> Iterator[Problem]:
    """Warn of local exchanges of communities in which nobody can generate or deliver energy."""
    sections = [scenario.section(name) for name in scenario.schemes]
    sharing = [section for section in sections if section.shares_locally]
    homes = {name for section in sharing for name in section.communities_of_members}
    # Buses and batteries of buildings may deliver what they hold, wherever they are.
    deliver = any(section.stores_answer for section in sharing)
    deliver = deliver or "battery_sharing" in scenario.schemes
    for name, community in scenario.communities.items():
        groups = community.members
        # A measured load may be below 0.
        measured = any(isinstance(group, DatasetMembers | FileMembers) for group in groups)
        generates = measured or any(group.pv_kw for group in groups) or name in homes
        if community.local_exchange is not None and not (generates or deliver):
            yield Problem(
                f"communities.{name}.local_exchange",
                "no member of the community generates energy, so that there is nothing to share",
                "pv_kw of a group of members, or smart homes; or local_exchange: null",
            )


def household(place: str, annual_kwh: float) -> Iterator[Problem]:
    """Yield a warning of a yearly need that hardly any household has [kWh]."""
    if unusual := unusual_household(annual_kwh):
        yield Problem(place, unusual)


def _prices(scenario: Scenario, given: Given) -> Iterator[Problem]:
    currency = scenario.currency
    for key in _PRICES:
        if OF_EVERY_RUN[key].used(given):
            price = float(np.max(np.abs(given.of(key))))
            if price > highest_price(currency):
                yield Problem(key, f"{price:,.4g} {currency}/kWh is {unlikely_price(currency)}")


def span(scenario: Scenario, preference: Any, count: int, above: float) -> tuple[float, float]:
    """Return between which values nearly all of those drawn lie."""
    if isinstance(preference, FromFile):
        rows = 1 if preference.drawn else count
        values = read_values(scenario.path_of(preference.file), preference.column, rows, above)
    else:
        values = preference_values(preference, np.linspace(0.01, 0.99, 99))
    return float(np.min(values)), float(np.max(values))


def span_text(span: tuple[float, float], currency: str) -> str:
    """Return between which prices preferences lie, in words."""
    low, high = span
    return f"{low:.3g} {currency}/kWh" if low == high else f"{low:.3g} to {high:.3g} {currency}/kWh"
