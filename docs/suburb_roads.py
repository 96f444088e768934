"""Draw the road network of the invented town Ellernau, which the scenario `suburbs` runs on.

``python docs/suburb_roads.py`` writes it again; a test compares the file with what is drawn here.
Six places have street grids of their own; main roads join them through a ring road, and
country roads join neighbours beyond it. Streets bend and are left out at random, always the same.
"""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.geography import Plane

FILE = Path(__file__).parents[1] / "runs" / "scenarios" / "built_in" / "suburbs-roads.geojson"
# The market square; the rest is drawn around it in metres.
PLANE = Plane(longitude=10.62, latitude=52.98)
# Middle of each place [m], streets in both directions, distance between them [m], turn of the grid
# [deg], and speed on them [km/h].
GRIDS: dict[str, tuple[tuple[float, float], tuple[int, int], float, float, int]] = {
    "centre": ((0.0, 0.0), (7, 6), 235.0, 12.0, 30),
    "station": ((-1950.0, 1050.0), (4, 4), 230.0, -28.0, 30),
    "north-hill": ((500.0, 4450.0), (6, 5), 285.0, 8.0, 30),
    "lakeside": ((4700.0, 900.0), (4, 6), 285.0, -18.0, 30),
    "south-field": ((1500.0, -4200.0), (6, 4), 280.0, 25.0, 30),
    "works": ((-4400.0, -1900.0), (4, 4), 430.0, 5.0, 50),
}
BEND, LEFT_OUT, ONE_WAY = 0.16, 0.12, 0.25
MAIN_KM_H, RING_KM_H, COUNTRY_KM_H = 50, 70, 80

type Point = tuple[float, float]


def ring_at(angle: float) -> Point:
    """Return the point of the ring road in a direction [rad]."""
    radius = 2750.0 + 260.0 * np.cos(2 * angle - 0.5) + 110.0 * np.sin(3 * angle)
    return float(radius * np.cos(angle)), float(radius * np.sin(angle))


def bowed(start: Point, end: Point, bow: float, points: int = 9) -> FloatArray:
    """Return a line whose middle is off the straight one by a share of its length."""
    along = np.linspace(0.0, 1.0, points)[:, None]
    straight = np.array(end) - np.array(start)
    side = np.array([-straight[1], straight[0]])
    line: FloatArray = np.array(start) + along * straight + bow * np.sin(np.pi * along) * side
    return line


def street_grid(name: str, rng: np.random.Generator) -> "nx.Graph[Any]":
    """Return the streets of a place: a grid that is turned and bent, and lacks some streets."""
    (east, north), (columns, rows), spacing, turn, _ = GRIDS[name]
    grid: nx.Graph[Any] = nx.grid_2d_graph(columns, rows)
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    at = {}
    for column, row in sorted(grid):
        shift = BEND * (2 * rng.random(2) - 1)
        x = (column - (columns - 1) / 2 + shift[0]) * spacing
        y = (row - (rows - 1) / 2 + shift[1]) * spacing
        at[column, row] = (float(east + cos * x - sin * y), float(north + sin * x + cos * y))
    for street in sorted(grid.edges):
        if rng.random() < LEFT_OUT:
            grid.remove_edge(*street)
            if not nx.is_connected(grid):
                grid.add_edge(*street)
    named: nx.Graph[Any] = nx.relabel_nodes(grid, {place: (name, place) for place in grid})
    nx.set_node_attributes(named, {(name, place): point for place, point in at.items()}, "at")
    return named


def road_lines() -> list[tuple[FloatArray, dict[str, Any]]]:
    """Return all roads as lines in metres, each with its properties."""
    rng = np.random.default_rng(2024)
    roads: list[tuple[FloatArray, dict[str, Any]]] = []
    grids = {name: street_grid(name, rng) for name in GRIDS}
    for name, grid in grids.items():
        speed = GRIDS[name][-1]
        for start, end in sorted(grid.edges):
            line = bowed(grid.nodes[start]["at"], grid.nodes[end]["at"], 0.0, points=2)
            oneway = name == "centre" and rng.random() < ONE_WAY and _without(grid, start, end)
            given = {"kind": "street", "speed_km_h": speed}
            roads.append((line, given | ({"oneway": "yes"} if oneway else {})))

    def nearest(name: str, to: Point) -> Point:
        points = [grids[name].nodes[place]["at"] for place in sorted(grids[name])]
        return min(points, key=lambda point: float(np.hypot(*(np.array(point) - to))))

    # Where main roads cross the ring, beside two that only feed it.
    ways = {name: float(np.arctan2(at[1], at[0])) for name, (at, *_) in GRIDS.items()}
    del ways["centre"]
    crossings = {name: ring_at(angle) for name, angle in ways.items()}
    bows = {"north-hill": 0.05, "lakeside": -0.07, "south-field": 0.06, "works": -0.05}
    for name, crossing in crossings.items():
        main = {"kind": "main road", "speed_km_h": MAIN_KM_H}
        if name == "station":  # within the ring
            inner = nearest(name, (0.0, 0.0))
            roads.append((bowed(nearest("centre", inner), inner, 0.04), main))
            roads.append((bowed(nearest(name, crossing), crossing, 0.05), main))
            continue
        roads.append((bowed(nearest("centre", crossing), crossing, bows[name]), main))
        out = {"kind": "country road", "speed_km_h": COUNTRY_KM_H}
        roads.append((bowed(crossing, nearest(name, crossing), -bows[name]), out))
    joints = sorted(ways.values())
    for start, end in pairwise([*joints, joints[0] + 2 * np.pi]):
        ring = np.array([ring_at(angle) for angle in np.linspace(start, end, 12)])
        roads.append((ring, {"kind": "ring road", "speed_km_h": RING_KM_H}))
    country = {
        ("north-hill", "lakeside"): 0.14,
        ("lakeside", "south-field"): 0.12,
        ("south-field", "works"): 0.1,
    }
    for (one, other), bow in country.items():
        middle = tuple((np.array(GRIDS[one][0]) + np.array(GRIDS[other][0])) / 2)
        line = bowed(nearest(one, middle), nearest(other, middle), bow, points=15)
        roads.append((line, {"kind": "country road", "speed_km_h": COUNTRY_KM_H}))
    return roads


def _without(grid: "nx.Graph[Any]", start: Any, end: Any) -> bool:
    """Return whether one may go around a street, so that it may be one-way."""
    others = grid.copy()
    others.remove_edge(start, end)
    return nx.has_path(others, start, end)


def collection() -> dict[str, Any]:
    """Return the network as GeoJSON."""
    features = [
        {
            "type": "Feature",
            "properties": given,
            "geometry": {
                "type": "LineString",
                "coordinates": PLANE.to_degrees(line / 1000.0).round(6).tolist(),
            },
        }
        for line, given in road_lines()
    ]
    return {"type": "FeatureCollection", "features": features}


def written(network: dict[str, Any]) -> str:
    """Return GeoJSON with a road a line."""
    roads = ",\n".join(json.dumps(each, separators=(",", ":")) for each in network["features"])
    return f'{{"type":"FeatureCollection","features":[\n{roads}\n]}}\n'


def area(name: str, margin: float = 110.0) -> list[list[float]]:
    """Return a ring around the streets of a place [longitude, latitude]."""
    (east, north), (columns, rows), spacing, turn, _ = GRIDS[name]
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    wide, high = ((n - 1) / 2 * spacing + margin + BEND * spacing for n in (columns, rows))
    cut = 0.3 * min(wide, high)
    corners: Sequence[Point] = [
        (-wide, -high + cut), (-wide + cut, -high), (wide - cut, -high), (wide, -high + cut),
        (wide, high - cut), (wide - cut, high), (-wide + cut, high), (-wide, high - cut),
    ]  # fmt: skip
    turned = np.array([(east + cos * x - sin * y, north + sin * x + cos * y) for x, y in corners])
    ring = PLANE.to_degrees(turned / 1000.0).round(4).tolist()
    return [*ring, ring[0]]


if __name__ == "__main__":
    FILE.write_text(written(collection()), encoding="utf-8")
    write: Callable[[str], None] = print
    for place in GRIDS:
        write(f"{place}: {PLANE.to_degrees(np.array(GRIDS[place][0]) / 1000.0).round(4)}")
        write(f"  {area(place)}")
