"""Road networks as lines of GeoJSON, which meet where they share a point."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, shortened
from hmesh.environment.geography import great_circle_km
from hmesh.environment.road_files.network import FoundRoad, RoadFileContent
from hmesh.environment.road_files.values import directions, length_km, speed_of

# About a centimetre: points nearer than this are the same.
_DECIMALS = 7


def read_geojson(path: Path) -> RoadFileContent:
    """Read a road network of GeoJSON (RFC 7946): features that are lines.

    Properties are `km`, or `length_m` or `length` in metres; `speed_km_h`, `speed_kph` or
    `maxspeed`; and `oneway`. Lines meet where they share a point, not where they only cross.

    Raises
    ------
    InputError
        If it cannot be read, or a line has no points on the Earth: every one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        features = content["features"]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError):
        allowed = "GeoJSON, a FeatureCollection of lines"
        raise InputError([Problem(str(path), "cannot be read", allowed)]) from None
    problems: list[Problem] = []
    lines: list[tuple[str, FloatArray, dict[str, Any]]] = []
    for number, feature in enumerate(features):
        place = f"{path}, feature {number}"
        try:
            lines += [(place, line, feature.get("properties") or {}) for line in _lines(feature)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            allowed = "LineString or MultiLineString of [longitude, latitude]"
            problems.append(Problem(place, f"has no line on the Earth {error}".strip(), allowed))
    used = Counter(
        point for _, line, _ in lines for point in dict.fromkeys(map(tuple, line.tolist()))
    )
    roads: list[FoundRoad] = []
    for place, line, given in lines:
        try:
            roads += _roads(place, line, given, used)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(shortened(problems))
    names = dict.fromkeys(end for road in roads for end in (road.start, road.end))
    junctions = {name: _at(name) for name in names}
    return RoadFileContent(str(path), junctions, roads, on_earth=True)


def _lines(feature: dict[str, Any]) -> Iterator[FloatArray]:
    """Yield the lines of a feature; none of points and polygons."""
    geometry = feature["geometry"]
    if geometry is None or geometry["type"] not in ("LineString", "MultiLineString"):
        return
    several = geometry["type"] == "MultiLineString"
    for coordinates in geometry["coordinates"] if several else [geometry["coordinates"]]:
        line = np.array([[float(point[0]), float(point[1])] for point in coordinates])
        if len(line) < 2 or not (np.abs(line) <= [180.0, 90.0]).all():
            raise ValueError(f"in its {len(line)} points")
        yield line.round(_DECIMALS)


def _roads(
    place: str, line: FloatArray, given: dict[str, Any], used: Counter[tuple[float, ...]]
) -> Iterator[FoundRoad]:
    """Yield the roads between the junctions of a line: its ends, and where others meet it."""
    km, speed = length_km(given, place), speed_of(given, place)
    legs_km = great_circle_km(line[:-1], line[1:])
    times = 1.0 if km is None else km / max(float(legs_km.sum()), 1e-9)
    inner = [n for n in range(1, len(line) - 1) if used[tuple(line[n].tolist())] > 1]
    along, against = directions(given)
    for first, last in pairwise([0, *inner, len(line) - 1]):
        part = line[first : last + 1]
        length = float(legs_km[first:last].sum()) * times
        if length == 0.0:
            continue
        road = FoundRoad(place, _name(part[0]), _name(part[-1]), length, speed, part)
        if along:
            yield road
        if against:
            yield road.reversed()


def _name(point: FloatArray) -> str:
    return f"{point[0]:.{_DECIMALS}f} {point[1]:.{_DECIMALS}f}"


def _at(name: str) -> tuple[float, float]:
    longitude, latitude = name.split()
    return float(longitude), float(latitude)
