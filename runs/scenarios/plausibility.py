"""What is hardly meant in a scenario: energies, prices, preferences, places out of proportion."""

from collections.abc import Iterator
from math import inf
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
from hmesh.runs.scenarios.money_defaults import MONEY_DEFAULTS, Given
from hmesh.runs.scenarios.preferences import FromFile, preference_values
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.sections import ProfileMembers

# A first kWh worth so many times the highest price is in another unit or currency.
FAR_ABOVE = 10.0
_PRICES = (
    "generation_cost.linear", "prices.utility", "prices.aggregator",
    "prices.time_of_use.on_peak", "prices.time_of_use.off_peak",
)  # fmt: skip


def implausible(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of what a scenario itself gives; `measured_warnings` looks into its files.

    Parameters
    ----------
    scenario
        A scenario whose files can be used.
    """
    yield from _households(scenario)
    given = Given(scenario.model_dump())
    yield from _prices(scenario, given)
    yield from _preferences(scenario, given)
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
                yield from _household(place, group.annual_kwh)
    if (houses := scenario.composite_storage) is not None:
        for index, houses_group in enumerate(houses.groups):
            place = f"composite_storage.groups.{index}"
            for need in ("appliances", "heat"):
                annual_kwh = getattr(houses_group, need).annual_kwh
                if annual_kwh is not None:
                    yield from _household(f"{place}.{need}.annual_kwh", annual_kwh)


def _household(place: str, annual_kwh: float) -> Iterator[Problem]:
    if unusual := unusual_household(annual_kwh):
        yield Problem(place, unusual)


def _prices(scenario: Scenario, given: Given) -> Iterator[Problem]:
    currency = scenario.currency
    for key in _PRICES:
        if MONEY_DEFAULTS[key].used(given):
            price = float(np.max(np.abs(given.of(key))))
            if price > highest_price(currency):
                yield Problem(key, f"{price:,.4g} {currency}/kWh is {unlikely_price(currency)}")


def _preferences(scenario: Scenario, given: Given) -> Iterator[Problem]:
    vehicles, prices = scenario.vehicles, scenario.prices.aggregator
    if given.bargains and given.has_vehicles:
        lam = _span(scenario, vehicles.lam, vehicles.count, -inf)
        theta = _span(scenario, vehicles.theta, vehicles.count, 0.0)
        full_kwh = (vehicles.soc_max - vehicles.soc_min) * vehicles.capacity_kwh
        always = lam[0] - theta[1] * full_kwh > prices[1]
        shown = _shown(lam, scenario.currency)
        if always or lam[0] > FAR_ABOVE * max(prices[1], 0.0):
            message = f"{shown} lies far above the highest community price, {prices[1]:g}"
            yield Problem("vehicles.lam", f"{message}: vehicles charge whatever the price")
        elif lam[1] < prices[0]:
            message = f"{shown} lies below the lowest community price, {prices[0]:g}"
            yield Problem("vehicles.lam", f"{message}: no vehicle ever charges")
    if given.buys_from_buses and (schools := scenario.school_buses) is not None:
        lam = _span(scenario, schools.lam, schools.school_count, -inf)
        highest = schools.incentive_price[1]
        if lam[0] > FAR_ABOVE * max(highest, 0.0):
            message = f"{_shown(lam, scenario.currency)} lies far above the highest incentive price"
            yield Problem("school_buses.lam", f"{message}, {highest:g}: no school ever sells")


def _span(scenario: Scenario, preference: Any, count: int, above: float) -> tuple[float, float]:
    """Return between which values nearly all of those drawn lie."""
    if isinstance(preference, FromFile):
        rows = 1 if preference.drawn else count
        values = read_values(scenario.path_of(preference.file), preference.column, rows, above)
    else:
        values = preference_values(preference, np.linspace(0.01, 0.99, 99))
    return float(np.min(values)), float(np.max(values))


def _shown(span: tuple[float, float], currency: str) -> str:
    low, high = span
    return f"{low:.3g} {currency}/kWh" if low == high else f"{low:.3g} to {high:.3g} {currency}/kWh"
