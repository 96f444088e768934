"""Numbers as people read them, at any size."""

import math
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hmesh.environment.number_words import counted
from hmesh.runs.number_text import change, fixed, same, texts_apart, times

ANY = st.floats(allow_nan=False, allow_infinity=False)


@given(ANY, ANY)
def test_a_change_is_never_wider_than_its_column(value: float, first: float) -> None:
    text = change(value, first)
    assert len(text) <= 8
    assert "-0.0" not in text


@pytest.mark.parametrize(
    ("value", "first", "text"),
    [
        (150.0, 100.0, "+50.0 %"),
        (99.99, 100.0, "0.0 %"),
        (100.0, 100.0, ""),
        (100.0 + 1e-9, 100.0, ""),
        (0.0, 100.0, "-100.0 %"),
        (999.0, 100.0, "+899.0 %"),
        (1470.0, 100.0, "x 14.7"),
        (1e9, 1.0, "x >1,000"),
        # What changes its sign, or begins at nothing, has no share.
        (-5_469.0, 14.18, ""),
        (5.0, 0.0, ""),
        (5.0, -3.0, ""),
        (None, 3.0, ""),
    ],
)
def test_changes(value: float | None, first: float, text: str) -> None:
    assert change(value, first) == text


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6), st.integers(0, 3))
def test_different_values_differ_on_paper(values: list[float], digits: int) -> None:
    texts = texts_apart(values, digits)
    largest = max(map(abs, values))
    for (one, first), (other, second) in combinations(zip(values, texts, strict=True), 2):
        # A difference that is nothing beside the largest value may be lost.
        assume(same(one, other) or abs(one - other) > 3e-9 * max(largest, 1.0))
        if not same(one, other):
            assert first != second


def test_digits_are_as_many_as_it_takes() -> None:
    assert texts_apart([1.3, 1.9], 1) == ["1.3", "1.9"]
    assert texts_apart([1.31, 1.32], 1) == ["1.31", "1.32"]
    assert texts_apart([1.31, 1.31 + 1e-12, 1.9], 1) == ["1.3", "1.3", "1.9"]
    assert texts_apart([-0.0, 0.0], 2) == ["0.00", "0.00"]


@given(ANY, st.integers(0, 3))
def test_a_number_is_short_and_has_no_negative_zero(value: float, digits: int) -> None:
    text = fixed(value, digits)
    assert len(text) <= 14
    assert text.strip("-0.,") or not text.startswith("-")
    if 0.1 <= abs(value) < 1e10:
        read = float(text.replace(",", ""))
        assert math.isclose(read, value, abs_tol=0.5 * 10.0**-digits, rel_tol=1e-5)


def test_counts_agree_with_their_nouns() -> None:
    assert [counted(n, "step") for n in (0, 1, 2, 1_000)] == [
        "0 steps", "1 step", "2 steps", "1,000 steps",
    ]  # fmt: skip
    assert counted(2, "battery", "batteries") == "2 batteries"
    assert [times(n) for n in (1, 2, 3, 1_234)] == ["once", "twice", "3 times", "1,234 times"]
