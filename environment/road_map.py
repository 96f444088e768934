"""Communities on a road network of a file: the shortest ways between them, and their lines."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, nearest, shortened
from hmesh.environment.road_files.network import RoadFileContent, road_graph

if TYPE_CHECKING:
    import networkx as nx


class RoadMap:
    """Communities, each at the junction of a road network that is nearest to it.

    The junctions are those of one part of the network, within which every way leads there and back:
    the part that most communities are near to.

    Parameters
    ----------
    content : RoadFileContent
        The network.
    places : mapping of str to (float, float)
        Position of each community, in the coordinates of the network: longitude and latitude
        [deg], or to the east and to the north [km].
    speed_km_h : float
        Speed of the roads that state none [km/h].
    by_time : bool
        Whether ways are those of the shortest travel time; else those of the shortest length.
    farthest_km : float
        How far the nearest junction of a community may be [km].

    Attributes
    ----------
    communities : tuple of str
        Their names.
    junctions : tuple of str
        The junction of each community.
    graph : networkx.DiGraph
        The network, roads with `km`, `hours` and `line`.

    Raises
    ------
    InputError
        If a community is far from the network, shares its junction with another, or cannot be
        reached from another; one problem for each such community.
    """

    def __init__(
        self,
        content: RoadFileContent,
        places: Mapping[str, tuple[float, float]],
        speed_km_h: float,
        *,
        by_time: bool = True,
        farthest_km: float = 2.0,
    ) -> None:
        self.communities = tuple(places)
        self.on_earth = content.on_earth
        self.speed_km_h = speed_km_h
        self.graph = road_graph(content, speed_km_h)
        self.junctions = _nearest_junctions(content, self.graph, places, farthest_km)
        self._weight = "hours" if by_time else "km"
        self._ways: dict[str, dict[str, list[str]]] = {}

    def distance_km(self, origin: str, destination: str) -> float:
        """Return the length of the way from one community to another [km]."""
        return self._sum("km", origin, destination)

    def travel_h(self, origin: str, destination: str) -> float:
        """Return how long the way from one community to another takes [h]."""
        return self._sum("hours", origin, destination)

    def passed(self, origin: str, destination: str) -> list[tuple[str, float]]:
        """Return the communities whose junctions a way passes, with their distance from its start.

        Both ends are among them [km].
        """
        named = dict(zip(self.junctions, self.communities, strict=True))
        found, km = [(origin, 0.0)], 0.0
        for road in self.way(origin, destination):
            km += float(self.graph.edges[road]["km"])
            if road[1] in named:
                found.append((named[road[1]], km))
        return found

    def way(self, origin: str, destination: str) -> list[tuple[str, str]]:
        """Return the roads along the way from one community to another, each by its junctions.

        Raises
        ------
        InputError
            If there is no such community.
        """
        unknown = [
            Problem(
                "roads", f"unknown community {name!r}", suggestion=nearest(name, self.communities)
            )
            for name in dict.fromkeys((origin, destination))
            if name not in self.communities
        ]
        if unknown:
            raise InputError(unknown)
        goal = self.junctions[self.communities.index(destination)]
        return list(pairwise(self._ways_from(self.communities.index(origin))[goal]))

    def _sum(self, quantity: str, origin: str, destination: str) -> float:
        roads = self.way(origin, destination)
        return float(np.sum([self.graph.edges[road][quantity] for road in roads]))

    def _ways_from(self, community: int) -> dict[str, list[str]]:
        start = self.junctions[community]
        if start not in self._ways:
            import networkx as nx  # Slow to load, and needed only where a file gives roads.

            goals = set(self.junctions)
            found = nx.single_source_dijkstra_path(self.graph, start, weight=self._weight)
            self._ways[start] = {goal: found[goal] for goal in goals if goal in found}
        return self._ways[start]


def _nearest_junctions(
    content: RoadFileContent,
    graph: "nx.DiGraph[str]",
    places: Mapping[str, tuple[float, float]],
    farthest_km: float,
) -> tuple[str, ...]:
    """Return the junction nearest to each community, all of one part of the network."""
    import networkx as nx

    names = list(graph)
    number = {name: n for n, name in enumerate(names)}
    at = np.array([content.junctions[name] for name in names])
    away_km = np.array([content.distance_km(at, np.array(place)) for place in places.values()])
    parts = [
        np.array(sorted(number[name] for name in part))
        for part in nx.strongly_connected_components(graph)
    ]
    # The part that most communities are near to; of equally good ones the largest, then the first.
    near = [(away_km[:, part].min(axis=1) <= farthest_km).sum() for part in parts]
    _, size, minus = max((near[n], len(part), -int(part[0])) for n, part in enumerate(parts))
    chosen = next(part for part in parts if len(part) == size and part[0] == -minus)
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for m, (community, place) in enumerate(places.items()):
        closest = int(chosen[np.argmin(away_km[m, chosen])])
        here = f"communities.{community}.location"
        if away_km[m].min() > farthest_km:
            least = float(away_km[m].min())
            problems.append(_far(content, here, at, np.array(place), least, farthest_km))
        elif away_km[m, closest] > farthest_km:
            junction = names[int(np.argmin(away_km[m]))]
            message = (
                f"cannot be reached: the nearest junction, {junction} of {content.path}, is not "
                "connected in both directions with those of the other communities"
            )
            allowed = f"a connected junction within {farthest_km:g} km (roads.farthest_km)"
            problems.append(Problem(here, message, allowed))
        elif names[closest] in found:
            message = f"has the same nearest junction as {found[names[closest]]}, {names[closest]}"
            problems.append(Problem(here, message, "communities at separate junctions"))
        else:
            found[names[closest]] = community
    if problems:
        raise InputError(shortened(problems))
    return tuple(found)


def _far(
    content: RoadFileContent,
    place: str,
    at: FloatArray,
    position: FloatArray,
    away_km: float,
    farthest_km: float,
) -> Problem:
    """Return the problem of a community that is far from the network."""
    swapped = position[::-1]
    if content.on_earth and abs(swapped[1]) <= 90.0:
        swapped_km = float(content.distance_km(at, swapped).min())
        if swapped_km <= max(farthest_km, away_km / 100.0):
            longitude, latitude = position
            message = (
                f"latitude {latitude:g} and longitude {longitude:g} are in the wrong order: the "
                f"network is {away_km:,.0f} km away, and {swapped_km:,.1f} km from latitude "
                f"{swapped[1]:g}, longitude {swapped[0]:g}"
            )
            return Problem(place, message, "latitude, north positive; longitude, east positive")
    message = f"is {away_km:,.1f} km from the nearest junction of {content.path}"
    return Problem(place, message, f"at most {farthest_km:g} km (roads.farthest_km)")


def ways_between(
    roads: RoadMap, pairs: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, str]], dict[tuple[str, str], list[int]]]:
    """Return the roads that some ways use, each once, and each way as numbers of them.

    Parameters
    ----------
    roads : RoadMap
        The network.
    pairs : sequence of (str, str)
        Origin and destination of each way.
    """
    numbers: dict[tuple[str, str], int] = {}
    ways = {
        pair: [numbers.setdefault(road, len(numbers)) for road in roads.way(*pair)]
        for pair in pairs
    }
    return list(numbers), ways
