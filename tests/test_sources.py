"""The pages on the sources: their tables, and the equations with the functions that hold them."""

import ast
import csv
import importlib.util
import re
from pathlib import Path

import pytest

from hmesh.runs.studies.published_figures import published_figures, published_orders
from hmesh.runs.studies.replicate import STUDIES

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "sources").glob("*.md"))

spec = importlib.util.spec_from_file_location("source_tables", ROOT / "docs" / "source_tables.py")
assert spec is not None
assert spec.loader is not None
source_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(source_tables)


def equations() -> list[dict[str, str]]:
    with (ROOT / "runs" / "data" / "equations.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_tables_of_a_page_are_those_of_the_data(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert source_tables.filled(text) == text, "python docs/source_tables.py makes them"


def names_in(file: str) -> set[str]:
    """Return functions, classes and methods of a file, a method with its class."""
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef)
            }
    return found


@pytest.mark.parametrize("row", equations(), ids=lambda row: f"{row['source']} {row['number']}")
def test_every_equation_is_held_by_a_function_that_is_there(row: dict[str, str]) -> None:
    assert row["source"] in set("BCHST")
    assert row["function"] in names_in(row["file"])


def numbers(text: str) -> set[tuple[int, ...]]:
    """Return the numbers of equations in a text such as ``5.30-5.33, 6``."""
    found: set[tuple[int, ...]] = set()
    for part in text.split(", "):
        ends = [tuple(map(int, end.split("."))) for end in part.split("-")]
        first, last = ends[0], ends[-1]
        found |= {(*first[:-1], n) for n in range(first[-1], last[-1] + 1)}
    return found


def test_every_equation_that_a_rule_cites_is_in_the_table() -> None:
    """Rules cite the dissertation as ``eq. (4.29)`` and by no other source's number."""
    known = {
        number for row in equations() if row["source"] == "T" for number in numbers(row["number"])
    }
    cited = re.compile(r"eqs?\. \(([345]\.\d+)\)")
    for package in ("markets", "environment"):
        for path in (ROOT / package).rglob("*.py"):
            for number in cited.findall(path.read_text(encoding="utf-8")):
                assert tuple(map(int, number.split("."))) in known, f"{path.name}: ({number})"


def test_payoffs_and_costs_have_their_numbers() -> None:
    """The numbers that were once confused."""
    by_number = {
        (row["source"], number): row["function"]
        for row in equations()
        for number in numbers(row["number"])
    }
    assert by_number["T", (5, 8)] == "utility_profit"
    assert by_number["T", (5, 10)] == "GenerationCost.total"
    assert by_number["T", (5, 4)] == by_number["T", (5, 6)] == "best_price"
    assert by_number["T", (4, 8)] == "IncentiveTerms.cost_without"
    assert by_number["T", (4, 35)] == "IncentiveTerms.additional_cost"
    assert by_number["T", (4, 22)] == "satisfaction"


# Every figure of the sources that a reader asked for and that nothing drew.
ASKED = {
    "smart_home": {"3.10", "3.14", "3.15"},
    "school_buses": {f"4.{n}" for n in range(2, 15)},
    "vehicles": {"5.7", "6.1"},
    "battery_sharing": {"S5", "S6", "S8", "S10", "S11", "4.7"},
    "composite_storage": {"2", "3", "13", "14", "16", "17", "18", "19"},
}


@pytest.mark.parametrize("study", ASKED)
def test_every_figure_that_was_asked_for_is_drawn(study: str) -> None:
    assert {figure.number for figure in STUDIES[study].figures()} == ASKED[study]


def test_the_total_is_that_of_the_table() -> None:
    figures = [figure for name in STUDIES for figure in published_figures(name)]
    orders = [order for name in STUDIES for order in published_orders(name)]
    page = (ROOT / "docs" / "sources" / "index.md").read_text(encoding="utf-8")
    agree = sum(figure.agreed is True for figure in figures)
    held = sum(order.held is True for order in orders)
    assert f"**{agree} of {len(figures)}** | {held} of {len(orders)} |" in page
