"""Notebooks: each asks, draws, answers with what it computed, and is kept with its outputs."""

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from hmesh.runs import builtin_scenarios, load_scenario
from hmesh.runs.strategy_names import STRATEGIES_OF

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The one that runs with the quick tests too; each of the others takes many seconds.
QUICK = "school-buses"
RUN = [
    pytest.param(path, marks=() if path.stem == QUICK else pytest.mark.slow, id=path.stem)
    for path in NOTEBOOKS
]
ANSWER = re.compile(r'Markdown\(\s*f"""\s*\*\*Answer\.\*\*(.*?)"""', re.DOTALL)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def by_name(path: Path) -> str:
    return path.stem


def test_every_scheme_the_city_and_own_data_have_a_notebook() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS)
    asked = [name for name, _ in builtin_scenarios() if f'\\"{name}\\"' in text]
    schemes = {scheme for name in asked for scheme in load_scenario(name).schemes}
    # No built-in scenario has sites of their own meter; their notebook writes one.
    schemes |= {scheme for scheme in STRATEGIES_OF if f"{scheme}:\\n" in text}
    assert schemes == set(STRATEGIES_OF)
    assert {"emergence", "one-city", "own-data"} <= {path.stem for path in NOTEBOOKS}


def test_every_notebook_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`notebooks/([\w-]+)\.ipynb`", page)) == {p.stem for p in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_a_notebook_is_kept_with_its_outputs(path: Path) -> None:
    book = read(path)
    nbformat.validate(book)
    shown = [out for cell in code(book) for out in cell.outputs]
    assert any("image/png" in out.data for out in shown), "run: python docs/notebook_outputs.py"
    assert book.cells[-1].outputs[0].data["text/markdown"].strip().startswith("**Answer.**")
    assert all(cell.metadata == {} for cell in code(book))
    assert set(book.metadata) <= {"kernelspec", "language_info"}
    assert path.stat().st_size < 500_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_a_notebook_asks_and_answers_with_no_number_typed_in(path: Path) -> None:
    book = read(path)
    assert book.cells[0].source.startswith("# ")
    assert "**Question.**" in book.cells[0].source
    answer = ANSWER.search(book.cells[-1].source)
    assert answer is not None
    typed = re.sub(r"\{[^{}]*\}", "", answer[1])
    assert "{" in answer[1]
    assert not re.search(r"\d", typed), typed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_what_a_notebook_imports_is_there(path: Path) -> None:
    """Those that run with the slow tests alone are compiled here, and import what they name."""
    names: dict[str, Any] = {}
    for cell in code(read(path)):
        tree = ast.parse(cell.source)
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), path.name, "exec"), names)
        compile(tree, path.name, "exec")
    assert "hmesh" in {
        getattr(value, "__module__", getattr(value, "__name__", "")).partition(".")[0]
        for value in names.values()
    }


@pytest.mark.parametrize("path", RUN)
def test_a_notebook_runs_draws_and_answers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.delenv("HMESH_NOTEBOOKS", raising=False)
    book = read(path)
    stored = book.cells[-1].outputs[0].data["text/markdown"]
    client = NotebookClient(book, timeout=3000, resources={"metadata": {"path": str(ROOT)}})
    # `execute` would leave its event loop open, of which a later test would be warned.
    asyncio.run(client.async_execute())
    shown = [out for cell in code(book) for out in cell.outputs if "data" in out]
    assert any("image/png" in out.data for out in shown)
    said = [out for cell in code(book) for out in cell.outputs if out.output_type == "stream"]
    assert [out.text for out in said if out.name == "stderr"] == []
    answer = book.cells[-1].outputs[0].data["text/markdown"]
    assert answer.strip().startswith("**Answer.**")
    assert re.search(r"\d", answer)
    assert answer == stored, "run: python docs/notebook_outputs.py"
    assert not re.search(r"\bnan\b|\binf\b|None", answer)
