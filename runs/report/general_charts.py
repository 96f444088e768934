"""The charts that every run has, whichever schemes take part: loads, prices and lines."""

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import DUST_KWH, anything, descending, first_highest, highest
from hmesh.runs.number_text import counted
from hmesh.runs.pictures.figure_layout import (
    energy_text,
    group_colour,
    power_text,
    power_unit,
    strategy_colour,
)
from hmesh.runs.pictures.line_loading import MOST_LINES, OVERLOAD, loading_finding, loading_text
from hmesh.runs.pictures.load import load_finding
from hmesh.runs.pictures.prices_and_charging import price_range
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.chart import ALL, INK, QUIET, Chart, Trace, band, course, layers, limits
from hmesh.runs.report.voltage_chart import voltage_chart
from hmesh.runs.results.result_tables import TABLES
from hmesh.runs.strategy_names import strategy_label

# The parts of a load in the order in which they are stacked; others follow.
_PART_COLOURS = {
    "fixed_load_kwh": QUIET,
    "generation_kwh": "#E69F00",
    "home_storage_kwh": "#009E73",
    "shared_storage_kwh": "#56B4E9",
    "school_bus_kwh": "#CC79A7",
    "ev_kwh": "#0072B2",
}
_PERCENT = {"thickness": 10, "tickvals": [0, 50, 100], "ticktext": ["0 %", "50 %", "100 %"]}
_NO_PARTS = ("net_kwh", "unserved_kwh")
_SINGULAR = ("generation_kwh", "shared_storage_kwh")
_PART_NAMES = {
    "fixed_load_kwh": "homes and buildings",
    "generation_kwh": "generation",
    "home_storage_kwh": "batteries of homes and buildings",
    "shared_storage_kwh": "shared storage",
    "school_bus_kwh": "school buses",
    "ev_kwh": "electric vehicles",
}


def general_charts(data: RunData) -> list[Chart]:
    """Return the charts of loads, prices and lines."""
    charts = [_system(data), _communities(data), _parts(data), _prices(data), _lines(data)]
    charts.append(voltage_chart(data))
    return [chart for chart in charts if chart is not None]


def _system(data: RunData) -> Chart | None:
    fixed = data.power_kw("fixed_load_kwh")[0].sum(axis=0)
    net = data.power_kw("net_kwh").sum(axis=1)
    if not anything(net):
        return None
    size, unit = power_unit(net)
    traces = band(
        data, "fixed load", np.zeros(len(data.timeline.edges_h) - 1),
        data.timeline.mean(fixed / size), QUIET, 1.0, meta=unit,
    )  # fmt: skip
    for strategy, values in zip(data.strategies, net / size, strict=True):
        colour = strategy_colour(data.strategies, strategy)
        traces += course(data, strategy_label(strategy), values, colour, meta=unit)
    return Chart(
        "system", "Load of the system", {ALL: load_finding(data)}, {ALL: traces}, f"load [{unit}]",
        limits([net / size, fixed / size]), data.timeline.note_with_range,
    )  # fmt: skip


def _communities(data: RunData) -> Chart | None:
    net = data.grouped(data.power_kw("net_kwh"))
    if len(data.groups) == 1 or not anything(net):
        return None
    size, unit = power_unit(net)
    traces: dict[str, list[Trace]] = {}
    findings = {}
    for strategy, values in zip(data.strategies, net, strict=True):
        traces[strategy] = []
        for number, group in enumerate(data.groups):
            traces[strategy] += course(
                data, group.name, values[number] / size, group_colour(number), meta=unit
            )
        most = first_highest(values.max(axis=1))
        when = data.timeline.clock(first_highest(values[most]))
        findings[strategy] = (
            f"the highest peak is that of {data.groups[most].name}, "
            f"{power_text(values[most].max())}, {when}"
        )
    note = data.timeline.note_with_range
    return Chart(
        "communities", "Load of the communities", findings, traces, f"load [{unit}]",
        limits([net / size]), note,
    )  # fmt: skip


def _parts(data: RunData) -> Chart | None:
    """Show what the load of all communities is made of, where it is more than its fixed part."""
    names = [
        column.name
        for column in TABLES["hours"]
        if column.name.endswith("_kwh") and column.name not in _NO_PARTS
    ]
    parts = {name: data.power_kw(name).sum(axis=1) for name in names}
    # What school buses discharge is told positive, and is not drawn.
    parts["school_bus_kwh"] = -parts["school_bus_kwh"]
    parts = {name: values for name, values in parts.items() if anything(values)}
    if len(parts) < 2:
        return None
    net = data.power_kw("net_kwh").sum(axis=1)
    size, unit = power_unit(net)
    traces: dict[str, list[Trace]] = {}
    findings = {}
    for s, strategy in enumerate(data.strategies):
        traces[strategy] = []
        for name, values in parts.items():
            colour = _PART_COLOURS.get(name, "#999933")
            traces[strategy] += layers(data, _called(name), values[s] / size, colour, unit)
        look = {"line": {"width": 1.6}, "meta": unit}
        traces[strategy] += course(data, "drawn from the utility", net[s] / size, INK, **look)
        findings[strategy] = _largest_part(parts, s, data.step_h)
    above = sum(np.maximum(values, 0.0) for values in parts.values()) / size
    below = sum(np.minimum(values, 0.0) for values in parts.values()) / size
    return Chart(
        "parts", "What the load is made of", findings, traces, f"load [{unit}]",
        limits([np.asarray(above), np.asarray(below)]), data.timeline.note,
    )  # fmt: skip


def _largest_part(parts: dict[str, NDArray[np.float64]], s: int, step_h: float) -> str:
    """Tell what the largest part of a load takes or gives beside the fixed one."""
    others = {name: values[s] for name, values in parts.items() if name != "fixed_load_kwh"}
    most = highest(others, lambda name: abs(float(others[name].sum())))
    energy = float(others[most].sum()) * step_h
    if not anything(energy):
        return f"{_called(most)}: nothing taken or given in all"
    verb = "take" if energy > 0 else "give"
    ending = "s" if most in _SINGULAR else ""
    both = others[most].min() < -DUST_KWH and others[most].max() > DUST_KWH
    less = ", what comes back subtracted" if both else ""
    return f"{_called(most)} {verb}{ending} {energy_text(abs(energy))} in all{less}"


def _called(name: str) -> str:
    return _PART_NAMES.get(name, name.removesuffix("_kwh").replace("_", " "))


def _prices(data: RunData) -> Chart | None:
    community, utility = data.hours("community_price"), data.hours("utility_price")[:, 0]
    # Homes without a grid have no price either.
    if np.isnan(community).all() or not anything(data.hours("net_kwh")):
        return None
    unit = f"{data.currency}/kWh"
    alone = [(n, group.members[0]) for n, group in enumerate(data.groups) if len(group.members) < 2]
    traces: dict[str, list[Trace]] = {}
    findings = {}
    for s, strategy in enumerate(data.strategies):
        traces[strategy] = []
        if len(alone) < len(data.groups):
            lowest = data.timeline.mean(np.fmin.reduce(community[s]))
            highest = data.timeline.mean(np.fmax.reduce(community[s]))
            traces[strategy] += band(data, "all communities", lowest, highest, QUIET, 1.0)
        look = {"meta": unit}
        for number, m in alone:
            name = data.groups[number].name
            traces[strategy] += course(data, name, community[s, m], group_colour(number), **look)
        dashed = {"line": {"width": 1.4, "dash": "dash"}}
        traces[strategy] += course(data, "utility", utility[s], INK, **look, **dashed)
        known = community[s][np.isfinite(community[s])]
        findings[strategy] = (
            f"communities pay {price_range(known)} {unit}"
            if known.size
            else "no community is supplied"
        )
    return Chart(
        "prices", "Prices", findings, traces, unit, limits([community, utility]),
        data.timeline.note_with_range,
    )  # fmt: skip


def _lines(data: RunData) -> Chart | None:
    """Show the loading of the most heavily loaded lines as a picture of line and time."""
    names, loading = data.loading()
    if not anything(loading):
        return None
    shown = np.sort(descending(loading.max(axis=(0, 2)))[:MOST_LINES])
    traces: dict[str, list[Trace]] = {}
    findings = {}
    for s, strategy in enumerate(data.strategies):
        values = data.timeline.highest(loading[s, shown])
        over = int((loading[s].max(axis=1) > OVERLOAD).sum())
        findings[strategy] = (
            f"{over} of {counted(len(names), 'line')} {'is' if over == 1 else 'are'} overloaded, "
            if over
            else "no line is overloaded, "
        ) + f"the highest loading is {loading_text(float(loading[s].max()))}"
        traces[strategy] = [
            {
                "type": "heatmap", "x": data.timeline.edges_h, "z": values * 100,
                "y": [names[line] for line in shown], "zmin": 0, "zmax": 125,
                "colorscale": "@loading",
                "hovertemplate": "%{y}<br><b>%{z:.0f} %</b><extra></extra>",
                "colorbar": _PERCENT,
            }
        ]  # fmt: skip
    block = f"highest of every {data.timeline.block}" if data.timeline.block else ""
    some = f"the {len(shown)} most heavily loaded of {len(names)} lines"
    note = "; ".join(filter(None, (block, some if len(shown) < len(names) else "")))
    layout = {"yaxis": {"autorange": "reversed"}, "rows": len(shown)}
    return Chart(
        "lines", "Loading of the lines", findings | {ALL: loading_finding(data, names, loading)},
        traces, "", None, note, layout,
    )  # fmt: skip
