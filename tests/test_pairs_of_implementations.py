"""Every second implementation is compared with the first, and every scheme has faults injected."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "runs" / "audits" / "reference"
TESTS = {path.name: path.read_text() for path in sorted((ROOT / "tests").glob("test_*.py"))}


def imported(text: str) -> Iterator[tuple[str, str]]:
    """Yield each name that a file imports, with the module of hMESH that it comes from."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hmesh."):
            for name in node.names:
                yield str(node.module), name.name


def test_each_second_implementation_is_compared_with_the_first() -> None:
    rooms = ("hmesh.markets", "hmesh.environment", "hmesh.agents", "hmesh.runs.world")
    compared = set[str]()
    for text in TESTS.values():
        modules = {module for module, _ in imported(text)}
        if any(module.startswith(rooms) for module in modules):
            compared |= {m for m in modules if m.startswith("hmesh.runs.audits.reference.")}
    there = {
        f"hmesh.runs.audits.reference.{path.stem}"
        for path in REFERENCE.glob("*.py")
        if not path.stem.startswith("__")
    }
    assert there - compared == set()
    assert len(there) > 30


def test_faults_are_injected_into_the_rules_of_every_scheme() -> None:
    injected = "".join(text for text in TESTS.values() if "fails_the_audit" in text)
    schemes = {
        path.name
        for path in (ROOT / "runs" / "schemes").iterdir()
        if (path / "audit.py").is_file()
    }
    used = {
        "battery_sharing": "battery-sharing", "community_storage": "community-storage",
        "composite_storage": "composite-storage", "metered_sites": "metered_sites",
        "school_buses": "school-buses", "smart_homes": "smart_homes", "vehicles": "vehicles",
    }  # fmt: skip
    assert set(used) == schemes
    assert all(name in injected for name in used.values())
    places = re.findall(r"\bInjected\(", injected)
    assert len(places) > 100
