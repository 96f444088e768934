"""Households and buildings whose load answers to the price of their community."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.answering import AnsweringStores
from hmesh.agents.consumer import Consumer
from hmesh.markets.answers import elastic_load
from hmesh.runs.schemes.scheme_step import Scheme
from hmesh.runs.world.members import Members
from hmesh.runs.world.priced_grid import answering_nodes

if TYPE_CHECKING:
    from hmesh.runs.scenarios.scenario import Scenario
    from hmesh.runs.world.simulation import Simulation

ELASTIC_LOADS = "elastic_loads"
CONSUMERS = "consumers"


@dataclass(frozen=True, slots=True)
class ElasticRows:
    """The members of one type whose load answers to prices.

    Attributes
    ----------
    rows : array of int, shape (n,)
        Their rows in the population of their type.
    elasticity, reference_price, least_share, most_share : array, shape (n,)
        As in `hmesh.markets.answers.elastic_answers`.
    """

    rows: NDArray[np.intp]
    elasticity: NDArray[np.float64]
    reference_price: NDArray[np.float64]
    least_share: NDArray[np.float64]
    most_share: NDArray[np.float64]


def elastic_rows(scenario: "Scenario", members: Members) -> dict[type[Consumer], ElasticRows]:
    """Return the members whose load answers to prices, by type; nothing where there are none."""
    given = {
        f"{name}/{group.name}": group.elasticity
        for name, community in scenario.communities.items()
        for group in community.members
    }
    found: dict[type[Consumer], ElasticRows] = {}
    for kind, groups in members.groups.items():
        rows, numbers = [], []
        for group in groups:
            elasticity = given[group.name]
            if elasticity is None:
                continue
            mine = np.arange(group.rows.start, group.rows.stop)
            rows.append(mine)
            row = (
                elasticity.value, elasticity.reference_price,
                elasticity.lower_share, elasticity.upper_share,
            )  # fmt: skip
            numbers.append(np.broadcast_to(np.array(row), (len(mine), 4)))
        if rows:
            found[kind] = ElasticRows(np.concatenate(rows), *np.concatenate(numbers).T)
    return found


class ElasticLoads(Scheme):
    """The members of a world whose load answers to the price of the step.

    They belong to no scheme, and answer whatever schemes take part. What they answer is how much
    more than their load they use, below 0 less; where nobody asks a price, or they do not hear it,
    they use their load.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    """

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        setting = simulation.setting
        self._rows = elastic_rows(setting.scenario, setting.members)
        self._groups: list[list[tuple[type[Consumer], NDArray[np.intp]]]] = []
        if self._rows:
            self._find_nodes()

    @property
    def there(self) -> bool:
        """Whether the load of anybody answers to prices."""
        return bool(self._rows)

    def _find_nodes(self) -> None:
        """Find where those of each community are drawn together."""
        setting = self.simulation.setting
        nodes = []
        for m, own in enumerate(setting.community_nodes.tolist()):
            there: list[int] = []
            for kind, elastic in self._rows.items():
                where = setting.members.populations[kind]["community"][elastic.rows]
                at = setting.members.nodes[kind][elastic.rows]
                there += np.unique(at[where == m]).tolist()
            nodes.append(there or [own])
        self.answer_nodes = answering_nodes(setting, nodes)

    def look_around(self) -> None:
        """See what everybody would use whatever the price, and could use more or less."""
        if not self._rows:
            return
        places = range(len(self.simulation.setting.communities))
        found = [self._in(m) for m in places]
        self._groups = [groups for groups, _ in found]
        self.answering = [stores for _, stores in found]

    def _in(
        self, community: int
    ) -> tuple[list[tuple[type[Consumer], NDArray[np.intp]]], AnsweringStores]:
        """Return whose load answers in a community in this step, by type, and how."""
        groups, columns = [], []
        for kind, elastic in self._rows.items():
            population = self.simulation.consumers[kind].population
            load = population["load_kwh"][elastic.rows]
            # Nobody answers who uses nothing, or feeds in.
            mine = np.flatnonzero((population["community"][elastic.rows] == community) & (load > 0))
            lam, theta, lower, upper = elastic_load(
                load[mine], elastic.elasticity[mine], elastic.reference_price[mine],
                elastic.least_share[mine], elastic.most_share[mine],
            )  # fmt: skip
            groups.append((kind, elastic.rows[mine]))
            columns.append((elastic.rows[mine], np.zeros(len(mine)), lower, upper, lam, theta))
        joined = [np.concatenate(column) for column in zip(*columns, strict=True)]
        return groups, AnsweringStores(CONSUMERS, *joined)

    def take_response(self, exchange_kwh: list[NDArray[np.float64]]) -> None:
        """Let everybody use what suits them at the price of the step."""
        simulation = self.simulation
        for m, (groups, energy) in enumerate(zip(self._groups, exchange_kwh, strict=True)):
            start = 0
            for kind, rows in groups:
                more = energy[start : start + len(rows)]
                start += len(rows)
                simulation.consumers[kind].population["load_kwh"][rows] += more
                at = simulation.setting.members.nodes[kind][rows]
                simulation.draw("fixed_load_kwh", np.full(len(rows), m), at, more)
            simulation.meters.fixed_kwh[m] += float(energy.sum())

    def sums(self) -> dict[str, float]:
        """Return what everybody used more than they would have whatever the price."""
        answered = self.simulation.market.decision.exchange_kwh.get(ELASTIC_LOADS)
        if answered is None:
            return {}
        energies = np.concatenate(answered)
        return {"elastic_response_kwh": float(energies.sum())}
