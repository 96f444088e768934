"""The vehicles that a run wrote down: who they are, and their rows a few steps at a time."""

from collections.abc import Mapping, Sequence

import numpy as np

from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.run_inputs import FILE_GONE
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.section import Vehicles


def vehicle_reader(run: Run, inputs: VehicleRunInputs) -> TableReader:
    """Open vehicles.parquet.

    Raises
    ------
    DamagedTableError
        If it is missing, cannot be read or has other columns.
    """
    names = {"strategy": inputs.strategies, "community": inputs.communities}
    return TableReader(run, "vehicles", names, inputs.start_ms)


def read_vehicles(reader: TableReader, inputs: VehicleRunInputs, first: int, last: int) -> Columns:
    """Return the next steps of vehicles.parquet.

    Parameters
    ----------
    reader
        What `vehicle_reader` opened.
    inputs
        What the scenario settles.
    first, last
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
    vehicles: Vehicles = inputs.scenario.vehicles
    rows["community"][~expected] = -1
    rows["usable_kwh"][~expected] = -vehicles.soc_min * vehicles.capacity_kwh
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
    names = {} if setting is None else {"day_plan": setting.plans.names}
    rows = TableReader(run, "fleet", names, inputs.start_ms).rest()
    return framed("fleet", rows, {"vehicle": range(inputs.recorded)})


def check_fleet(inputs: VehicleRunInputs, fleet: Columns) -> Check:
    """Check that fleet.parquet holds the vehicles that the scenario and its seed make."""
    tally = Tally("fleet: vehicles as the scenario and its seed make them", 0.0)
    if inputs.setting is None:
        tally.tell(FILE_GONE)
        return tally.check()
    made = inputs.of_scheme("vehicles").fleet
    names = list(fleet)
    off = [np.abs(fleet[name] - made[name][: inputs.recorded]) for name in names]
    tally.add(np.stack(off, axis=1), lambda at: f"vehicle {at[0]}, {names[at[1]]}", None)
    return tally.check()
