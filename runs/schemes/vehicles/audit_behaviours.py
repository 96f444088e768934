"""Whether vehicles with a behaviour that comes with hMESH decide as it says."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.reference.vehicle_behaviours import by_thresholds, off_any_threshold
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.audit_scenario_travel import Travel
from hmesh.runs.world.behaving_rows import BehavingRows, choices_of

# Behaviours that choose one of several thresholds.
CHOOSE = ("regret_matching", "q_learning", "imitate")


class BehaviourAudit:
    """Compares exchanges with what thresholds, constants and claims ask for, step by step.

    Which threshold a learner plays is its own; what it exchanges must be what one of them says.

    Parameters
    ----------
    inputs, fleet
        What the scenario settles of the vehicles, and what each is like.
    """

    def __init__(self, inputs: VehicleRunInputs, fleet: Columns) -> None:
        self.inputs, self._fleet = inputs, fleet
        known = inputs.setting is not None and inputs.reliable
        choices = choices_of(inputs.setting, "vehicles") if known and inputs.setting else []
        checked = ("typical", "threshold", "misreport", *CHOOSE)
        self._choices = [each for each in choices if each.name in checked]
        self._tallies = {
            each.name: Tally(f"behaviour: {each.name} by its own rule", EXACT, "kWh")
            for each in self._choices
        }

    def add(self, first: int, rows: Columns, travel: Travel | None) -> None:
        """Check some steps, columns of shape (steps, strategies, vehicles)."""
        for s, strategy in enumerate(self.inputs.vehicle_strategies):
            if strategy == "typical" or self.inputs.own_rule(s):
                continue
            for choice in self._choices:
                mine = choice.rows[choice.rows < self.inputs.recorded]
                seen = {name: values[:, s, mine] for name, values in rows.items()}
                home = None if travel is None else travel.finished[:, mine]
                off = self._off(choice, seen, mine, home)
                if off is None or not len(mine):
                    continue
                label = self._label(first, strategy, mine)
                apart = np.where(seen["plugged"] == 1, off, 0.0)[:, None]
                self._tallies[choice.name].add(apart, label, first)

    def _label(self, first: int, strategy: str, mine: NDArray[np.intp]) -> Label:
        """Return the label of numbers of some vehicles, by the numbers of all."""
        label = self.inputs.places.label("vehicle", first, [strategy])
        return lambda at: label((*at[:2], int(mine[at[2]])))

    def _off(
        self,
        choice: BehavingRows,
        seen: Columns,
        mine: NDArray[np.intp],
        home: NDArray[np.bool_] | None,
    ) -> NDArray[np.float64] | None:
        """Return how far each exchange is from its behaviour [kWh]; None where that is unknown."""
        given: Any = choice.given
        price, energy = seen["price"], seen["energy_kwh"]
        lower, upper = seen["min_kwh"], seen["max_kwh"]
        price = np.where(seen["plugged"] == 1, price, 0.0)
        if choice.name == "misreport":
            names = "charge_efficiency", "discharge_efficiency", "wanted_kwh", "miss_weight"
            store = [self._fleet[name][mine] for name in names]
            factor = choice.columns["factor"][: len(mine)]
            lam = seen["lam"] * factor
            claims = AnsweringStores(lam, seen["theta"], seen["usable_kwh"], lower, upper, *store)
            return claims.wrong_by(price, energy)
        if choice.name == "typical" or given.at_home:
            if home is None:
                return None
            lower, upper = np.where(home, lower, 0.0), np.where(home, upper, 0.0)
        if choice.name in CHOOSE:
            terms = given.thresholds, given.sell_margin
            return off_any_threshold(price, energy, lower, upper, *terms)
        below = above = np.full(len(mine), np.inf)
        if choice.name == "threshold":
            below = choice.columns["charge_below"][: len(mine)]
            above = choice.columns.get("sell_above", above)[: len(mine)]
        return np.abs(energy - by_thresholds(price, lower, upper, below, above))

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        for tally in self._tallies.values():
            if not self.inputs.all_recorded:
                tally.note(self.inputs.not_all_recorded)
            yield tally.check()
