"""A road network as its file gives it: junctions, roads and their geometry."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, shortened
from hmesh.environment.geography import great_circle_km, plane_km

if TYPE_CHECKING:
    import networkx as nx


# A road that is given longer or shorter than its own line by such a factor is in another unit.
MOST_TIMES_ITS_LINE = 50.0
LEAST_TIMES_ITS_LINE = 0.5
# Ends of a line and junctions that lie closer are the same place.
SAME_PLACE_KM = 0.05


@dataclass(frozen=True, slots=True)
class FoundRoad:
    """A road in one direction, as a file gives it.

    Attributes
    ----------
    place : str
        Where it stands in the file, for messages.
    start, end : str
        Names of its junctions.
    km : float or None
        Its length, None where only its line says it [km].
    speed_km_h : float or None
        Its speed, None where none is given [km/h].
    line : array, shape (points, 2), or None
        Its line from start to end; None where it is straight.
    """

    place: str
    start: str
    end: str
    km: float | None = None
    speed_km_h: float | None = None
    line: FloatArray | None = None

    def reversed(self) -> "FoundRoad":
        """Return the same road in the other direction."""
        line = None if self.line is None else self.line[::-1]
        return FoundRoad(self.place, self.end, self.start, self.km, self.speed_km_h, line)


@dataclass(frozen=True, slots=True)
class RoadFileContent:
    """Junctions and roads of a file.

    Attributes
    ----------
    path : str
        The file.
    junctions : dict of (float, float)
        Position of each junction by its name: longitude and latitude [deg], or to the east and to
        the north [km].
    roads : list of FoundRoad
        Its roads, each in one direction.
    on_earth : bool
        Whether positions are longitude and latitude.
    """

    path: str
    junctions: dict[str, tuple[float, float]]
    roads: list[FoundRoad]
    on_earth: bool
    notes: list[str] = field(default_factory=list)

    def distance_km(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return straight distances of positions, shape (...) [km]."""
        return (great_circle_km if self.on_earth else plane_km)(first, second)

    def line_of(self, road: FoundRoad) -> FloatArray:
        """Return the line of a road, shape (points, 2)."""
        if road.line is not None:
            return road.line
        return np.array([self.junctions[road.start], self.junctions[road.end]])


def road_graph(content: RoadFileContent, speed_km_h: float) -> "nx.DiGraph[str]":
    """Return a network of which every road has a length, a travel time and a line.

    Of several roads between two junctions in one direction the fastest is kept, of equally fast
    ones the shortest.

    Parameters
    ----------
    content : RoadFileContent
        What the file gives.
    speed_km_h : float
        Speed of the roads that state none [km/h].

    Returns
    -------
    networkx.DiGraph
        Junctions with `at`; roads with `km`, `hours` and `line`.

    Raises
    ------
    InputError
        If a road leads to no junction, or its length cannot be that of its line: every one.
    """
    import networkx as nx  # Slow to load, and needed only where a file gives roads.

    graph: nx.DiGraph[str] = nx.DiGraph()
    for name, at in content.junctions.items():
        graph.add_node(name, at=at)
    problems: list[Problem] = []
    lines_km, given_km = [], []
    for road in content.roads:
        if road.start == road.end:
            continue
        missing = [end for end in (road.start, road.end) if end not in content.junctions]
        if missing:
            problems.append(
                Problem(road.place, f"no junction is called {missing[0]!r}", "one of the network")
            )
            continue
        line = content.line_of(road)
        line_km = float(content.distance_km(line[:-1], line[1:]).sum())
        km = line_km if road.km is None else road.km
        if not 0 < km < np.inf:
            problems.append(Problem(road.place, f"its length is {km:g} km", "a length above 0"))
            continue
        if road.km is not None and line_km > SAME_PLACE_KM:
            lines_km.append(line_km)
            given_km.append(km)
        hours = km / (speed_km_h if road.speed_km_h is None else road.speed_km_h)
        known = graph.get_edge_data(road.start, road.end)
        if known is None or (hours, km) < (known["hours"], known["km"]):
            graph.add_edge(road.start, road.end, km=km, hours=hours, line=line)
    if lines_km:
        times = float(np.median(np.array(given_km) / np.array(lines_km)))
        if not LEAST_TIMES_ITS_LINE <= times <= MOST_TIMES_ITS_LINE:
            message = (
                f"its roads are given {times:,.3g} times as long as their lines, so that their "
                "lengths are in another unit or positions in another order"
            )
            problems.insert(
                0, Problem(content.path, message, "lengths of about those of the lines")
            )
    if problems:
        raise InputError(shortened(problems))
    if graph.number_of_edges() == 0:
        raise InputError([Problem(content.path, "holds no road", "one or more")])
    return graph
