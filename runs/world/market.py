"""Who answers to the price of a step, and by which rule of the strategy it is set."""

from math import isnan
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.answering import Answering
from hmesh.agents.fleet import VEHICLES
from hmesh.environment.arrays import FloatArray
from hmesh.markets.price_game import Game
from hmesh.runs.schemes.descriptor import LEADERS
from hmesh.runs.schemes.scheme_step import Scheme
from hmesh.runs.strategy_names import pricing_of
from hmesh.runs.world.decision import Decision, Exchange
from hmesh.runs.world.elastic_loads import ELASTIC_LOADS
from hmesh.runs.world.leaders import LeaderRules
from hmesh.runs.world.price_rules import RULES
from hmesh.runs.world.priced_grid import PricedGrid, answering_nodes, priced_grid

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation


class Market:
    """The prices of one world: by which rule they are set, and what was decided in a step.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.

    Attributes
    ----------
    decide : callable
        The rule: from the world to a `Decision`.
    decision : Decision
        What was decided in the step.
    answering : dict of list of Answering
        Those that answer to the price of the step, by name of their scheme, or of the elastic
        loads, and by community.
    passive_kwh : array, shape (communities,)
        What each community draws whatever the price of the step [kWh].
    node_kwh : array, shape (nodes,)
        What each node of the grid takes whatever the price of the step [kWh].
    game : Game or None
        The game of the step, where somebody has asked for it.
    leaders : LeaderRules or None
        How leaders set prices that do not best-respond, and what they have learned.
    """

    decision: Decision

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        strategy = simulation.strategy
        self.decide = RULES[strategy if strategy in RULES else pricing_of(strategy)]().decide
        self.answering: dict[str, list[Answering]] = {}
        self.game: Game | None = None
        self.leaders = LeaderRules(simulation) if strategy == LEADERS else None
        self._grid: tuple[tuple[str, ...], PricedGrid] | None = None

    @property
    def present(self) -> NDArray[np.intp]:
        """How many vehicles answer to the price of the step, shape (communities,)."""
        present = np.zeros(len(self.simulation.setting.communities), dtype=np.intp)
        for groups in self.answering.values():
            present += [len(each) if each.name == VEHICLES else 0 for each in groups]
        return present

    def groups_in(self, community: int) -> list[Answering]:
        """Return those of a community that answer to its price, one group after another."""
        return [groups[community] for groups in self.answering.values()]

    def respond(self, community_price: FloatArray) -> Exchange:
        """Return what everyone exchanges at the prices of their communities [kWh].

        Those of a community whose price is NaN, for want of supply, stay idle.
        """
        prices = community_price.tolist()
        return {
            name: [
                np.zeros(len(each)) if isnan(price) else each.respond(price)
                for each, price in zip(groups, prices, strict=True)
            ]
            for name, groups in self.answering.items()
        }

    def set_prices(self) -> None:
        """Ask those that answer to a price what they could do, and set the prices of the step."""
        simulation = self.simulation
        self.game = None
        self.passive_kwh = simulation.net_kwh.copy()
        self.node_kwh = simulation.meters.node_kwh.copy()
        sources = self._sources()
        self.answering = {name: list(each.answering or ()) for name, each in sources.items()}
        self.decision = self.decide(simulation)
        self._check(self.decision.exchange_kwh)
        for name, each in sources.items():
            each.take_response(self.decision.exchange_kwh[name])

    def _check(self, exchange_kwh: Exchange) -> None:
        """Refuse energies of a rule of your own that do not fit those that answer."""
        wanted = {name: [len(each) for each in groups] for name, groups in self.answering.items()}
        given = None
        if isinstance(exchange_kwh, dict):
            given = {name: [len(each) for each in some] for name, some in exchange_kwh.items()}
        if given != wanted:
            raise ValueError(
                f"the rule of {self.simulation.strategy!r} must return in exchange_kwh an array "
                f"for each community of each of {sorted(wanted)}, as Market.respond does"
            )

    def idle(self, name: str) -> list[FloatArray]:
        """Return what those of a group exchange that stay idle [kWh]."""
        return [np.zeros(len(each)) for each in self.answering[name]]

    @property
    def grid(self) -> PricedGrid:
        """The lines as those see them who set prices."""
        sources = self._sources()
        if self._grid is None or self._grid[0] != tuple(sources):
            setting = self.simulation.setting
            nodes = [each.answer_nodes for each in sources.values()] or [None]
            found = [setting.community_nodes if each is None else each for each in nodes]
            of_each = [list(each) for each in zip(*(each.tolist() for each in found), strict=True)]
            together = answering_nodes(setting, of_each)
            priced = priced_grid(setting.scenario, setting.grid, together, self.simulation.step_h)
            self._grid = tuple(sources), priced
        return self._grid[1]

    def unpriced_kwh(self) -> Exchange:
        """Return what those exchange that answer to a price, where nobody asks one [kWh]."""
        return {name: each.unpriced_kwh() for name, each in self._sources().items()}

    def _sources(self) -> dict[str, Scheme]:
        """Return the elastic loads and the schemes whose agents answer to a price, by name."""
        loads = self.simulation.elastic_loads
        everybody = {ELASTIC_LOADS: loads, **self.simulation.schemes}
        return {name: each for name, each in everybody.items() if each.answering is not None}
