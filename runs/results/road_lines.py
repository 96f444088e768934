"""The ways of a run on its road network, kept beside its results so that maps need no other file.

`roads.json` holds the junction of every community, every road that a way between two communities
uses, each way as numbers of roads, and as much of the rest of the network as a map can show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.road_map import RoadMap, ways_between
from hmesh.environment.safe_files import read_json, write_json

if TYPE_CHECKING:
    from hmesh.runs.world.setting import Setting

ROADS_FILE = "roads.json"
# As many points of roads that no way uses keep a page small and quick to draw.
MOST_OTHER_POINTS = 20_000
# A centimetre, in degrees and in kilometres.
_DECIMALS = {True: 7, False: 5}


@dataclass(frozen=True, slots=True, eq=False)
class RoadLines:
    """The roads of a run as lines.

    Attributes
    ----------
    on_earth : bool
        Whether points are longitude and latitude [deg], not to the east and to the north [km].
    lines : list of array, shape (points, 2)
        Roads that ways use.
    km, hours : array, shape (roads,)
        Length and travel time of each.
    ways : dict
        Numbers of the roads from one community to another, by both numbers.
    others : list of array, shape (points, 2)
        Roads that no way uses, as many as a map can show.
    left_out : int
        How many more of these there are.
    """

    on_earth: bool
    lines: list[FloatArray]
    km: FloatArray
    hours: FloatArray
    ways: dict[tuple[int, int], list[int]]
    others: list[FloatArray]
    left_out: int

    def way(self, origin: int, destination: int) -> tuple[FloatArray, FloatArray]:
        """Return the line of a way, and which share of its time is behind each of its points.

        Returns
        -------
        line : array, shape (points, 2)
            Its points.
        done : array, shape (points,)
            From 0 to 1.
        """
        points, at_h = [self.lines[self.ways[origin, destination][0]][:1]], [np.zeros(1)]
        before_h = 0.0
        for road in self.ways[origin, destination]:
            line = self.lines[road]
            # On a road the speed is the same all along.
            legs = np.hypot(*np.diff(line, axis=0).T)
            whole = legs.sum()
            behind = np.cumsum(legs) / whole if whole > 0 else np.linspace(0, 1, len(legs) + 1)[1:]
            points.append(line[1:])
            at_h.append(before_h + self.hours[road] * behind)
            before_h += float(self.hours[road])
        done = np.concatenate(at_h)
        return np.concatenate(points), done / done[-1] if done[-1] > 0 else done


def write_roads(directory: Path, setting: "Setting") -> None:
    """Write the ways of a run beside its results, where it has a road network."""
    roads = setting.roads
    if isinstance(roads, RoadMap):
        write_json(directory / ROADS_FILE, road_content(roads))


def road_content(roads: RoadMap) -> dict[str, Any]:
    """Return the ways between all communities as plain data."""
    names, decimals = roads.communities, _DECIMALS[roads.on_earth]
    used, ways = ways_between(roads, list(permutations(names, 2)))
    # A road has one line, whichever way it is driven.
    seen = {frozenset(road) for road in used}
    others, points, left_out = [], 0, 0
    for start, end, road in roads.graph.edges(data=True):
        if frozenset((start, end)) in seen:
            continue
        seen.add(frozenset((start, end)))
        points += len(road["line"])
        if points <= MOST_OTHER_POINTS:
            others.append(road["line"].round(decimals).tolist())
        else:
            left_out += 1
    edges = [roads.graph.edges[road] for road in used]
    return {
        "positions": "degrees" if roads.on_earth else "km",
        "junctions": dict(zip(names, roads.junctions, strict=True)),
        "roads": [
            {
                "from": start,
                "to": end,
                "km": edge["km"],
                "hours": edge["hours"],
                "line": edge["line"].round(decimals).tolist(),
            }
            for (start, end), edge in zip(used, edges, strict=True)
        ],
        "ways": [[*pair, numbers] for pair, numbers in ways.items()],
        "others": others,
        "left_out": left_out,
    }


def read_roads(directory: Path, scenario: Mapping[str, Any]) -> RoadLines | None:
    """Return the ways of a run, None where its scenario has no road network.

    Raises
    ------
    InputError
        If the file of the ways is missing or damaged.
    """
    if isinstance(scenario["roads"], list):
        return None
    path = directory / ROADS_FILE
    try:
        return road_lines(read_json(path), list(scenario["communities"]))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError([Problem(str(path), f"is not what a run writes: {error}")]) from None


def road_lines(content: Mapping[str, Any], communities: Sequence[str]) -> RoadLines:
    """Return the ways of `road_content` as arrays."""
    number = {name: m for m, name in enumerate(communities)}
    roads = content["roads"]
    ways = {(number[a], number[b]): [int(n) for n in way] for a, b, way in content["ways"]}
    lines = [np.array(road["line"], dtype=np.float64).reshape(-1, 2) for road in roads]
    if any(not 0 <= n < len(lines) for way in ways.values() for n in way):
        raise ValueError("a way has a road that there is not")
    return RoadLines(
        content["positions"] == "degrees",
        lines,
        np.array([road["km"] for road in roads], dtype=np.float64),
        np.array([road["hours"] for road in roads], dtype=np.float64),
        ways,
        [np.array(line, dtype=np.float64).reshape(-1, 2) for line in content["others"]],
        int(content["left_out"]),
    )
