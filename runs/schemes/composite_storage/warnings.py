"""What a person may want to look at in the houses of a scenario."""

from collections.abc import Iterator

from hmesh.environment.errors import Problem
from hmesh.runs.scenarios.plausibility import household
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.composite_storage.section import CompositeStorage


def house_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of needs that hardly any house has."""
    houses: CompositeStorage | None = scenario.composite_storage
    if houses is None:
        return
    for index, group in enumerate(houses.groups):
        for need in ("appliances", "heat"):
            annual_kwh = getattr(group, need).annual_kwh
            if annual_kwh is not None:
                place = f"composite_storage.groups.{index}.{need}.annual_kwh"
                yield from household(place, annual_kwh)
