"""What the rows of vehicles amount to, by community and by group."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally, off_balance
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.audit_whereabouts import Whereabouts

if TYPE_CHECKING:
    from hmesh.runs.schemes.vehicles.audit import VehicleAudit


def by_community(count: int, rows: Columns, values: FloatArray | None) -> NDArray[Any]:
    """Add up values of plugged vehicles, or their number, (steps, strategies, communities)."""
    steps, strategies, _ = rows["community"].shape
    plugged = (rows["plugged"] == 1) & (rows["community"] >= 0)
    block = np.arange(steps * strategies).reshape(steps, strategies, 1) * count
    place = (block + rows["community"])[plugged]
    weights = None if values is None else values[plugged]
    sums: NDArray[Any] = np.bincount(place, weights, steps * strategies * count)
    return sums.reshape(steps, strategies, count)


def figures_of_groups(
    inputs: VehicleRunInputs,
    group_of: NDArray[np.int64],
    first: int,
    rows: Columns,
    where: Whereabouts,
) -> dict[str, FloatArray]:
    """Return what each vehicle adds to the figures of its group, in steps from the ``first`` on."""
    energy = rows["energy_kwh"]
    trips = np.zeros(energy.shape)
    for (step, s, vehicle), out in where.departures.items():
        # What is the same under all strategies is there once.
        under = slice(None) if where.km.shape[1] == 1 else s
        trips[step - first, under, vehicle] = len(out)
    price = np.nan_to_num(rows["price"], nan=0.0)
    return {
        f"{name}@{group.name}": values * (group_of == number)
        for number, group in enumerate(inputs.scenario.vehicles.groups)
        for name, values in (
            ("vehicle_charged_kwh", np.maximum(energy, 0.0)),
            ("vehicle_discharged_kwh", np.maximum(-energy, 0.0)),
            ("ev_bill", energy * price),
            ("driven_km", rows["driven_km"]),
            ("trips", trips),
            ("unmet_trip_kwh", rows["unmet_kwh"]),
        )
    }


def check_sums(inputs: VehicleRunInputs, hours: Columns, vehicles: "VehicleAudit") -> list[Check]:
    """Compare the sums over vehicles with hours.parquet."""
    label = inputs.places.label(inputs.communities)
    present = Tally("hours: vehicles present are those plugged in", 0.0)
    energy = Tally("energy: exchange of communities is that of vehicles", EXACT, "of the energy")
    if inputs.all_recorded:
        present.add(np.abs(hours["vehicles_present"] - vehicles.present), label)
        off = off_balance(hours["ev_kwh"], vehicles.charged_kwh, vehicles.discharged_kwh)
        energy.add(off, label)
    else:
        present.note(inputs.not_all_recorded)
        energy.note(inputs.not_all_recorded)
    return [present.check(), energy.check()]
