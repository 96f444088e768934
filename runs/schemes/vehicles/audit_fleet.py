"""The vehicles that a run wrote down: who they are, and their rows a few steps at a time."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.run_inputs import FILE_GONE
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs

# Columns of the fleet that have another name in the results.
_COLUMNS = {"group": "vehicle_group", "model": "model_row"}


def vehicle_reader(run: Run, inputs: VehicleRunInputs) -> TableReader:
    """Open vehicles.parquet.

    Raises
    ------
    DamagedTableError
        If it is missing, cannot be read or has other columns.
    """
    names = {"strategy": inputs.strategies, "community": inputs.communities}
    return TableReader(run, "vehicles", names, inputs.start_ms)


def read_vehicles(
    reader: TableReader, inputs: VehicleRunInputs, fleet: Columns, first: int, last: int
) -> Columns:
    """Return the next steps of vehicles.parquet.

    Parameters
    ----------
    reader : TableReader
        What `vehicle_reader` opened.
    inputs : VehicleRunInputs
        What the scenario settles.
    fleet : dict of array
        The columns of fleet.parquet.
    first, last : int
        Steps from the first to before the last.

    Returns
    -------
    dict
        Columns of shape (steps, strategies, vehicles).

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """
    keys: Mapping[str, range | Sequence[str]] = {
        "step": range(first, last),
        "strategy": inputs.strategies,
        "vehicle": range(inputs.recorded),
    }
    there = np.arange(inputs.recorded) < inputs.there[first:last, None, None]
    expected = np.broadcast_to(there, [len(held) for held in keys.values()])
    rows = framed("vehicles", reader.take(int(expected.sum())), keys, expected)
    # Who has not joined yet is nowhere and has nothing.
    rows["community"][~expected] = -1
    least = np.broadcast_to(fleet["soc_min"] * fleet["capacity_kwh"], expected.shape)
    rows["usable_kwh"][~expected] = -least[~expected]
    rows["price"][~expected], rows["theta"][~expected] = np.nan, 1.0
    return rows


def read_fleet(run: Run, inputs: VehicleRunInputs) -> Columns:
    """Return fleet.parquet, every column of shape (vehicles,).

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """
    setting = inputs.of_scheme("vehicles")
    groups = [group.name for group in inputs.scenario.vehicles.every]
    names: dict[str, Sequence[str]] = {"group": groups, "home": inputs.communities}
    if setting is not None:
        names |= {"day_plan": setting.plans.names, "model": setting.models}
    rows = TableReader(run, "fleet", names, inputs.start_ms).rest()
    return framed("fleet", rows, {"vehicle": range(inputs.recorded)})


def check_fleet(inputs: VehicleRunInputs, fleet: Columns) -> Check:
    """Check that fleet.parquet holds the vehicles that the scenario and its seed make."""
    tally = Tally("fleet: vehicles as the scenario and its seed make them", 0.0)
    if inputs.setting is None:
        tally.note(FILE_GONE)
        return tally.check()
    made = inputs.of_scheme("vehicles").fleet
    names = list(fleet)
    expected = {name: made[_COLUMNS.get(name, name)][: inputs.recorded] for name in names}
    if not inputs.scenario.vehicles.groups:
        # Vehicles that are all alike have no group to name.
        expected["group"] = np.full(inputs.recorded, -1)
    off = [np.abs(fleet[name] - expected[name]) for name in names]
    tally.add(np.stack(off, axis=1), lambda at: f"vehicle {at[0]}, {names[at[1]]}", None)
    return tally.check()


def curves_of(
    inputs: VehicleRunInputs, fleet: Columns
) -> list[tuple[Sequence[tuple[float, float]], NDArray[np.intp]]]:
    """Return the charging curves of the recorded vehicles, each with the vehicles that have it."""
    groups = enumerate(inputs.scenario.vehicles.every)
    named = bool(inputs.scenario.vehicles.groups)
    return [
        (group.charging_curve, np.flatnonzero(fleet["group"] == (number if named else -1)))
        for number, group in groups
        if group.charging_curve is not None
    ]
