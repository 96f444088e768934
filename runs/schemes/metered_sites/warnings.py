"""What a person may want to look at in the metered sites of a scenario."""

from collections.abc import Iterator

from hmesh.environment.errors import Problem
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.metered_sites.section import MeteredSites

_WITH_BATTERY = ("self_consuming_sites", "sites_on_tariff")
_WITH_SUN = "sites_with_sun"


def site_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of strategies that change nothing, and of devices without a price."""
    sites: MeteredSites | None = scenario.metered_sites
    if sites is None:
        return
    batteries = any(group.battery_kwh for group in sites.groups)
    sun = any(group.photovoltaics is not None for group in sites.groups)
    names = scenario.strategies
    for index, name in enumerate(names):
        place = f"strategies.{index}"
        if name in _WITH_BATTERY and not batteries:
            yield Problem(place, f"{name}: no site has a battery", "battery_kwh of a group")
        if name == _WITH_SUN and not sun:
            yield Problem(place, f"{name}: no site has photovoltaics", "photovoltaics of a group")
    # Prices of the one without the other make devices look cheap.
    own = sites.economics
    priced = {"battery_price_per_kwh": (own.battery_price_per_kwh, batteries),
              "pv_price_per_kw": (own.pv_price_per_kw, sun)}  # fmt: skip
    if any(price > 0 for price, _ in priced.values()):
        for key, (price, there) in priced.items():
            if there and not price:
                place = f"metered_sites.economics.{key}"
                yield Problem(place, "these devices cost nothing here", "their price")
