"""The results of a run in a short table."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from hmesh.environment.last_digits import anything
from hmesh.runs.bill_rows import rows_of_members
from hmesh.runs.local_exchange_words import local_rows
from hmesh.runs.number_text import change, fixed
from hmesh.runs.run_notes import notes as notes
from hmesh.runs.run_notes import without_grid
from hmesh.runs.schemes.registry import schemes
from hmesh.runs.strategy_names import strategy_label
from hmesh.runs.summary_rows import Row, Totals, money, power, three, unit_of_money, whole

if TYPE_CHECKING:
    from rich.table import Table

# With more strategies than this, changes stand below their numbers and not beside them.
MOST_BESIDE = 3


def summary_table(
    summary: Mapping[str, Totals],
    currency: str,
    strategies: Sequence[str] | None = None,
    label: Callable[[str], str] = strategy_label,
) -> "Table":
    """Return the results of a run, with changes from its first strategy.

    Parameters
    ----------
    summary : mapping of mapping
        The totals of every strategy, as `hmesh.runs.start_run` returns them.
    currency : str
        The currency of the scenario.
    strategies : sequence of str, optional
        The strategies in the order of their columns; that of the summary if not given.
    label : callable, optional
        What stands at the head of a column.

    Returns
    -------
    rich.table.Table
        A column for each strategy.
    """
    from rich.text import Text

    from hmesh.runs.wide_table import WideTable

    names = list(summary) if strategies is None else list(strategies)
    table = WideTable()
    table.add_column("")
    for name in names:
        table.add_column(label(name), justify="right")
    for heading, value, places, compared in _rows([summary[name] for name in names]):
        values = [value(summary[name]) for name in names]
        largest = max((abs(number or 0.0) for number in values), default=0.0)
        size, sign = unit_of_money(largest) if places is money else (1.0, "")
        unit, digits = f"{sign} {currency}".strip(), places(largest / size)
        cells = [Text("-" if number is None else fixed(number / size, digits)) for number in values]
        for cell, number in zip(cells[1:], values[1:], strict=True):
            moved = change(number, values[0]) if compared else ""
            # Eight characters at most, so that they never touch the figure before them.
            beside = f"{moved:>9}" if compared else ""
            below = f"\n{moved}" if moved else ""
            cell.append(beside if len(names) <= MOST_BESIDE else below, style="dim")
        table.add_row(Text(heading.format(currency=unit)), *cells)
    return table


def _rows(every: Sequence[Totals]) -> list[Row]:
    """Return the label, value and form of every row, and whether changes are shown.

    A scheme's rows stand there where its figures are among the totals of a run.
    """
    totals = every[0]
    there = [each for each in schemes().values() if each.figure in totals]
    there.sort(key=lambda each: each.row_place)
    of_schemes = [row for each in there for row in each.part("rows")(every)]
    sent: Row = ("messages sent", _sent, whole, False)
    if without_grid(totals):
        return [*of_schemes, sent]
    # Where generation costs nothing, all that the utility is paid is its income.
    costs = any(anything(each["generation_cost"]) for each in every)
    return [
        ("peak [kW]", lambda totals: totals["peak_kw"], power, True),
        ("peak to average [-]", lambda totals: totals["par"], three, True),
        *of_schemes,
        *rows_of_members(every),
        ("aggregators' profit [{currency}]", lambda t: t["aggregator_profit"], money, True),
        (
            f"utility's {'profit' if costs else 'income'} [{{currency}}]",
            lambda t: t["utility_profit"],
            money,
            True,
        ),
        ("overloads [lines x steps]", _overloaded, whole, True),
        *local_rows(totals),
        *_of_limits_and_welfare(totals, every),
        sent,
    ]


def _of_limits_and_welfare(totals: Totals, every: Sequence[Totals]) -> list[Row]:
    """Return the rows of congestion, where limits raised a price, and of welfare, if recorded."""
    rows: list[Row] = []
    if any(anything(each.get("congestion_rent", 0.0)) for each in every):
        rows.append(("congestion rent [{currency}]", lambda t: t["congestion_rent"], money, True))
    if "welfare_loss" in totals:
        rows += [
            ("welfare [{currency}]", lambda t: t["welfare"], money, True),
            ("  less than the planner's [{currency}]", lambda t: t["welfare_loss"], money, False),
            ("price of anarchy [-]", lambda t: t["price_of_anarchy"], three, False),
        ]
    return rows


def _overloaded(totals: Totals) -> float:
    return float(sum(totals["overloaded_steps"].values()))


def _sent(totals: Totals) -> float:
    return float(sum(count["sent"] for count in totals["messages"].values()))
