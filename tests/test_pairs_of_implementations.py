"""Every second implementation is compared with the first, and every scheme has faults injected."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "runs" / "audits" / "reference"
TESTS = {path.name: path.read_text() for path in sorted((ROOT / "tests").glob("test_*.py"))}


def imported(text: str) -> Iterator[str]:
    """Yield each name that a file imports from hMESH."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hmesh."):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_each_second_implementation_is_compared_with_the_first() -> None:
    rooms = ("hmesh.markets", "hmesh.environment", "hmesh.agents", "hmesh.runs.world")
    compared = set[str]()
    for text in TESTS.values():
        names = set(imported(text))
        # By examples that are drawn, not by some that were chosen.
        if "@given(" in text and any(name.startswith(rooms) for name in names):
            compared |= {".".join(name.split(".")[:5]) for name in names if ".reference." in name}
    # What defines no function states no rule: the type of its arrays.
    there = {
        f"hmesh.runs.audits.reference.{path.stem}"
        for path in REFERENCE.glob("*.py")
        if not path.stem.startswith("__") and re.search(r"^ *def ", path.read_text(), re.MULTILINE)
    }
    assert there - compared == set()
    assert len(there) > 30


def test_faults_are_injected_into_the_rules_of_every_scheme() -> None:
    injected = "".join(text for text in TESTS.values() if "fails_the_audit" in text)
    schemes = {
        path.name for path in (ROOT / "runs" / "schemes").iterdir() if (path / "audit.py").is_file()
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


def test_mutants_without_effect_are_of_lines_that_stand() -> None:
    kept = yaml.safe_load((ROOT / "benchmarks" / "equivalent_mutants.yaml").read_text())
    for each in kept:
        assert each["reason"]
        if "everywhere" in each:
            assert re.compile(each["everywhere"])
            continue
        module = ROOT / (each["module"].replace(".", "/") + ".py")
        lines = [line.strip() for line in module.read_text().splitlines()]
        assert each["before"] in lines, each["before"]
        assert each["before"] not in each["after"]
