"""What `--help` prints is all that its texts say: brackets are words, not marks of a style."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from hmesh.runs.command_line import app

BRACKETS = re.compile(r"\[[^\[\]]+\]")


def with_brackets() -> Iterator[tuple[str, list[str]]]:
    """Return the commands whose texts have words in brackets, and these."""
    group: Any = get_command(app)
    for name, command in group.commands.items():
        found = [
            bracket
            for parameter in command.params
            for bracket in BRACKETS.findall(getattr(parameter, "help", None) or "")
        ]
        if found:
            yield name, found


@pytest.mark.parametrize(("name", "brackets"), list(with_brackets()))
def test_units_and_defaults_in_brackets_are_printed(name: str, brackets: list[str]) -> None:
    result = CliRunner().invoke(app, [name, "--help"], prog_name="hmesh", env={"COLUMNS": "240"})
    assert result.exit_code == 0
    for bracket in brackets:
        assert bracket in result.output, bracket


def test_there_are_texts_with_brackets() -> None:
    assert {"run", "plot", "report", "import"} <= {name for name, _ in with_brackets()}
