"""How figures of sources are drawn: lines and bars with axes, units and legends."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOUR = "hour of the day [h]"
MONTHS = ("Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb", "Mar")


def draw_lines(
    figure: "Figure",
    over: ArrayLike,
    lines: Mapping[str, ArrayLike],
    across: str,
    up: str,
    *,
    from_zero: bool = False,
) -> "Axes":
    """Draw a line for each name.

    Parameters
    ----------
    figure : Figure
        Where to.
    over : array, shape (points,)
        What the lines are drawn over.
    lines : mapping
        Values by the name of a line, shape (points,).
    across, up : str
        What the axes show, with their units.
    from_zero : bool
        Whether the upward axis begins at 0.
    """
    axes = figure.add_subplot()
    for name, values in lines.items():
        axes.plot(np.asarray(over), np.asarray(values), marker="o", markersize=3, label=name)
    _finish(axes, across, up, len(lines))
    if from_zero:
        axes.set_ylim(bottom=0)
    return axes


def draw_bars(
    figure: "Figure", labels: Sequence[str], bars: Mapping[str, ArrayLike], across: str, up: str
) -> "Axes":
    """Draw a group of bars for each label, a bar of it for each name."""
    axes = figure.add_subplot()
    where, width = np.arange(len(labels)), 0.8 / len(bars)
    for k, (name, values) in enumerate(bars.items()):
        axes.bar(where + (k - (len(bars) - 1) / 2) * width, np.asarray(values), width, label=name)
    axes.set_xticks(where, labels)
    axes.axhline(0, color="black", linewidth=0.8)
    _finish(axes, across, up, len(bars))
    return axes


def _finish(axes: "Axes", across: str, up: str, names: int) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    if names > 1:
        axes.legend(fontsize="small")
