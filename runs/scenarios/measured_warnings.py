"""What is unusual in the files and datasets that a scenario names, over the steps of its run."""

from collections.abc import Iterator

import numpy as np

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.dataset import Dataset, read_dataset
from hmesh.environment.datasets.flaws import flaws
from hmesh.environment.datasets.implausible import (
    Readings,
    household_energy,
    negative,
    registers,
    spikes,
)
from hmesh.environment.demand import read_loads
from hmesh.environment.errors import Problem
from hmesh.environment.local_times import HOUR_US, microseconds, shown
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.scenarios.member_groups import DatasetMembers, FileMembers
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.world.dataset_files import load_description


def measured_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield warnings of what was measured, and of how much of it was filled.

    Parameters
    ----------
    scenario : Scenario
        A scenario whose files can be used.
    """
    calendar = calendar_of(scenario)
    for file, households in _files(scenario).items():
        yield from _of_file(scenario, calendar, file, households)
    for folder, tables in scenario.datasets().items():
        path = scenario.path_of(folder)
        dataset = read_dataset(path, load_description(path), tables, examine=True)
        yield from dataset.warnings
        yield from _called_households(scenario, folder, dataset)
        for table in dataset.series:
            yield from _filled(dataset, table)


def _filled(dataset: Dataset, table: str) -> Iterator[Problem]:
    """Yield a warning of a table of which anything was filled."""
    series, shares = dataset.series[table], dataset.filled_share(table)
    first_us = series.first_filled_us()
    if first_us is None:
        return
    worst, share = next(iter(shares.items()))
    what = f"{share:.2%} of the intervals are filled"
    if worst:
        key = series.table.key
        what = f"up to {share:.2%} of the intervals of a {key} are filled, most those of '{worst}'"
    yield Problem(series.place, f"{what}, first at {shown(first_us, dataset.description.zone)}")


def _files(scenario: Scenario) -> dict[str, bool]:
    """Return the files of loads that a scenario names, and whether they are of households."""
    groups = (group for community in scenario.communities.values() for group in community.members)
    found: dict[str, bool] = {}
    for group in groups:
        if isinstance(group, FileMembers):
            found[group.file] = group.kind == "household" or found.get(group.file, False)
    for section in scenario.sections.values():
        for file in section.load_files:
            found.setdefault(file, False)
    return found


def _of_file(
    scenario: Scenario, calendar: Calendar, file: str, households: bool
) -> Iterator[Problem]:
    table = read_loads(scenario.path_of(file), calendar, scenario.steps)
    readings = Readings(
        str(scenario.path_of(file)), table.members, table.load_kwh,
        microseconds(calendar.time_of(0)), round(scenario.step_h * HOUR_US), calendar.zone,
    )  # fmt: skip
    yield from flaws(readings, "load_kwh")
    yield from spikes(readings)
    yield from registers(readings)
    yield from negative(readings, np.zeros(len(table.members), dtype=np.bool_))
    yield from household_energy(readings, np.full(len(table.members), households))


def _called_households(scenario: Scenario, folder: str, dataset: Dataset) -> Iterator[Problem]:
    """Yield warnings of members that the scenario calls households, and the dataset does not."""
    groups = [
        group
        for community in scenario.communities.values()
        for group in community.members
        if isinstance(group, DatasetMembers)
        if group.dataset == folder and group.kind == "household"
    ]
    profiles = dataset.series.get("profiles")
    if not groups or profiles is None or "load_kwh" not in profiles.measured:
        return
    members = dataset.records.get("members")
    if members is not None and "kind" in members.columns:
        return
    every = any(group.members is None for group in groups)
    named = {name for group in groups for name in group.members or ()}
    readings = Readings(
        f"{profiles.place}, column load_kwh", profiles.keys, profiles.measured["load_kwh"],
        profiles.start_us, profiles.interval_us, dataset.description.zone,
    )  # fmt: skip
    chosen = np.array([every or key in named for key in profiles.keys], dtype=np.bool_)
    yield from household_energy(readings, chosen)
