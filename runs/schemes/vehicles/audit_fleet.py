"""The vehicles that a run wrote down: who they are, and their rows a few steps at a time."""

from collections.abc import Mapping, Sequence

import numpy as np

from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.premises import FILE_GONE
from hmesh.runs.audits.table_reader import Columns, TableReader, framed
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.vehicles.audit_premises import VehiclePremises
from hmesh.runs.schemes.vehicles.section import Vehicles


def vehicle_reader(run: Run, premises: VehiclePremises) -> TableReader:
    """Open vehicles.parquet.

    Raises
    ------
    DamagedTableError
        If it is missing, cannot be read or has other columns.
    """
    names = {"strategy": premises.strategies, "community": premises.communities}
    return TableReader(run, "vehicles", names, premises.start_ms)


def read_vehicles(reader: TableReader, premises: VehiclePremises, first: int, last: int) -> Columns:
    """Return the next steps of vehicles.parquet.

    Parameters
    ----------
    reader
        What `vehicle_reader` opened.
    premises
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
        "strategy": premises.strategies,
        "vehicle": range(premises.recorded),
    }
    there = np.arange(premises.recorded) < premises.there[first:last, None, None]
    expected = np.broadcast_to(there, [len(held) for held in keys.values()])
    rows = framed("vehicles", reader.take(int(expected.sum())), keys, expected)
    # Who has not joined yet is nowhere and has nothing.
    vehicles: Vehicles = premises.scenario.vehicles
    rows["community"][~expected] = -1
    rows["usable_kwh"][~expected] = -vehicles.soc_min * vehicles.capacity_kwh
    rows["price"][~expected], rows["theta"][~expected] = np.nan, 1.0
    return rows


def read_fleet(run: Run, premises: VehiclePremises) -> Columns:
    """Return fleet.parquet, every column of shape (vehicles,).

    Raises
    ------
    DamagedTableError
        If rows are missing, stand there twice or belong nowhere.
    """
    setting = premises.of_scheme("vehicles")
    names = {} if setting is None else {"day_plan": setting.plans.names}
    rows = TableReader(run, "fleet", names, premises.start_ms).rest()
    return framed("fleet", rows, {"vehicle": range(premises.recorded)})


def check_fleet(premises: VehiclePremises, fleet: Columns) -> Check:
    """Check that fleet.parquet holds the vehicles that the scenario and its seed make."""
    tally = Tally("fleet: vehicles as the scenario and its seed make them", 0.0)
    if premises.setting is None:
        tally.tell(FILE_GONE)
        return tally.check()
    made = premises.of_scheme("vehicles").fleet
    names = list(fleet)
    off = [np.abs(fleet[name] - made[name][: premises.recorded]) for name in names]
    tally.add(np.stack(off, axis=1), lambda at: f"vehicle {at[0]}, {names[at[1]]}", None)
    return tally.check()
