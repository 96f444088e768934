"""The sheet a figure is drawn on: its title, legend, panels, colours and words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.pictures.figure_legend import LEGEND_PT, legend_rows, row_in, write_legend
from hmesh.runs.pictures.figure_size import (
    BETWEEN_COLUMNS,
    asked_size_in,
    panel_width_in,
    refuse_no_room,
    stacked,
)
from hmesh.runs.pictures.text_width import EDGE_IN, lines_within
from hmesh.runs.strategy_names import STRATEGIES

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hmesh.runs.pictures.timeline import Timeline

WIDTH_IN = 10.0
DOTS_PER_IN = 160
BOTTOM_IN = 0.78
# On a narrow sheet the title of a time axis takes up to three lines.
NARROW_IN, NARROW_BOTTOM_IN = 6.0, 1.05
# Height of a line [in] and size of its letters [pt].
TITLE_IN, TITLE_PT = 0.27, 13.0
NOTE_IN, NOTE_PT = 0.24, 9.5
PANEL_TITLE_IN, PANEL_TITLE_PT = 0.2, 10.5

# Okabe and Ito's colours for strategies and Tol's muted ones for communities stay apart for every
# kind of colour vision. The first four of communities differ in lightness, too, by 15 or more of
# 100, so that they stay apart in grey; lines of strategies have dashes for that.
_MORE_STRATEGY_COLOURS = (
    "#CC79A7", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#8C8C8C", "#332288",
)  # fmt: skip
_GROUP_COLOURS = ("#332288", "#44AA99", "#AA4499", "#88CCEE", "#999933", "#CC6677")
_STROKES: tuple[Any, ...] = ("-", (0, (5, 1)), (0, (1.6, 0.8)), (0, (5, 1, 1.6, 1)))
FIXED = "#8C8C8C"
FIXED_AREA = "#DEDEDE"
ROAD = "#D9D9D9"
INK = "#222222"
ALARM = "#D55E00"

STYLE: dict[str, Any] = {
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.titlesize": PANEL_TITLE_PT,
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9A9A9A",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": "#9A9A9A",
    "ytick.color": "#9A9A9A",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
}

# Names of communities may be written in any script; the first that is installed is used.
_FONTS_OF_OTHER_SCRIPTS = (
    "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", "Meiryo", "IPAexGothic",
    "Arial Unicode MS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure, or why there is none.

    Attributes
    ----------
    finding : str
        The title of the figure: what it shows; without a figure, the reason.
    figure : Figure or None
        The figure.
    """

    finding: str
    figure: "Figure | None" = None

    @property
    def axes(self) -> "list[Axes]":
        """Its panels."""
        return [] if self.figure is None else list(self.figure.axes)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stack of powers.

    Attributes
    ----------
    name : str
        What it is called.
    power_kw : array, shape (strategies, ..., steps)
        Its power, not below zero [kW].
    colour : str
        Its colour.
    """

    name: str
    power_kw: FloatArray
    colour: str


def style() -> dict[str, Any]:
    """Return the style of all figures, with a font for names that the usual one cannot write."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    found = [name for name in _FONTS_OF_OTHER_SCRIPTS if name in installed]
    return STYLE | {"font.family": ["DejaVu Sans", *found[:1]]}


def strategy_colour(strategies: Sequence[str], strategy: str) -> str:
    """Return the colour of a strategy, the same in every figure of a run.

    Where strategies of several schemes are compared, the first has the colour that they share.
    """
    colours: dict[str, str] = {}
    for name in strategies:
        own = STRATEGIES[name].colour if name in STRATEGIES else ""
        if own and own not in colours.values():
            colours[name] = own
    free = [c for c in _MORE_STRATEGY_COLOURS if c not in colours.values()]
    others = [name for name in strategies if name not in colours]
    colours |= {name: free[n % len(free)] for n, name in enumerate(others) if free}
    return colours.get(strategy, _MORE_STRATEGY_COLOURS[0])


def stroke(number: int) -> Any:
    """Return the dashes of the line of a strategy, by its place among those compared."""
    return _STROKES[number] if number < len(_STROKES) else "-"


def group_colour(number: int) -> str:
    """Return the colour of a group of communities, the same in every figure."""
    return _GROUP_COLOURS[number % len(_GROUP_COLOURS)]


def sheet(
    finding: str,
    panels: tuple[int, int],
    panel_height_in: float,
    entries: "Sequence[Artist]" = (),
    *,
    left_in: float = 0.85,
    right_in: float = 0.4,
    gap_in: float = 0.42,
    heading_in: float = 0.32,
    bottom_in: float | None = None,
    note: str = "",
    titles: Sequence[str] = (),
    **shared: Any,
) -> "tuple[Figure, NDArray[Any]]":
    """Return a new figure with its title and legend, and its empty panels.

    Parameters
    ----------
    finding : str
        What the figure shows.
    panels : (int, int)
        Rows and columns of panels.
    panel_height_in : float
        Height of a panel [in].
    entries : sequence of Artist, optional
        What the legend, which stands under the title, explains.
    left_in, right_in, gap_in, heading_in : float, optional
        Room beside the panels, between their rows and above the first row [in].
    bottom_in : float, optional
        Room below the last row [in]; by default that of the title of an axis.
    note : str, optional
        What a reader must know beside the title.
    titles : sequence of str, optional
        Titles of the panels that may be longer than these are wide, for which room is left.
    **shared : object
        `sharex`, `sharey` or `height_ratios` of the panels.

    Returns
    -------
    figure, panels : Figure, array
        The figure and an array of its axes, shape (rows, columns).
    """
    from matplotlib.figure import Figure

    rows, columns = panels
    size_in = asked_size_in()
    width = WIDTH_IN if size_in is None else size_in[0]
    if bottom_in is None:
        bottom_in = NARROW_BOTTOM_IN if width < NARROW_IN else BOTTOM_IN
    lines, legend = title_lines(finding, width), legend_rows(entries, width)
    notes = lines_within(note, width - 2 * EDGE_IN, NOTE_PT)
    if stacked(size_in, panels, left_in + right_in):
        # Each panel has its own heading and its own labels below it.
        rows, columns, gap_in = columns, 1, max(gap_in, heading_in + bottom_in)
        shared.pop("height_ratios", None)
    room_in = _title_room_in(width, columns, left_in, right_in)
    most = max((len(_panel_title_lines(each, room_in)) for each in titles), default=1)
    heading_in += PANEL_TITLE_IN * (most - 1)
    gap_in += PANEL_TITLE_IN * (most - 1) * (rows > 1)
    above_in = 0.2 + _heading_in(lines, notes, legend) + heading_in
    gaps_in = (rows - 1) * gap_in
    usual_in = panel_height_in
    height = above_in + rows * panel_height_in + gaps_in + bottom_in
    if size_in is not None:
        height = height if size_in[1] is None else size_in[1]
        panel_height_in = (height - above_in - bottom_in - gaps_in) / rows
        beside_in = left_in + right_in
        refuse_no_room((width, height), (rows, columns), panel_height_in, usual_in, beside_in)
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_IN, facecolor="white")
    _write_heading(figure, lines, notes, legend)
    grid = {
        "left": left_in / width,
        "right": 1 - right_in / width,
        "top": 1 - above_in / height,
        "bottom": bottom_in / height,
        "hspace": gap_in / panel_height_in,
        "wspace": BETWEEN_COLUMNS,
    }
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid, **shared)
    return figure, axes.reshape(panels)


def _heading_in(lines: list[str], notes: list[str], legend_rows: "list[list[Artist]]") -> float:
    """Return the height of title, note and legend [in]."""
    legend_in = sum(map(row_in, legend_rows))
    return TITLE_IN * len(lines) + NOTE_IN * len(notes) + legend_in


def _write_heading(
    figure: "Figure", lines: list[str], notes: list[str], legend_rows: "list[list[Artist]]"
) -> None:
    """Write title, note and legend at the top of a figure."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    x, y = EDGE_IN / width, height - 0.14
    title = "\n".join(lines)
    figure.text(
        x, y / height, title, fontsize=TITLE_PT, fontweight="bold", va="top", linespacing=1.3
    )
    y -= TITLE_IN * len(lines) + 0.04
    for note in notes:
        figure.text(x, y / height, note, fontsize=NOTE_PT, color="#555555", va="top")
        y -= NOTE_IN
    for row in legend_rows:
        write_legend(figure, row, (0.1 / width, (y + 0.06) / height), LEGEND_PT)
        y -= row_in(row)


def title_lines(finding: str, sheet_in: float = WIDTH_IN) -> list[str]:
    """Break a title into lines of like length, never between a number and its unit."""
    whole = re.sub(r"(?<=\d) (?=[%A-Za-z]+\b|%)", "\u00a0", finding)
    return lines_within(whole, sheet_in - 2 * EDGE_IN, TITLE_PT, bold=True)


def legend_line(label: str, colour: str, **look: Any) -> "Artist":
    """Return a line for a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, color=colour, **look)


def legend_area(label: str, colour: str, **look: Any) -> "Artist":
    """Return an area for a legend."""
    from matplotlib.patches import Patch

    return Patch(label=label, facecolor=colour, **look)


def _title_room_in(sheet_in: float, columns: int, left_in: float, right_in: float) -> float:
    """Return the width that the title of a panel may have [in]: up to the next one, or the edge."""
    pitch_in = panel_width_in(sheet_in, columns, left_in + right_in) * (1 + BETWEEN_COLUMNS)
    return pitch_in - EDGE_IN / 2 if columns > 1 else sheet_in - left_in - EDGE_IN


def _panel_title_lines(text: str, room_in: float) -> list[str]:
    return lines_within(text, room_in, PANEL_TITLE_PT, bold=True)


def panel_title(axes: "Axes", text: str, colour: str = INK) -> None:
    """Name a panel, in lines as wide as there is room for beside the next one."""
    place, figure = axes.get_subplotspec(), axes.get_figure(root=True)
    if place is not None and figure is not None:
        whole = place.get_gridspec()
        sheet_in = figure.get_figwidth()
        _, _, lefts, rights = whole.get_grid_positions(figure)
        beside_in = (lefts[0] * sheet_in, (1 - rights[-1]) * sheet_in)
        room_in = _title_room_in(sheet_in, whole.ncols, *beside_in)
        text = "\n".join(_panel_title_lines(text, room_in))
    axes.set_title(text, color=colour, fontweight="bold")


def draw_line(axes: "Axes", edges_h: FloatArray, values: FloatArray, **look: Any) -> None:
    """Draw values that hold from one edge to the next."""
    axes.plot(edges_h, np.append(values, values[-1:]), drawstyle="steps-post", **look)


def draw_area(
    axes: "Axes",
    edges_h: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    **look: Any,
) -> None:
    """Fill between values that hold from one edge to the next."""
    lower, upper = np.append(lower, lower[-1:]), np.append(upper, upper[-1:])
    axes.fill_between(edges_h, lower, upper, step="post", **({"lw": 0} | look))


def draw_course(
    axes: "Axes", timeline: "Timeline", values: FloatArray, colour: str, **look: Any
) -> None:
    """Draw a quantity that holds over every step, and its range where points are many steps."""
    edges = timeline.edges_h
    width = 1.8 if len(edges) <= 150 else 1.1
    draw_line(axes, edges, timeline.mean(values), **({"color": colour, "lw": width} | look))
    if timeline.block:
        lowest, highest = timeline.lowest(values), timeline.highest(values)
        draw_area(axes, edges, lowest, highest, color=colour, alpha=0.13)


def draw_bars(
    axes: "Axes",
    labels: Sequence[str],
    values: Sequence[float],
    colours: Sequence[str],
    texts: Sequence[str],
    room: float = 0.25,
    **look: Any,
) -> None:
    """Draw horizontal bars below each other, each with a text at its end.

    Parameters
    ----------
    axes : Axes
        Where to draw them.
    labels, colours : sequence of str
        Label and colour of each.
    values : sequence of float
        Lengths; NaN where there is no bar.
    texts : sequence of str
        What stands at their ends.
    room : float, optional
        Room for these texts, as a share of the span of all bars.
    **look : object
        What else the texts take.
    """
    places = list(range(len(labels)))
    axes.barh(places, values, height=0.62, color=colours)
    axes.set_yticks(places, labels)
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    ends = np.nan_to_num(np.asarray(values, dtype=np.float64), posinf=0.0)
    low, high = min(0.0, float(ends.min())), max(0.0, float(ends.max()))
    span = (high - low) or 1.0
    for place, end, text in zip(places, ends.tolist(), texts, strict=True):
        # Beyond the bar's end, on the paper.
        axes.text(
            end + (-0.02 if end < 0 else 0.02) * span, place, text, va="center",
            ha="right" if end < 0 else "left", **({"fontsize": 9} | look),
        )  # fmt: skip
    high = high if high > low else 1.0
    axes.set_xlim(low - room * span * (low < 0), high + room * span * (high > 0))
