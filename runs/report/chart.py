"""A chart of the page, and the traces of which charts are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.last_digits import anything
from hmesh.runs.pictures.figure_layout import Part, power_unit, strategy_colour
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import strategy_label

type Trace = dict[str, Any]

# Colours that begin with @ are those of the page, which has a light and a dark theme.
INK, QUIET = "@ink", "@quiet"
ALL = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of the page, over the time of the run.

    Attributes
    ----------
    name
        What it is called in the page, the same in every run that has it.
    heading
        What it is about.
    findings
        What it shows, for each strategy; under `ALL` where one chart shows all strategies.
    traces
        Its traces as Plotly takes them, with arrays as values; their x is elapsed time since the
        start of the run [h], and their meta the unit in which values are told under the pointer.
        Keys as of `findings`.
    unit
        What stands at its vertical axis.
    limits
        Lowest and highest value of that axis, the same for every strategy; None where it fits what
        is shown.
    note
        What a reader must know besides.
    layout
        What else Plotly should know of it.
    """

    name: str
    heading: str
    findings: Mapping[str, str]
    traces: Mapping[str, Sequence[Trace]]
    unit: str
    limits: tuple[float, float] | None = None
    note: str = ""
    layout: Mapping[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as plain data and arrays."""
        return {
            "name": self.name, "heading": self.heading, "findings": dict(self.findings),
            "traces": {key: list(traces) for key, traces in self.traces.items()},
            "unit": self.unit, "limits": self.limits, "note": self.note,
            "layout": dict(self.layout or {}),
        }  # fmt: skip

    @property
    def rows(self) -> int:
        """How many courses it holds."""
        held = (trace for traces in self.traces.values() for trace in traces)
        return sum(len(trace["z"]) if "z" in trace else 1 for trace in held)


def course(
    data: RunData, name: str, values: NDArray[np.float64], colour: str, **look: Any
) -> list[Trace]:
    """Return a quantity that holds over every step, with its range where points are many steps."""
    traces = []
    if data.timeline.block:
        lowest, highest = data.timeline.lowest(values), data.timeline.highest(values)
        traces += band(data, "", lowest, highest, colour, 0.16, showlegend=False)
    line = {"color": colour, "width": 2, "shape": "hv"} | look.pop("line", {})
    points = _held(data.timeline.mean(values))
    traces.append({"name": name, "x": _edges(data), "y": points, "mode": "lines", "line": line})
    traces[-1] |= look
    return traces


def band(
    data: RunData,
    name: str,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    colour: str,
    opacity: float,
    **look: Any,
) -> list[Trace]:
    """Return an area between two quantities that hold over every point of the time axis."""
    common: Trace = {"x": _edges(data), "mode": "lines"}
    common["line"] = {"width": 0, "shape": "hv", "color": colour}
    below = common | {"y": _held(lower), "showlegend": False}
    fill = {"fill": "tonexty", "fillcolor": colour, "opacity": opacity}
    return [below, common | {"name": name, "y": _held(upper)} | fill | look]


def stacked(data: RunData, name: str, values: NDArray[np.float64], colour: str) -> Trace:
    """Return a layer of a stack; what is negative is stacked below zero."""
    return {
        "name": name, "x": _edges(data), "y": _held(data.timeline.mean(values)), "mode": "lines",
        "line": {"width": 0.5, "shape": "hv", "color": colour}, "fillcolor": colour,
        "stackgroup": "below" if np.nansum(values) < 0 else "above",
    }  # fmt: skip


def layers(
    data: RunData, name: str, values: NDArray[np.float64], colour: str, unit: str
) -> list[Trace]:
    """Return what is above and what is below zero of a quantity as layers of a stack."""
    found: list[Trace] = []
    for sign in (1.0, -1.0):
        side = sign * np.maximum(sign * values, 0.0)
        if anything(side):
            layer = stacked(data, name, side, colour) | {"meta": unit}
            found.append(layer | {"legendgroup": name, "showlegend": not found})
    return found


def balance(
    data: RunData,
    name: str,
    heading: str,
    findings: Mapping[str, str],
    above: Sequence[Part],
    below: Sequence[Part],
    note: str = "",
) -> Chart | None:
    """Return a chart of powers stacked above and below zero; None where there is none at all."""
    parts = [*((1.0, part) for part in above), *((-1.0, part) for part in below)]
    size, unit = power_unit(np.stack([part.power_kw for _, part in parts]))
    highest, lowest = (
        sum((part.power_kw for part in side), np.zeros(1)) / size for side in (above, below)
    )
    if not (anything(highest) or anything(lowest)):
        return None
    traces: dict[str, list[Trace]] = {strategy: [] for strategy in data.strategies}
    for sign, part in parts:
        for strategy, power in zip(data.strategies, part.power_kw, strict=True):
            traces[strategy] += layers(data, part.name, sign * power / size, part.colour, unit)
    notes = "; ".join(filter(None, (data.timeline.note, note)))
    return Chart(
        name, heading, findings, traces, f"power [{unit}]", limits([highest, -lowest]), notes
    )


def compared(
    data: RunData,
    name: str,
    heading: str,
    finding: str,
    values: Mapping[str, NDArray[np.float64]],
    unit: str,
    *,
    highest: float | None = None,
    note: str = "",
) -> Chart:
    """Return a chart with a line for each of some strategies, each of shape (steps,)."""
    traces: list[Trace] = []
    for strategy, course_of in values.items():
        colour = strategy_colour(data.strategies, strategy)
        traces += course(data, strategy_label(strategy), course_of, colour, meta=unit)
    room = limits(list(values.values())) if highest is None else (0.0, highest)
    notes = "; ".join(filter(None, (data.timeline.note_with_range, note)))
    return Chart(
        name, heading, {ALL: finding}, {ALL: traces}, f"{heading.lower()} [{unit}]", room, notes,
    )  # fmt: skip


def heat(
    data: RunData,
    name: str,
    heading: str,
    findings: Mapping[str, str],
    rows: Sequence[str],
    values: NDArray[np.float64],
    unit: str,
    note: str = "",
) -> Chart:
    """Return a picture of rows and time, the darker the more; none for strategies without any.

    Parameters
    ----------
    data, name, heading, findings, unit, note
        As those of a `Chart`.
    rows
        Names of the rows, from the top.
    values : array, shape (strategies, rows, steps)
        What is shown, not below zero.
    """
    means = data.timeline.mean(values)
    most = float(means.max(initial=0.0)) or 1.0
    traces = {
        strategy: []
        if not anything(means[s])
        else [
            {
                "type": "heatmap", "x": data.timeline.edges_h, "z": means[s], "y": list(rows),
                "zmin": 0.0, "zmax": most, "colorscale": "@amount",
                "hovertemplate": f"%{{y}}<br><b>%{{z:.3~g}} {unit}</b><extra></extra>",
                "colorbar": {"thickness": 10, "ticksuffix": f" {unit}", "nticks": 4},
            }
        ]
        for s, strategy in enumerate(data.strategies)
    }  # fmt: skip
    layout = {"yaxis": {"autorange": "reversed"}, "rows": len(rows)}
    notes = "; ".join(filter(None, (data.timeline.note, note)))
    return Chart(name, heading, findings, traces, "", None, notes, layout)


def limits(values: Sequence[NDArray[np.float64]], *, zero: bool = True) -> tuple[float, float]:
    """Return the limits of an axis on which all values lie, with some room."""
    known = np.concatenate([value[np.isfinite(value)].ravel() for value in values])
    lowest, highest = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if zero:
        lowest, highest = min(lowest, 0.0), max(highest, 0.0)
    room = 0.06 * (highest - lowest) or 1.0
    return (lowest - room if lowest < 0 or not zero else 0.0), highest + room


def _edges(data: RunData) -> NDArray[np.float64]:
    return data.timeline.edges_h


def _held(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Repeat the last value, which holds until its step ends."""
    return np.append(values, values[-1:])
