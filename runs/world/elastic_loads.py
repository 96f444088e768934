"""Households and buildings whose load answers to the price of their community."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.agents.answering import AnsweringStores
from hmesh.agents.consumer import Consumer
from hmesh.environment.arrays import FloatArray
from hmesh.environment.ask_and_answer import Who
from hmesh.environment.population import Population
from hmesh.markets.elastic_answers import elastic_load
from hmesh.runs.schemes.scheme_step import Scheme
from hmesh.runs.world.members import ELASTICITY
from hmesh.runs.world.priced_grid import answering_nodes

if TYPE_CHECKING:
    from hmesh.runs.world.simulation import Simulation

ELASTIC_LOADS = "elastic_loads"
CONSUMERS = "consumers"


@dataclass(frozen=True, slots=True)
class ElasticMembers(AnsweringStores):
    """The members of a community whose load answers to its price.

    They answer as stores do that hold nothing, with what they use more than their load.

    Attributes
    ----------
    types : tuple of (Population, array of int)
        The members of each type, one after another: their population and their rows in it.
    """

    types: tuple[tuple[Population, NDArray[np.intp]], ...] = field(kw_only=True)

    def remember(self, price: float, who: Who) -> None:
        """Keep the price that some of them heard."""
        heard = np.full(len(self), price)
        if who is not True:
            heard[~who] = np.nan
        for (population, rows), prices in zip(self.types, self.split(heard), strict=True):
            population.heard["price"][rows] = prices

    def split(self, values: FloatArray) -> list[FloatArray]:
        """Return the values of the members of each type."""
        parts, begin = [], 0
        for _, rows in self.types:
            parts.append(values[begin : begin + len(rows)])
            begin += len(rows)
        return parts


# A type's population, and the columns of those of it that answer in a community.
type _Answers = tuple[Population, tuple[NDArray[Any], ...]]


def _together(parts: Sequence[_Answers]) -> ElasticMembers:
    """Return the members of all types of a community, one type after another."""
    columns = [column for _, column in parts]
    types = tuple((population, column[0]) for population, column in parts)
    joined = (np.concatenate(column) for column in zip(*columns, strict=True))
    return ElasticMembers(CONSUMERS, *joined, types=types)


class ElasticLoads(Scheme):
    """The members of a world whose load answers to the price of the step.

    They belong to no scheme, and answer whatever schemes take part. Where nobody asks a price, or
    they do not hear it, they use their load.

    Parameters
    ----------
    simulation : Simulation
        The world of one strategy.
    """

    answering: list[ElasticMembers] | None

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self._elastic: dict[type[Consumer], NDArray[np.intp]] = {}
        # Where each community's are among them.
        self._places: dict[type[Consumer], list[NDArray[np.intp]]] = {}
        for kind, group in simulation.consumers.items():
            rows = np.flatnonzero(group.population["elasticity"] > 0)
            if len(rows):
                self._elastic[kind] = rows
                where = group.population["community"][rows]
                places = range(len(simulation.setting.communities))
                self._places[kind] = [np.flatnonzero(where == m) for m in places]
        if self._elastic:
            self.answer_nodes = self._nodes()

    def _nodes(self) -> NDArray[np.intp]:
        """Return where those of each community are drawn together."""
        setting = self.simulation.setting
        nodes: list[list[int]] = [[] for _ in setting.communities]
        for kind, rows in self._elastic.items():
            where = setting.members.populations[kind]["community"][rows]
            at = setting.members.nodes[kind][rows]
            for m, there in enumerate(nodes):
                there += np.unique(at[where == m]).tolist()
        own = setting.community_nodes.tolist()
        return answering_nodes(
            setting, [there or [node] for there, node in zip(nodes, own, strict=True)]
        )

    def look_around(self) -> None:
        """See what everybody would use whatever the price, and could use more or less."""
        if self._elastic:
            for kind in self._elastic:
                population = self.simulation.consumers[kind].population
                population.heard["price"] = np.full(len(population), np.nan)
            places = range(len(self.simulation.setting.communities))
            of_each: list[list[_Answers]] = [[] for _ in places]
            for kind in self._elastic:
                for parts, answers in zip(of_each, self._answers_of(kind), strict=True):
                    parts.append(answers)
            self.answering = [_together(parts) for parts in of_each]

    def _answers_of(self, kind: type[Consumer]) -> Iterator[_Answers]:
        """Yield for each community whose load of a type answers in this step, and how."""
        population, rows = self.simulation.consumers[kind].population, self._elastic[kind]
        load = population["load_kwh"][rows]
        # Nobody answers who uses nothing, or feeds in.
        answers = load > 0
        all_answer = bool(answers.all())
        if not all_answer:
            # Of those nothing is kept; their load only must not divide by zero.
            load = np.where(answers, load, 1.0)
        lam, theta, lower, upper = elastic_load(
            load, *(population[name][rows] for name in ELASTICITY)
        )
        for place in self._places[kind]:
            mine = place if all_answer else place[answers[place]]
            columns = np.zeros(len(mine)), lower[mine], upper[mine], np.asarray(lam)[mine]
            yield population, (rows[mine], *columns, np.asarray(theta)[mine])

    def take_response(self, exchange_kwh: list[FloatArray]) -> None:
        """Let everybody use what suits them at the price of the step."""
        simulation, nodes = self.simulation, self.simulation.setting.members.nodes
        for m, (members, energy) in enumerate(zip(self.answering or (), exchange_kwh, strict=True)):
            if not len(members):
                continue
            parts = zip(self._elastic, members.types, members.split(energy), strict=True)
            for kind, (population, rows), more in parts:
                if len(rows):
                    where = np.full(len(rows), m)
                    population["load_kwh"][rows] += more
                    simulation.draw("fixed_load_kwh", where, nodes[kind][rows], more)
            simulation.meters.fixed_kwh[m] += float(energy.sum())

    def sums(self) -> dict[str, float]:
        """Return what everybody used more than without a price, and what that was worth."""
        answered = self.simulation.market.decision.exchange_kwh.get(ELASTIC_LOADS)
        if answered is None:
            return {}
        members = self.answering or ()
        worth = sum(each.worth(energy) for each, energy in zip(members, answered, strict=True))
        return {
            "elastic_response_kwh": float(sum(energy.sum() for energy in answered)),
            "elastic_response_worth": float(worth),
        }
