"""Names of classes and types: one for each thing, and none for two."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("environment", "markets", "agents", "runs")


@cache
def classes(room: str) -> tuple[tuple[ast.ClassDef, str], ...]:
    """Return every class of a room with its place."""
    return tuple(
        (node, f"{path.relative_to(ROOT)}:{node.lineno}")
        for path in sorted((ROOT / room).rglob("*.py"))
        if "class " in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    )


def twice(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the places of every name that stands more than once."""
    places = defaultdict(list)
    for name, place in named:
        places[name].append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_class_name_stands_twice_in_a_room(room: str) -> None:
    public = [(node.name, at) for node, at in classes(room) if not node.name.startswith("_")]
    assert len(public) > 5
    assert not twice(public)


def test_no_message_name_stands_twice_anywhere() -> None:
    """A message is counted and logged by the name of its class."""
    every = [found for room in ROOMS for found in classes(room)]
    messages = {"Message"}
    while True:
        more = {
            node.name
            for node, _ in every
            if {base.id for base in node.bases if isinstance(base, ast.Name)} & messages
        }
        if more <= messages:
            break
        messages |= more
    assert {"GridPurchase", "RetailExchange", "EnergyBid"} <= messages
    assert not twice((node.name, at) for node, at in every if node.name in messages)


def test_arrays_of_floats_have_one_name() -> None:
    # The second implementation shares nothing with the first, so that it has its own file.
    homes = {"environment/arrays.py", "runs/audits/reference/arrays.py"}
    spelled = {
        str(path.relative_to(ROOT))
        for room in (*ROOMS, "hmesh", "tests", "benchmarks", "docs")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"NDArray\[np\.float(64|_)\]", path.read_text(encoding="utf-8"))
    }
    assert spelled == homes
