"""Who sells local energy to whom, as tables that need no script."""

from collections.abc import Sequence
from html import escape

from hmesh.runs.number_text import fixed
from hmesh.runs.pictures.local_energy import trade_table
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.headlines import in_full
from hmesh.runs.strategy_names import strategy_label
from hmesh.runs.summary_rows import money

MOST_ROWS = 12


def local_trade(data: RunData) -> str:
    """Return who sells whom how much under the strategies that are described in full."""
    rows = trade_table(data)
    shown = [strategy_label(name) for name in in_full(data)]
    tables = "".join(
        _table(data, label, [row[1:] for row in rows if row[0] == label][:MOST_ROWS])
        for label in shown
        if any(row[0] == label for row in rows)
    )
    if not tables:
        return ""
    note = (
        "The surplus of a community is one pool, to which sellers give in proportion to what they "
        "have too much."
    )
    return (
        f"<h3>Who sells local energy to whom, over the whole run</h3>"
        f'<div class="cells">{tables}</div><p class="note">{note}</p>'
    )


def _table(data: RunData, label: str, rows: Sequence[tuple[str, str, str, float, float]]) -> str:
    heads = ("in", "seller", "buyer", "energy [kWh]", f"paid [{data.currency}]")
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in texts)}"
        f"<td>{fixed(energy, 0 if energy >= 10 else 1)}</td>"
        f"<td>{fixed(paid, money(paid))}</td></tr>"
        for *texts, energy, paid in rows
    )
    return (
        f'<div class="cell"><h4>{escape(label)}</h4><div class="scroll"><table class="trade">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )
