"""The vehicles of a scenario: what each of them is like, drawn group by group."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.electric_vehicle import ElectricVehicle
from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.environment.group_rows import GroupRows, of_group
from hmesh.environment.population import Population
from hmesh.environment.streams import Streams
from hmesh.environment.vehicle_models import VehicleModels, read_vehicle_models
from hmesh.markets.departure_value import wanted_usable_kwh
from hmesh.runs.scenarios.preferences import FromFile, preference_values
from hmesh.runs.scenarios.scenario import Scenario
from hmesh.runs.schemes.vehicles.dataset_vehicles import vehicles_of_dataset
from hmesh.runs.schemes.vehicles.section import VehicleGroup, Vehicles
from hmesh.runs.schemes.vehicles.vehicle_keys import BOUNDS
from hmesh.runs.world.travel import AGENT_TYPE

# What is drawn, where a stream is not called like its key.
_PURPOSES = {"lam": "satisfaction", "theta": "slope of marginal utility"}
_OF_DEPARTURE = {"departure_soc": 0.0, "departure_weight": 0.0}


def make_fleet(
    scenario: Scenario, streams: Streams, groups: GroupRows
) -> tuple[Population, tuple[str, ...]]:
    """Return the vehicles of a scenario, and the names of their models.

    Every quantity of every group has its own stream. Vehicles that join later have their rows
    from the start, and bring their energy as they join.

    Raises
    ------
    InputError
        If a file cannot be used, or what is drawn from it does not fit together.
    """
    vehicles: Vehicles = scenario.vehicles
    columns: dict[str, FloatArray] = {}
    rows_of_models = np.full(len(groups), -1, dtype=np.int16)
    curves = np.full(len(groups), -1, dtype=np.int16)
    reserve = np.zeros(len(groups), dtype=np.bool_)
    numbers: dict[str, int] = {}
    problems: list[Problem] = []
    curve = 0
    for group, rows in zip(vehicles.every, groups.rows, strict=True):
        try:
            found = _drawn(scenario, streams, group, len(rows))
            chosen, models = _models(scenario, streams, group, len(rows))
        except InputError as error:
            problems += error.problems
            continue
        if models is not None:
            columns_of = models.columns
            if group.v2g_kw is not None:
                # What a group states itself counts before what its models can.
                columns_of = {key: columns_of[key] for key in columns_of if key != "v2g_kw"}
            for key, values in columns_of.items():
                # A dataset may know a quantity of some of its vehicles only.
                known = ~np.isnan(values[chosen])
                found[key] = np.where(known, values[chosen], found[key])
            # Groups may have models of one name, which is then one.
            number = [numbers.setdefault(name, len(numbers)) for name in models.names]
            rows_of_models[rows] = np.array(number)[chosen]
        if np.isnan(found["v2g_kw"]).any():
            found["v2g_kw"] = found["power_kw"]
        problems += _unfit(group, found)
        if len(rows) == len(groups):
            columns = found
        for key, values in found.items() if columns is not found else ():
            columns.setdefault(key, np.empty(len(groups)))[rows] = values
        if group.charging_curve is not None:
            curves[rows] = curve
            curve += 1
        reserve[rows] = group.trip_reserve
    if problems:
        raise InputError(list(dict.fromkeys(problems)))
    fleet = Population(ElectricVehicle.attributes(), len(groups))
    # Of many vehicles only columns whose rows differ are worth their memory.
    fleet.compact()
    weight, wanted = columns.pop("departure_weight"), columns.pop("departure_soc")
    for key, values in columns.items():
        fleet.set(key, values)
    capacity = columns["capacity_kwh"]
    fleet.set("wanted_kwh", wanted_usable_kwh(wanted, columns["soc_min"], capacity))
    fleet.set("miss_weight", weight)
    fleet.set("charging_curve", curves)
    fleet.set("keeps_reserve", reserve)
    fleet.set("vehicle_group", groups.group)
    fleet.set("model_row", rows_of_models)
    fleet.set("energy_kwh", columns["soc_start"] * capacity)
    fleet["energy_kwh"][vehicles.count :] = 0.0
    return fleet, tuple(numbers)


def _drawn(
    scenario: Scenario, streams: Streams, group: VehicleGroup, size: int
) -> dict[str, FloatArray]:
    """Return what each vehicle of a group has of every key, shape (size,) each."""
    found: dict[str, FloatArray] = {}
    problems: list[Problem] = []
    for key, (above, most) in BOUNDS.items():
        given: Any = getattr(group, key)
        if given is None:
            found[key] = np.broadcast_to(_OF_DEPARTURE.get(key, np.nan), (size,))
            continue
        if isinstance(given, float):
            found[key] = np.broadcast_to(given, (size,))
            continue
        purpose = _PURPOSES.get(key, key)
        draw = streams.generator(purpose, of_group(AGENT_TYPE, group.name)).random(size)
        try:
            if isinstance(given, FromFile):
                found[key] = given.read(scenario.path_of(given.file), draw, above, most)
            else:
                found[key] = preference_values(given, draw)
        except InputError as error:
            problems += error.problems
    refuse_all(problems)
    return found


def _models(
    scenario: Scenario, streams: Streams, group: VehicleGroup, size: int
) -> tuple[NDArray[np.intp], VehicleModels | None]:
    """Return which model each vehicle of a group has, and the models; None where it has none."""
    if group.model is None:
        return np.empty(0, dtype=np.intp), None
    if group.model.dataset is not None:
        models = vehicles_of_dataset(scenario, group, group.model.dataset)
        return np.arange(size) % len(models.names), models
    path = scenario.path_of(str(group.model.file))
    models = read_vehicle_models(path)
    if group.model.name is not None:
        return np.full(size, models.named(group.model.name, path)), models
    stream = streams.generator("vehicle model", of_group(AGENT_TYPE, group.name))
    return models.drawn(stream.random(size)), models


def _unfit(group: VehicleGroup, found: dict[str, FloatArray]) -> Iterator[Problem]:
    """Yield what of the values drawn does not fit together; files alone can bring that about."""
    place = f"vehicles group {group.name!r}" if group.name else "vehicles"
    for wrong, message in (
        (found["soc_max"] <= found["soc_min"], "soc_max is not above soc_min"),
        (found["soc_start"] < found["soc_min"], "soc_start is below soc_min"),
        (found["soc_start"] > found["soc_max"], "soc_start is above soc_max"),
        (found["departure_soc"] > found["soc_max"], "departure_soc is above soc_max"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            values = ", ".join(
                f"{key} {found[key][row]:g}"
                for key in ("soc_min", "soc_start", "soc_max", "departure_soc")
            )
            yield Problem(f"{place}, its vehicle {row}", f"{message}: {values}")
