"""The tree of the grid and how heavily its lines are loaded, step by step."""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.grid_plan import UTILITY
from hmesh.environment.last_digits import anything, descending
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.map_selection import Window

MOST_LINES = 60


def grid_lines(data: RunData, window: Window) -> dict[str, Any] | None:
    """Return the lines of the grid with their loading, None where they carry nothing.

    Returns
    -------
    dict
        ``lines``: names of both ends, each line after the one that feeds it; ``loading``, shape
        (strategies, steps, lines): share of the rating, in parts of ``unit``; ``left_out``: how
        many less loaded lines there are besides.
    """
    names, loading = data.loading()
    if not anything(loading):
        return None
    ends = [_ends(name) for name in names]
    order = _shown(ends, loading.max(axis=(0, 2)))
    shown = loading[:, order, window.first : window.last].transpose(0, 2, 1)
    unit = max(float(shown.max(initial=0.0)), 1e-9) / 65_535
    return {
        "lines": [ends[line] for line in order],
        "loading": np.rint(shown / unit).astype(np.uint16),
        "unit": unit,
        "left_out": len(ends) - len(order),
    }


def _ends(name: str) -> tuple[str, str]:
    """Return the two ends of a line; only the second may have the sign between them in its name."""
    parent, _, node = name.partition(" - ")
    return parent, node


def _shown(ends: list[tuple[str, str]], highest: FloatArray) -> list[int]:
    """Return the most heavily loaded lines with all that feed them, each after its own feeder."""
    feeding = {node: line for line, (_, node) in enumerate(ends)}
    kept: set[int] = set()
    for line in descending(highest).tolist():
        way, at = [], line
        while at is not None and at not in kept:
            way.append(at)
            at = feeding.get(ends[at][0])
        if not kept or len(kept) + len(way) <= MOST_LINES:
            kept.update(way)
    below: dict[str, list[int]] = {}
    for line, (parent, _) in enumerate(ends):
        if line in kept:
            below.setdefault(parent, []).append(line)
    order: list[int] = []
    waiting = below.get(UTILITY, [])[::-1]
    while waiting:
        line = waiting.pop()
        order.append(line)
        waiting += below.get(ends[line][1], [])[::-1]
    return order
