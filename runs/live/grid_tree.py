"""Which nodes of a grid are drawn in the live view, and where."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.grid import Grid

# A grid of more lines is drawn without its connections.
MOST_LINES = 40
# A tree of more levels is drawn as a list, without the nodes where no line branches.
WIDE_LEVELS = 3


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """Lines in a row that are drawn as one.

    Attributes
    ----------
    start, end : int
        The nodes at both ends.
    lines : tuple of int
        The lines between them, that nearest to the utility first.
    """

    start: int
    end: int
    lines: tuple[int, ...]

    def fullest(self, loading: FloatArray) -> int:
        """Return the most heavily loaded of its lines."""
        return max(self.lines, key=lambda line: float(loading[line]))


@dataclass(frozen=True, slots=True)
class DrawnTree:
    """What is drawn of a grid.

    Attributes
    ----------
    lines : tuple of DrawnLine
        What is drawn of its lines.
    places : dict of int to (float, float)
        Level, from 0 at the utility, and height of every node drawn.
    listed : bool
        Whether every node has a row, its name beside it.
    left_out : int
        How many lines besides connections are not drawn.
    """

    lines: tuple[DrawnLine, ...]
    places: dict[int, tuple[float, float]]
    listed: bool
    left_out: int


def drawn_tree(grid: Grid) -> DrawnTree:
    """Choose what of a grid is drawn, and where: level by level to the right."""
    whole = len(grid.lines) <= MOST_LINES
    inner = [line for line, kind in enumerate(grid.kinds[1:]) if whole or kind != "connection"]
    levels = np.zeros(len(grid.nodes), np.intp)
    for node in range(1, len(grid.nodes)):
        levels[node] = levels[grid.parents[node]] + 1
    listed = bool(max((levels[line + 1] for line in inner), default=0) > WIDE_LEVELS)
    drawn = _in_a_row(grid, inner) if listed else [_alone(grid, line) for line in inner]
    # Level by level, and so all that feed them are among the first.
    shown = drawn[:MOST_LINES]
    left_out = sum(len(each.lines) for each in drawn[MOST_LINES:])
    return DrawnTree(tuple(shown), _places(shown, listed), listed, left_out)


def _alone(grid: Grid, line: int) -> DrawnLine:
    return DrawnLine(int(grid.parents[line + 1]), line + 1, (line,))


def _in_a_row(grid: Grid, lines: list[int]) -> list[DrawnLine]:
    """Join lines where none branches off and nobody is connected; leave out those to nobody."""
    used = np.array([kind == "connection" for kind in grid.kinds])
    for node in range(len(grid.nodes) - 1, 0, -1):
        used[grid.parents[node]] |= used[node]
    ways_on = np.bincount(grid.parents[1:][used[1:]], minlength=len(grid.nodes))
    connected = np.zeros(len(grid.nodes), np.bool_)
    connected[grid.parents[[n for n, kind in enumerate(grid.kinds) if kind == "connection"]]] = True
    joined = []
    for line in lines:
        end = line + 1
        if not used[end] or (ways_on[end] == 1 and not connected[end]):
            continue
        way = [line]
        while (start := int(grid.parents[way[-1] + 1])) and ways_on[start] == 1:
            if connected[start]:
                break
            way.append(start - 1)
        joined.append(DrawnLine(start, end, tuple(reversed(way))))
    return joined


def _places(lines: list[DrawnLine], listed: bool) -> dict[int, tuple[float, float]]:
    below: dict[int, list[int]] = {}
    level = {0: 0}
    for line in lines:
        below.setdefault(line.start, []).append(line.end)
        level[line.end] = level[line.start] + 1
    places: dict[int, tuple[float, float]] = {}
    rows = 0

    def place(node: int) -> float:
        nonlocal rows
        own_row = listed or node not in below
        height = -float(rows)
        rows += own_row
        heights = [place(child) for child in below.get(node, ())]
        if not own_row:
            height = sum(heights) / len(heights)
        places[node] = (level[node], height)
        return height

    place(0)
    return places
