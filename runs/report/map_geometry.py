"""What a map of a run draws: places, roads and ways, where they are or as roads let one guess."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.geography import Plane
from hmesh.runs.report.places import place_communities, road_graph, routes
from hmesh.runs.results.road_lines import RoadLines, read_roads

if TYPE_CHECKING:
    from hmesh.runs.pictures.run_data import RunData


_NOWHERE = {"latitude": 0.0, "longitude": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class MapGeometry:
    """Places, roads and ways on a plane.

    Attributes
    ----------
    to_scale : bool
        Whether places are known; else they are laid out so that distances are like those of roads.
    plane : Plane
        Where the plane touches the Earth.
    places : array, shape (communities, 2)
        Communities, to the east and to the south of the middle; in km where they are known, or
        where distances are not raised to a power.
    roads : list of (int, int, float)
        Roads of a list: both communities, and the length [km].
    routes : dict
        Communities along the way between two, where roads of a list join them.
    lines : RoadLines or None
        Roads of a network, on the plane.
    areas : dict
        Rings of the areas of communities, on the plane.
    """

    to_scale: bool
    plane: Plane
    places: FloatArray
    roads: list[tuple[int, int, float]]
    routes: dict[tuple[int, int], list[int]]
    lines: RoadLines | None
    areas: dict[int, list[FloatArray]]

    def way(self, origin: int, destination: int) -> tuple[FloatArray, FloatArray]:
        """Return the line from one community to another, and the share of its time at each point.

        The line of a network begins and ends at the junctions of the two communities.
        """
        if self.lines is not None and origin != destination:
            return self.lines.way(origin, destination)
        ends = [origin, destination]
        way = self.routes.get((origin, destination), ends)
        line = self.places[way if len(way) > 1 else ends]
        return line, along(line)

    def within(self, size: float) -> "MapGeometry":
        """Return it around 0, so that no place lies farther out than `size` on either axis."""
        middle = (self.places.max(axis=0) + self.places.min(axis=0)) / 2 * self.to_scale
        most = float(np.abs(self.places - middle).max(initial=0.0))
        factor = size / most if most > 0 else 1.0
        return self.moved(lambda points: (points - middle) * factor)

    def moved(self, move: Callable[[FloatArray], FloatArray]) -> "MapGeometry":
        """Return it with every point moved."""
        lines = self.lines
        if lines is not None:
            roads, others = ([move(line) for line in each] for each in (lines.lines, lines.others))
            lines = replace(lines, lines=roads, others=others)
        areas = {m: [move(ring) for ring in rings] for m, rings in self.areas.items()}
        return replace(self, places=move(self.places), lines=lines, areas=areas)

    def degrees(self, points: FloatArray) -> FloatArray:
        """Return longitude and latitude of points of the plane, shape (..., 2) [deg]."""
        return self.plane.to_degrees(points * [1.0, -1.0])


def along(path: FloatArray) -> FloatArray:
    """Return which share of a way is behind every point of it, from 0 to 1."""
    legs = np.hypot(*np.diff(path, axis=0).T)
    whole = legs.sum()
    if whole == 0:
        return np.linspace(0.0, 1.0, len(path))
    return np.append(0.0, np.cumsum(legs) / whole)


def geometry_of(scenario: Mapping[str, Any], lines: RoadLines | None, power: float) -> MapGeometry:
    """Return what a map of a scenario draws.

    Parameters
    ----------
    scenario : mapping
        As run.json holds it.
    lines : RoadLines or None
        The ways of its road network, None where it has none.
    power : float
        What distances are raised to where only roads say them, as `place_communities` takes it.
    """
    communities = scenario["communities"]
    given = [community.get("location") for community in communities.values()]
    graph = road_graph(scenario)
    number = {name: m for m, name in enumerate(communities)}
    found = routes(graph) if graph.number_of_edges() else {}
    if not all(given):
        location = scenario.get("location") or _NOWHERE
        plane = Plane(float(location["longitude"]), float(location["latitude"]))
        places = place_communities(graph, power)
    else:
        on_earth = given[0]["latitude"] is not None
        east, north = ("longitude", "latitude") if on_earth else ("x_km", "y_km")
        at = np.array([[float(place[east]), float(place[north])] for place in given])
        plane, places = _on_plane(at, on_earth, scenario)
    return MapGeometry(
        to_scale=all(given),
        plane=plane,
        places=places,
        roads=[(number[a], number[b], road["km"]) for a, b, road in graph.edges(data=True)],
        routes={
            (number[a], number[b]): [number[name] for name in way] for (a, b), way in found.items()
        },
        lines=None if lines is None else _on_map(lines, plane),
        areas={
            number[name]: [_south(plane.to_km(np.array(ring))) for ring in area["coordinates"]]
            for name, community in communities.items()
            if (area := community.get("area")) is not None
        },
    )


def geometry_of_run(data: "RunData", power: float) -> MapGeometry:
    """Return what a map of a run draws; `power` is as `geometry_of` takes it."""
    lines = read_roads(data.run.directory, data.scenario)
    return geometry_of(data.scenario, lines, power)


def _on_plane(
    at: FloatArray, on_earth: bool, scenario: Mapping[str, Any]
) -> tuple[Plane, FloatArray]:
    """Return the plane, and places to the east and to the south on it [km]."""
    if on_earth:
        plane = Plane(*((at.max(axis=0) + at.min(axis=0)) / 2).tolist())
        return plane, _south(plane.to_km(at))
    # Positions on a plane are around the location of the scenario.
    location = scenario.get("location") or _NOWHERE
    return Plane(float(location["longitude"]), float(location["latitude"])), _south(at)


def _south(points: FloatArray) -> FloatArray:
    """Return positions to the east and to the south; on a screen, down is positive."""
    return points * [1.0, -1.0]


def _on_map(lines: RoadLines, plane: Plane) -> RoadLines:
    """Return the roads of a network on the plane."""

    def moved(line: FloatArray) -> FloatArray:
        return _south(plane.to_km(line) if lines.on_earth else line)

    roads, others = ([moved(line) for line in each] for each in (lines.lines, lines.others))
    return replace(lines, lines=roads, others=others)
