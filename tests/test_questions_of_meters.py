"""Two questions from the file of meters to the answer in the first table, as their pages say."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hmesh.runs.command_line import app
from tests.metered_site_files import write_campus, write_street

DOCS = Path(__file__).parents[1] / "docs"
PAGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "battery-for-buildings.md": ("campus", write_campus),
    "sun-for-households.md": ("street", write_street),
}


def blocks(page: str) -> list[tuple[str, str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)


def followed(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *changes: str) -> str:
    """Do what a page says in a folder, and return what is printed."""
    name, write = PAGES[page]
    monkeypatch.chdir(folder)
    if changes:
        write(folder / f"{name}.csv", 24 * 16 if name == "campus" else 96 * 9)  # type: ignore[call-arg]
    else:
        write(folder / f"{name}.csv")
    found = blocks(page)
    scenario = next(text for kind, text in found if kind == "yaml")
    (folder / f"{name}.yaml").write_text(scenario, encoding="utf-8")
    printed = ""
    for line in [line for _, text in found for line in text.splitlines()]:
        if line.startswith("hmesh "):
            words = shlex.split(line)[1:]
            words += [*changes, "--out", "run", "--no-progress"] if words[0] == "run" else []
            result = CliRunner().invoke(app, words, env={"COLUMNS": "120"})
            assert result.exit_code == 0, f"{line}\n{result.output}"
            printed += result.output
    return printed


@pytest.mark.parametrize("page", PAGES)
def test_under_ten_lines_and_two_commands(page: str) -> None:
    found = blocks(page)
    scenario = next(text for kind, text in found if kind == "yaml")
    commands = [line for _, text in found for line in text.splitlines() if line[:6] == "hmesh "]
    assert len(scenario.splitlines()) < 10
    assert len(commands) == 2


@pytest.mark.parametrize("page", PAGES)
def test_some_days_run_as_the_page_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = "72" if page.startswith("sun") else "216"
    changes = ["--set", "years=null", "--set", f"hours={hours}"]
    printed = followed(page, tmp_path, monkeypatch, *changes)
    assert "filled: nothing, no member lacks a value" in printed
    assert "metered sites pay [EUR]" in printed
    assert "payback" not in printed  # a few days are no year


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_years_give_the_tables_of_the_page(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = [line.split() for line in followed(page, tmp_path, monkeypatch).splitlines()]
    first = next(n for n, line in enumerate(printed) if line[:2] == ["metered", "sites"])
    end = next(n for n, line in enumerate(printed) if line[:2] == ["Columns", "after"])
    tables = [text for kind, text in blocks(page) if kind == "text"][-2:]
    for line in tables[0].splitlines():
        if "[" in line:
            assert line.split() in printed[first:end], line
    for line in tables[1].splitlines():
        assert line.split() in printed[end:], line
