"""What the tests do depends neither on the machine that runs them nor on how busy it is."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = sorted((ROOT / "tests").glob("*.py"))
CLOCKS = {"time", "perf_counter", "monotonic", "process_time", "now"}
# Of a subprocess or a page [s]; a machine at a load of 20 does in ten minutes what takes one alone.
LEAST_TIMEOUT_S = 300


def run(*words: str, **environment: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HMESH_")}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=env, cwd=ROOT, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("environment", "same"),
    [({"CI": "true"}, "True"), ({"CI": ""}, "True"), ({"HMESH_EXAMPLES": "drawn"}, "False")],
)
def test_examples_are_the_same_every_time_unless_new_ones_are_asked_for(
    environment: dict[str, str], same: str
) -> None:
    code = (
        "from tests import conftest; from hypothesis import settings as s; print(s().derandomize)"
    )
    assert run("-c", code, **environment).strip() == same


def test_only_all_tests_draw_new_examples() -> None:
    recipes = re.split(r"\n(?=[a-z-]+:)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    drawing = [recipe.partition(":")[0] for recipe in recipes if "HMESH_EXAMPLES=drawn" in recipe]
    assert drawing == ["test-all"]


def test_tests_of_a_file_that_lack_the_shared_data_are_skipped_as_one(tmp_path: Path) -> None:
    reported = run(
        "-m", "pytest", "-rs", "-p", "no:cacheprovider", "tests/test_standard_profiles.py",
        "-k", "published or working_days", HMESH_SHARED=str(tmp_path / "nowhere"),
    )  # fmt: skip
    assert re.search(r"\b1 skipped, \d+ deselected", reported)
    assert re.search(r"no shared specifications and data .*HMESH_SHARED.* \(\d+ tests of", reported)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield name, node


def test_no_test_asserts_how_long_something_takes() -> None:
    found = []
    for path in TESTS:
        for node in ast.walk(tree_of(path)):
            spans = (
                part
                for part in (ast.walk(node) if isinstance(node, ast.Assert) else ())
                if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub)
            )
            if any(name in CLOCKS for span in spans for name, _ in calls(span)):
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


def test_time_outs_leave_a_busy_machine_its_time() -> None:
    found = []
    for path in TESTS:
        for name, call in calls(tree_of(path)):
            for word in call.keywords:
                reported = word.arg in ("timeout", "within_s") and isinstance(
                    word.value, ast.Constant
                )
                # A page that does not answer is asked again.
                if reported and name != "urlopen" and word.value.value < LEAST_TIMEOUT_S:
                    found.append(f"{path.name}:{call.lineno}: {word.value.value} s")
    assert found == []
