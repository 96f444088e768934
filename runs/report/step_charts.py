"""The charts of a long run step by step, for those who look closer than its whole length."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.pictures.chart import Chart
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.timeline import SinglePoints, Timeline
from hmesh.runs.report.map_selection import Window
from hmesh.runs.report.traces import Trace, traces_of

# So many keep a page below ten megabytes.
MOST_VALUES = 1_200_000
_UNKNOWN = 65_535


class Excerpt(SinglePoints):
    """The time axis of some steps of a run, each a separate point."""

    def __init__(self, whole: Timeline, first: int, last: int) -> None:
        steps = np.arange(first, last + 1, dtype=np.float64)
        super().__init__(whole, steps * whole.calendar.step_h)
        self._steps = slice(first, last)

    def mean(self, values: FloatArray) -> FloatArray:
        """Return the values of the steps."""
        return values[..., self._steps]


def close_view(
    data: RunData, window: Window, drawn: Sequence[Chart], share: float = 1.0
) -> dict[str, Any] | None:
    """Return the traces of charts step by step, None where they are drawn so already.

    Parameters
    ----------
    data : RunData
        The run.
    window : Window
        The part of it that the moving map shows.
    drawn : sequence of Chart
        Its charts, whose points are many steps each.
    share : float, optional
        The run's share of the page.

    Returns
    -------
    dict
        ``first`` and ``last``: from and to before which step; ``charts``: the traces of each
        chart by its name and strategy, without their x, and with y and z in whole numbers.
    """
    if not data.timeline.block:
        return None
    rows = max(sum(chart.rows for chart in drawn), 1)
    steps = min(max(int(MOST_VALUES * share / rows), 1), window.steps)
    middle = (window.first + window.last) // 2
    first = min(max(middle - steps // 2, window.first), window.last - steps)
    near = Excerpt(data.timeline, first, first + steps)
    return {
        "first": first,
        "last": first + steps,
        "charts": {
            chart.name: {
                key: [_compact(trace) for trace in traces]
                for key, traces in traces_of(chart, near).items()
            }
            for chart in drawn
        },
    }


def _compact(trace: Trace) -> Trace:
    held = {key: value for key, value in trace.items() if key not in ("x", "y", "z")}
    if "z" in trace:
        return held | {"y": trace["y"], "z": _whole(trace["z"])}
    # The last value is there twice: it holds until its step ends.
    return held | {"y": _whole(trace["y"][:-1])}


def _whole(values: FloatArray) -> dict[str, Any]:
    """Return values as whole numbers of a unit above the lowest."""
    known = np.isfinite(values)
    low, high = (float(end(values[known])) if known.any() else 0.0 for end in (np.min, np.max))
    unit = (high - low) / (_UNKNOWN - 1) or 1.0
    whole = np.full(values.shape, _UNKNOWN, dtype=np.uint16)
    whole[known] = np.rint((values[known] - low) / unit)
    return {"low": low, "unit": unit, "whole": whole}
