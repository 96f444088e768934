"""Every parameter, attribute and returned name of a docstring states its type, `name : type`."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("agents", "benchmarks", "environment", "hmesh", "markets", "runs")
WITH_NAMES = ("Parameters", "Other Parameters", "Attributes")
# What is returned needs no name; a line of names alone is no type.
MAY_HAVE_NAMES = ("Returns", "Yields")
TYPES = {"array", "bool", "bytes", "callable", "dict", "float", "int", "mapping", "object"}
TYPES |= {"slice", "str", "tuple", "type"}


def untyped(source: str) -> Iterator[str]:
    """Yield the entries of a module's docstrings that do not state their type."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (ast.get_docstring(node) or "").splitlines()
        section = ""
        for line, after in pairwise([*lines, ""]):
            if re.fullmatch("-{3,}", after):
                section = line
            elif not line or line.startswith((" ", "---")):
                continue
            elif section in WITH_NAMES:
                if not re.fullmatch(r"\*{0,2}\w+(, +\*{0,2}\w+)* : +\S.*", line):
                    yield f"{node.name}: {line}"
            elif section in MAY_HAVE_NAMES:
                names = line.split(", ")
                if all(re.fullmatch(r"[a-z]\w*", name) and name not in TYPES for name in names):
                    yield f"{node.name}: {line}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_entries_of_docstrings_state_their_type(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    found = [
        f"{path.relative_to(ROOT)}: {entry}"
        for path in paths
        for entry in untyped(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_an_entry_without_its_type_is_found() -> None:
    source = '''
def charge(energy_kwh, power_kw):
    """Charge.

    Parameters
    ----------
    energy_kwh : float
        Energy [kWh].
    power_kw
        Power [kW].

    Returns
    -------
    stored
        Energy held [kWh].
    float
        Energy lost [kWh].

    Notes
    -----
    no entry
    """
'''
    assert list(untyped(source)) == ["charge: power_kw", "charge: stored"]
