"""The electric grid: a tree of lines below the utility, their flows and losses."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.line_graph import LineGraph

if TYPE_CHECKING:
    import networkx as nx

KINDS = (
    "utility",
    "high_voltage",
    "medium_voltage",
    "transformer",
    "low_voltage",
    "feeder",
    "community",
    "connection",
)

LINE_ATTRIBUTES: dict[str, tuple[Callable[[float], bool], str]] = {
    "length_km": (lambda value: 0 <= value < math.inf, "0 or more"),
    "rating_kw": (lambda value: value > 0, "above 0"),
    "loss_rate": (lambda value: 0 <= value < 1, "0 to below 1"),
}


@dataclass(frozen=True, slots=True)
class LineFlows:
    """Energy in every line during a step, positive away from the utility.

    Attributes
    ----------
    sent_kwh : array, shape (lines,) or (lines, k)
        At the end nearer to the utility [kWh].
    received_kwh : array
        At the other end, like `sent_kwh` [kWh].
    losses_kwh : array
        Lost between them, like `sent_kwh` [kWh].
    """

    sent_kwh: FloatArray
    received_kwh: FloatArray
    losses_kwh: FloatArray


class Grid:
    """The lines that carry energy from the utility to everyone, and back.

    Parameters
    ----------
    graph : networkx.DiGraph or LineGraph
        A tree whose edges point away from the utility. Every node has a ``kind`` of `KINDS`. Every
        edge has ``length_km`` [km], ``rating_kw`` [kW] and
        ``loss_rate``, the energy lost for each kWh that leaves the far end [-].

    Attributes
    ----------
    nodes : tuple of str
        Names of the nodes: the utility, then level by level.
    kinds : tuple of str
        Kind of every node.
    node_index : dict of int
        Place of every node in `nodes`.
    lines : tuple of (str, str)
        Both ends of every line; line ``i`` feeds node ``i + 1``.
    parents : array of int, shape (nodes,)
        Place in `nodes` of the node that feeds each node, -1 for the utility.
    length_km, rating_kw, loss_rate : array, shape (lines,)
        Attributes of every line.

    Raises
    ------
    InputError
        If the graph is no such tree or lacks an attribute; every offending node and line is named.
    """

    def __init__(self, graph: "nx.DiGraph[str] | LineGraph") -> None:
        problems = [*_misplaced_nodes(graph), *_wrong_attributes(graph)]
        if problems:
            raise InputError(problems)
        levels = _levels(graph)
        self.nodes = tuple(node for level in levels for node in level)
        self.kinds = tuple(str(graph.nodes[node]["kind"]) for node in self.nodes)
        self.node_index = {node: index for index, node in enumerate(self.nodes)}
        self.lines = tuple((next(graph.predecessors(node)), node) for node in self.nodes[1:])
        above = [self.node_index[parent] for parent, _ in self.lines]
        self.parents = np.array([-1, *above], np.intp)
        ends = np.cumsum([len(level) for level in levels]) - 1
        self._levels = [slice(*bounds) for bounds in pairwise(ends.tolist())]
        attributes = [graph.edges[line] for line in self.lines]
        self.length_km = np.array([float(line["length_km"]) for line in attributes])
        self.rating_kw = np.array([float(line["rating_kw"]) for line in attributes])
        self.loss_rate = np.array([float(line["loss_rate"]) for line in attributes])

    def flows(self, demand_kwh: FloatArray) -> LineFlows:
        """Carry the demand of every node, level by level towards the utility.

        A line receives what its subtree takes, ``r``, and is sent ``r + loss_rate * abs(r)``:
        losses add to a demand and reduce an export.

        Parameters
        ----------
        demand_kwh : array, shape (nodes,) or (nodes, k)
            Net energy each node takes in the step [kWh], negative where it generates.

        Returns
        -------
        LineFlows
            Arrays of shape (lines,) or (lines, k).

        Raises
        ------
        ValueError
            If there is not one row for each node.
        """
        taken_kwh = np.array(demand_kwh, dtype=np.float64)
        if taken_kwh.ndim not in (1, 2) or len(taken_kwh) != len(self.nodes):
            n = len(self.nodes)
            raise ValueError(f"demand has shape {taken_kwh.shape}, not ({n},) or ({n}, k)")
        received_kwh = taken_kwh[1:]
        losses_kwh = np.empty_like(received_kwh)
        loss_rate = _one_row_each(self.loss_rate, taken_kwh.ndim)
        feeding = self.parents[1:]
        for level in reversed(self._levels):
            losses_kwh[level] = loss_rate[level] * np.abs(received_kwh[level])
            np.add.at(taken_kwh, feeding[level], received_kwh[level] + losses_kwh[level])
        return LineFlows(received_kwh + losses_kwh, received_kwh, losses_kwh)

    def path(self, node: int) -> NDArray[np.intp]:
        """Return the lines between a node and the utility, that which feeds the node first.

        Parameters
        ----------
        node : int
            Place of the node in `nodes`.

        Returns
        -------
        array of int, shape (lines on the way,)
            Empty for the utility.
        """
        lines = []
        while node > 0:
            lines.append(node - 1)
            node = int(self.parents[node])
        return np.array(lines, np.intp)

    def beyond(self, nodes: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which lines lie between each node and the utility.

        Parameters
        ----------
        nodes : array of int, shape (n,)
            Places in `nodes`.

        Returns
        -------
        array of bool, shape (lines, n)
            True where what a node takes flows through a line.
        """
        through = np.zeros((len(self.lines), len(nodes)), np.bool_)
        for column, node in enumerate(nodes.tolist()):
            through[self.path(node), column] = True
        return through

    def loading(self, flows: LineFlows, step_h: float) -> FloatArray:
        """Return the mean power of every line over its rating.

        Parameters
        ----------
        flows : LineFlows
            Energy in every line.
        step_h : float
            Length of the step [h].

        Returns
        -------
        array, shape (lines,) or (lines, k)
            Loading at the end that carries more [-]; above 1 a line is overloaded.
        """
        energy_kwh = np.maximum(np.abs(flows.sent_kwh), np.abs(flows.received_kwh))
        loading: FloatArray = energy_kwh / step_h
        return loading / _one_row_each(self.rating_kw, loading.ndim)

    def supplied_kwh(self, flows: LineFlows, demand_kwh: FloatArray) -> float:
        """Return what the utility supplies to its own node and into its lines.

        Parameters
        ----------
        flows : LineFlows
            Energy in every line, arrays of shape (lines,).
        demand_kwh : array, shape (nodes,)
            The demand for which they are.

        Returns
        -------
        float
            Energy [kWh]; negative when the communities together export.
        """
        return float(demand_kwh[0] + flows.sent_kwh[self.parents[1:] == 0].sum())


def _one_row_each(values: FloatArray, ndim: int) -> FloatArray:
    """Return one value for each row, in a shape that meets arrays of one or two dimensions."""
    return values if ndim == 1 else values[:, np.newaxis]


def _levels(graph: "nx.DiGraph[str] | LineGraph") -> list[list[str]]:
    """Return the nodes below the roots of a graph, level by level, each node once."""
    level = [node for node in graph if graph.in_degree(node) == 0]
    seen = set(level)
    levels = []
    while level:
        levels.append(level)
        below = dict.fromkeys(child for node in level for child in graph.successors(node))
        level = [node for node in below if node not in seen]
        seen.update(level)
    return levels


def _misplaced_nodes(graph: "nx.DiGraph[str] | LineGraph") -> list[Problem]:
    """Return what keeps a graph from being a tree below one utility."""
    if not graph.is_directed() or graph.is_multigraph():
        return [Problem("grid", f"a {type(graph).__name__}", allowed="networkx.DiGraph")]
    tops = [node for node in graph if graph.in_degree(node) == 0]
    utilities = [node for node in graph if graph.nodes[node].get("kind") == "utility"]
    problems = []
    if len(utilities) != 1:
        problems.append(Problem("grid", f"{len(utilities)} utilities {utilities}", allowed="one"))
    problems += [
        Problem(f"node {node}", "no line leads to it", allowed="only the utility is fed by none")
        for node in tops
        if node not in utilities
    ]
    reached = {node for level in _levels(graph) for node in level}
    for node in graph:
        feeding = list(graph.predecessors(node))
        if node in utilities and feeding:
            problems.append(Problem(f"node {node}", f"the utility is fed by {', '.join(feeding)}"))
        elif len(feeding) > 1:
            text = f"is fed by {', '.join(feeding)}"
            problems.append(Problem(f"node {node}", text, allowed="one line to each node"))
        elif node not in reached:
            text = f"lies on or below a ring through {feeding[0]}"
            problems.append(Problem(f"node {node}", text, allowed="a tree below the utility"))
    return problems


def _wrong_attributes(graph: "nx.DiGraph[str] | LineGraph") -> list[Problem]:
    """Return every attribute of a node or line that is missing or out of range."""
    problems = []
    for node in graph:
        kind = graph.nodes[node].get("kind")
        if kind not in KINDS:
            message = f"kind {kind!r}" if kind is not None else "kind is missing"
            suggestion = nearest(str(kind), KINDS)
            problems.append(Problem(f"node {node}", message, ", ".join(KINDS), suggestion))
    for line in graph.edges:
        place = f"line {line[0]} - {line[1]}"
        attributes = graph.edges[line]
        for name, (right, allowed) in LINE_ATTRIBUTES.items():
            value = attributes.get(name)
            if value is None:
                like = nearest(name, attributes)
                text = f"{name} is missing" + (f", but there is {like!r}" if like else "")
                problems.append(Problem(place, text, allowed))
            elif not (isinstance(value, Real) and right(float(value))):
                problems.append(Problem(place, f"{name} is {value!r}", allowed))
    return problems
