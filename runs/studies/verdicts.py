"""The verdict on every published cell and order of a study, counted by kind.

The rule is that of `hmesh.runs.studies.published_figures`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import isfinite

from hmesh.runs.studies.changes import changed
from hmesh.runs.studies.published_figures import (
    KINDS,
    SHARE,
    Kind,
    PublishedFigure,
    PublishedOrder,
    published_figures,
    published_orders,
)
from hmesh.runs.studies.study_report import Cell, Column, ReportSection

# What a configuration amounts to, by item and metric; a value for each seed where it draws.
type Ours = float | Sequence[float] | None
type Found = Mapping[tuple[str, str], Ours]

CELLS, OTHERS, ORDERS, TALLY = "cells", "further_readings", "orders", "verdict"
DIFFERS = "Not as on record"
# Beyond what a float holds of a tolerance that is met exactly.
LAST_BITS = 1e-9


def values_of(ours: Ours) -> list[float]:
    """Return the values of a cell, one for each seed; none where it is not simulated."""
    several = [ours] if isinstance(ours, int | float) else list(ours or ())
    return several if all(map(isfinite, several)) else []


def agrees(figure: PublishedFigure, ours: Ours) -> bool | None:
    """Return whether a cell agrees with what was published, None where it is not compared."""
    values = values_of(ours)
    if not values:
        return None
    room = figure.tolerance * (1 + LAST_BITS)
    if figure.rule == "range of seeds":
        return min(values) - room <= figure.value <= max(values) + room
    return abs(sum(values) / len(values) - figure.value) <= room


def holds(order: PublishedOrder, found: Found) -> bool | None:
    """Return whether an order holds, with every seed where there are several."""
    columns = [values_of(found.get(cell)) for cell in order.cells]
    if not all(columns):
        return None
    seeds = zip(*columns, strict=True)
    return all(a < b for values in seeds for a, b in pairwise(values))


def verdict_sections(
    study: str,
    found: Found,
    others: Mapping[str, Found] | None = None,
    text: tuple[str, ...] = (),
    kinds: Mapping[str, Kind] | None = None,
) -> list[ReportSection]:
    """Judge every published cell and order of a study.

    Parameters
    ----------
    study : str
        Its name.
    found : Found
        What the configuration that counts amounts to.
    others : mapping, optional
        What further readings amount to; they count nothing.
    text : tuple of str
        Paragraphs below the cells.
    kinds : mapping, optional
        How all cells of a further reading come about, where that is not how those that count do.
    """
    figures, orders = published_figures(study), published_orders(study)
    others = others or {}
    return [
        _tally(figures, orders, found, others, kinds or {}),
        _cells(figures, found, text),
        _orders(orders, found, others),
        *([_others(figures, found, others)] if others else []),
    ]


def passed_as_recorded(sections: Iterable[ReportSection]) -> bool:
    """Return whether every verdict among some sections is the one on record."""
    tallies = [section for section in sections if section.name == TALLY]
    return not any(text.startswith(DIFFERS) for section in tallies for text in section.text)


def _differing(
    figures: tuple[PublishedFigure, ...], orders: tuple[PublishedOrder, ...], found: Found
) -> tuple[str, ...]:
    """Return a paragraph on the verdicts that are not those on record, none where all are."""
    if changed():
        return ("Keys were changed, so that no verdict is on record.",)
    off = [
        f"{figure.item}, {figure.metric}"
        for figure in figures
        if agrees(figure, found.get((figure.item, figure.metric))) is not figure.agreed
    ]
    off += [order.text for order in orders if holds(order, found) is not order.held]
    return (f"{DIFFERS}: {'; '.join(off)}.",) if off else ()


def verdict_sentence(sections: Iterable[ReportSection]) -> str | None:
    """Return the verdict of a study from its tally, None where no cell was judged."""
    for section in sections:
        if section.name == TALLY:
            return section.text[0]
    return None


def _mean(ours: Ours) -> float | None:
    values = values_of(ours)
    return sum(values) / len(values) if values else None


def _cells(
    figures: tuple[PublishedFigure, ...],
    found: Found,
    text: tuple[str, ...],
) -> ReportSection:
    drawn = any(len(values_of(ours)) > 1 for ours in found.values())
    rows: list[tuple[Cell, ...]] = []
    for figure in figures:
        ours = found.get((figure.item, figure.metric))
        values, verdict = values_of(ours), agrees(figure, ours)
        mean = _mean(ours)
        cells: list[Cell] = [
            _name(figure), figure.printed,
            figure.tolerance, mean,
        ]  # fmt: skip
        if drawn:
            cells += [min(values, default=None), max(values, default=None)]
        cells += [None if mean is None else mean - figure.value, figure.kind, verdict]
        rows.append(tuple(cells))
    configuration = figures[0].configuration
    columns = [
        Column("figure"), Column("published"),
        Column("tolerance", ",.4g"), Column(configuration, ",.6g"),
    ]  # fmt: skip
    if drawn:
        columns += [Column("lowest", ",.4g"), Column("highest", ",.4g")]
    columns += [Column("off", "+,.4g"), Column("kind"), Column("agrees")]
    reasons = dict.fromkeys(f"{figure.kind}: {figure.reason}" for figure in figures)
    return ReportSection(
        CELLS, "Every published figure", tuple(columns), tuple(rows),
        (
            f"Only the column '{configuration}' counts. A cell agrees within half a unit of its "
            f"last printed digit and {SHARE:.0%} of its value"
            + (", or between the lowest and highest seed where loads are drawn" if drawn else "")
            + "; '-' is not compared. Kinds: " + "; ".join(reasons) + ".",
            *text,
        ),
    )  # fmt: skip


def _name(figure: PublishedFigure) -> str:
    return f"{figure.where}: {figure.item}, {figure.metric} [{figure.unit}]"


def _others(
    figures: tuple[PublishedFigure, ...], found: Found, others: Mapping[str, Found]
) -> ReportSection:
    rows: list[tuple[Cell, ...]] = []
    for figure in figures:
        cell = figure.item, figure.metric
        if not any(values_of(other.get(cell)) for other in others.values()):
            continue
        cells: list[Cell] = [_name(figure), figure.printed, _mean(found.get(cell))]
        for other in others.values():
            cells += [_mean(other.get(cell)), agrees(figure, other.get(cell))]
        rows.append(tuple(cells))
    columns = [
        Column("figure"), Column("published"), Column(figures[0].configuration, ",.6g")
    ]  # fmt: skip
    for name in others:
        columns += [Column(name, ",.6g"), Column(f"{name}: agrees")]
    return ReportSection(
        OTHERS, "Further readings, which count nothing", tuple(columns), tuple(rows)
    )


def _orders(
    orders: tuple[PublishedOrder, ...], found: Found, others: Mapping[str, Found]
) -> ReportSection:
    rows: list[tuple[Cell, ...]] = []
    for order in orders:
        verdict = holds(order, found)
        cells: list[Cell] = [order.where, order.text, order.kind, verdict]
        cells += [holds(order, other) for other in others.values()]
        rows.append(tuple(cells))
    columns = [Column("where"), Column("order, lowest first"), Column("kind"), Column("holds")]
    columns += [Column(name) for name in others]
    return ReportSection(
        ORDERS, "Orders that the source states or prints", tuple(columns), tuple(rows),
        ("With several seeds an order holds that holds with each of them.",),
    )  # fmt: skip


def _of_kind(kind: Kind | None) -> str:
    return "" if kind is None else f" ({kind})"


def _tally(
    figures: tuple[PublishedFigure, ...],
    orders: tuple[PublishedOrder, ...],
    found: Found,
    others: Mapping[str, Found],
    kinds: Mapping[str, Kind],
) -> ReportSection:
    by_kind: list[tuple[Kind, list[bool | None]]] = [
        (kind, [agrees(f, found.get((f.item, f.metric))) for f in figures if f.kind == kind])
        for kind in KINDS
    ]
    in_order = {
        kind: [holds(order, found) for order in orders if order.kind == kind] for kind in KINDS
    }
    rows: list[tuple[Cell, ...]] = [
        (kind, len(cells), len(cells) - cells.count(None), cells.count(True),
         len(in_order[kind]), in_order[kind].count(True))
        for kind, cells in by_kind
    ]  # fmt: skip
    everything = [sum(int(str(row[at])) for row in rows) for at in range(1, 6)]
    rows.append(("all", *everything))
    for name, other in others.items():
        cells = [agrees(figure, other.get((figure.item, figure.metric))) for figure in figures]
        order = [holds(each, other) for each in orders]
        rows.append(
            (f"counts nothing: {name}{_of_kind(kinds.get(name))}", len(cells),
             len(cells) - cells.count(None), cells.count(True), len(order), order.count(True))
        )  # fmt: skip
    shares = ", ".join(f"{row[0]} {row[3]} of {row[1]}" for row in rows[: len(KINDS)])
    sentence = (
        f"{everything[2]} of {everything[0]} published figures agree under '"
        f"{figures[0].configuration}' ({shares}), and {everything[4]} of {everything[3]} orders"
    )
    columns = (
        Column("kind"), Column("figures"), Column("compared"), Column("agree"),
        Column("orders"), Column("hold"),
    )  # fmt: skip
    return ReportSection(
        TALLY, "What is reproduced, by kind", columns, tuple(rows),
        (
            sentence,
            "Emergent: agents, step by step, produced it from inputs that were not chosen for it. "
            "Set: inputs were chosen, scaled or fitted with it in view. Theorem: it follows "
            "whatever the inputs are. Accounting: a formula, an optimisation or a way to count "
            "gives it, without agents.",
            *_differing(figures, orders, found),
        ),
    )  # fmt: skip
