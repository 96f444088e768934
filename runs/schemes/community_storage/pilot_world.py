"""The members of a run simulated ahead of it, for no one knows what meters will show."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hmesh.agents.consumer import Consumer
from hmesh.agents.row_agent import AgentGroup
from hmesh.environment.arrays import FloatArray
from hmesh.environment.light_mesa import mesa
from hmesh.runs.world.chance import Chance
from hmesh.runs.world.meters import read_meters
from hmesh.runs.world.setting import Setting

type Watched = Sequence[tuple[type[Consumer], slice]]


class PilotWorld:
    """What some members use in any steps of a run, chance included, and how clear the sky is.

    Every draw has its own stream, so what the pilot sees is what the run will meet.

    Parameters
    ----------
    setting : Setting
        What all strategies share.
    watched : sequence of (type, slice)
        Types and rows of the members to be watched, in the order of the results.
    """

    def __init__(self, setting: Setting, watched: Watched) -> None:
        self.setting = setting
        self.watched = tuple(watched)
        self._begin()

    def _begin(self) -> None:
        setting = self.setting
        model: Any = mesa.Model()
        self._consumers: dict[type[Consumer], AgentGroup[Consumer]] = {
            kind: AgentGroup(model, kind, population.fork())
            for kind, population in setting.members.populations.items()
        }
        self._chance = Chance(setting, self._consumers)
        self._first = self._next = 0
        self._loads: list[FloatArray] = []
        self._clear: list[FloatArray] = []

    def loads_kwh(self, first: int, last: int) -> FloatArray:
        """Return what the watched use from a step to before another [kWh], (steps, members)."""
        self._simulate_until(first, last)
        rows = self._loads[first - self._first : last - self._first]
        empty = np.empty((0, sum(rows.stop - rows.start for _, rows in self.watched)))
        return np.concatenate([empty, *(row[None] for row in rows)])

    def clearness(self, first: int, last: int) -> FloatArray:
        """Return the clearness of the sky likewise [1], shape (steps, communities)."""
        self._simulate_until(first, last)
        rows = self._clear[first - self._first : last - self._first]
        return np.concatenate(
            [np.empty((0, len(self.setting.communities))), *(row[None] for row in rows)]
        )

    def _simulate_until(self, first: int, last: int) -> None:
        """Go on to a step, and forget those before the first that is asked for."""
        if first < self._first:
            self._begin()
        nodes = len(self.setting.grid.nodes)
        while self._next < last:
            self._chance.turn(self._next)
            read_meters(self.setting.members, self._consumers, self._chance, self._next, nodes)
            self._loads.append(loads_of(self._consumers, self.watched))
            self._clear.append(self._chance.clearness.copy())
            self._next += 1
        passed = min(first, self._next) - self._first
        del self._loads[:passed], self._clear[:passed]
        self._first += passed


def loads_of(consumers: Any, watched: Watched) -> FloatArray:
    """Return what members use in the present step [kWh], shape (members,).

    Parameters
    ----------
    consumers : mapping
        The consumers of a world, by type.
    watched : sequence of (type, slice)
        Which of them.
    """
    return np.concatenate(
        [np.empty(0), *(consumers[kind].population["load_kwh"][rows] for kind, rows in watched)]
    )
