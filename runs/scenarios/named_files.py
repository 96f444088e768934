"""The files and datasets that a scenario names, section by section."""

from typing import TYPE_CHECKING

from runs.scenarios.members import DatasetMembers, FileMembers
from runs.scenarios.preferences import FromFile
from runs.scenarios.travel import files_of
from runs.world.dataset_files import LOAD_TABLES

if TYPE_CHECKING:
    from runs.scenarios.scenario import Scenario


def datasets_named(scenario: "Scenario") -> dict[str, tuple[str, ...]]:
    """Return the datasets that a scenario names, with the tables that it uses."""
    used: dict[str, tuple[str, ...]] = {}
    for community in scenario.communities.values():
        for group in community.members:
            if isinstance(group, DatasetMembers):
                used[group.dataset] = LOAD_TABLES
    if (homes := scenario.smart_homes) is not None:
        for measured in (group.dataset for group in homes.groups):
            if measured is not None:
                used[measured] = (*used.get(measured, ()), "members", "profiles")
        if homes.weather is not None:
            used[homes.weather] = (*used.get(homes.weather, ()), "weather")
    if (houses := scenario.composite_storage) is not None:
        for folder, tables in houses.datasets.items():
            used[folder] = (*used.get(folder, ()), *tables)
    if (storages := scenario.community_storage) is not None:
        for folder, tables in storages.datasets.items():
            used[folder] = (*used.get(folder, ()), *tables)
    if (dataset := scenario.prices.time_of_use.dataset) is not None:
        used[dataset] = (*used.get(dataset, ()), "market")
    return used


def files_named(scenario: "Scenario") -> list[str]:
    """Return the single files that a scenario names, each once."""
    groups = (group for community in scenario.communities.values() for group in community.members)
    named = [group.file for group in groups if isinstance(group, FileMembers)]
    if scenario.vehicles.day_plans is not None:
        named.append(scenario.vehicles.day_plans)
    preferences = [scenario.vehicles.lam, scenario.vehicles.theta]
    if (buses := scenario.school_buses) is not None:
        preferences += [buses.lam, buses.theta, buses.round_km]
    if (homes := scenario.smart_homes) is not None:
        preferences += [device.scale for group in homes.groups for device in group.devices]
    named += [given.file for given in preferences if isinstance(given, FromFile)]
    named += files_of(scenario.travel)
    if (houses := scenario.composite_storage) is not None:
        named += houses.own_files
    return list(dict.fromkeys(named))
