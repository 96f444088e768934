"""Charts as the library of the page takes them: their series as traces of Plotly."""

from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.pictures.chart import Chart, Series
from hmesh.runs.pictures.timeline import Timeline

type Trace = dict[str, Any]

_PERCENT = {"thickness": 10, "tickvals": [0, 50, 100], "ticktext": ["0 %", "50 %", "100 %"]}


def plain_chart(chart: Chart) -> dict[str, Any]:
    """Return a chart as plain data and arrays.

    Returns
    -------
    dict
        With the traces of each strategy. Their x is elapsed time since the start of the run [h],
        and their meta the unit in which values are shown under the pointer.
    """
    timeline = chart.timeline or chart.data.timeline
    heats = [series for series in chart.all_series if series.kind == "heat"]
    layout = {"yaxis": {"autorange": "reversed"}, "rows": len(heats[0].rows)} if heats else {}
    return {
        "name": chart.name, "heading": chart.heading, "findings": dict(chart.findings),
        "traces": traces_of(chart, timeline), "unit": "" if heats else chart.axis,
        "alike": dict(chart.alike), "limits": chart.limits, "note": chart.notes(timeline),
        "layout": layout,
    }  # fmt: skip


def traces_of(chart: Chart, timeline: Timeline) -> dict[str, list[Trace]]:
    """Return the traces of every strategy of a chart on a time axis."""
    heats = [series.values for series in chart.all_series if series.kind == "heat"]
    most = max((float(timeline.mean(values).max(initial=0.0)) for values in heats), default=0.0)
    return {
        key: [
            trace
            for series in held
            for trace in (
                [_heat(series, timeline, most, chart.unit)]
                if series.kind == "heat"
                else _traces(series, timeline, chart)
            )
        ]
        for key, held in chart.series.items()
    }


def _traces(series: Series, timeline: Timeline, chart: Chart) -> list[Trace]:
    size, unit = chart.scale
    colour, kind = series.colour, series.kind
    if kind == "end":
        return []
    values = timeline.mean(series.values) / size
    trace: Trace = {"name": series.name, "x": timeline.edges_h, "y": held(values), "mode": "lines"}
    trace |= {"meta": unit} if series.in_tooltip else {}
    trace |= {} if series.legend else {"showlegend": False}
    if kind == "area":
        lowest = max((chart.limits or (0.0,))[0], 0.0)
        lower = np.full(len(values), lowest)
        if series.lower is not None:
            lower = timeline.mean(series.lower) / size
        return _band(trace, timeline, lower, values, colour, series.opacity)
    if kind == "layer":
        side = "below" if np.nansum(values) < 0 else "above"
        line = {"width": 0.5, "shape": "hv", "color": colour}
        more = {"line": line, "fillcolor": colour, "stackgroup": side, "legendgroup": series.name}
        return [trace | more]
    line = {"color": colour, "width": series.width, "shape": "hv"}
    traces = []
    if timeline.block and kind == "line" and series.spread and series.width:
        ends = (timeline.lowest(series.values) / size, timeline.highest(series.values) / size)
        unnamed = {"name": "", "x": timeline.edges_h, "mode": "lines", "showlegend": False}
        traces = _band(unnamed, timeline, *ends, colour, 0.16)
    trace["line"] = line | ({"dash": "dash"} if series.dashed else {})
    return [*traces, trace | ({"mode": "markers"} if kind == "points" else {})]


def _band(
    trace: Trace,
    timeline: Timeline,
    lower: FloatArray,
    upper: FloatArray,
    colour: str,
    opacity: float,
) -> list[Trace]:
    """Return an area between two quantities that hold over every point of the time axis."""
    line = {"width": 0, "shape": "hv", "color": colour}
    common = {"x": timeline.edges_h, "mode": "lines", "line": line}
    fill = {"fill": "tonexty", "fillcolor": colour, "opacity": opacity}
    below = common | {"y": held(lower), "showlegend": False}
    return [below, trace | common | {"y": held(upper)} | fill]


def _heat(series: Series, timeline: Timeline, most: float, unit: str) -> Trace:
    trace: Trace = {"type": "heatmap", "x": timeline.edges_h, "y": list(series.rows)}
    if series.loading:
        return trace | {
            "z": timeline.highest(series.values) * 100, "zmin": 0, "zmax": 125,
            "colorscale": "@loading", "colorbar": _PERCENT,
            "hovertemplate": "%{y}<br><b>%{z:.0f} %</b><extra></extra>",
        }  # fmt: skip
    return trace | {
        "z": timeline.mean(series.values), "zmin": 0.0, "zmax": most or 1.0,
        "colorscale": "@amount",
        "hovertemplate": f"%{{y}}<br><b>%{{z:.3~g}} {unit}</b><extra></extra>",
        "colorbar": {"thickness": 10, "ticksuffix": f" {unit}", "nticks": 4},
    }  # fmt: skip


def held(values: FloatArray) -> FloatArray:
    """Repeat the last value, which holds until its step ends."""
    return np.append(values, values[-1:])
