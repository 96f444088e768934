"""The tree of lines below the utility, and where communities are on it.

The tree is given by arrays. Line ``i`` feeds node ``i + 1`` from node ``parents[i]``, which comes
before it; node 0 is the utility. A line that receives ``r`` at its far end is sent
``r + loss_rate * abs(r)``, so that losses add to a demand and reduce an export.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Tree:
    """The lines below the utility.

    Attributes
    ----------
    parents : array of int, shape (lines,)
        Node at the utility's end of each line, ``parents[i] <= i``.
    loss_rate : array, shape (lines,)
        Energy lost for each kWh that the far end receives or delivers [-].
    limit_kwh : array, shape (lines,)
        What the far end of each line may receive or deliver in a step [kWh]; infinite where that is
        not limited.
    """

    parents: NDArray[np.intp]
    loss_rate: FloatArray
    limit_kwh: FloatArray

    def received_kwh(self, node_kwh: FloatArray) -> FloatArray:
        """Return what the far end of every line receives, shape (lines,) or (lines, k) [kWh].

        Parameters
        ----------
        node_kwh : array, shape (nodes,) or (nodes, k)
            What every node takes, negative where it generates [kWh].
        """
        taken = np.array(node_kwh, dtype=np.float64)
        for line in range(len(self.parents) - 1, -1, -1):
            taken[self.parents[line]] += sent_kwh(taken[line + 1], self.loss_rate[line])
        return taken[1:]

    def path(self, node: int) -> list[int]:
        """Return the lines from a node up to the utility."""
        lines = []
        while node > 0:
            lines.append(node - 1)
            node = int(self.parents[node - 1])
        return lines


def sent_kwh(received: FloatArray, loss_rate: float) -> FloatArray:
    """Return what a line is sent so that its far end receives something [kWh]."""
    return received + loss_rate * np.abs(received)


def arriving_kwh(sent_kwh: float, loss_rate: float) -> float:
    """Return what the far end of a line receives of what is sent [kWh]."""
    return sent_kwh / (1.0 + loss_rate if sent_kwh > 0 else 1.0 - loss_rate)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The lines of a tree that lose energy or that communities share with a limit.

    Attributes
    ----------
    above : array of int, shape (nodes,)
        Place among them of the next of these lines above each node, -1 for the utility.
    lines : list of tuple
        For each the place of the next one above, its loss rate, its limit, infinite where it is not
        shared, and the communities whose answers are drawn there.
    answering : tuple of int
        Communities whose answers are drawn above all of them.
    loss_free, limited : bool
        Whether no line loses energy, and whether a shared one has a limit.
    """

    above: NDArray[np.intp]
    lines: list[tuple[int, float, float, tuple[int, ...]]]
    answering: tuple[int, ...]
    loss_free: bool
    limited: bool


def _kept_of(tree: Tree, answering: NDArray[np.intp], own: NDArray[np.intp]) -> _Kept:
    """Return the lines of a tree that change prices."""
    shared = np.isfinite(tree.limit_kwh) & (own < 0)
    kept = np.flatnonzero((tree.loss_rate > 0) | shared).tolist()
    place = {line: k for k, line in enumerate(kept)}
    above = np.empty(len(tree.parents) + 1, dtype=np.intp)
    above[0] = -1
    for line in range(len(tree.parents)):
        above[line + 1] = place.get(line, int(above[tree.parents[line]]))
    at = above[answering].tolist()

    def drawn_at(k: int) -> tuple[int, ...]:
        return tuple(m for m, where in enumerate(at) if where == k)

    return _Kept(
        above,
        [
            (
                int(above[tree.parents[line]]),
                float(tree.loss_rate[line]),
                float(tree.limit_kwh[line]) if shared[line] else np.inf,
                drawn_at(k),
            )
            for k, line in enumerate(kept)
        ],
        drawn_at(-1),
        not (tree.loss_rate > 0).any(),
        bool(shared.any()),
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Where communities are on a tree.

    Attributes
    ----------
    tree : Tree
        The lines.
    answering : array of int, shape (communities,)
        Node at which each community's answers to a price are drawn.
    owner : array of int, shape (nodes,)
        Community that draws energy at each node, -1 where none does.
    own : array of int, shape (lines,)
        Community to which a line belongs, since no other draws energy beyond it; -1 for a line that
        several communities share, or none.
    kept : _Kept
        The lines that change prices, found once for all steps.
    """

    tree: Tree
    answering: NDArray[np.intp]
    owner: NDArray[np.intp]
    own: NDArray[np.intp]
    kept: _Kept = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", _kept_of(self.tree, self.answering, self.own))


def places_of(tree: Tree, answering: NDArray[np.intp], owner: NDArray[np.intp]) -> Places:
    """Return where communities are on a tree, with the lines of each."""
    beyond: list[set[int]] = [set() if m < 0 else {m} for m in owner.tolist()]
    for line in range(len(tree.parents) - 1, -1, -1):
        beyond[int(tree.parents[line])] |= beyond[line + 1]
    own = [next(iter(found)) if len(found) == 1 else -1 for found in beyond[1:]]
    return Places(tree, answering, owner, np.array(own, dtype=np.intp))
