"""Write the tables on the sources into their pages: python docs/source_tables.py.

What stands between ``<!-- published: NAME -->`` and ``<!-- end of published -->`` is made from the
tables in `runs/data`, and from the figures that studies can draw.
"""

import csv
import re
from collections.abc import Callable
from pathlib import Path

from hmesh.runs.studies.published_figures import KINDS, published_figures, published_orders
from hmesh.runs.studies.replicate import STUDIES

ROOT = Path(__file__).parents[1]
PAGES = Path(__file__).parent / "sources"
MARK = re.compile(r"(<!-- published: ([\w ]+) -->\n)(.*?)(<!-- end of published -->)", re.DOTALL)
VERDICT = {True: "agrees", False: "misses", None: "not compared"}
HOLDS = {True: "holds", False: "does not hold", None: "not compared"}


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def tally() -> str:
    """Return how many cells of every study agree, by kind."""
    rows = []
    sums: dict[str, list[int]] = {kind: [0, 0] for kind in KINDS}
    orders = [0, 0]
    for name in STUDIES:
        figures, stated = published_figures(name), published_orders(name)
        cells = []
        for kind in KINDS:
            mine = [figure for figure in figures if figure.kind == kind]
            agree = sum(figure.agreed is True for figure in mine)
            sums[kind][0] += agree
            sums[kind][1] += len(mine)
            cells.append(f"{agree} of {len(mine)}" if mine else "-")
        held = sum(order.held is True for order in stated)
        orders = [orders[0] + held, orders[1] + len(stated)]
        whole = sum(figure.agreed is True for figure in figures)
        rows.append(
            [f"`{name}`", figures[0].configuration, *cells, f"{whole} of {len(figures)}",
             f"{held} of {len(stated)}"]
        )  # fmt: skip
    whole = [sum(pair[k] for pair in sums.values()) for k in (0, 1)]
    rows.append(
        ["**all**", "", *(f"{a} of {b}" for a, b in sums.values()), f"**{whole[0]} of {whole[1]}**",
         f"{orders[0]} of {orders[1]}"]
    )  # fmt: skip
    return _table(["study", "configuration", *KINDS, "all figures", "orders"], rows)


def cells(study: str) -> str:
    """Return every published figure of a study with its tolerance, kind and verdict."""
    rows = [
        [f.where, f.item, f"{f.metric} [{f.unit}]", f.printed, f"{f.tolerance:g}", f.kind,
         VERDICT[f.agreed]]
        for f in published_figures(study)
    ]  # fmt: skip
    heads = ["where", "item", "quantity", "published", "tolerance", "kind", "verdict"]
    stated = [[o.where, o.text, o.kind, HOLDS[o.held]] for o in published_orders(study)]
    orders = _table(["where", "order, lowest first", "kind", "verdict"], stated)
    return f"{_table(heads, rows)}\n{orders}"


def equations() -> str:
    """Return every equation with the file and function that hold it."""
    file = ROOT / "runs" / "data" / "equations.csv"
    with file.open(encoding="utf-8") as lines:
        rows = [
            [row["source"], f"({row['number']})", row["what"], f"`{row['file']}`",
             f"`{row['function']}`"]
            for row in csv.DictReader(lines)
        ]  # fmt: skip
    return _table(["source", "equation", "what", "file", "function"], rows)


def figures() -> str:
    """Return every figure that a study can draw."""
    rows = [
        [f"`{name}`", figure.number, figure.caption, f"`{figure.file}`"]
        for name, study in STUDIES.items()
        for figure in study.figures()
    ]
    return _table(["study", "figure", "what it shows", "file"], rows)


def parts() -> str:
    """Return every part of every study with about how long it takes."""
    rows = [
        [f"`{name}`", f"`{part.name}`", str(part.seconds)]
        for name, study in STUDIES.items()
        for part in study.parts
    ]
    return _table(["study", "part", "about [s]"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "tally": tally,
    "equations": equations,
    "figures": figures,
    "parts": parts,
    **{f"cells {name}": lambda name=name: cells(name) for name in STUDIES},  # type: ignore[misc]
}


def filled(text: str) -> str:
    """Return a page with its tables renewed."""
    return MARK.sub(lambda found: found[1] + "\n" + TABLES[found[2]]() + "\n" + found[4], text)


if __name__ == "__main__":
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
