"""How heavily the lines of the grid are loaded, and which carry more than they may."""

from typing import TYPE_CHECKING

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import descending, first_highest
from hmesh.environment.number_words import counted
from hmesh.runs.pictures.chart import ALL, Chart, Series, of_strategies
from hmesh.runs.pictures.chart_figure import titled
from hmesh.runs.pictures.figure_layout import (
    ALARM,
    NARROW_IN,
    PANEL_TITLE_IN,
    Drawing,
    legend_area,
    panel_title,
    sheet,
)
from hmesh.runs.pictures.figure_size import LEAST_PANEL_IN, asked_size_in
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import capital, strategy_name, verb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

MOST_LINES = 14
MOST_LETTERS = 46
# Room for the highest loading at the right, beside names, and of a letter of them [in].
_RIGHT_IN, _NAMES_IN, _LETTER_IN = 0.75, 0.35, 0.078
OVERLOAD = 1.0 + 1e-9
# Loadings at which the scale of colours may end [-].
SCALE_ENDS = (0.05, 0.1, 0.25, 0.5)


def loading_chart(data: RunData) -> Chart | Drawing:
    """Return the loading of the most heavily loaded lines as a chart of line and time."""
    names, loading = data.loading()
    if not loading.any():
        return Drawing("No loading of lines to draw: no line carries any energy")
    shown = np.sort(descending(loading.max(axis=(0, 2)))[:MOST_LINES])
    rows = tuple(names[line] for line in shown)
    whole = loading_finding(data, names, loading)

    def of(s: int, _: str) -> tuple[str, list[Series]]:
        over = int((loading[s].max(axis=1) > OVERLOAD).sum())
        finding = (
            f"{over} of {counted(len(names), 'line')} {'is' if over == 1 else 'are'} overloaded, "
            if over
            else "no line is overloaded, "
        ) + f"the highest loading is {loading_text(float(loading[s].max()))}"
        return finding, [Series("", loading[s, shown], kind="heat", rows=rows, loading=True)]

    made = of_strategies(data, of)
    made["findings"] |= {ALL: whole}
    some = f"the {len(shown)} most heavily loaded of {len(names)} lines"
    note = some if len(shown) < len(names) else ""
    return Chart(data, "lines", "Loading of the lines", note=note, finding=whole, **made)


def draw_line_loading(data: RunData) -> Drawing:
    """Draw the loading of the most heavily loaded lines over time, overloads in another colour."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    chart = loading_chart(data)
    if isinstance(chart, Drawing):
        return chart
    colours = colormaps["Blues"].with_extremes(over=ALARM)
    names = chart.all_series[0].rows
    notes = [chart.notes(data.timeline), "at the right the highest loading of each line"]
    finding, count = chart.finding, len(names)
    panel_of: dict[str, list[str]] = {}
    for strategy, same in chart.alike.items():
        panel_of.setdefault(same, []).extend([strategy] if strategy != same else [])
    highest = max(float(s.values.max()) for s in chart.all_series)
    overloaded = highest > OVERLOAD
    # Where all lines are hardly loaded a scale up to the rating would show nothing.
    top = next((end for end in SCALE_ENDS if highest <= end), 1.0)
    entries = [legend_area("overloaded: above the rating", ALARM)] if overloaded else []
    size_in = asked_size_in()
    letters = MOST_LETTERS
    if size_in is not None:
        # Names leave the panels the room that they need at least.
        room_in = size_in[0] - _RIGHT_IN - LEAST_PANEL_IN - _NAMES_IN
        letters = max(min(letters, int(room_in / _LETTER_IN)), 1)
    names = tuple(_short(name, letters) for name in names)
    left_in = min(_NAMES_IN + _LETTER_IN * max(map(len, names)), 4.0)
    # The scale is beside the legend, on a narrow sheet below it.
    narrow = size_in is not None and size_in[0] < NARROW_IN
    figure, panels = sheet(
        finding, (len(panel_of), 1), 0.25 + 0.19 * count, entries, left_in=left_in,
        right_in=_RIGHT_IN, heading_in=0.8 if narrow else 0.32, note="; ".join(filter(None, notes)),
        titles=[titled(*each) for each in panel_of.items()],
    )  # fmt: skip
    for row, (strategy, alike) in enumerate(panel_of.items()):
        (series,), axes = chart.series[strategy], panels[row, 0]
        picture = axes.pcolorfast(
            data.timeline.edges_h, np.arange(count + 1.0), data.timeline.highest(series.values),
            cmap=colours, norm=Normalize(0.0, top if top < 1.0 else OVERLOAD),
        )  # fmt: skip
        axes.set_ylim(count, 0)
        axes.set_yticks(np.arange(count) + 0.5, names)
        axes.tick_params(axis="y", length=0, labelsize=8.5)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for place, peak in enumerate(series.values.max(axis=1)):
            over = peak > OVERLOAD
            axes.text(
                1.008, place + 0.5, loading_text(float(peak)), va="center", fontsize=8.5,
                transform=axes.get_yaxis_transform(), color=ALARM if over else "#222222",
                fontweight="bold" if over else "normal",
            )  # fmt: skip
        panel_title(axes, titled(strategy, alike))
        data.timeline.dress(axes, 11, lowest=row == len(panel_of) - 1)
    above_in = 0.5 if narrow else 0.4
    above_in += PANEL_TITLE_IN * panels[0, 0].get_title("left").count("\n")
    _draw_scale(figure, picture, panels[0, 0], above_in, top, overloaded=overloaded)
    return Drawing(finding, figure)


def _draw_scale(
    figure: "Figure",
    picture: "ScalarMappable",
    below: "Axes",
    above_in: float,
    top: float,
    *,
    overloaded: bool,
) -> None:
    """Explain the colours at the upper right, that of overloads where there are any."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    place = (
        1 - 2.75 / width,
        below.get_position().y1 + above_in / height,
        2.0 / width,
        0.11 / height,
    )
    bar = figure.colorbar(
        picture, cax=figure.add_axes(place), orientation="horizontal",
        extend="max" if overloaded else "neither", ticks=[0, top / 2, top],
        format=lambda share, _: f"{share * 100:g} %",
    )  # fmt: skip
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8.5, length=2, pad=2)
    bar.ax.set_ylabel("loading  ", rotation=0, ha="right", va="center")


def _short(name: str, letters: int) -> str:
    """Return a name of so many letters at most, the end of it, in which lines differ."""
    return name if len(name) <= letters else f"\u2026{name[len(name) - letters + 1 :]}"


def loading_text(share: float) -> str:
    """Return a loading in per cent, with a decimal place where a whole number would be near 0."""
    percent = 100.0 * share
    # A line just above its rating must not read as one at it.
    near = 0 < percent < 9.5 or (share > OVERLOAD and round(percent) == 100)
    return f"{percent:,.1f} %" if near else f"{percent:,.0f} %"


def loading_finding(data: RunData, names: list[str], loading: FloatArray) -> str:
    """State which strategies overload lines, and how far."""
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
