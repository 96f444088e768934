"""A figure of two or more runs side by side: headline figures under each strategy."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.compared_runs import ComparedRuns
from hmesh.runs.pictures.figure_layout import (
    Drawing,
    group_colour,
    legend_line,
    panel_title,
    sheet,
)
from hmesh.runs.strategy_names import strategy_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM = 0.8  # of the bars of a strategy, in the distance between strategies


def draw_compared(compared: ComparedRuns) -> Drawing:
    """Draw a panel for each headline figure, a bar for each run under each strategy."""
    headlines = compared.headlines()
    finding = compared.finding()
    entries = [
        legend_line(name, group_colour(number), lw=6) for number, name in enumerate(compared.names)
    ]
    figure, panels = sheet(
        finding, (-(-len(headlines) // 2), 2), 2.0, entries, left_in=1.0, gap_in=0.75,
        note=f"{len(compared.names)} runs, whole length of each",
    )  # fmt: skip
    for axes, headline in zip(panels.flat, headlines, strict=False):
        panel_title(axes, headline.axis)
        values = [compared.value(headline, strategy) for strategy in compared.strategies]
        _draw_panel(axes, compared, np.array(values, dtype=np.float64))
    for axes in panels.flat[len(headlines) :]:
        axes.set_visible(False)
    return Drawing(finding, figure)


def _draw_panel(axes: "Axes", compared: ComparedRuns, values: FloatArray) -> None:
    """Draw bars; values of shape (strategies, runs), NaN where a run has none."""
    strategies, runs = values.shape
    width = _ROOM / runs
    for number in range(runs):
        places = np.arange(strategies) + (number - (runs - 1) / 2) * width
        axes.bar(places, np.nan_to_num(values[:, number]), width, color=group_colour(number))
    axes.set_xticks(range(strategies), [strategy_label(each) for each in compared.strategies])
    axes.axhline(0.0, color="#9A9A9A", lw=0.8)
    if max(abs(limit) for limit in axes.get_ylim()) >= 1000:
        axes.yaxis.set_major_formatter("{x:,.0f}")
