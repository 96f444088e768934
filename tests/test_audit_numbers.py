"""Deviations that audits compare, and numbers that they find by halving."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hmesh.runs.audits.audit_report import Tally, off_balance, relative
from hmesh.runs.audits.reference.lines import last_below, last_kept

SEEDS = st.integers(0, 2**32 - 1)


def test_what_is_no_finite_number_is_infinitely_off() -> None:
    # Warnings are errors: infinite over infinite must not be computed.
    value = np.array([1.0, 2.0, np.inf, np.nan, 4.0])
    expected = np.array([np.inf, 1.0, np.inf, 3.0, np.nan])
    off = np.array([np.inf, 0.5, np.inf, np.inf, np.inf])
    np.testing.assert_array_equal(relative(value, expected), off)
    np.testing.assert_array_equal(off_balance(value, expected, np.zeros(5)), off)
    assert relative(np.float64(3.0), np.float64(np.inf)) == np.inf
    tally = Tally("costs", 1e-9)
    tally.add(relative(value[:1], expected[:1]), lambda at: f"house {at[0]}")
    found = tally.check()
    assert found.passed is False
    assert (found.largest, found.where) == (np.inf, "house 0")


def test_deviations_broadcast() -> None:
    off = relative(np.ones((2, 1, 3)), np.array([[1.0, 2.0, 4.0]]))
    assert off.tolist() == [[[0.0, 0.5, 0.75]]] * 2
    off = relative(np.ones((2, 1, 3)), np.array([[1.0, np.inf, 4.0]]))
    assert off.tolist() == [[[0.0, np.inf, 0.75]]] * 2


@given(seed=SEEDS, jumps=st.booleans(), falling=st.booleans())
def test_lines_lead_to_the_number_that_halving_finds(seed: int, jumps: bool, falling: bool) -> None:
    stream = np.random.default_rng(seed)
    count = int(stream.integers(1, 8))
    begins = stream.uniform(-9.0, 9.0, count).tolist()
    slopes = (stream.uniform(0.0, 5.0, count) * (stream.random(count) < 0.8)).tolist()
    heights = (stream.uniform(0.0, 9.0, count) * jumps).tolist()
    level = float(stream.uniform(0.0, 60.0))

    def excess(number: float) -> float:
        # Every product and every sum of it rises, rounded as it is.
        total = 0.0
        for begin, slope, height in zip(begins, slopes, heights, strict=True):
            if number > begin:
                total += slope * (number - begin) + height
        return total - level

    def either(number: float) -> float:
        return excess(-number if falling else number)

    kept, beyond = (10.0, -1e6) if falling else (-10.0, 1e6)
    if either(beyond) > 0.0:
        found = last_below(either, kept, beyond)
        assert found == last_kept(lambda number: either(number) > 0.0, kept, beyond)


def test_a_line_takes_few_steps() -> None:
    tried = list[float]()

    def excess(number: float) -> float:
        tried.append(number)
        return 3.0 * number - 1.0

    found = last_below(excess, -1e3, 1e3)
    through_lines = len(tried)
    assert found == last_kept(lambda number: excess(number) > 0.0, -1e3, 1e3)
    assert through_lines < (len(tried) - through_lines) / 2
