"""How heavily the lines of the grid are loaded, and which carry more than they may."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import descending, first_highest
from hmesh.runs.pictures.figure_layout import (
    ALARM,
    Drawing,
    legend_area,
    panel_title,
    sheet,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import capital, strategy_label, strategy_name, verb

if TYPE_CHECKING:
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

MOST_LINES = 14
OVERLOAD = 1.0 + 1e-9


def draw_line_loading(data: RunData) -> Drawing:
    """Draw the loading of the most heavily loaded lines over time, overloads in another colour."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    names, loading = data.loading()
    if not loading.any():
        return Drawing("No loading of lines to draw: no line carries any energy")
    highest = loading.max(axis=(0, 2))
    shown = np.sort(descending(highest)[:MOST_LINES])
    colours = colormaps["Blues"].with_extremes(over=ALARM)
    which = f"the {len(shown)} most heavily loaded of {len(names)} lines"
    notes = [
        f"highest loading of every {data.timeline.block}" if data.timeline.block else "",
        which if len(shown) < len(names) else "",
        "at the right the highest loading of each line",
    ]
    finding = loading_finding(data, names, loading)
    entries = [legend_area("overloaded: above the rating", ALARM)]
    longest = max(len(names[line]) for line in shown)
    left_in = min(0.35 + 0.078 * longest, 4.0)
    figure, panels = sheet(
        finding, (len(data.strategies), 1), 0.25 + 0.19 * len(shown), entries,
        left_in=left_in, right_in=0.75, note="; ".join(filter(None, notes)),
    )  # fmt: skip
    for row, strategy in enumerate(data.strategies):
        axes = panels[row, 0]
        values = data.timeline.highest(loading[row, shown])
        picture = axes.pcolorfast(
            data.timeline.edges_h, np.arange(len(shown) + 1.0), values, cmap=colours,
            norm=Normalize(0.0, OVERLOAD),
        )  # fmt: skip
        axes.set_ylim(len(shown), 0)
        axes.set_yticks(np.arange(len(shown)) + 0.5, [_short(names[line]) for line in shown])
        axes.tick_params(axis="y", length=0, labelsize=8.5)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for place, line in enumerate(shown):
            peak = loading[row, line].max()
            over = peak > OVERLOAD
            axes.text(
                1.008, place + 0.5, loading_text(float(peak)), va="center", fontsize=8.5,
                transform=axes.get_yaxis_transform(), color=ALARM if over else "#222222",
                fontweight="bold" if over else "normal",
            )  # fmt: skip
        panel_title(axes, strategy_label(strategy))
        data.timeline.dress(axes, 11, lowest=row == len(data.strategies) - 1)
    _draw_scale(figure, picture, panels[0, 0].get_position().y1)
    return Drawing(finding, figure)


def _draw_scale(figure: "Figure", picture: "ScalarMappable", above: float) -> None:
    """Explain the colours at the upper right."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    place = (1 - 2.75 / width, above + 0.4 / height, 2.0 / width, 0.11 / height)
    bar = figure.colorbar(
        picture, cax=figure.add_axes(place), orientation="horizontal", extend="max",
        ticks=[0, 0.5, 1], format=lambda share, _: f"{share * 100:.0f} %",
    )  # fmt: skip
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, length=2, pad=2)
    bar.ax.set_ylabel("loading  ", rotation=0, ha="right", va="center")


def _short(name: str) -> str:
    return name if len(name) <= 46 else f"{name[:45]}\u2026"


def loading_text(share: float) -> str:
    """Return a loading in per cent, with a decimal place where a whole number would be near 0."""
    percent = 100.0 * share
    # A line just above its rating must not read as one at it.
    near = 0 < percent < 9.5 or (share > OVERLOAD and round(percent) == 100)
    return f"{percent:,.1f} %" if near else f"{percent:,.0f} %"


def loading_finding(data: RunData, names: list[str], loading: NDArray[np.float64]) -> str:
    """Tell which strategies overload lines, and how far."""
    over = (loading > OVERLOAD).any(axis=(1, 2))
    peaks = loading.max(axis=(1, 2))
    if not over.any():
        line = names[first_highest(loading.max(axis=(0, 2)))]
        highest = loading_text(float(peaks.max()))
        return f"No line is overloaded; the highest loading is {highest} of the rating, {line}"
    worst = first_highest(peaks)
    line = names[first_highest(loading[worst].max(axis=1))]
    strategy = data.strategies[worst]
    text = (
        f"{strategy_name(strategy)} {verb(strategy, 'loads')} {line} to "
        f"{loading_text(float(peaks[worst]))} of its rating"
    )
    calm = [strategy_name(name) for name, bad in zip(data.strategies, over, strict=True) if not bad]
    if calm:
        text += f"; no line is overloaded under {' or '.join(calm)}"
    elif len(data.strategies) > 1:
        text += "; lines are overloaded under every strategy"
    return capital(text)
