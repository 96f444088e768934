import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams

TEXTS = st.text("abé \n", max_size=6)
NAMES = st.tuples(TEXTS, TEXTS, st.integers(0, 2**32 - 1))


@given(st.integers(0, 2**128), NAMES)
def test_a_name_always_gives_the_same_stream(seed: int, name: tuple[str, str, int]) -> None:
    streams = Streams(seed)
    first = streams.generator(*name).random(5)
    streams.generator("something else").random(100)
    np.testing.assert_array_equal(streams.generator(*name).random(5), first)
    np.testing.assert_array_equal(Streams(seed).generator(*name).random(5), first)


@given(st.integers(0, 2**64), st.lists(NAMES, min_size=2, max_size=5, unique=True))
def test_names_do_not_share_a_stream(seed: int, names: list[tuple[str, str, int]]) -> None:
    streams = Streams(seed)
    starts = {streams.generator(*name).bytes(16) for name in names}
    assert len(starts) == len(names)


def test_the_parts_of_a_name_are_kept_apart() -> None:
    streams = Streams(1)
    assert streams.generator("ab", "c").random() != streams.generator("a", "bc").random()
    assert streams.generator("a", "").random() != streams.generator("", "a").random()


@pytest.mark.parametrize(
    "draw",
    [
        lambda random, rows: random.random(rows),
        lambda random, rows: random.uniform(50, 70, rows),
        lambda random, rows: random.normal(size=rows),
        lambda random, rows: random.exponential(size=rows),
        lambda random, rows: random.integers(0, 10, rows),
    ],
)
def test_added_rows_leave_the_first_rows_as_they_were(
    draw: Callable[[np.random.Generator, int], FloatArray],
) -> None:
    for rows, more in [(1, 2), (10, 11), (100, 10_000)]:
        few = draw(Streams(7).generator("valuation", "vehicle"), rows)
        many = draw(Streams(7).generator("valuation", "vehicle"), more)
        np.testing.assert_array_equal(few, many[:rows])


def test_a_new_purpose_moves_no_other_draw() -> None:
    def draws(purposes: list[str]) -> dict[str, FloatArray]:
        streams = Streams(3)
        return {purpose: streams.generator(purpose, "bus", 2).random(4) for purpose in purposes}

    before = draws(["trips", "faults"])
    after = draws(["weather", "trips", "sun", "faults"])
    for purpose, values in before.items():
        np.testing.assert_array_equal(after[purpose], values)


def test_streams_are_the_same_in_another_process() -> None:
    code = (
        "from hmesh.environment.streams import Streams;"
        "print(Streams(42).generator('é', 'EV', 5).random())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert outputs == {f"{Streams(42).generator('é', 'EV', 5).random()}\n"}


def test_published_seeds_keep_their_meaning() -> None:
    bits = Streams(2024).generator("valuation", "vehicle", 1).bit_generator
    assert isinstance(bits, np.random.Philox)
    assert bits.random_raw(2).tolist() == [14352976331353600870, 1541384343619658654]


@pytest.mark.parametrize("seed", [-1, -(2**70)])
def test_a_negative_seed_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=str(seed)):
        Streams(seed)


@pytest.mark.parametrize("day", [-1, 2**32])
def test_a_day_outside_its_range_is_refused(day: int) -> None:
    with pytest.raises(ValueError, match=str(day)):
        Streams(0).generator("trips", day=day)


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**40 + 3, 2**130 + 1])
def test_a_shared_generator_draws_what_one_of_its_own_draws(seed: int) -> None:
    streams = Streams(seed)
    for day in (0, 1, 365, 2**32 - 1):
        for name in ("", "vehicles@homes", "('a', 'b', 3)"):
            shared = streams.shared("messages", name, day)
            own = streams.generator("messages", name, day)
            assert shared.random(3).tolist() == own.random(3).tolist()
            assert shared.standard_exponential(5).tolist() == own.standard_exponential(5).tolist()
            assert shared.integers(9, size=3, dtype=np.uint32).tolist() == (
                own.integers(9, size=3, dtype=np.uint32).tolist()
            )
