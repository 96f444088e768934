"""Which keys the outcomes of a sweep depend on: indices of Sobol or of Morris as bars."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.safe_files import beside, own_folder
from hmesh.runs.pictures.figure_layout import legend_line, panel_title, sheet, style
from hmesh.runs.pictures.sweep_pictures import SweepPlot, headlines
from hmesh.runs.strategy_names import strategy_name
from hmesh.runs.sweeps.ensemble import Ensemble
from hmesh.runs.sweeps.key_sensitivity import (
    RANKED_BY,
    Sensitivity,
    sensitivities,
    sensitivity_lines,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "sensitivity"
_COLOURS = ("#0072B2", "#E69F00")
# Of each method, what is drawn: the column, its half interval or None, and what it is called.
_BARS = {
    "sobol": (
        ("total_order", "total_order_95", "total order"),
        ("first_order", "first_order_95", "first order"),
    ),
    "morris": (
        ("effect_size", "effect_size_95", "mean size of the effect"),
        ("effect_deviation", None, "standard deviation of the effect"),
    ),
}


def draw_sensitivity(directory: Path, ensemble: Ensemble) -> list[SweepPlot]:
    """Draw the indices of the last strategy that depends on anything into the plots of a sweep."""
    found = sensitivities(ensemble)
    if not found or ensemble.plan.design is None:
        return []
    from matplotlib import style as matplotlib_style

    strategy = max(each.strategy for each in found)
    finding = next(iter(sensitivity_lines(ensemble)), "")
    path = own_folder(directory, "plots", make=True) / f"{NAME}.png"
    with matplotlib_style.context(["default", style()]), beside(path) as new:
        figure = _draw(ensemble, [each for each in found if each.strategy == strategy], finding)
        about = {"Title": NAME, "Description": finding}
        figure.savefig(new, format="png", metadata=about, pil_kwargs={"compress_level": 3})
    return [SweepPlot(NAME, finding, path)]


def _draw(ensemble: Ensemble, found: list[Sensitivity], finding: str) -> "Figure":
    assert ensemble.plan.design is not None
    method = ensemble.plan.design.method
    entries = [
        legend_line(called, colour, lw=6)
        for (_, _, called), colour in zip(_BARS[method], _COLOURS, strict=True)
    ]
    under = strategy_name(ensemble.strategies[found[0].strategy])
    note = f"under {under}, means of {len(ensemble.plan.seeds)} seeds, 95 % intervals"
    height = 0.9 + 0.3 * len(ensemble.plan.keys)
    figure, panels = sheet(
        finding, (-(-len(found) // 2), 2), height, entries, left_in=1.6, gap_in=0.75, note=note
    )
    axes_of = {name: axis for name, axis, _ in headlines(ensemble)}
    for axes, each in zip(panels.flat, found, strict=False):
        label = axes_of.get(each.quantity, each.quantity).format(currency=ensemble.currency)
        panel_title(axes, label)
        unit = "share of the variance [-]" if method == "sobol" else "change over the range"
        axes.set_xlabel(unit)
        _draw_panel(axes, each, method)
    for axes in panels.flat[len(found) :]:
        axes.set_visible(False)
    return figure


def _draw_panel(axes: "Axes", each: Sensitivity, method: str) -> None:
    keys = sorted(each.by_key, key=lambda key: each.by_key[key][RANKED_BY[method]])
    for number, (column, half, _) in enumerate(_BARS[method]):
        values = np.array([each.by_key[key][column] for key in keys])
        errors = None if half is None else np.array([each.by_key[key][half] for key in keys])
        places = np.arange(len(keys)) + 0.2 - 0.4 * number
        axes.barh(places, values, 0.38, xerr=errors, color=_COLOURS[number], capsize=2.5)
    axes.set_yticks(range(len(keys)), keys)
    axes.axvline(0.0, color="#9A9A9A", lw=0.8)
