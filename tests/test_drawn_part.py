"""Which part of a long run an audit judges, and that it finds what it says it finds."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from hmesh.runs.audits.drawn_part import drawn_part, enough, note_of, shown_share


def test_no_fewer_items_find_a_fault_in_a_share_of_all() -> None:
    assert enough() == 59
    assert 0.95**59 <= 0.05 < 0.95**58


@pytest.mark.parametrize("count", [60, 168, 8760, 1_000_000])
def test_a_fault_in_5_percent_of_all_escapes_with_5_percent_at_most(count: int) -> None:
    drawn = len(drawn_part(3, "steps", count))
    assert hypergeom.pmf(0, count, -(-count // 20), drawn) <= 0.05


@pytest.mark.parametrize("drawn", [59, 3000, 20_000])
def test_the_share_that_is_stated_is_the_smallest_that_is_found(drawn: int) -> None:
    share = shown_share(drawn)
    assert (1 - share) ** drawn == pytest.approx(0.05)
    assert f"a fault in {100 * share:.2g} % of them" in note_of(drawn, 10**6, "steps")


def test_short_runs_are_judged_in_all() -> None:
    for count in (0, 1, 59):
        assert drawn_part(1, "steps", count).tolist() == list(range(count))
        assert not note_of(count, count, "steps")
    assert drawn_part(1, "steps", 2000, 3000).tolist() == list(range(2000))
    assert len(drawn_part(1, "steps", 4000, 3000)) == 3000
    assert len(drawn_part(1, "steps", 4000)) == 59


def test_the_seed_of_the_run_and_the_items_decide_what_is_judged() -> None:
    chosen = drawn_part(1, "steps", 500)
    assert (np.diff(chosen) > 0).all()
    assert np.array_equal(chosen, drawn_part(1, "steps", 500))
    assert not np.array_equal(chosen, drawn_part(2, "steps", 500))
    assert not np.array_equal(chosen, drawn_part(1, "houses", 500))


def test_every_item_is_as_likely_to_be_judged() -> None:
    counts = np.zeros(120)
    for seed in range(400):
        counts[drawn_part(seed, "steps", 120)] += 1
    # 400 draws with probability 59/120; five deviations are exceeded once in 15,000 such tests.
    share = 59 / 120
    assert np.abs(counts - 400 * share).max() < 5 * np.sqrt(400 * share * (1 - share))
