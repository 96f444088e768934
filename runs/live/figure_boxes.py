"""The figures beside the charts: the present ones, and totals so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isnan
from typing import TYPE_CHECKING

from hmesh.runs.live.chart_style import ENERGY_NAMES, amount
from hmesh.runs.live.world import LiveWorld
from hmesh.runs.report.gains_chart import STYLE, gains_bars
from hmesh.runs.report.markup import row_head
from hmesh.runs.run_summary import notes, summary_table
from hmesh.runs.strategy_names import strategy_label
from hmesh.runs.who_gains import compared, gains_note, gains_sentence, gains_table
from hmesh.runs.world.simulation import ENERGIES

if TYPE_CHECKING:
    from rich.table import Table

# A card is narrower than the report: names stay on one line, and bars get what is left.
NARROW = """<style>
table.gains caption { text-align: left; padding: 8px 0 4px; }
table.gains th[scope="row"] { width: auto; white-space: nowrap; }
table.gains td.bar { width: 36%; }
</style>"""


@dataclass(frozen=True, slots=True)
class CurrentFigure:
    """A figure with its name.

    Attributes
    ----------
    key, label, text : str
        What it is called in the page and to a reader, and its value with the unit.
    """

    key: str
    label: str
    text: str


def figures_now(world: LiveWorld) -> list[CurrentFigure]:
    """Return the figures of the last step."""
    figures = [CurrentFigure("steps", "step", f"{world.steps_done:,} of {world.given.steps:,}")]
    reading = world.last
    if reading is None:
        start = world.setting.calendar.time_of(0)
        return [CurrentFigure("time", "begins", f"{start:%a %d %b %Y %H:%M}"), *figures]
    step_h, currency = world.setting.calendar.step_h, world.given.currency
    load = float(reading.net_kwh.sum()) / step_h
    figures = [
        CurrentFigure("time", "step that begins", f"{reading.time:%a %d %b %Y %H:%M}"),
        *figures,
        CurrentFigure("load", "load", f"{amount(load, 1)} kW"),
        CurrentFigure(
            "utility_price", "utility asks", f"{reading.utility_price:,.3f} {currency}/kWh"
        ),
    ]
    for name, sign in ENERGIES.items():
        energy = sign * float(reading.hour_kwh[name].sum())
        if energy:
            done = "drawn" if energy > 0 else "delivered"
            wording = f"{amount(abs(energy), 1)} kWh {done}"
            figures.append(CurrentFigure(name, ENERGY_NAMES[name], wording))
    if world.on_the_road is not None:
        there = f"{world.on_the_road.vehicles:,}"
        figures.append(CurrentFigure("on_the_road", "vehicles on the road", there))
    names = list(world.given.communities)
    for name, values in reading.metrics.items():
        wording = _metric_text(values.tolist(), names)
        figures.append(CurrentFigure(f"metric_{name}", name.replace("_", " "), wording))
    return figures


def _metric_text(values: float | list[float], communities: Sequence[str]) -> str:
    """Return a measure, or that of each community, in words."""

    def text(value: float) -> str:
        return "not known" if isnan(value) else f"{value:.4g}"

    if isinstance(values, float):
        return text(values)
    pairs = zip(communities, values, strict=True)
    return ", ".join(f"{name} {text(value)}" for name, value in pairs)


def now_html(world: LiveWorld) -> str:
    """Return the figures of the last step as a table."""
    rows = "".join(
        f'<tr><th scope="row">{escape(figure.label)}</th>'
        f'<td data-figure="{figure.key}">{escape(figure.text)}</td></tr>'
        for figure in figures_now(world)
    )
    given = "".join(
        f"<li>{escape(parameter.words)}: "
        f'<b data-parameter="{parameter.key}">'
        f"{escape(parameter.reported(world.value_of(parameter)))}</b></li>"
        for parameter in world.source.parameters
    )
    hint = (
        "<p><small>In force now; what sliders are moved to holds from the next Reset.</small></p>"
    )
    return f"<table>{rows}</table>{hint}<ul>{given}</ul>"


def problems_html(problems: Sequence[str], remedy: str = "Change a value and press Reset.") -> str:
    """Return why nothing can be run, or what was refused, and what to do."""
    wording = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return f'<ul class="hmesh-problem">{wording}</ul><p>{escape(remedy)}</p>'


def so_far_html(world: LiveWorld) -> str:
    """Return the table that a run ends with, of the steps so far, and its notes."""
    if not world.steps_done:
        return "<p>Press Step or ▶. What a run reports at its end then stands here.</p>"
    summary = world.summary()
    strategies = list(summary)
    table = summary_table(summary, world.given.currency, strategies)
    wording = "".join(f"<li>{escape(line)}</li>" for line in notes(summary, strategies))
    return f"{_table_html(table, strategies)}<ul>{wording}</ul>"


def gains_html(world: LiveWorld) -> str:
    """Return who gains and who pays so far, compared with the first strategy."""
    if not world.steps_done:
        return "<p>Press Step or ▶. Who gains and who pays then stands here.</p>"
    summary = world.summary()
    names, currency = list(summary), world.given.currency
    if len(names) < 2:
        return "<p>This is the strategy that others are compared with; choose another one.</p>"
    if not compared(summary, names):
        return "<p>Nobody has paid anything so far.</p>"
    return (
        f"{STYLE}{NARROW}<p>{escape(gains_sentence(summary, currency, names))}</p>"
        f"{gains_bars(summary, currency, names)}"
        f"{_table_html(gains_table(summary, currency, names), names)}"
        f"<p><small>{escape(gains_note(summary, currency, names))}</small></p>"
    )


def _table_html(table: "Table", strategies: Sequence[str]) -> str:
    """Return a table of the terminal, with a column for each strategy."""
    heads = "".join(f"<th>{escape(strategy_label(name))}</th>" for name in strategies)
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    rows = "".join(
        f"<tr>{row_head(label)}" + "".join(f"<td>{escape(text)}</td>" for text in texts) + "</tr>"
        for label, *texts in zip(*columns, strict=True)
    )
    return f"<table><tr><td></td>{heads}</tr>{rows}</table>"
