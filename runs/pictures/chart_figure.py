"""Charts drawn by matplotlib: a panel for each strategy, or for each part of what is shown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.runs.pictures import chart as described
from hmesh.runs.pictures import figure_layout as layout
from hmesh.runs.pictures.chart import ALL, Chart, Series
from hmesh.runs.pictures.figure_layout import Drawing, draw_area, draw_course, draw_line
from hmesh.runs.strategy_names import strategy_label

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# What stands for the colours of the page.
_PAPER = {described.INK: layout.INK, described.QUIET: layout.FIXED_AREA}
_DASHES = (0, (3, 1.5))
_LABELS = 13


def picture_of(made: Chart | Drawing) -> Drawing:
    """Return the picture of a chart; a picture, or the reason why there is none, as it is."""
    return draw_charts([made]) if isinstance(made, Chart) else made


def draw_charts(
    charts: Sequence[Chart], finding: str = "", also: "Sequence[Artist]" = (), **room: Any
) -> Drawing:
    """Draw charts of one kind in one figure.

    Parameters
    ----------
    charts : sequence of Chart
        Charts whose panels are those of strategies are drawn side by side, a row for each
        strategy that has anything; those of one panel stand below each other.
    finding : str, optional
        The title; that of the first chart if not given.
    also : sequence of Artist, optional
        What the legend explains besides.
    **room : object
        What else `sheet` takes.
    """
    first = charts[0]
    finding = finding or first.finding
    timeline = first.timeline or first.data.timeline
    keys = [key for key in first.series if any(chart.series[key] for chart in charts)]
    alike = _alike(charts, keys)
    rows = [[(chart, key) for chart in charts] for key in alike]
    if keys == [ALL]:
        rows = [[(chart, ALL)] for chart in charts]
    shape = (len(rows), len(rows[0]))
    same = len({chart.limits_of(timeline) for chart in charts}) == 1
    room = {"sharey": same, "left_in": 1.0} | room
    notes = "; ".join(dict.fromkeys(filter(None, (chart.notes(timeline) for chart in charts))))
    entries = [*legend_of([held for chart in charts for held in chart.series.values()]), *also]
    room |= {"note": notes, "titles": [_title(*each, alike) for row in rows for each in row]}
    figure, panels = layout.sheet(finding, shape, first.panel_in, entries, **room)
    for row, held in enumerate(rows):
        for column, (chart, key) in enumerate(held):
            axes = panels[row, column]
            draw_chart(axes, chart, key, alike.get(key, ()))
            if column == 0:
                axes.set_ylabel("\n".join(filter(None, (chart.axis, chart.sides))))
            timeline.dress(axes, _LABELS // shape[1], lowest=row == len(rows) - 1)
    return Drawing(finding, figure)


def _alike(charts: Sequence[Chart], keys: Sequence[str]) -> dict[str, list[str]]:
    """Return the panels that differ, and those that show the same as each of them."""
    found: dict[str, list[str]] = {}
    for key in keys:
        firsts = {chart.alike[key] for chart in charts}
        # All charts of a row must be those of one earlier row.
        first = firsts.pop()
        if firsts or first not in found:
            found[key] = []
        else:
            found[first].append(key)
    return found


def _title(chart: Chart, key: str, alike: Mapping[str, Sequence[str]]) -> str:
    """Return the title of a panel."""
    return ", ".join(filter(None, (titled(key, alike.get(key, ())) if key else "", chart.part)))


def titled(strategy: str, alike: Sequence[str]) -> str:
    """Return the title of a panel that holds for several strategies."""
    label = strategy_label(strategy)
    if not alike:
        return label
    others = strategy_label(alike[0]) if len(alike) == 1 else f"{len(alike)} other strategies"
    return f"{label} (the same under {others})"


def draw_chart(axes: "Axes", chart: Chart, key: str = ALL, alike: Sequence[str] = ()) -> None:
    """Draw a panel of a chart: its series, its title and the limits of its vertical axis.

    Parameters
    ----------
    axes : Axes
        Where it is drawn.
    chart, key : Chart, str
        The chart and its panel.
    alike : sequence of str, optional
        Other panels that show the same, and are not drawn.
    """
    timeline, size = chart.timeline or chart.data.timeline, chart.scale[0]
    edges, (lowest, highest) = timeline.edges_h, chart.limits_of(timeline) or (0.0, 1.0)
    ends = [np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)]
    for series in chart.series[key]:
        colour = _PAPER.get(series.colour, series.colour)
        if series.kind == "end":
            at = (edges[-1], series.values[-1] / size)
            axes.plot(*at, color=colour, marker="D", ms=6, clip_on=False, zorder=4)
            continue
        values = timeline.mean(series.values) / size
        if series.kind == "points":
            middle = (np.arange(len(series.values)) + 0.5) * chart.data.step_h
            axes.plot(middle, series.values / size, color=colour, ls="", marker="o", ms=3.5)
        elif series.kind == "layer":
            side = int(np.nansum(values) < 0)
            draw_area(axes, edges, ends[side], ends[side] + values, facecolor=colour)
            ends[side] = ends[side] + values
        elif series.kind == "area":
            lower = np.full(len(values), max(lowest, 0.0))
            if series.lower is not None:
                lower = timeline.mean(series.lower) / size
            look = {"facecolor": colour, "alpha": series.opacity}
            draw_area(axes, edges, lower, values, **look)
        elif series.width:
            width = (0.9 if len(edges) <= 150 else 0.55) * series.width
            look = {"lw": width, "ls": _DASHES if series.dashed else layout.stroke(series.stroke)}
            if series.spread:
                draw_course(axes, timeline, series.values / size, colour, **look)
            else:
                draw_line(axes, edges, values, color=colour, **look)
    if lowest < 0 < highest:
        axes.axhline(0.0, color=layout.INK, lw=0.8)
    title = _title(chart, key, {key: alike})
    if title:
        colour = layout.strategy_colour(chart.data.strategies, key) if key else layout.INK
        layout.panel_title(axes, title, colour)
    axes.set_ylim(lowest, highest)
    if max(-lowest, highest) >= 1000:
        axes.yaxis.set_major_formatter("{x:,.0f}")


def legend_of(panels: Iterable[Sequence[Series]]) -> "list[Artist]":
    """Return an entry for each name of the series of some panels, in their order."""
    found: dict[str, tuple[int, Series]] = {}
    for panel in panels:
        named = dict.fromkeys(series.name for series in panel if series.name and series.legend)
        for place, name in enumerate(named):
            series = next(each for each in panel if each.name == name)
            before, first = found.get(name, (0, series))
            found[name] = (max(place, before), first)
    return [_entry(series) for _, series in sorted(found.values(), key=lambda each: each[0])]


def _entry(series: Series) -> "Artist":
    colour = _PAPER.get(series.colour, series.colour)
    if series.kind in ("area", "layer"):
        return layout.legend_area(series.name, colour, alpha=series.opacity)
    if series.kind in ("points", "end"):
        marker = "D" if series.kind == "end" else "o"
        return layout.legend_line(series.name, colour, marker=marker, ms=5, ls="")
    dashes = _DASHES if series.dashed else layout.stroke(series.stroke)
    return layout.legend_line(series.name, colour, lw=0.9 * series.width, ls=dashes)
