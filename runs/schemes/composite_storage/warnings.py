"""What a person may want to look at in the houses of a scenario."""

from collections.abc import Iterator

from hmesh.environment.errors import Problem
from hmesh.runs.scenarios.plausibility import household
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.composite_storage.house_keys import CaseSizes, HouseDeviceSettings
from hmesh.runs.schemes.composite_storage.section import CompositeStorage


def house_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of needs that hardly any house has."""
    houses: CompositeStorage | None = scenario.composite_storage
    if houses is None:
        return
    yield from _tanks_beside_rooms(houses)
    for index, group in enumerate(houses.groups):
        for need in ("appliances", "heat"):
            annual_kwh = getattr(group, need).annual_kwh
            if annual_kwh is not None:
                place = f"composite_storage.groups.{index}.{need}.annual_kwh"
                yield from household(place, annual_kwh)


def _tanks_beside_rooms(houses: CompositeStorage) -> Iterator[Problem]:
    """Yield keys of tanks that do not count where rooms take their place."""
    if houses.rooms is None:
        return
    own, usual = houses.devices, HouseDeviceSettings()
    places = [
        f"devices.{name}"
        for name in ("tank_efficiency", "tank_loss_per_h", "tank_power_per_kwh")
        if getattr(own, name) != getattr(usual, name)
    ]
    places += [
        f"sizes.{case}.tank_kwh"
        for case in CaseSizes.model_fields
        if getattr(houses.sizes, case).tank_kwh != getattr(CaseSizes(), case).tank_kwh
    ]
    for place in places:
        yield Problem(f"composite_storage.{place}", "has no effect, since rooms store the heat")
