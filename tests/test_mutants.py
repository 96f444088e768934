"""The tool that changes rules and looks whether tests notice."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

RULE = """
class Shop:
    def price(self, count, each=2.0, *, rebate=0.5):
        return count * each - rebate

    @classmethod
    def open(cls, hour):
        return hour > 8


def double(value):
    return 2 * value


def counted(values):
    total = 0
    return sum(value + total for value in values)
"""


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the modules of the tool, which import each other by their names."""
    pytest.importorskip("mutmut")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import mutants
    import warm_tests

    return mutants, warm_tests


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module of two rules and a class."""
    module = ModuleType("shop_of_test")
    module.__file__ = "shop_of_test.py"
    exec(compile(RULE, "shop_of_test.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "shop_of_test", module)
    return module


def test_a_function_is_replaced_wherever_it_is_known(tools: Any, shop: Any) -> None:
    _, warm = tools
    known, price, opens = shop.double, shop.Shop().price, shop.Shop.open
    warm.replace_function("shop_of_test:double", RULE.replace("2 * value", "3 * value"))
    assert known(2) == 6
    warm.replace_function("shop_of_test:Shop.price", RULE.replace("count * each", "count / each"))
    assert price(3.0) == 1.0
    changed = RULE.replace("each=2.0", "each=3.0").replace("rebate=0.5", "rebate=1.5")
    warm.replace_function("shop_of_test:Shop.price", changed)
    assert price(3.0) == 7.5
    warm.replace_function("shop_of_test:Shop.open", RULE.replace("hour > 8", "hour >= 8"))
    assert opens(8)
    warm.replace_function("shop_of_test:counted", RULE.replace("total = 0", "total = 1"))
    assert shop.counted([1, 2]) == 5


def test_quick_files_that_name_a_rule_go_first_and_files_stay_together(tools: Any) -> None:
    mutants, _ = tools
    seconds = {"a.py::1": 2.0, "b.py::1": 0.1, "c.py::1": 9.0, "b.py::2": 0.2, "d.py::1": 99.0}
    found = list(mutants.batches(seconds, {"c.py"}, 20.0))
    assert found == [["b.py::1", "b.py::2"], ["c.py::1", "a.py::1"]]
    assert list(mutants.batches({}, set(), 20.0)) == []


def test_the_interval_of_a_share_is_wilsons(tools: Any) -> None:
    mutants, _ = tools
    # Wilson's interval of 9 in 10, from the two roots of its quadratic equation.
    low, high = mutants.interval(9, 10)
    for end in (low, high):
        assert (0.9 - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / 10)
    assert low < 0.9 < high
    assert mutants.interval(0, 0) == (0.0, 1.0)


def test_what_guards_lists_of_one_length_counts_as_without_effect(tools: Any) -> None:
    mutants, _ = tools
    head = "# hmesh.markets.any.x_any__mutmut_1\n--- a\n+++ a\n@@ -1 +1 @@\n"
    for after, explained in (
        ("zip(a, b, strict=None)", True), ("zip(a, b, )", True),
        ("zip(a, None, strict=True)", False), ("zip(b, strict=True)", False),
    ):  # fmt: skip
        change = f"{head}-    for x in zip(a, b, strict=True):\n+    for x in {after}:\n"
        assert mutants.without_effect("hmesh.markets.any.x_any__mutmut_1", change) == explained


@pytest.mark.slow
def test_mutants_are_judged_and_a_second_call_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("mutmut")
    command = [
        sys.executable, "benchmarks/mutants.py", "markets/taut_string.py", "--each", "6",
        "--tests", "tests/test_taut_string.py", "--kept", str(tmp_path),
        "--json", str(tmp_path / "figures.json"),
    ]  # fmt: skip

    def call() -> tuple[dict[str, Any], str]:
        ended = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode in (0, 1), ended.stderr
        return json.loads((tmp_path / "figures.json").read_text()), ended.stdout

    first, said = call()
    assert first["tried"] == 6
    assert first["caught"] >= 4
    assert "noted" in said
    second, said = call()
    assert second == first
    assert "noted" not in said
