"""Whether vehicles with a behaviour that comes with hMESH decide as it says."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Label, Tally
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.reference.vehicle_behaviours import by_thresholds, off_any_threshold
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.audit_learning import OF_ALL, REPLAYS, Replay, Seen
from hmesh.runs.schemes.vehicles.audit_scenario_travel import Travel
from hmesh.runs.schemes.vehicles.audit_whereabouts import Whereabouts
from hmesh.runs.world.behaving_rows import BehavingRows, choices_of

# Behaviours that choose one of several thresholds.
CHOOSE = ("regret_matching", "q_learning", "imitate")
_STATELESS = ("typical", "threshold", "misreport")
_TERMS = "charge_efficiency", "discharge_efficiency", "wanted_kwh", "miss_weight"


class BehaviourAudit:
    """Compares exchanges with what behaviours ask for, step by step.

    What a behaviour remembers is followed from the first step on by a second implementation, from
    its draws and from what was written down. Where vehicles that it compares are not written down,
    an exchange must be what one of its thresholds asks for.

    Parameters
    ----------
    inputs, fleet, hours : VehicleRunInputs, dict of array, dict of array
        What the scenario settles of the vehicles, what each is like, and the columns of
        hours.parquet.
    """

    def __init__(self, inputs: VehicleRunInputs, fleet: Columns, hours: Columns) -> None:
        self.inputs, self._fleet, self._hours = inputs, fleet, hours
        known = inputs.setting is not None and inputs.reliable
        choices = choices_of(inputs.setting, "vehicles") if known and inputs.setting else []
        self._replays: dict[tuple[int, int], Replay] = {}
        self._choices: dict[int, BehavingRows] = {}
        self._notes: dict[str, str] = {}
        for k, choice in enumerate(choices):
            if choice.name in _STATELESS or self._replayed(k, choice) or choice.name in CHOOSE:
                self._choices[k] = choice
        self._tallies = {
            each.name: Tally(f"behaviour: {each.name} by its own rule", EXACT, "kWh")
            for each in self._choices.values()
        }
        for name, note in self._notes.items():
            if name in self._tallies:
                self._tallies[name].note(note)

    def _replayed(self, k: int, choice: BehavingRows) -> bool:
        """Return whether what vehicles of a choice remember can be followed, and begin to."""
        inputs = self.inputs
        if choice.name not in REPLAYS:
            return False
        if choice.name in OF_ALL and (choice.rows >= inputs.recorded).any():
            self._notes[choice.name] = "what it compares is not all written down"
            return False
        if choice.name == "foresight" and inputs.scenario.expected_price.of_a_plugin:
            return False
        for s, strategy in enumerate(inputs.vehicle_strategies):
            if strategy != "typical" and not inputs.own_rule(s):
                prices = self._hours["community_price"][:, s]
                self._replays[k, s] = REPLAYS[choice.name](inputs, choice, self._fleet, prices)
        return True

    def add(self, first: int, rows: Columns, where: Whereabouts, travel: Travel | None) -> None:
        """Check some steps, columns of shape (steps, strategies, vehicles)."""
        shape = rows["price"].shape
        # At a stop on its way nobody is asked a price.
        asked = (rows["plugged"] == 1) & ~np.isnan(rows["price"])
        asked &= np.broadcast_to(where.way_kwh, shape) < 0.0
        for s, strategy in enumerate(self.inputs.vehicle_strategies):
            if strategy == "typical" or self.inputs.own_rule(s):
                continue
            for k, choice in self._choices.items():
                mine = choice.rows[choice.rows < self.inputs.recorded]
                seen = {name: values[:, s, mine] for name, values in rows.items()}
                home = None if travel is None else travel.finished[:, mine]
                here, replay = asked[:, s, mine], self._replays.get((k, s))
                if not len(mine):
                    continue
                if replay is None:
                    off = self._off(choice, seen, mine, home)
                else:
                    off = self._followed(replay, first, seen, mine, home, here)
                if off is not None:
                    apart = np.where(here, off, 0.0)[:, None]
                    label = self._label(first, strategy, mine)
                    self._tallies[choice.name].add(apart, label, first)

    def _followed(
        self,
        replay: Replay,
        first: int,
        seen: Columns,
        mine: NDArray[np.intp],
        home: NDArray[np.bool_] | None,
        asked: NDArray[np.bool_],
    ) -> FloatArray:
        """Return how far each exchange is from what its behaviour remembers [kWh]."""
        off = np.zeros(asked.shape)
        for k in range(len(off)):
            here = np.flatnonzero(asked[k])
            if len(here):
                now = {name: values[k, here] for name, values in seen.items()}
                stores = AnsweringStores(
                    now["lam"], now["theta"], now["usable_kwh"], now["min_kwh"], now["max_kwh"],
                    *(self._fleet[name][mine[here]] for name in _TERMS),
                )  # fmt: skip
                finished = None if home is None else home[k, here]
                place = np.maximum(now["community"].astype(np.intp), 0)
                given = now["price"], now["energy_kwh"], stores, finished, place
                off[k, here] = replay.step(Seen(first + k, here, *given))
            replay.end(first + k)
        return off

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
    ) -> FloatArray | None:
        """Return how far each exchange is from its behaviour [kWh]; None where that is unknown."""
        given: Any = choice.given
        price, energy = seen["price"], seen["energy_kwh"]
        lower, upper = seen["min_kwh"], seen["max_kwh"]
        price = np.where(seen["plugged"] == 1, price, 0.0)
        if choice.name == "misreport":
            store = [self._fleet[name][mine] for name in _TERMS]
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
