"""The vehicles that prosumers own: what they trade, and could answer, kept for their audit."""

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.scheme_audit import AnswersDue, MemberFlows
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.scenarios.prosumer_parts import limited_groups, prosumers_of
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs

_KEPT = ("community", "energy_kwh", "price", "min_kwh", "max_kwh")


class OwnedVehicles:
    """Keeps the rows of the vehicles that prosumers own, block by block.

    Parameters
    ----------
    inputs : VehicleRunInputs
        What the scenario settles.

    Attributes
    ----------
    limited : array of bool, shape (recorded,)
        Which recorded vehicles are behind a connection with a limit when they are at home.
    """

    def __init__(self, inputs: VehicleRunInputs) -> None:
        self.inputs = inputs
        scenario = inputs.scenario
        owned = {(name, members.name) for name, members in prosumers_of(scenario.communities)}
        limited, first = limited_groups(scenario), 0
        self.limited = np.zeros(inputs.recorded, dtype=np.bool_)
        self._rows: dict[str, slice] = {}
        for group in scenario.vehicles.every:
            rows = slice(first, first := first + group.count)
            if (group.home, group.name) in owned:
                self._rows[group.name] = rows
            if (group.home, group.name) in limited:
                self.limited[rows] = True
        self._kept: dict[str, dict[str, list[FloatArray]]] = {
            name: {column: [] for column in (*_KEPT, "lower", "upper")} for name in self._rows
        }

    def add(self, rows: Columns, lower: FloatArray, upper: FloatArray) -> None:
        """Keep the rows of some steps, and the bounds that batteries and plugs set [kWh]."""
        shape = rows["max_kwh"].shape
        bounds = {"lower": np.broadcast_to(lower, shape), "upper": np.broadcast_to(upper, shape)}
        for name, mine in self._rows.items():
            for column, held in self._kept[name].items():
                values = bounds[column] if column in bounds else rows[column]
                held.append(values[:, :, mine].copy())

    def _of(self, group: str) -> dict[str, FloatArray] | str:
        if not self.inputs.all_recorded:
            return self.inputs.not_all_recorded
        return {name: np.concatenate(held) for name, held in self._kept[group].items()}

    def flows(self, group: str) -> MemberFlows | str:
        """Return what the vehicles of a group trade where they are plugged in."""
        kept = self._of(group)
        if isinstance(kept, str):
            return kept
        energy, price = kept["energy_kwh"], np.nan_to_num(kept["price"])
        bought, sold = np.where(energy > 0, energy, 0.0), np.where(energy < 0, -energy, 0.0)
        place = kept["community"].astype(np.intp)
        return MemberFlows(bought, sold, price * bought, price * sold, place)

    def due(self, group: str) -> AnswersDue | str:
        """Return within which bounds the vehicles of a group could and did answer."""
        kept = self._of(group)
        if isinstance(kept, str):
            return kept
        plugged = ~np.isnan(kept["price"])
        give, take = (np.where(plugged, each, 0.0) for each in (-kept["lower"], kept["upper"]))
        return AnswersDue(
            np.arange(give.shape[2]), give, take, kept["min_kwh"], kept["max_kwh"],
            kept["community"].astype(np.intp),
        )  # fmt: skip
