"""What a chart shows, described once: matplotlib draws pictures of it, and the page its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import anything
from hmesh.runs.pictures.figure_layout import Part, strategy_colour
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.pictures.timeline import Timeline
from hmesh.runs.strategy_names import strategy_label

# Colours that begin with @ are those of the page, which has a light and a dark theme.
INK, QUIET = "@ink", "@quiet"
ALL = ""
_THOUSANDS = {"kW": "MW", "kWh": "MWh"}
_READABLE = 2000.0
# Of the largest value: panels whose values differ by less show the same.
_ROUNDING = 1e-9

type Kind = Literal["line", "area", "layer", "points", "heat", "end"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A quantity that holds over every step of a run.

    Attributes
    ----------
    name : str
        What the legend calls it.
    values : array, shape (steps,)
        The quantity, in the unit of its chart; of a "heat", shape (rows, steps).
    colour : str
        Its colour.
    kind : str
        "line"; "area" between `lower` and the values; "layer" of a stack, below zero where it is
        negative; "points"; "heat", the darker the more; "end", a mark where the time axis ends.
    lower : array, shape (steps,), or None
        Where an area begins; at the bottom of the axis if not given.
    width : float
        Width of a line; with 0 it is only shown under the pointer.
    dashed : bool
        Whether a line is dashed.
    opacity : float
        Opacity of an area.
    legend, in_tooltip : bool
        Whether the legend explains it, and whether values are shown under the pointer.
    spread : bool
        Whether a line has its range behind it where points are many steps.
    rows : tuple of str
        Names of the rows of a "heat", from the top.
    loading : bool
        Whether a "heat" shows loadings, of many steps the highest; 1 is the rating.
    stroke : int
        Which dashes a printed line has, so that lines stay apart where print has no colours.
    """

    name: str
    values: FloatArray
    colour: str = INK
    kind: Kind = "line"
    lower: FloatArray | None = None
    width: float = 2.0
    dashed: bool = False
    opacity: float = 1.0
    legend: bool = True
    in_tooltip: bool = True
    spread: bool = True
    rows: tuple[str, ...] = ()
    loading: bool = False
    stroke: int = 0

    def same_as(self, other: "Series") -> bool:
        """Return whether it shows what another does, colours and rounding aside."""
        names = ("name", "kind", "width", "dashed", "legend", "in_tooltip", "rows", "loading")
        if any(getattr(self, name) != getattr(other, name) for name in names):
            return False
        return _close(self.values, other.values) and _close(self.lower, other.lower)


def _close(values: FloatArray | None, others: FloatArray | None) -> bool:
    """Return whether two quantities are the same but for rounding."""
    if values is None or others is None or values.shape != others.shape:
        return values is others
    size = float(np.nanmax(np.abs(others), initial=0.0)) if np.isfinite(others).any() else 0.0
    return bool(np.allclose(values, others, rtol=0.0, atol=_ROUNDING * size, equal_nan=True))


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart over the time of a run.

    Attributes
    ----------
    data : RunData
        The run.
    name : str
        What it is called in the page, the same in every run that has it.
    heading : str
        What it is about.
    findings : dict of str
        What it shows, for each strategy; under `ALL` where one panel shows all strategies.
    series : dict of sequence of Series
        What each panel shows; keys as of `findings`.
    what, unit : str
        What stands at its vertical axis, and the unit of its values. Values in kW and kWh are
        shown in MW and MWh where they are large.
    note : str
        What a reader must know besides.
    finding : str
        Title of its picture: what all strategies together show.
    part : str
        What it shows a part of, beside other charts in one picture.
    zero : bool
        Whether zero is on its vertical axis.
    range : tuple of float or None
        Lowest and highest value of that axis; None where it fits what is shown.
    sides : str
        What is below and what above zero, for the vertical axis of its picture.
    panel_in : float
        Height of a panel of its picture [in].
    timeline : Timeline or None
        Its time axis; that of the run if not given.
    """

    data: RunData
    name: str
    heading: str
    findings: Mapping[str, str]
    series: Mapping[str, Sequence[Series]]
    what: str = ""
    unit: str = ""
    note: str = ""
    finding: str = ""
    part: str = ""
    zero: bool = True
    range: tuple[float, float] | None = None
    sides: str = ""
    panel_in: float = 2.0
    timeline: Timeline | None = None

    @property
    def all_series(self) -> list[Series]:
        """All its series."""
        return [series for held in self.series.values() for series in held]

    @property
    def rows(self) -> int:
        """How many quantities it shows; an area lies between two."""
        return sum(len(s.rows) or 1 + (s.kind == "area") for s in self.all_series)

    @cached_property
    def alike(self) -> dict[str, str]:
        """For each panel the first one that shows the same; itself where none does."""
        found: dict[str, str] = {}
        for key, held in self.series.items():
            firsts = dict.fromkeys(found.values())
            found[key] = next((each for each in firsts if _same(self.series[each], held)), key)
        return found

    @cached_property
    def scale(self) -> tuple[float, str]:
        """The unit in which values are shown: its size in `unit`, and its name."""
        if self.unit not in _THOUSANDS:
            return 1.0, self.unit
        shown = self._shown(None)
        highest = max((float(np.max(np.abs(v), initial=0.0)) for v in shown), default=0.0)
        return (1000.0, _THOUSANDS[self.unit]) if highest >= _READABLE else (1.0, self.unit)

    @property
    def axis(self) -> str:
        """What stands at its vertical axis."""
        unit = self.scale[1]
        return " ".join(filter(None, (self.what, f"[{unit}]" if unit else "")))

    @cached_property
    def limits(self) -> tuple[float, float] | None:
        """Lowest and highest value of its vertical axis, the same for every strategy."""
        return self.limits_of(None)

    def limits_of(self, timeline: Timeline | None) -> tuple[float, float] | None:
        """Return the limits of its vertical axis for the points of a time axis, or every step."""
        if self.range is not None or any(series.kind == "heat" for series in self.all_series):
            return self.range
        shown = self._shown(timeline)
        return limits([values / self.scale[0] for values in shown], zero=self.zero)

    def notes(self, timeline: Timeline) -> str:
        """Return what a reader must know of its points, and besides."""
        kinds = self.all_series
        points = timeline.note
        if any(series.kind == "line" and series.spread and series.width for series in kinds):
            points = timeline.note_with_range
        if any(series.loading for series in kinds):
            points = f"highest loading of every {timeline.block}" if timeline.block else ""
        return "; ".join(filter(None, (points, self.note)))

    def _shown(self, timeline: Timeline | None) -> list[FloatArray]:
        """Return all values that the vertical axis must have room for."""

        def mean(values: FloatArray) -> FloatArray:
            return values if timeline is None else timeline.mean(values)

        shown = []
        for held in self.series.values():
            for sign in (1.0, -1.0):
                layers = [mean(np.maximum(sign * s.values, 0.0)) for s in held if s.kind == "layer"]
                shown += [sign * np.sum(layers, axis=0)] if layers else []
            for series in held:
                if series.kind == "line" and series.spread and timeline is not None:
                    shown += [timeline.lowest(series.values), timeline.highest(series.values)]
                elif series.kind in ("points", "end"):
                    shown.append(series.values)
                elif series.kind != "layer":
                    edges = (series.values, series.lower)
                    shown += [mean(values) for values in edges if values is not None]
        return shown


def _same(panel: Sequence[Series], other: Sequence[Series]) -> bool:
    """Return whether two panels show the same."""
    return len(panel) == len(other) and all(map(Series.same_as, panel, other))


def of_strategies(
    data: RunData, make: Callable[[int, str], tuple[str, Sequence[Series]]]
) -> dict[str, Any]:
    """Return findings and series of a chart that has a panel for each strategy.

    Parameters
    ----------
    data : RunData
        The run.
    make : function
        Returns finding and series of a strategy from its number and its colour.
    """
    colours = [strategy_colour(data.strategies, name) for name in data.strategies]
    made = [make(number, colour) for number, colour in enumerate(colours)]
    return {
        part: {name: held[k] for name, held in zip(data.strategies, made, strict=True)}
        for k, part in enumerate(("findings", "series"))
    }


def lines(data: RunData, values: Mapping[str, FloatArray]) -> list[Series]:
    """Return a line for each of some strategies, each of shape (steps,)."""
    return [
        Series(
            strategy_label(name),
            course,
            strategy_colour(data.strategies, name),
            stroke=data.strategies.index(name),
        )
        for name, course in values.items()
    ]


def layers(name: str, values: FloatArray, colour: str) -> list[Series]:
    """Return what is above and what is below zero of a quantity as layers of a stack."""
    sides = [sign * np.maximum(sign * values, 0.0) for sign in (1.0, -1.0)]
    there = [side for side in sides if anything(side)]
    return [Series(name, side, colour, "layer", legend=side is there[0]) for side in there]


def balance(
    data: RunData,
    name: str,
    heading: str,
    findings: Mapping[str, str],
    above: Sequence[Part],
    below: Sequence[Part],
    **more: Any,
) -> Chart | None:
    """Return a chart of powers stacked above and below zero; None where there is none at all."""
    parts = [*((1.0, part) for part in above), *((-1.0, part) for part in below)]
    if not any(anything(part.power_kw) for _, part in parts):
        return None
    series: dict[str, list[Series]] = {
        strategy: [
            layer
            for sign, part in parts
            for layer in layers(part.name, sign * part.power_kw[s], part.colour)
        ]
        for s, strategy in enumerate(data.strategies)
    }
    return Chart(data, name, heading, findings, series, "power", "kW", **more)


def compared(
    data: RunData,
    name: str,
    heading: str,
    finding: str,
    values: Mapping[str, FloatArray],
    unit: str,
    **more: Any,
) -> Chart:
    """Return a chart with a line for each of some strategies, each of shape (steps,)."""
    series = {ALL: lines(data, values)}
    return Chart(data, name, heading, {ALL: finding}, series, heading.lower(), unit, **more)


def heat(
    data: RunData,
    name: str,
    heading: str,
    findings: Mapping[str, str],
    rows: Sequence[str],
    values: FloatArray,
    unit: str,
    **more: Any,
) -> Chart:
    """Return a chart of rows and time, the darker the more; none for strategies without any.

    Parameters
    ----------
    data, name, heading, findings, unit : RunData, str, str, mapping of str, str
        As those of a `Chart`, with what else it takes.
    rows : sequence of str
        Names of the rows, from the top.
    values : array, shape (strategies, rows, steps)
        What is shown, not below zero.
    """
    series = {
        strategy: [Series("", shown, kind="heat", rows=tuple(rows))] if anything(shown) else []
        for strategy, shown in zip(data.strategies, values, strict=True)
    }
    return Chart(data, name, heading, findings, series, "", unit, **more)


def limits(values: Sequence[FloatArray], *, zero: bool = True) -> tuple[float, float]:
    """Return the limits of an axis on which all values lie, with some room.

    Without `zero`, zero is on it only where the lowest value is near.
    """
    known = np.concatenate([value[np.isfinite(value)].ravel() for value in values])
    lowest, highest = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if not zero:
        span = max(highest - lowest, 0.1 * abs(highest), 1e-9)
        near = 0 < lowest < 0.6 * span
        return 0.0 if near else lowest - 0.07 * span, highest + 0.07 * span
    lowest, highest = min(lowest, 0.0), max(highest, 0.0)
    room = 0.06 * (highest - lowest) or 1.0
    return lowest - room if lowest < 0 else 0.0, highest + room
