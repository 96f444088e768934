"""Nodes and the lines between them, as far as a grid is made of them."""

from collections.abc import Iterator
from typing import Any


class LineGraph:
    """A directed graph that is asked as `networkx.DiGraph` is, without loading that library.

    Attributes
    ----------
    nodes : dict of dict
        The attributes of every node, by name, in the order in which they were added.
    edges : dict of dict
        The attributes of every line, by the names of both ends, likewise.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.edges: dict[tuple[str, str], dict[str, Any]] = {}
        self._below: dict[str, list[str]] = {}
        self._above: dict[str, list[str]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def add_node(self, name: str, **attributes: Any) -> None:
        """Add a node, or attributes to one that is there."""
        if name not in self.nodes:
            self.nodes[name], self._below[name], self._above[name] = {}, [], []
        self.nodes[name] |= attributes

    def add_edge(self, start: str, end: str, **attributes: Any) -> None:
        """Add a line, or attributes to one that is there; its ends become nodes."""
        self.add_node(start)
        self.add_node(end)
        if (start, end) not in self.edges:
            self.edges[start, end] = {}
            self._below[start].append(end)
            self._above[end].append(start)
        self.edges[start, end] |= attributes

    def successors(self, name: str) -> Iterator[str]:
        """Return the far ends of the lines that begin at a node."""
        return iter(self._below[name])

    def predecessors(self, name: str) -> Iterator[str]:
        """Return the near ends of the lines that end at a node."""
        return iter(self._above[name])

    def in_degree(self, name: str) -> int:
        """Return how many lines end at a node."""
        return len(self._above[name])

    def is_directed(self) -> bool:
        """Return that lines have a direction."""
        return True

    def is_multigraph(self) -> bool:
        """Return that no two lines have the same ends."""
        return False
