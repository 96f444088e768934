"""Who gains and who pays in a run: the first words and the first chart of the page."""

from collections.abc import Mapping, Sequence
from html import escape

from hmesh.environment.last_digits import anything
from hmesh.runs.number_text import change, fixed
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report import markup
from hmesh.runs.strategy_names import strategy_label, strategy_name
from hmesh.runs.summary_rows import Totals, money, unit_of_money
from hmesh.runs.who_gains import (
    COST,
    EARN,
    Course,
    compared,
    gains_note,
    gains_sentence,
    gains_table,
    kinds,
)

# The chart needs no script: bars are cells of a table. Colours are those of the page.
STYLE = """<style>
.lead { font-size: 1.08rem; max-width: 75ch; margin-top: 0; }
table.gains { width: 100%; max-width: 760px; }
table.gains caption { text-align: left; }
table.gains th[scope="row"] { width: 9.5em; white-space: nowrap; }
table.gains td.bar { width: 52%; padding: 2px 0; }
table.gains td.bar div { position: relative; height: 16px; }
table.gains td.bar i { position: absolute; top: 0; bottom: 0; border-radius: 2px; }
table.gains td.bar b { position: absolute; top: -4px; bottom: -4px; width: 1px; background: var(--faint); }
table.gains td.bar + td { padding-left: 10px; }
table.gains i.gain { background: var(--good); }
table.gains i.loss { background: var(--bad); }
table.gains tr.sum th, table.gains tr.sum td { border-top: 1px solid var(--edge); font-weight: 600; }
@media (max-width: 480px) {
  table.gains small { display: none; }
  table.gains { font-size: .86rem; line-height: 1.4; }
  table.gains th[scope="row"] { width: 11.2em; padding-right: 4px; white-space: normal; }
  table.gains td.bar { width: 30%; }
  .lead { font-size: 1rem; line-height: 1.45; margin-bottom: 10px; }
}
</style>"""  # noqa: E501


def gains(data: RunData) -> str:
    """Return a sentence, a chart and a table on who gains and who pays; "" for one strategy."""
    names = data.strategies
    if not compared(data.summary, names):
        return ""
    sentence = gains_sentence(data.summary, data.currency, names)
    return (
        f'{STYLE}<p class="lead">{escape(sentence).replace(" %", "&nbsp;%")}</p>'
        f"{gains_bars(data.summary, data.currency, names)}"
        f"<details><summary>Bills and profits under every strategy</summary>"
        f'<div class="scroll">{_table(data)}</div>'
        f'<p class="note">{escape(gains_note(data.summary, data.currency, names))}</p></details>'
    )


def gains_bars(summary: Mapping[str, Totals], currency: str, strategies: Sequence[str]) -> str:
    """Return bars of what each kind of party gains under the last strategy, and of their sum.

    The sum of all is the decrease of the cost of generation, plus the value of the change of
    stored energy.

    Parameters
    ----------
    summary, currency, strategies : mapping of mapping, str, sequence of str
        As `hmesh.runs.who_gains.gains_table` takes them.
    """
    first, last = strategies[0], strategies[-1]
    courses = [c for c in kinds(summary, [first, last]) if c.does != COST]
    moving = [c for c in courses if anything(c.gain[-1])]
    if not moving:
        return ""
    total = sum(c.gain[-1] for c in moving)
    values = [*(c.gain[-1] for c in moving), total]
    size, sign = unit_of_money(max(map(abs, values)))
    unit = f"{sign} {currency}".strip()
    low, high = min(0.0, *values), max(0.0, *values)
    rows = "".join(
        _row(c.who.removeprefix("the "), c.gain[-1], (low, high), size, _share(c)) for c in moving
    )
    rows += _row("all together", total, (low, high), size, "", ' class="sum"')
    heading = (
        f"Gain (right) or loss (left) of each kind of party under {strategy_name(last)}, compared "
        f"with {strategy_name(first)} [{unit}]"
    )
    note = (
        "The sum is the decrease of the cost of generation, plus the change of the value of "
        "stored energy."
        if any(c.does == COST for c in kinds(summary, [first, last]))
        else ""
    )
    return (
        f'<table class="gains"><caption>{escape(heading)}</caption><tbody>{rows}</tbody></table>'
        f'<p class="note">{note}</p>'
    )


def _share(course: Course) -> str:
    """Return by how much a bill or profit changes, in per cent of what it was."""
    share = change(course.amounts[-1], course.amounts[0])
    return share and f"{'profit' if course.does == EARN else 'bill'} {share}"


def _row(
    who: str,
    gain: float,
    limits: tuple[float, float],
    size: float,
    share: str,
    look: str = "",
) -> str:
    low, high = limits
    span = (high - low) or 1.0
    zero = 100.0 * -low / span
    left, width = 100.0 * (min(gain, 0.0) - low) / span, 100.0 * abs(gain) / span
    side = "gain" if gain > 0 else "loss"
    amount = fixed(gain / size, money(max(abs(low), abs(high)) / size)).replace("-", "\u2212")
    shown = f"+{amount}" if gain > 0 else amount
    small = f" <small>{escape(share.replace('-', '\u2212'))}</small>" if share else ""
    return (
        f'<tr{look}><th scope="row">{escape(who)}</th><td class="bar"><div>'
        f'<i class="{side}" style="left:{left:.2f}%;width:{width:.2f}%"></i>'
        f'<b style="left:{zero:.2f}%"></b></div></td><td>{shown}{small}</td></tr>'
    )


def _table(data: RunData) -> str:
    """Return the table of the terminal."""
    columns = list(gains_table(data.summary, data.currency, data.strategies).columns)
    cells: Sequence[Sequence[object]] = [list(column.cells) for column in columns]
    head = "".join(f'<th scope="col">{escape(strategy_label(n))}</th>' for n in data.strategies)
    body = "".join(
        f"<tr>{markup.row_head(str(label))}{''.join(markup.table_cell(cell) for cell in row)}</tr>"
        for label, *row in zip(*cells, strict=True)
    )
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
