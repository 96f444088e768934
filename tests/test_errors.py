"""Errors of the person's input report everything at once, a line each."""

import pickle
from pathlib import Path

import pytest

from hmesh.environment.errors import (
    InputError,
    Problem,
    missing_columns,
    missing_file,
    nearest,
    shortened,
)


def test_a_problem_is_one_line_with_its_remedy() -> None:
    problem = Problem("loads.csv, line 3", "no number: 'x'", "a finite number", "load_kwh")
    assert str(problem) == (
        "loads.csv, line 3: no number: 'x' (allowed: a finite number; did you mean 'load_kwh'?)"
    )
    assert str(Problem("seed", "is missing")) == "seed: is missing"
    assert str(Problem("", "is missing", allowed="0")) == "is missing (allowed: 0)"
    assert "\n" not in str(Problem("seed", "two\nlines"))


def test_an_input_error_shows_every_problem() -> None:
    problems = [Problem("a", "first"), Problem("b", "second")]
    error = InputError(problems)
    assert isinstance(error, ValueError)
    assert error.problems == tuple(problems)
    assert str(error) == "a: first\nb: second"


def test_an_input_error_survives_the_way_between_processes() -> None:
    error = InputError([Problem("a", "first", "1..2", "b")])
    copy = pickle.loads(pickle.dumps(error))
    assert copy.problems == error.problems
    assert str(copy) == str(error)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("laod_kwh", ["load_kwh", "load_kw", "time"], "load_kwh"),
        ("H-0", ["g0", "h0"], "h0"),
        ("Load kWh", ["load_kwh", "member"], "load_kwh"),
        ("zebra", ["homes", "malls"], ""),
        ("anything", [], ""),
    ],
)
def test_nearest_names_what_was_meant(name: str, options: list[str], expected: str) -> None:
    assert nearest(name, options) == expected


def test_a_missing_column_names_the_one_that_is_meant() -> None:
    problems = missing_columns(
        "loads.csv, line 1", ["time", "Load (kWh)", "x"], ["time", "load_kwh"]
    )
    assert [problem.suggestion for problem in problems] == ["Load (kWh)"]
    assert "there are time, Load (kWh), x" in str(problems[0])
    assert missing_columns("loads.csv", ["b", "a"], ["a", "b"]) == []


def test_a_missing_file_names_the_nearest_in_its_folder(tmp_path: Path) -> None:
    loads = tmp_path / "loads.csv"
    loads.write_text("")
    assert missing_file(loads) == []
    assert missing_file(tmp_path / "load.csv")[0].suggestion == str(loads)
    assert missing_file(tmp_path / "weather.parquet")[0].suggestion == ""
    assert missing_file(tmp_path)[0].message == "is a folder"
    assert "neither does the folder" in missing_file(tmp_path / "data" / "loads.csv")[0].message


def test_very_many_problems_are_counted() -> None:
    problems = [Problem(f"row {row}", "is bad") for row in range(5000)]
    assert shortened(problems[:20]) == problems[:20]
    assert len(shortened(problems)) == 21
    assert str(shortened(problems)[-1]) == "and 4,980 more of this kind"
