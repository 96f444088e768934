"""A chart of the page, and the traces of which charts are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runs.pictures.run_data import RunData

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
