"""Whether prices are best responses in a world without vehicles, whose audit asks that else."""

from collections.abc import Iterator

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check
from hmesh.runs.audits.congestion_prices import CongestionAudit
from hmesh.runs.audits.equilibrium import EquilibriumAudit
from hmesh.runs.audits.game_step import GameStep
from hmesh.runs.audits.reference.stores import AnsweringStores
from hmesh.runs.audits.reference.utility import PriceGame
from hmesh.runs.audits.run_inputs import RunInputs
from hmesh.runs.audits.scheme_audit import Figures, SchemeAudit
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.schemes.descriptor import OWN_RULE, RETAIL

_UNKNOWN = "not all who answer to prices are written down"
_NOBODY = np.empty(0)


class PricesAudit(SchemeAudit):
    """The audit of the price game of stores and loads alone.

    Parameters
    ----------
    inputs, hours : RunInputs, dict of array
        What the scenario settles, and the columns of hours.parquet before anything was shed.
    """

    answers = True
    of_agents = False

    def __init__(self, inputs: RunInputs, hours: Columns) -> None:
        self.inputs, self._hours = inputs, hours
        self.follows = inputs.pricing
        self.equilibrium = EquilibriumAudit(inputs, self.follows)
        self.congestion = CongestionAudit(inputs, self.follows)
        shape = (2, inputs.steps, len(inputs.strategies))
        self._welfare = np.zeros(shape) if inputs.scenario.welfare_recorded else None

    @staticmethod
    def needed(inputs: RunInputs) -> bool:
        """Return whether a rule of a game or a planner sets prices where there are no vehicles."""
        ruled = any(rule not in (RETAIL, OWN_RULE) for rule in inputs.pricing)
        return ruled and "vehicles" not in inputs.scenario.schemes

    def game(self, step: int, strategy: int) -> tuple[GameStep, PriceGame] | None:
        """Return who answers in a step and their game, and check its equilibrium."""
        rule = self.follows[strategy]
        bargains = rule not in (RETAIL, OWN_RULE)
        if self.grid is None or (not bargains and self._welfare is None):
            return None
        if any(each.answers_by_design for each in self.beside if isinstance(each, SchemeAudit)):
            self._forget("some answer by behaviours of plugins")
            return None
        if not self.inputs.plays(step):
            return None
        others = [each.others(step, strategy) for each in self.beside]
        known = [each for each in others if each is not None]
        if len(known) < len(others):
            self._forget(_UNKNOWN)
            return None
        here = {name: values[step, strategy] for name, values in self._hours.items()}
        exchanged = np.sum([each.exchanged_kwh for each in known], axis=0) if known else 0.0
        seen = GameStep(
            step=step,
            strategy=strategy,
            where=np.empty(0, dtype=np.int64),
            stores=AnsweringStores(_NOBODY, _NOBODY, _NOBODY, _NOBODY, _NOBODY),
            energy_kwh=_NOBODY,
            utility_price=float(here["utility_price"][0]),
            community_price=here["community_price"],
            passive_kwh=here["net_kwh"] - exchanged,
            grid=self.grid,
            others=known,
        )
        if self._welfare is not None:
            self._welfare[:, step, strategy] = seen.welfare(self.inputs)
        if not bargains:
            return None
        game = seen.game(self.inputs)
        self.equilibrium.add(seen, game)
        if self.unlimited_price is not None:
            self.congestion.add(seen, game, self.unlimited_price[step, strategy])
        return seen, game

    def _forget(self, why: str) -> None:
        """Note why it is not known how all answer."""
        self.unknown_answers = self.equilibrium.unknown = self.congestion.unknown = why

    def welfare(self) -> tuple[FloatArray, FloatArray] | None:
        """Return the welfare of every step, and the planner's, where all are known."""
        if self._welfare is None or self.grid is None or self.unknown_answers:
            return None
        return self._welfare[0], self._welfare[1]

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        yield from self.equilibrium.checks()
        yield from self.congestion.checks()

    def figures(self) -> tuple[Figures, Figures]:
        """Return how often the utility's best price is not attained, where that is known."""
        solver = self.inputs.scenario.game.solver
        if self.unknown_answers or self.grid is None or self.inputs.played:
            return {}, {}
        if solver == "exact":
            return {"counts.unattained_optima": self.equilibrium.unattained}, {}
        if solver in ("grid", "closed_form"):
            nothing = np.zeros_like(self.equilibrium.unattained)
            return {"counts.unattained_optima": nothing}, {}
        return {}, {}
