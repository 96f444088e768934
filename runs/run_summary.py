"""What a run came to, in a short table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from runs.run_notes import notes as notes
from runs.run_notes import without_grid
from runs.schemes.registry import schemes
from runs.strategy_names import strategy_label
from runs.summary_rows import Row, Totals, money, power

if TYPE_CHECKING:
    from rich.table import Table

# With more strategies than this, changes stand below their numbers and not beside them.
MOST_BESIDE = 3


def summary_table(
    summary: Mapping[str, Totals], currency: str, strategies: Sequence[str] | None = None
) -> "Table":
    """Return what a run came to, with changes against its first strategy.

    Parameters
    ----------
    summary
        The totals of every strategy, as `runs.start_run` returns them.
    currency
        The currency of the scenario.
    strategies
        The strategies in the order of their columns; that of the summary if not given.

    Returns
    -------
    rich.table.Table
        A column for each strategy.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = list(summary) if strategies is None else list(strategies)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("")
    for name in names:
        table.add_column(strategy_label(name).replace(" ", "\n", 1), justify="right")
    for label, value, form, compared in _rows(summary[names[0]]):
        values = [value(summary[name]) for name in names]
        unit, size = currency, 1.0
        if form is money and max(abs(number or 0.0) for number in values) >= 1e7:
            unit, size = f"M {currency}", 1e6
        cells = [Text("-" if number is None else form(number / size)) for number in values]
        for cell, number in zip(cells[1:], values[1:], strict=True):
            change = _change(number, values[0]) if compared else ""
            below = f"\n{change}" if change else ""
            cell.append(f"{change:>9}" if len(names) <= MOST_BESIDE else below, style="dim")
        table.add_row(Text(label.format(currency=unit)), *cells)
    return table


def _rows(totals: Totals) -> list[Row]:
    """Return the label, value and form of every row, and whether changes are told.

    A scheme's rows stand there where its figures are among the totals of a run.
    """
    there = [each for each in schemes().values() if each.figure in totals]
    there.sort(key=lambda each: each.row_place)
    of_schemes = [row for each in there for row in each.part("rows")(totals)]
    sent: Row = ("messages sent", _sent, "{:,.0f}".format, False)
    if without_grid(totals):
        return [*of_schemes, sent]
    return [
        ("peak [kW]", lambda totals: totals["peak_kw"], power, True),
        ("peak to average [-]", lambda totals: totals["par"], "{:.3f}".format, True),
        *of_schemes,
        ("aggregators' profit [{currency}]", lambda t: t["aggregator_profit"], money, True),
        ("utility's profit [{currency}]", lambda t: t["utility_profit"], money, True),
        ("overloads [lines x steps]", _overloaded, "{:,.0f}".format, True),
        sent,
    ]


def _overloaded(totals: Totals) -> float:
    return float(sum(totals["overloaded_steps"].values()))


def _sent(totals: Totals) -> float:
    return float(sum(count["sent"] for count in totals["messages"].values()))


def _change(value: float | None, first: float | None) -> str:
    """Return a change in per cent or as a factor, "" where nothing above zero stands first."""
    if value is None or first is None or first <= 0:
        return ""
    if value >= 10 * first:
        return f"x {value / first:,.1f}"
    return f"{value / first - 1:+,.1%}".replace("%", " %")
