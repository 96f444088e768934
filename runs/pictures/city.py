"""Whether the schemes of a city help each other: what each does alone, and all at once."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.number_text import rounded
from hmesh.runs.pictures.figure_layout import (
    FIXED_AREA,
    INK,
    Drawing,
    draw_bars,
    panel_title,
    sheet,
    strategy_colour,
)
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.strategy_names import STRATEGIES_OF_ALL, scheme_of, strategy_label

NOBODY, EVERYBODY = STRATEGIES_OF_ALL
SUM = "Sum of the single schemes"


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What strategies change against nobody sharing.

    Attributes
    ----------
    singles : tuple of str
        The strategies of single schemes.
    peak, cost : array, shape (singles + 1,)
        Change of the system's peak, and of what a kWh costs to generate, of each of them and, last,
        of everybody sharing; shares of what they are with nobody sharing [-].
    """

    singles: tuple[str, ...]
    peak: FloatArray
    cost: FloatArray


def changes_of(data: RunData) -> Changes | None:
    """Compare what schemes do alone and together; None where the run does not compare that.

    That takes nobody and everybody sharing, and between them the part of everybody sharing of at
    least two schemes.
    """
    parts = STRATEGIES_OF_ALL[EVERYBODY]
    singles = tuple(
        name
        for name in data.strategies
        if (scheme := scheme_of(name)) is not None and parts[scheme] == name
    )
    there = {NOBODY, EVERYBODY} <= set(data.strategies)
    if not there or len(singles) < 2:
        return None
    peak, cost = (
        np.array([value(data, name) for name in (NOBODY, *singles, EVERYBODY)])
        for value in (_peak_kw, _cost_per_kwh)
    )
    if not (peak[0] > 0 and cost[0] > 0):
        return None
    return Changes(singles, peak[1:] / peak[0] - 1.0, cost[1:] / cost[0] - 1.0)


def _peak_kw(data: RunData, strategy: str) -> float:
    return float(data.total(strategy, "peak_kw"))


def _cost_per_kwh(data: RunData, strategy: str) -> float:
    """Return what a kWh costs; costs in all would count what stores end with as saved or spent."""
    energy_kwh = float(data.total(strategy, "mean_kw")) * data.step_h * data.steps
    return float(data.total(strategy, "generation_cost")) / energy_kwh if energy_kwh > 0 else 0.0


def draw_whole_and_parts(data: RunData) -> Drawing:
    """Draw what each scheme changes alone, all of that added up, and what they change together."""
    changes = changes_of(data)
    if changes is None:
        names = ", ".join(STRATEGIES_OF_ALL[EVERYBODY][scheme] for scheme in data.schemes)
        return Drawing(
            f"No whole and parts to draw: the strategies are not {NOBODY}, some of {names}, and "
            f"{EVERYBODY}"
        )
    labels = [*map(strategy_label, changes.singles), SUM, strategy_label(EVERYBODY)]
    colours = [strategy_colour(data.strategies, name) for name in (*changes.singles, EVERYBODY)]
    colours.insert(-1, FIXED_AREA)
    finding = whole_finding(changes)
    rows = len(labels)
    figure, panels = sheet(
        finding, (1, 2), 0.5 + 0.42 * rows, left_in=0.3 + 0.078 * max(map(len, labels)),
        sharey=True, note="changes against nobody sharing",
    )  # fmt: skip
    for axes, title, change in zip(
        panels[0], ("System's peak", "Cost of a generated kWh"), (changes.peak, changes.cost),
        strict=True,
    ):  # fmt: skip
        values = 100.0 * np.insert(change, -1, change[:-1].sum())
        shown = [rounded(value, 1) for value in values.tolist()]
        texts = [f"{v:+.1f} %".replace("-", "\u2212") if v else "0.0 %" for v in shown]
        draw_bars(axes, labels, values.tolist(), colours, texts, 0.45)
        for text in axes.texts[-2:]:
            text.set_fontweight("bold")
        axes.axvline(0.0, color=INK, lw=0.8)
        axes.axhline(rows - 2.5, color="#9A9A9A", lw=0.8, ls=(0, (4, 3)))
        axes.grid(visible=True, axis="x")
        axes.set_xlabel("change [%]")
        panel_title(axes, title)
    return Drawing(finding, figure)


def whole_finding(changes: Changes) -> str:
    """State whether the whole does more than its parts for what a kWh costs."""
    whole, parts = float(changes.cost[-1]), float(changes.cost[:-1].sum())
    together = f"Together the schemes {_moved(whole)} the cost of a kWh by {abs(whole):.1%}"
    one_by_one = f"one by one by {abs(parts):.1%}"
    if whole * parts < 0:
        one_by_one = f"one by one they {_moved(parts)} it by {abs(parts):.1%}"
        text = f"{together}; {one_by_one}"
    elif abs(whole) < abs(parts):
        text = f"{together}, {one_by_one}: their effects overlap"
    else:
        text = f"{together}, {one_by_one}: they reinforce each other"
    return text.replace("%", " %")


def _moved(change: float) -> str:
    return "lower" if change < 0 else "raise"
