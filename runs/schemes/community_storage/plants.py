"""The plants of storages: what the sky gives them, or a dataset measured of them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.dataset import MeasuredGeneration
from hmesh.environment.day_slots import slots_by_clock
from hmesh.environment.errors import InputError, Problem, nearest, refuse_all
from hmesh.environment.number_words import counted
from hmesh.environment.sunshine import ClearSky, Orientation
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.community_storage.section import PLANT_TABLES, SharedStorage
from hmesh.runs.schemes.community_storage.section import CommunityStorage as Rules
from hmesh.runs.world.dataset_files import load_dataset


class StoragePlants:
    """What the plants of all storages generate, in the history and in the run.

    Parameters
    ----------
    scenario : Scenario
        The scenario, with the place and where datasets lie.
    rules : Rules
        Its section on storages.
    calendar : Calendar
        Begins with the history.
    history_slots : int
        Steps of it before the run.
    community : array of int, shape (storages,)
        Where each plant stands.

    Raises
    ------
    InputError
        If a dataset cannot be read, does not cover history and run, or does not state which plant.
    """

    def __init__(
        self,
        scenario: Scenario,
        rules: Rules,
        calendar: Calendar,
        history_slots: int,
        community: NDArray[np.intp],
    ) -> None:
        self._history_slots = history_slots
        self._community = community
        stands = [_orientation(storage) for storage in rules.storages]
        standing = list(dict.fromkeys(stands))
        self._orientation = np.array([standing.index(o) for o in stands], dtype=np.intp)
        self._sunny_kw = np.array([s.pv_kw if s.sunlit else 0.0 for s in rules.storages])
        place = scenario.location
        self._sky = (
            None
            if place is None
            else ClearSky(calendar, place.latitude, place.longitude, place.altitude_m, standing)
        )
        measured = measured_plants(scenario, rules, calendar, history_slots)
        self._measured = np.array(list(measured), dtype=np.intp)
        shape = history_slots + scenario.steps, len(measured)
        self._measured_kwh, self._filled = np.empty(shape), np.empty(shape, dtype=np.bool_)
        for column, plant in enumerate(measured.values()):
            self._measured_kwh[:, column] = plant.energy_kwh[:, 0]
            self._filled[:, column] = plant.filled[:, 0]

    def generation_kwh(self, step: int, clearness: FloatArray) -> FloatArray:
        """Return what every plant generates in a step, also of the history [kWh].

        Parameters
        ----------
        step : int
            The step; below 0 before the run.
        clearness : array, shape (communities,)
            What clouds let through [-].
        """
        row = step + self._history_slots
        generated = np.zeros(len(self._community))
        if self._sky is not None:
            sun = self._sky.generation_kwh(row)
            generated += self._sunny_kw * sun[self._orientation] * clearness[self._community]
        generated[self._measured] = self._measured_kwh[row]
        return generated

    def filled(self, step: int) -> int:
        """Return how many plants lack a reading of a step, which was filled."""
        return int(np.count_nonzero(self._filled[step + self._history_slots]))


def calendar_of_history(calendar: Calendar, rules: Rules) -> tuple[Calendar, int]:
    """Return a calendar that begins with the history of a run, and how many steps that has."""
    slots = slots_by_clock(calendar.step_h) * rules.history_days
    earlier = Calendar(
        calendar.time_of(-slots),
        calendar.zone.key,
        calendar.step_h,
        calendar.holiday_country,
        calendar.holiday_subdivision,
        calendar.school_terms,
    )
    return earlier, slots


def measured_plants(
    scenario: Scenario, rules: Rules, calendar: Calendar, history_slots: int
) -> dict[int, MeasuredGeneration]:
    """Return what every measured plant generated, by the number of its storage.

    Parameters
    ----------
    scenario, rules, calendar, history_slots : Scenario, Rules, Calendar, int
        As `StoragePlants` takes them.

    Raises
    ------
    InputError
        With every problem of all plants.
    """
    problems: list[Problem] = []
    found = {}
    for row, storage in enumerate(rules.storages):
        if storage.pv_dataset is None:
            continue
        place = f"community_storage.storages.{row}"
        try:
            dataset = load_dataset(scenario.path_of(storage.pv_dataset), PLANT_TABLES)
            table = dataset.generation(calendar, history_slots + scenario.steps)
        except InputError as error:
            before = f"{place}.pv_dataset, with {counted(rules.history_days, 'day')} of history"
            problems += [
                replace(problem, place=f"{before}: {problem.place}") for problem in error.problems
            ]
            continue
        try:
            found[row] = _chosen(table, storage, place)
        except InputError as error:
            problems += error.problems
    refuse_all(problems)
    return found


def plant_problems(scenario: Scenario, calendar: Calendar) -> list[Problem]:
    """Return what is wrong with the datasets that measured plants."""
    rules: Rules = scenario.community_storage
    try:
        measured_plants(scenario, rules, *calendar_of_history(calendar, rules))
    except InputError as error:
        return list(error.problems)
    return []


def _chosen(table: MeasuredGeneration, storage: SharedStorage, place: str) -> MeasuredGeneration:
    """Return the one plant that a storage wants, times its scale."""
    there = ", ".join(table.members[:8])
    wanted = storage.pv_member
    if wanted is None and len(table.members) != 1:
        message = f"{storage.pv_dataset} states what {len(table.members)} members generate"
        raise InputError([Problem(f"{place}.pv_member", message, f"one of {there}")])
    if wanted is not None and wanted not in table.members:
        message = f"{storage.pv_dataset} states no generation of {wanted!r}"
        near = nearest(wanted, table.members)
        raise InputError([Problem(f"{place}.pv_member", message, there, near)])
    column = [0 if wanted is None else table.members.index(wanted)]
    return MeasuredGeneration(
        tuple(table.members[at] for at in column),
        table.energy_kwh[:, column] * storage.pv_scale,
        table.filled[:, column],
    )


def _orientation(storage: SharedStorage) -> Orientation:
    return Orientation(storage.pv_tilt, storage.pv_azimuth, storage.pv_performance_ratio)
