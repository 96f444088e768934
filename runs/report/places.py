"""Where communities lie on a map, when only the lengths of the roads between them are known."""

from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError
from hmesh.environment.roads import RoadNetwork

# Lengths of roads differ more than a small screen can show.
ON_SCREEN = 0.5
TO_SCALE = 1.0
# As on a sheet of paper that lies on its side.
_FLATTEST = 0.55


def road_graph(scenario: Mapping[str, Any]) -> "nx.Graph[str]":
    """Return the communities of a scenario and the roads of its list; none of a network."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(scenario["communities"])
    roads = scenario["roads"]
    for road in roads if isinstance(roads, list) else ():
        graph.add_edge(*road["between"], km=float(road["km"]))
    return graph


def place_communities(graph: "nx.Graph[str]", power: float) -> FloatArray:
    """Return a place for every community, so that distances are like those along the roads.

    Different parts of the network are put side by side, and communities that no road joins in
    columns beside them; without any road they stand on a circle.

    Parameters
    ----------
    graph : networkx.Graph
        Communities, and roads with their ``km``.
    power : float
        What distances are raised to: 1 to scale, less to bring near and far closer together.

    Returns
    -------
    array, shape (communities, 2)
        Places around the middle; with `power` 1 in km [km].
    """
    names = list(graph)
    if graph.number_of_edges() == 0:
        return _circle(len(names))
    parts = [sorted(part, key=names.index) for part in nx.connected_components(graph)]
    places = np.zeros((len(names), 2))
    right = 0.0
    for part in (part for part in parts if len(part) > 1):
        found = _lay_out(graph.subgraph(part), part, power)
        width = np.ptp(found[:, 0])
        found[:, 0] += right - found[:, 0].min()
        right += width + max(float(np.ptp(found)), 1.0) * 0.35
        places[[names.index(name) for name in part]] = found
    alone = [names.index(part[0]) for part in parts if len(part) == 1]
    beside = np.array([right, 0.0])
    places[alone] = beside + _columns(len(alone), max(float(np.ptp(places[:, 1])), 1.0))
    return places - (places.max(axis=0) + places.min(axis=0)) / 2


def routes(graph: "nx.Graph[str]") -> dict[tuple[str, str], list[str]]:
    """Return the communities along the shortest way between any two that a way joins."""
    network, found = RoadNetwork(graph), {}
    for origin in graph:
        for destination in graph:
            try:
                found[origin, destination] = network.route(origin, destination)
            except InputError:  # no road leads there
                continue
    return found


def _circle(count: int) -> FloatArray:
    angle = np.pi * (1 + 2 * np.arange(count) / max(count, 1))
    radius = 1.0 if count > 1 else 0.0
    return radius * np.column_stack([np.cos(angle), -np.sin(angle)])


def _columns(count: int, height: float) -> FloatArray:
    """Return places in columns, higher than they are wide, around the level of the middle."""
    rows = int(np.ceil(np.sqrt(1.5 * count)))
    apart = height / max(rows - 1, 1)
    column, row = np.divmod(np.arange(count), max(rows, 1))
    return np.column_stack([column * apart, row * apart - height / 2 * (rows > 1)])


def _lay_out(graph: "nx.Graph[str]", names: Sequence[str], power: float) -> FloatArray:
    """Place one part of the network, its longest side level."""
    lengths = dict(nx.all_pairs_dijkstra_path_length(graph, weight="km"))
    distance = {a: {b: lengths[a][b] ** power for b in names} for a in names}
    start = dict(zip(names, _circle(len(names)), strict=True))
    found = nx.kamada_kawai_layout(graph, dist=distance, pos=start)
    places = np.array([found[name] for name in names])
    places *= _scale(places, np.array([[distance[a][b] for b in names] for a in names]))
    places -= places.mean(axis=0)
    _, _, axes = np.linalg.svd(places, full_matrices=False)
    places = places @ axes.T
    # The sign of an axis is chance; a fixed one keeps pages of the same roads alike.
    places *= np.where(places[np.abs(places).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    if power != TO_SCALE and 0 < np.ptp(places[:, 1]) < _FLATTEST * np.ptp(places[:, 0]):
        places[:, 1] *= _FLATTEST * np.ptp(places[:, 0]) / np.ptp(places[:, 1])
    return places


def _scale(places: FloatArray, distance: FloatArray) -> float:
    """Return the factor that brings distances of places closest to given ones."""
    between = np.linalg.norm(places[:, None] - places[None], axis=2)
    return float((between * distance).sum() / (between**2).sum())
