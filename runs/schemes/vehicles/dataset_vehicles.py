"""The vehicles of a dataset, whose battery, power and consumption those of a group have."""

from typing import Any

import numpy as np

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.vehicle_models import VehicleModels
from hmesh.runs.scenarios.calendar import calendar_of
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.scenarios.travel_section import TripTravel
from hmesh.runs.world.dataset_files import load_dataset
from hmesh.runs.world.travel import survey_of

_COLUMNS = ("capacity_kwh", "power_kw", "consumption_kwh_per_km")


def vehicles_of_dataset(scenario: Scenario, group: Any, dataset: str) -> VehicleModels:
    """Return the vehicles of a dataset in the order in which a group is dealt them.

    Where the group drives the trips of the same dataset, each vehicle is the one whose trips it
    drives; else they come in the order of their table. What is not known is NaN.

    Raises
    ------
    InputError
        If the dataset has no such table, or it lacks a vehicle that has trips.
    """
    folder = scenario.path_of(dataset)
    records = load_dataset(folder, ("vehicles",)).records
    if "vehicles" not in records:
        message = "has no table vehicles"
        raise InputError([Problem(str(folder), message, "a dataset with vehicles")])
    table = records["vehicles"]
    names = table.columns["vehicle"].astype(str).tolist()
    if not any(column in table.columns for column in _COLUMNS):
        message = "says nothing about its vehicles"
        raise InputError([Problem(table.place, message, ", ".join(_COLUMNS))])
    order = names
    travel = scenario.travel if group.travel is None else group.travel
    if isinstance(travel, TripTravel) and travel.dataset == dataset:
        order = list(survey_of(scenario, travel, calendar_of(scenario)).vehicles)
    row = {name: n for n, name in enumerate(names)}
    rows = np.array([row[name] for name in order])
    columns = {
        column: table.columns[column].astype(np.float64)[rows]
        for column in _COLUMNS
        if column in table.columns
    }
    return VehicleModels(tuple(order), columns, np.ones(len(order)))
