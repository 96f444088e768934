"""Agents of one type in groups: which rows belong to which, and what is drawn for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams


@dataclass(frozen=True, slots=True, eq=False)
class GroupRows:
    """Which group each row of a population belongs to.

    Attributes
    ----------
    names : tuple of str
        Names of the groups; one without a name is that of agents that are all alike.
    group : array of int, shape (size,)
        Group of each row.
    number : array of int, shape (size,)
        Place of each row within its group, from 0.
    rows : tuple of array of int
        Rows of each group, ascending.
    """

    names: tuple[str, ...]
    group: NDArray[np.int16]
    number: NDArray[np.int64]
    rows: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, names: Sequence[str], counts: Sequence[int], joining: int = 0) -> Self:
        """Return groups one after another, and after them those that join later.

        These join the groups in turn, each as often as its count says.

        Parameters
        ----------
        names : sequence of str
            Names of the groups.
        counts : sequence of int
            Agents of each that are there from the start.
        joining : int
            How many join later.
        """
        order = np.arange(len(counts))
        group = np.concatenate([np.repeat(order, counts), _in_turn(counts, joining)])
        number = np.empty(len(group), dtype=np.int64)
        rows = tuple(np.flatnonzero(group == each) for each in order)
        for mine in rows:
            number[mine] = np.arange(len(mine))
        return cls(tuple(names), group.astype(np.int16), number, rows)

    def __len__(self) -> int:
        return len(self.group)

    def part(self, first: int, end: int) -> "GroupRows":
        """Return the groups of some neighbouring rows, which are counted from the first of them."""
        rows = tuple(mine[(mine >= first) & (mine < end)] - first for mine in self.rows)
        return GroupRows(self.names, self.group[first:end], self.number[first:end], rows)

    def draw(self, streams: Streams, purpose: str, agent_type: str, day: int = 0) -> FloatArray:
        """Return a uniform draw for each row, shape (size,).

        Each group has its own stream, so that neither another group nor an agent more moves
        the draws of any other.
        """
        draws = np.empty(len(self.group))
        for name, rows in zip(self.names, self.rows, strict=True):
            stream = streams.generator(purpose, of_group(agent_type, name), day)
            draws[rows] = stream.random(len(rows))
        return draws


def of_group(agent_type: str, name: str) -> str:
    """Return what a stream of a group is named after: the type alone where it has no name."""
    return f"{agent_type} of {name}" if name else agent_type


def _in_turn(counts: Sequence[int], joining: int) -> NDArray[np.intp]:
    """Return the groups of those that join, so that shares stay what they are."""
    weights = np.asarray(counts, dtype=np.float64)
    weights = weights if weights.sum() > 0 else np.ones(len(counts))
    shares = weights / weights.sum()
    due, group = [], []
    for each, share in enumerate(shares.tolist()):
        if share > 0 and joining > 0:
            own = int(np.ceil(joining * share)) + 1
            due.append((np.arange(own) + 0.5) / share)
            group.append(np.full(own, each, dtype=np.intp))
    if not due:
        return np.empty(0, dtype=np.intp)
    order = np.argsort(np.concatenate(due), kind="stable")[:joining]
    chosen: NDArray[np.intp] = np.concatenate(group)[order]
    return chosen
