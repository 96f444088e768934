"""The parts of the page that are words and tables, which need no script to be read."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from hmesh.environment.number_words import counted
from hmesh.runs.audits.audit_report import AuditReport
from hmesh.runs.pictures.run_data import RunData
from hmesh.runs.report.headlines import headline, in_full
from hmesh.runs.report.sentence import Figure
from hmesh.runs.run_summary import notes, summary_table
from hmesh.runs.strategy_names import strategy_label

# More remarks than this are folded.
MOST_REMARKS = 6
# Rows of the system as a whole, which come first where there are many strategies.
_FIRST = (
    "peak", "generation cost", "aggregators' profit", "utility's profit", "overloads",
    "congestion rent", "welfare", "price of anarchy",
)  # fmt: skip


def headlines(data: RunData) -> str:
    """Return a sentence or two for each strategy; of many, those in between are folded."""
    full = in_full(data)
    others = [name for name in data.strategies if name not in full]
    shown = _headlines(data, full)
    if not others:
        return shown
    summary = f"What the {len(others)} strategies in between change"
    return f"{shown}<details><summary>{summary}</summary>{_headlines(data, others)}</details>"


def _headlines(data: RunData, strategies: Sequence[str]) -> str:
    items = []
    for strategy in strategies:
        wording = "".join(
            _figure(strategy, part) if isinstance(part, Figure) else escape(part)
            for part in headline(data, strategy)
        )
        items.append(f"<dt>{escape(strategy_label(strategy))}</dt><dd>{wording}</dd>")
    return f'<dl class="headlines">{"".join(items)}</dl>'


def remarks(data: RunData, thinned: Sequence[str]) -> str:
    """Return what a reader must know of the figures, and of what the page leaves out."""
    wording = notes(data.summary, data.strategies)
    first = "".join(f'<p class="thinned">{escape(line)}</p>' for line in thinned)
    if not wording:
        return first
    items = "".join(f"<li>{escape(line)}</li>" for line in wording)
    is_open = " open" if len(wording) <= MOST_REMARKS else ""
    count = "" if is_open else f": {len(wording)} remarks"
    head = f"<details{is_open}><summary>Notes{count}</summary>"
    return f"{first}{head}<ul>{items}</ul></details>"


def comparison(runs: Sequence[tuple[str, RunData]]) -> str:
    """Return the figures of all runs side by side, a column for each strategy of each.

    Of many strategies the figures of all schemes are folded, those that differ before those that
    do not.

    Parameters
    ----------
    runs : sequence of (str, RunData)
        What each run is called, and the run.
    """
    tables = [
        list(summary_table(data.summary, data.currency, data.strategies).columns)
        for _, data in runs
    ]
    rows: dict[str, list[list[str]]] = {}
    for number, columns in enumerate(tables):
        for place, label in enumerate(columns[0].cells):
            row = rows.setdefault(str(label), [[] for _ in tables])
            row[number] = [table_cell(list(column.cells)[place]) for column in columns[1:]]
    head = _run_names(runs) if len(runs) > 1 else ""
    strategies = "".join(
        f'<th scope="col">{escape(strategy_label(name))}</th>'
        for _, data in runs
        for name in data.strategies
    )
    body = {
        label: f"<tr>{row_head(label)}"
        + "".join(
            "".join(cells) if cells else "<td>-</td>" * len(data.strategies)
            for cells, (_, data) in zip(held, runs, strict=True)
        )
        + "</tr>"
        for label, held in rows.items()
    }
    head += f"<tr><td></td>{strategies}</tr>"
    if all(len(in_full(data)) == len(data.strategies) for _, data in runs):
        return _table(head, body.values())
    same = {label for label, held in rows.items() if all(len(set(cells)) <= 1 for cells in held)}
    first = [label for label in body if label.strip().startswith(_FIRST)]
    schemes = [label for label in body if label not in first and label not in same]
    folded = [label for label in body if label not in first and label in same]
    # Without a grid there are no figures of the system.
    if not first:
        first, schemes = schemes, []
    shown = _table(head, (body[label] for label in first)) if first else ""
    return shown + "".join(
        f"<details><summary>{title}: {counted(len(labels), 'row')}</summary>"
        f"{_table(head, (body[label] for label in labels))}</details>"
        for title, labels in (
            ("Figures of single schemes", schemes),
            ("The same under every strategy", folded),
        )
        if labels
    )


def _table(head: str, rows: Iterable[str]) -> str:
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def row_head(label: str) -> str:
    """Return the head of a row, marked where it is a part of the row above it."""
    part = ' class="part"' if label.startswith(" ") else ""
    return f'<th scope="row"{part}>{escape(label.strip())}</th>'


def all_figures(data: RunData) -> str:
    """Return every number of summary.json but those of parts of the calendar."""
    flat = {name: dict(_flat(data.summary[name])) for name in data.strategies}
    keys = dict.fromkeys(key for figures in flat.values() for key in figures)
    head = "".join(f'<th scope="col">{escape(strategy_label(name))}</th>' for name in flat)
    body = "".join(
        f'<tr><th scope="row">{_breakable(key)}</th>'
        + "".join(
            f"<td>{_figure(name, Figure(key, figures[key], _number(figures[key])))}</td>"
            if figures.get(key) is not None
            else "<td>-</td>"
            for name, figures in flat.items()
        )
        + "</tr>"
        for key in keys
    )
    table = f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _breakable(key: str) -> str:
    """Return a key that may go on in the next line where one of its words ends."""
    return re.sub(r"([._])", r"\1<wbr>", escape(key))


def verdict(report: AuditReport | None, why_not: str) -> str:
    """Return what an audit found, or why there was none."""
    if report is None:
        return f'<p class="verdict unknown">{escape(why_not)}</p>'
    kind = "passed" if report.passed else "failed"
    sign = "✓" if report.passed else "✗"
    rows = "".join(
        f'<tr class="{"bad" if check.passed is False else ""}"><th scope="row">'
        f"{escape(check.name)}</th><td>{escape(check.verdict)}</td>"
        f"<td>{escape(check.comparison)}</td>"
        f"<td>{escape('; '.join(filter(None, (check.where, check.note))))}</td></tr>"
        for check in report.checks
    )
    table = (
        "<table class='checks'><thead><tr><th>check</th><th>result</th><th>largest deviation</th>"
        f"<th>where and why</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    return (
        f'<p class="verdict {kind}">{sign} {escape(report.verdict)}</p>'
        f"<details{'' if report.passed else ' open'}><summary>Every check</summary>"
        f'<div class="scroll">{table}</div></details>'
    )


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def origin(data: RunData) -> str:
    """Return what was run: the scenario, its seed, how far it is and with which versions."""
    import yaml

    info = data.run.info
    calendar = data.timeline.calendar
    facts = {
        "scenario": data.scenario["name"],
        "seed": info["seed"],
        "begins": f"{calendar.time_of(0):%A, %-d %B %Y, %H:%M} ({info['time_zone']})",
        "steps": f"{data.steps:,} of {data.step_h:g} h",
        "communities": f"{len(data.communities):,}",
        "vehicles": f"{data.vehicles:,}",
        "status": info["status"],
        "took": f"{info['wall_seconds']:,.1f} s",
        "versions": _versions(info["versions"]),
        **{
            f"resumed with{f' ({number})' if number > 1 else ''}": _versions(versions)
            for number, versions in enumerate(info.get("resumed_with", ()), 1)
        },
        "folder": data.run.directory.name,
    }
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in facts.items()
    )
    text = yaml.safe_dump(data.scenario, sort_keys=False, allow_unicode=True)
    return (
        f'<table class="facts">{rows}</table><details><summary>The whole scenario</summary>'
        '<pre tabindex="0" role="region" aria-label="The scenario as a file">'
        f"{escape(text)}</pre></details>"
    )


def _run_names(runs: Sequence[tuple[str, RunData]]) -> str:
    cells = "".join(
        f'<th scope="colgroup" colspan="{len(data.strategies)}">{escape(name)}</th>'
        for name, data in runs
    )
    return f"<tr><td></td>{cells}</tr>"


def _figure(strategy: str, figure: Figure) -> str:
    """Return a number of the summary, which a program can find and compare."""
    key = escape(f"{strategy}.{figure.key}", quote=True)
    return f'<data data-key="{key}" value="{figure.value!r}">{escape(figure.text)}</data>'


def table_cell(cell: Any) -> str:
    """Return a cell of the terminal's table; what it prints dimly are changes."""
    dim = min((span.start for span in cell.spans), default=len(cell.plain))
    value, moved = cell.plain[:dim].strip(), cell.plain[dim:].strip()
    small = f" <small>{escape(moved.replace('-', '\u2212'))}</small>" if moved else ""
    return f"<td>{escape(re.sub(r'^-(?=\d)', '\u2212', value))}{small}</td>"


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, held in value.items():
        if isinstance(held, Mapping):
            if not name.startswith("by_"):
                yield from _flat(held, f"{before}{name}.")
        else:
            yield f"{before}{name}", held


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
