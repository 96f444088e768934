"""The files and datasets that a scenario names, section by section."""

from typing import TYPE_CHECKING

from hmesh.runs.scenarios.base import read_of, read_together
from hmesh.runs.scenarios.groups_with_tariff import groups_with_tariff
from hmesh.runs.scenarios.member_groups import DatasetMembers, FileMembers
from hmesh.runs.scenarios.places_section import RoadFile
from hmesh.runs.scenarios.school import is_dataset_folder, timetable_of
from hmesh.runs.scenarios.travel_section import datasets_of, files_of
from hmesh.runs.world.dataset_files import LOAD_TABLES

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario


def datasets_named(scenario: "Scenario") -> dict[str, tuple[str, ...]]:
    """Return the datasets that a scenario names, with the tables that it uses."""
    groups = [group for community in scenario.communities.values() for group in community.members]
    timetable = timetable_of(scenario.school_terms)
    if timetable is not None and not is_dataset_folder(scenario.path_of(timetable)):
        timetable = None
    return read_together(
        {group.dataset: LOAD_TABLES for group in groups if isinstance(group, DatasetMembers)},
        *(group.tariff.datasets for _, _, group in groups_with_tariff(scenario)),
        *(section.datasets for section in scenario.sections.values()),
        datasets_of(scenario.travel),
        read_of(timetable, "calendar", "calendar_dates"),
        {} if scenario.holidays is None else read_of(scenario.holidays.dataset),
        read_of(scenario.prices.time_of_use.dataset, "market"),
    )


def files_named(scenario: "Scenario") -> list[str]:
    """Return the single files that a scenario names, each once."""
    groups = (group for community in scenario.communities.values() for group in community.members)
    named = [group.file for group in groups if isinstance(group, FileMembers)]
    named += [file for section in scenario.sections.values() for file in section.files]
    named += [file for *_, group in groups_with_tariff(scenario) for file in group.tariff.files]
    named += files_of(scenario.travel)
    named += scenario.roads.files if isinstance(scenario.roads, RoadFile) else []
    return list(dict.fromkeys(named))
