"""Who plugs in where it arrives: always, only at home, or by how full the battery is."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.group_rows import GroupRows, of_group
from hmesh.environment.population import Population
from hmesh.environment.streams import Streams

AGENT_TYPE = "electric vehicle"


@dataclass(frozen=True, slots=True)
class PlugHabit:
    """When the vehicles of a group plug in.

    Attributes
    ----------
    at_home : bool
        Whether only at home.
    below : float
        Only if the state of charge is below this as it arrives [-].
    probability : tuple of (float, float)
        Points of state of charge and probability, a straight line between two; always if empty.
    """

    at_home: bool = False
    below: float = inf
    probability: tuple[tuple[float, float], ...] = ()

    @property
    def always(self) -> bool:
        """Whether they plug in wherever they are."""
        return not (self.at_home or self.below < inf or self.probability)


def plugs_in(
    habit: PlugHabit,
    home: NDArray[np.integer],
    place: NDArray[np.integer],
    soc: FloatArray,
    u: FloatArray,
) -> NDArray[np.bool_]:
    """Return which vehicles plug in as they arrive.

    Parameters
    ----------
    habit : PlugHabit
        When they do.
    home, place : array of int, shape (n,)
        Where each is at home, and where it arrives.
    soc : array, shape (n,)
        State of charge with which it arrives [-].
    u : array, shape (n,)
        A uniform draw for each, 0 <= u < 1.
    """
    does: NDArray[np.bool_] = soc < habit.below
    if habit.at_home:
        does &= place == home
    if habit.probability:
        at, shares = zip(*habit.probability, strict=True)
        does &= u < np.interp(soc, at, shares)
    return does


class PlugHabits:
    """The habits of a fleet, whose groups decide each by their own.

    Parameters
    ----------
    habits : sequence of PlugHabit
        That of each group.
    groups : GroupRows
        Which vehicles belong to which group.
    streams : Streams
        Of the run; each group draws for itself, in every step in which any of it arrives.
    fleet : Population
        Has the columns ``capacity_kwh``, ``home`` and ``plugs_in``, which is written.
    """

    def __init__(
        self,
        habits: Sequence[PlugHabit],
        groups: GroupRows,
        streams: Streams,
        fleet: Population,
    ) -> None:
        self.habits = tuple(habits)
        self.groups = groups
        self.streams = streams
        self.fleet = fleet
        self._choosing = [g for g, habit in enumerate(habits) if not habit.always]

    def decide(
        self,
        rows: NDArray[np.intp],
        place: NDArray[np.integer],
        energy_kwh: FloatArray,
        step: int,
    ) -> NDArray[np.bool_]:
        """Return which vehicles plug in where they arrive in a step, shape (n,).

        Parameters
        ----------
        rows, place : array of int, shape (n,)
            Vehicles, of which one may arrive several times, and where.
        energy_kwh : array, shape (n,)
            Stored energy with which each arrives [kWh].
        step : int
            The step.
        """
        decided = np.ones(len(rows), dtype=np.bool_)
        group = self.groups.group[rows]
        for g in self._choosing:
            mine = np.flatnonzero(group == g)
            if len(mine) == 0:
                continue
            vehicles, habit = rows[mine], self.habits[g]
            u = np.zeros(len(mine))
            if habit.probability:
                name = of_group(AGENT_TYPE, self.groups.names[g])
                stream = self.streams.generator("plug in", name, step)
                u = stream.random(len(self.groups.rows[g]))[self.groups.number[vehicles]]
            decided[mine] = plugs_in(
                habit,
                self.fleet["home"][vehicles],
                place[mine],
                energy_kwh[mine] / self.fleet["capacity_kwh"][vehicles],
                u,
            )
        return decided

    def settle(self, rows: NDArray[np.intp], step: int) -> None:
        """Let vehicles decide that are parked as the run begins, or as they join."""
        place, energy = self.fleet["community"][rows], self.fleet["energy_kwh"][rows]
        self.fleet["plugs_in"][rows] = self.decide(rows, place, energy, step)
