"""Errors of the person's input tell everything at once, a line each."""

import pickle

import pytest

from environment.errors import InputError, Problem, nearest


def test_a_problem_is_one_line_with_its_remedy() -> None:
    problem = Problem("loads.csv, line 3", "no number: 'x'", "a finite number", "load_kwh")
    assert str(problem) == (
        "loads.csv, line 3: no number: 'x' (allowed: a finite number; did you mean 'load_kwh'?)"
    )
    assert str(Problem("seed", "is missing")) == "seed: is missing"
    assert str(Problem("", "is missing", allowed="0")) == "is missing (allowed: 0)"
    assert "\n" not in str(Problem("seed", "two\nlines"))


def test_an_input_error_tells_every_problem() -> None:
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
