"""Who knows whom: social networks, and peers drawn from them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True, eq=False)
class SocialNetwork:
    """The neighbours of everybody, one after another.

    Attributes
    ----------
    first : array of int, shape (players + 1,)
        Where the neighbours of each begin.
    neighbours : array of int
        Numbers of the neighbours.
    """

    first: NDArray[np.intp]
    neighbours: NDArray[np.intp]

    @classmethod
    def of(cls, count: int, edges: NDArray[np.intp]) -> Self:
        """Return the network of some edges, each between two players, shape (edges, 2)."""
        both = np.concatenate((edges, edges[:, ::-1]))
        order = np.lexsort((both[:, 1], both[:, 0]))
        degree = np.bincount(both[:, 0], minlength=count)
        return cls(np.concatenate(([0], np.cumsum(degree))).astype(np.intp), both[order, 1])

    @property
    def degree(self) -> NDArray[np.intp]:
        """How many neighbours each has, shape (players,)."""
        return np.diff(self.first)

    def peers_of(self, who: NDArray[np.intp], draws: FloatArray) -> NDArray[np.intp]:
        """Return neighbours of some, drawn with replacement; itself where one has none.

        Parameters
        ----------
        who : array of int, shape (n,)
            Their numbers.
        draws : array, shape (n, k)
            Uniform draws, 0 <= draw < 1.
        """
        degree = self.degree[who][:, None]
        if not len(self.neighbours):
            return np.broadcast_to(who[:, None], draws.shape)
        place = self.first[who][:, None] + (draws * degree).astype(np.intp)
        found = self.neighbours[np.minimum(place, len(self.neighbours) - 1)]
        return np.where(degree > 0, found, who[:, None])


def small_world(count: int, neighbours: int, rewired: float, seed: int) -> SocialNetwork:
    """Return a small world: a ring of neighbours, some of whose edges lead elsewhere.

    Parameters
    ----------
    count : int
        Players.
    neighbours : int
        Neighbours of each on the ring, an even number.
    rewired : float
        Share of the edges that lead elsewhere, 0..1 [-].
    seed : int
        Seed of the draws.

    Notes
    -----
    Source: D. Watts and S. Strogatz, Collective dynamics of small-world networks, Nature 393
    (1998) 440-442.
    """
    import networkx as nx  # Slow to load, and needed only where somebody follows others.

    least = neighbours + 1
    return _made(count, least, lambda: nx.watts_strogatz_graph(count, neighbours, rewired, seed))


def scale_free(count: int, neighbours: int, seed: int) -> SocialNetwork:
    """Return a scale-free network: everybody who comes knows those best who are known to many.

    Parameters
    ----------
    count : int
        Players.
    neighbours : int
        Mean number of neighbours, an even number; half of them are those that each gets to know.
    seed : int
        Seed of the draws.

    Notes
    -----
    Source: A.-L. Barabasi and R. Albert, Emergence of scaling in random networks, Science 286
    (1999) 509-512.
    """
    import networkx as nx

    links = max(neighbours // 2, 1)
    return _made(count, links + 1, lambda: nx.barabasi_albert_graph(count, links, seed))


def by_community(
    community: NDArray[np.integer],
) -> Callable[[NDArray[np.intp], FloatArray], NDArray[np.intp]]:
    """Return how peers of the same community are drawn, where everybody there knows everybody.

    Parameters
    ----------
    community : array of int, shape (players,)
        Community of each.

    Returns
    -------
    callable
        From numbers of shape (n,) and uniform draws of shape (n, k) to peers, others than oneself
        where there are any.
    """
    order = np.argsort(community, kind="stable").astype(np.intp)
    _, number, size = np.unique(community, return_inverse=True, return_counts=True)
    first = np.concatenate(([0], np.cumsum(size)))[:-1][number]
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    own, there = place - first, size[number]

    def peers_of(who: NDArray[np.intp], draws: FloatArray) -> NDArray[np.intp]:
        many = there[who][:, None]
        step = 1 + (draws * (many - 1)).astype(np.intp)
        at = (own[who][:, None] + step) % many
        return np.asarray(order[first[who][:, None] + at])

    return peers_of


def given_network(path: Path, count: int) -> SocialNetwork:
    """Return a network that stands in a CSV file with the columns ``one`` and ``other``.

    Raises
    ------
    InputError
        If the file cannot be read, or an edge names somebody who is not there.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, usecols=["one", "other"], dtype=np.int64)
    except (OSError, ValueError) as error:
        allowed = "columns one and other, whole numbers of vehicles of the group from 0"
        raise InputError([Problem(path.name, str(error), allowed)]) from None
    edges = table[["one", "other"]].to_numpy()
    wrong = ((edges < 0) | (edges >= count)).any(axis=1) | (edges[:, 0] == edges[:, 1])
    if wrong.any():
        row = int(np.argmax(wrong))
        message = f"an edge from {edges[row, 0]} to {edges[row, 1]}"
        allowed = f"two different numbers from 0 to {count - 1}"
        raise InputError([Problem(f"{path.name}: line {row + 2}", message, allowed)])
    return SocialNetwork.of(count, np.unique(np.sort(edges, axis=1), axis=0).astype(np.intp))


def _made(count: int, least: int, make: Callable[[], "nx.Graph[int]"]) -> SocialNetwork:
    """Return the network of a graph, one of all with all where there are too few players."""
    import networkx as nx

    graph = make() if count > least else nx.complete_graph(count)
    edges = np.array(graph.edges, dtype=np.intp).reshape(-1, 2)
    return SocialNetwork.of(count, edges)
