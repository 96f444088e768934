"""The tree of the grid and how heavily its lines are loaded, step by step."""

from typing import Any

import numpy as np

from hmesh.environment.last_digits import anything
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.map_selection import Window

MOST_LINES = 60
_UTILITY, _FEEDER = "utility", "/feeder"


def grid_lines(data: RunData, window: Window) -> dict[str, Any] | None:
    """Return the lines of the grid with their loading, None where they carry nothing.

    Returns
    -------
    dict
        ``lines``: names of both ends, each line after the one that feeds it; ``loading``, shape
        (strategies, steps, lines): share of the rating, in parts of ``unit``; ``left_out``: how
        many lines of less loaded communities there are besides.
    """
    names, loading = data.loading()
    if not anything(loading):
        return None
    ends = [_ends(name, data.communities) for name in names]
    order, left_out = _shown(data, ends, loading.max(axis=(0, 2)))
    shown = loading[:, order, window.first : window.last].transpose(0, 2, 1)
    unit = max(float(shown.max(initial=0.0)), 1e-9) / 65_535
    return {
        "lines": [ends[line] for line in order],
        "loading": np.rint(shown / unit).astype(np.uint16),
        "unit": unit,
        "left_out": left_out,
    }


def _ends(name: str, communities: tuple[str, ...]) -> tuple[str, str]:
    """Return the two ends of a line, whatever its communities are called."""
    for community in communities:
        feeder = f"{community}{_FEEDER}"
        if name == f"{_UTILITY} - {feeder}":
            return _UTILITY, feeder
        if name == f"{feeder} - {community}":
            return feeder, community
    # The longest, where the name of one community begins with that of another.
    parents = [m for m in communities if name.startswith(f"{m} - {m}/")]
    parent = max(parents, key=len, default=name.partition(" - ")[0])
    return parent, name.removeprefix(f"{parent} - ")


def _shown(data: RunData, ends: list[tuple[str, str]], highest: Any) -> tuple[list[int], int]:
    """Return the lines to be shown community by community, and how many are left out."""
    of: dict[str, list[int]] = {name: [] for name in data.communities}
    for line, (parent, node) in enumerate(ends):
        names = [m for m in of if m in (parent, node) or f"{m}{_FEEDER}" in (parent, node)]
        of[names[0]].append(line)
    busiest = sorted(of, key=lambda name: -max(highest[of[name]], default=0.0))
    kept: list[str] = []
    for name in busiest:
        if not kept or sum(len(of[m]) for m in kept) + len(of[name]) <= MOST_LINES:
            kept.append(name)
    order = [line for name in of if name in kept for line in of[name]]
    return order, len(ends) - len(order)
