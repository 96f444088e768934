"""Road networks in GraphML, as OSMnx saves them."""

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, shortened
from hmesh.environment.road_files.network import FoundRoad, RoadFileContent
from hmesh.environment.road_files.values import directions, length_km, speed_of

# Reference systems whose coordinates are longitude and latitude.
_DEGREES = ("epsg:4326", "ogc:crs84", "wgs84", "wgs 84")
_M_PER_KM = 1000.0


def read_graphml(path: Path) -> RoadFileContent:
    """Read a road network in GraphML.

    Junctions have `x` and `y`; roads have `length` in metres, and where wanted `maxspeed`,
    `speed_kph`, `oneway` and `geometry`, a line in well-known text. The `crs` of the graph says
    whether `x` and `y` are longitude and latitude or metres.

    Raises
    ------
    InputError
        If it cannot be read, or a junction has no position: every one.
    """
    try:
        graph: Any = nx.read_graphml(path)
    except Exception as error:  # whatever the parser of XML raises
        raise InputError([Problem(str(path), f"cannot be read: {error}", "GraphML")]) from None
    at, problems = {}, []
    for name, given in graph.nodes(data=True):
        position = _position(given)
        if position is None:
            place, message = f"{path}, node {name}", f"x {given.get('x')!r}, y {given.get('y')!r}"
            problems.append(Problem(place, f"has no position: {message}", "numbers x and y"))
        else:
            at[str(name)] = position
    if problems:
        raise InputError(shortened(problems))
    crs = str(graph.graph.get("crs", "")).strip().lower()
    on_earth = crs in _DEGREES if crs else _may_be_degrees(list(at.values()))
    unit = 1.0 if on_earth else _M_PER_KM
    roads: list[FoundRoad] = []
    for start, end, given in graph.edges(data=True):
        place = f"{path}, edge {start} - {end}"
        try:
            line = _line(given.get("geometry"))
            length, speed = length_km(given, place), speed_of(given, place)
        except InputError as error:
            problems += error.problems
            continue
        line = None if line is None else line / unit
        road = FoundRoad(place, str(start), str(end), length, speed, line)
        roads.append(road)
        # A directed graph has an edge for each direction.
        if not graph.is_directed() and directions(given)[1]:
            roads.append(road.reversed())
    if problems:
        raise InputError(shortened(problems))
    junctions = {name: (x / unit, y / unit) for name, (x, y) in at.items()}
    return RoadFileContent(str(path), junctions, roads, on_earth)


def _position(given: dict[str, Any]) -> tuple[float, float] | None:
    try:
        position = float(given["x"]), float(given["y"])
    except (KeyError, TypeError, ValueError):
        return None
    return position if np.isfinite(position).all() else None


def _may_be_degrees(positions: list[tuple[float, float]]) -> bool:
    found = np.abs(np.array(positions).reshape(-1, 2))
    return bool((found <= [180.0, 90.0]).all())


def _line(text: Any) -> FloatArray | None:
    """Return the points of a LINESTRING of well-known text."""
    if text is None or not str(text).strip():
        return None
    kind, _, points = str(text).partition("(")
    try:
        if kind.strip().upper() != "LINESTRING":
            raise ValueError
        line = np.array(
            [
                [float(part) for part in point.split()[:2]]
                for point in points.rstrip(") ").split(",")
            ]
        )
        if line.shape[0] < 2 or line.shape[1] != 2:
            raise ValueError
    except ValueError:
        message = f"{str(text)[:60]!r} is no line"
        raise InputError([Problem("geometry", message, "LINESTRING (x y, x y, ...)")]) from None
    return line
