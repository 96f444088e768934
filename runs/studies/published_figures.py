"""Published figures and orders, each with its place in the source and the rule that judges it.

The rule was written before the comparison, and is the same for every cell of every study.

- **Tolerance.** A cell agrees that differs by no more than half a unit of its last printed digit
  plus `SHARE` of its value. The tolerance in the table follows from what is printed alone.
- **Range.** Where a study draws loads and weather that the source does not give, a cell agrees that
  lies between the lowest and the highest of the seeds that the study names, half a unit of its last
  digit beyond them allowed. The spread of the seeds takes the place of the share.
- **Orders.** An order that a source states, or prints, is a separate cell. It holds where each
  item is below the next; with seeds, where that is so with every seed.
- **Configuration.** A study counts under one configuration, named in the table. Any other reading
  is a further column and counts nothing.
- **Kind.** *Set*: inputs were chosen, scaled or fitted with this cell in view, or it follows from
  such cells. *By theorem*: it follows whatever the inputs are. *By accounting*: a formula, an
  optimisation or a way to count gives it, without agents. *Emergent*: agents, step by step,
  produced it from inputs that were not chosen for it. The kinds are counted apart.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Literal, get_args

type Kind = Literal["emergent", "set", "theorem", "accounting"]
type Rule = Literal["digits and share", "range of seeds"]

KINDS: tuple[Kind, ...] = get_args(Kind.__value__)
RULES: tuple[Rule, ...] = get_args(Rule.__value__)
# As they are recorded once the comparison was made; empty where nothing is compared.
VERDICTS = {"yes": True, "no": False, "": None}
# Of the value of every cell, on top of the digits that are printed [-].
SHARE = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A figure as it was published, and how it is judged.

    Attributes
    ----------
    where : str
        Place in the source.
    item : str
        What was measured.
    metric : str
        Quantity that was measured.
    value : float
        The figure [unit].
    unit : str
        Its unit.
    source : str
        Letter of the source: B, C, H, S or T.
    printed : str
        The figure with the digits that are printed.
    configuration : str
        What is simulated for the comparison that counts.
    kind : str
        How our figure comes about, of `KINDS`.
    rule : str
        Where the tolerance comes from, of `RULES`.
    tolerance : float
        Deviation up to which it agrees [unit].
    reason : str
        Why it is of its kind.
    agreed : bool, optional
        The verdict on record, None where it is not compared.
    """

    where: str
    item: str
    metric: str
    value: float
    unit: str
    source: str = ""
    printed: str = ""
    configuration: str = ""
    kind: Kind = "emergent"
    rule: Rule = "digits and share"
    tolerance: float = 0.0
    reason: str = ""
    agreed: bool | None = None


@dataclass(frozen=True, slots=True)
class PublishedOrder:
    """An order that a source states or prints.

    Attributes
    ----------
    where : str
        Place in the source.
    cells : tuple of (str, str)
        Item and metric of each, from the lowest to the highest.
    text : str
        The order in words.
    source, configuration, kind, reason : str
        As those of a figure.
    held : bool, optional
        Whether it held on record.
    """

    where: str
    cells: tuple[tuple[str, str], ...]
    text: str
    source: str
    configuration: str
    kind: Kind
    reason: str
    held: bool | None


def half_digit(printed: str) -> Decimal:
    """Return half a unit of the last digit of a number as it is printed."""
    exponent = Decimal(printed).as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(exponent) / 2


def tolerance_of(printed: str, rule: Rule) -> Decimal:
    """Return the deviation up to which a cell agrees, from its printed digits alone."""
    half = half_digit(printed)
    return half if rule == "range of seeds" else half + SHARE * abs(Decimal(printed))


def published_figures(study: str) -> tuple[PublishedFigure, ...]:
    """Return the figures that a study is compared with, in the order of the source."""
    return tuple(
        PublishedFigure(
            where=row["where"],
            item=row["item"],
            metric=row["metric"],
            value=float(row["value"]),
            unit=row["unit"],
            source=row["source"],
            printed=row["value"],
            configuration=row["configuration"],
            kind=_one_of(KINDS, row["kind"]),
            rule=_one_of(RULES, row["rule"]),
            tolerance=float(row["tolerance"]),
            reason=row["reason"],
            agreed=VERDICTS[row["agrees"]],
        )
        for row in _rows("published.csv", study)
    )


def published_orders(study: str) -> tuple[PublishedOrder, ...]:
    """Return the orders that a study is compared with."""
    return tuple(
        PublishedOrder(
            where=row["where"],
            cells=tuple(
                (row["item"] or each, row["metric"] or each) for each in row["order"].split(" < ")
            ),
            text=f"{row['metric'] or row['item']}: {row['order']}",
            source=row["source"],
            configuration=row["configuration"],
            kind=_one_of(KINDS, row["kind"]),
            reason=row["reason"],
            held=VERDICTS[row["holds"]],
        )
        for row in _rows("published_orders.csv", study)
    )


def _one_of[Name: str](names: tuple[Name, ...], text: str) -> Name:
    return names[names.index(text)]


def _rows(file: str, study: str) -> Iterator[dict[str, str]]:
    with resources.files("hmesh.runs").joinpath(f"data/{file}").open(encoding="utf-8") as lines:
        yield from (row for row in csv.DictReader(lines) if row["study"] == study)
