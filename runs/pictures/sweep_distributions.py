"""How the outcomes of a sweep are spread across its seeds: histograms of one point."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.safe_files import beside, own_folder
from hmesh.runs.pictures.figure_layout import panel_title, sheet, strategy_colour, style
from hmesh.runs.pictures.sweep_pictures import SweepPlot, headlines
from hmesh.runs.strategy_names import strategy_name
from hmesh.runs.sweeps.distribution import LEVEL, bin_edges
from hmesh.runs.sweeps.ensemble import Ensemble
from hmesh.runs.sweeps.outcomes import Shape, Shapes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "distribution"


def draw_distributions(directory: Path, ensemble: Ensemble) -> list[SweepPlot]:
    """Draw histograms of the outcomes at one point under one strategy into the plots of a sweep.

    They are those of the bimodal outcome of the lowest p-value, of the last strategy at the first
    point if there are none. Of fewer seeds than the test of unimodality needs nothing is drawn.
    """
    shapes = Shapes(ensemble)
    if not shapes.every:
        return []
    from matplotlib import style as matplotlib_style

    two = shapes.two
    shown = two[0] if two else shapes.every[0]
    strategy = shown.strategy if two else len(ensemble.strategies) - 1
    finding = _finding(shapes)
    path = own_folder(directory, "plots", make=True) / f"{NAME}.png"
    with matplotlib_style.context(["default", style()]), beside(path) as new:
        figure = _draw(shapes, shown.point, strategy, finding)
        about = {"Title": NAME, "Description": finding}
        figure.savefig(new, format="png", metadata=about, pil_kwargs={"compress_level": 3})
    return [SweepPlot(NAME, finding, path)]


def _finding(shapes: Shapes) -> str:
    two = shapes.two
    if not two:
        return f"No outcome is bimodal across {len(shapes.ensemble.plan.seeds)} seeds"
    peaks = " and ".join(f"{peak:,.4g}" for peak in two[0].humps.peaks)
    return f"{shapes.stated(two[0])} is bimodal, with modes near {peaks}"


def _draw(shapes: Shapes, point: int, strategy: int, finding: str) -> "Figure":
    ensemble = shapes.ensemble
    panels_of = [each for each in headlines(ensemble) if each[0] in ensemble.quantities]
    known = {
        shape.quantity: shape
        for shape in shapes.every
        if (shape.point, shape.strategy) == (point, strategy)
    }
    named = [name for name, *_ in panels_of]
    # What is bimodal is shown, be it a headline or a metric.
    panels_of += [(n, n, n) for n, shape in known.items() if shape.humps.two and n not in named]
    place = ", ".join(
        ensemble.plan.label(key, value) for key, value in ensemble.plan.points[point].values.items()
    )
    note = f"{len(ensemble.plan.seeds)} seeds under {strategy_name(ensemble.strategies[strategy])}"
    note += f" at {place}" if place else ""
    note += f"; bimodal by the dip test at p < {LEVEL:g}"
    figure, panels = sheet(
        finding, (-(-len(panels_of) // 2), 2), 2.0, [], left_in=0.7, gap_in=0.75, note=note
    )
    colour = strategy_colour(ensemble.strategies, ensemble.strategies[strategy])
    for axes, (name, label, _) in zip(panels.flat, panels_of, strict=False):
        panel_title(axes, "seeds [-]")
        axes.set_xlabel(label.format(currency=ensemble.currency))
        _draw_panel(axes, ensemble.of(name)[point, :, strategy], known.get(name), colour)
    for axes in panels.flat[len(panels_of) :]:
        axes.set_visible(False)
    return figure


def _draw_panel(
    axes: "Axes",
    values: FloatArray,
    shape: Shape | None,
    colour: str,
) -> None:
    held = values[np.isfinite(values)]
    if shape is None:
        axes.text(0.5, 0.5, "the same for all seeds", transform=axes.transAxes, ha="center")
        axes.set_yticks([])
        return
    found = shape.humps
    counts, edges = np.histogram(held, bin_edges(held, found))
    axes.stairs(counts, edges, fill=True, color=colour, alpha=0.8)
    for peak in found.peaks if found.two else ():
        axes.axvline(peak, color="#222222", lw=1.0, ls="--")
    axes.locator_params(axis="y", integer=True)
