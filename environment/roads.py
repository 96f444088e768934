"""The roads between communities."""

import heapq
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Protocol, Self

from hmesh.environment.errors import InputError, Problem, nearest

if TYPE_CHECKING:
    import networkx as nx


class Ways(Protocol):
    """Ways between communities, of a list of roads or of a network."""

    @property
    def communities(self) -> tuple[str, ...]:
        """Names of the communities."""

    def distance_km(self, origin: str, destination: str) -> float:
        """Return the length of the way from one community to another [km]."""

    def travel_h(self, origin: str, destination: str) -> float | None:
        """Return how long it takes, None where no speeds are known [h]."""


def length_and_time(ways: Ways, places: Sequence[str]) -> tuple[float, float | None]:
    """Return the length [km] and the travel time [h] of a way past some communities.

    Parameters
    ----------
    ways : Ways
        The ways between communities.
    places : sequence of str
        Its first community, those that it passes, and its last.

    Returns
    -------
    km : float
        Length [km].
    hours : float or None
        Travel time, None where no speeds are known [h].

    Raises
    ------
    InputError
        If no way leads there.
    """
    legs = list(pairwise(places))
    km = math.fsum(ways.distance_km(*leg) for leg in legs)
    times = [ways.travel_h(*leg) for leg in legs]
    known = [time for time in times if time is not None]
    return km, math.fsum(known) if len(known) == len(legs) else None


class RoadNetwork:
    """Communities and the roads between them.

    Parameters
    ----------
    graph : networkx.Graph
        One node for each community; every edge is a road with its length ``km`` [km].

    Attributes
    ----------
    communities : tuple of str
        Names of the communities.

    Raises
    ------
    InputError
        If there is no community or a road has no length above 0; every such road is named.
    """

    def __init__(self, graph: "nx.Graph[str]") -> None:
        self.communities = tuple(graph)
        self._check(graph)
        self._km = {
            name: {other: float(road["km"]) for other, road in graph.adj[name].items()}
            for name in graph
        }
        self._routes: dict[str, dict[str, list[str]]] = {}

    @classmethod
    def between(
        cls, communities: Iterable[str], roads: Iterable[tuple[tuple[str, str], float]]
    ) -> Self:
        """Return a network of roads whose lengths were checked, as a graph of them has it.

        Parameters
        ----------
        communities : iterable of str
            Their names.
        roads : iterable of ((str, str), float)
            Both ends of each road, among them, and its length [km].
        """
        network = cls.__new__(cls)
        network._km = {name: {} for name in communities}
        network.communities, network._routes = tuple(network._km), {}
        for (start, end), km in roads:
            network._km[start][end] = network._km[end][start] = km
        return network

    def _check(self, graph: "nx.Graph[str]") -> None:
        """Refuse a graph without communities, or with roads without lengths."""
        problems = []
        if not self.communities:
            problems.append(Problem("roads", "no community", allowed="one or more"))
        for start, end in graph.edges():
            road = graph.edges[start, end]
            km = road.get("km")
            if km is None:
                like = nearest("km", road)
                text = "km is missing" + (f", but there is {like!r}" if like else "")
                problems.append(Problem(f"road {start} - {end}", text, "above 0"))
            elif not (isinstance(km, Real) and 0 < float(km) < math.inf):
                problems.append(Problem(f"road {start} - {end}", f"km is {km!r}", "above 0"))
        if problems:
            raise InputError(problems)

    def distance_km(self, origin: str, destination: str) -> float:
        """Return the length of the shortest way [km].

        Parameters
        ----------
        origin, destination : str
            Names of communities.

        Raises
        ------
        InputError
            If there is no such community or no way.
        """
        route = self._route(origin, destination)
        return math.fsum(self._km[start][end] for start, end in pairwise(route))

    def travel_h(self, origin: str, destination: str) -> None:
        """Return None: a list of roads states no speeds.

        Parameters
        ----------
        origin, destination : str
            Names of communities.
        """
        return

    def passed(self, origin: str, destination: str) -> list[tuple[str, float]]:
        """Return the communities along the shortest way with their distance from its start [km].

        Both ends are among them.

        Parameters
        ----------
        origin, destination : str
            Names of communities.

        Raises
        ------
        InputError
            If there is no such community or no way.
        """
        route = self._route(origin, destination)
        roads = [self._km[start][end] for start, end in pairwise(route)]
        return [(name, math.fsum(roads[:number])) for number, name in enumerate(route)]

    def route(self, origin: str, destination: str) -> list[str]:
        """Return the communities along the shortest way, both ends included.

        Parameters
        ----------
        origin, destination : str
            Names of communities.

        Raises
        ------
        InputError
            If there is no such community or no way.
        """
        return list(self._route(origin, destination))

    def _route(self, origin: str, destination: str) -> list[str]:
        unknown = [
            Problem("roads", f"no community {name!r}", suggestion=nearest(name, self.communities))
            for name in dict.fromkeys((origin, destination))
            if name not in self.communities
        ]
        if unknown:
            raise InputError(unknown)
        if origin not in self._routes:
            self._routes[origin] = shortest_routes(self._km, origin)
        routes = self._routes[origin]
        if destination not in routes:
            message = f"no way from {origin!r} to {destination!r}"
            raise InputError([Problem("roads", message, allowed=", ".join(routes))])
        return routes[destination]


def shortest_routes(
    lengths_km: Mapping[str, Mapping[str, float]], origin: str
) -> dict[str, list[str]]:
    """Return the shortest ways from a place to all that can be reached, both ends included.

    Parameters
    ----------
    lengths_km : mapping of mapping of float
        Length of the road from each place to each of its neighbours, above 0 [km].
    origin : str
        Where the ways begin.

    Notes
    -----
    Dijkstra's algorithm. Of equally short ways the one that was found first is kept: it is the one
    that `networkx.single_source_dijkstra_path` returns, which takes longer to load than to search.
    """
    routes: dict[str, list[str]] = {}
    shortest_km, before = {origin: 0.0}, dict[str, str]()
    number = itertools.count()
    waiting = [(0.0, next(number), origin)]
    while waiting:
        km, _, place = heapq.heappop(waiting)
        if place in routes:
            continue
        routes[place] = [*routes[before[place]], place] if routes else [place]
        for neighbour, road_km in lengths_km[place].items():
            longer = km + road_km
            if neighbour not in routes and longer < shortest_km.get(neighbour, math.inf):
                shortest_km[neighbour], before[neighbour] = longer, place
                heapq.heappush(waiting, (longer, next(number), neighbour))
    return routes
