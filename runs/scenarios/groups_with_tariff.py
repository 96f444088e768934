"""The tariffs of single groups of members, and what of a scenario does not go with them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import Problem

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario


def groups_with_tariff(scenario: "Scenario") -> Iterator[tuple[str, str, Any]]:
    """Yield community, key and group of all members that have a tariff of their own."""
    for name, community in scenario.communities.items():
        for number, group in enumerate(community.members):
            if group.tariff is not None:
                yield name, f"communities.{name}.members.{number}.tariff", group


def tariff_problems(scenario: "Scenario") -> Iterator[Problem]:
    """Yield what of a scenario needs the price that members with a tariff do not pay."""
    giving = [name for name in scenario.schemes if scenario.section(name).gives_members]
    for _, place, _ in groups_with_tariff(scenario):
        if scenario.grid.shed:
            message = "whose load is shed is not settled by a tariff"
            yield Problem(place, message, "null, or grid.shed: false")
        for name in giving:
            message = f"{name} gives members energy at the price of their community"
            yield Problem(place, message, f"null, or no section {name}")
    for section in scenario.sections.values():
        yield from section.tariff_problems(scenario)
