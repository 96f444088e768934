import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmesh.environment.clock import Clock, PendingEvent

Log = list[tuple[float, str, int]]


def clock_with_log() -> tuple[Clock, Log]:
    clock, log = Clock(), Log()

    def noting(kind: str) -> Callable[[int], None]:
        return lambda subject: log.append((clock.now_h, kind, subject))

    for kind in ("depart", "arrive", "outage"):
        clock.on(kind, noting(kind))
    return clock, log


def test_events_come_in_the_order_of_time_priority_and_scheduling() -> None:
    clock, log = clock_with_log()
    clock.schedule(2.0, "arrive", 1, priority=5)
    clock.schedule(2.0, "depart", 2)
    clock.schedule(2.0, "depart", 3)
    clock.schedule(1.5, "outage", 4, priority=9)
    clock.schedule(2.0, "outage", 5, priority=-1)
    clock.schedule(2.5, "arrive", 6)
    clock.run_until(2.0)
    assert log == [
        (1.5, "outage", 4),
        (2.0, "outage", 5),
        (2.0, "depart", 2),
        (2.0, "depart", 3),
        (2.0, "arrive", 1),
    ]
    assert clock.now_h == 2.0
    assert clock.pending() == (PendingEvent(2.5, 0, 0, "arrive", 6),)


def test_numpy_numbers_are_taken_for_what_they_are() -> None:
    clock, log = clock_with_log()
    clock.schedule(np.int64(2), "depart", np.int32(3), priority=np.int8(1))
    clock.schedule(np.float32(0.5), "arrive")
    json.dumps([asdict(event) for event in clock.pending()])
    clock.run_until(np.float64(2))
    assert log == [(0.5, "arrive", 0), (2.0, "depart", 3)]


def test_time_passes_without_events() -> None:
    clock, _ = clock_with_log()
    for at_h in (0.0, 0.1, 0.1, 0.3, 8760.0):
        clock.run_until(at_h)
        assert clock.now_h == at_h


def test_handlers_schedule_more() -> None:
    clock, log = clock_with_log()

    def day(number: int) -> None:
        log.append((clock.now_h, "day", number))
        clock.schedule(clock.now_h, "depart", number)
        clock.schedule(clock.now_h + 24, "day", number + 1)

    clock.on("day", day)
    clock.schedule(0.0, "day")
    clock.run_until(24.0)
    assert log == [(0, "day", 0), (0, "depart", 0), (24, "day", 1), (24, "depart", 1)]


@pytest.mark.parametrize("at_h", [0.999, -1.0, math.inf, math.nan])
def test_the_past_and_no_time_at_all_are_refused(at_h: float) -> None:
    clock, log = clock_with_log()
    clock.run_until(1.0)
    with pytest.raises(ValueError, match=f"it is 1.0 h.*{at_h} h"):
        clock.schedule(at_h, "depart")
    with pytest.raises(ValueError, match=f"it is 1.0 h.*{at_h} h"):
        clock.run_until(at_h)
    assert clock.pending() == ()
    assert log == []


def test_a_kind_without_handler_is_refused_with_the_nearest() -> None:
    clock, _ = clock_with_log()
    with pytest.raises(ValueError, match="'departs'; did you mean 'depart'"):
        clock.schedule(1.0, "departs")
    with pytest.raises(ValueError, match=r"'xyz'$"):
        clock.restore(0.0, [PendingEvent(1.0, 0, 0, "xyz", 0)])


def test_an_error_in_a_handler_leaves_the_clock_usable() -> None:
    clock, log = clock_with_log()
    clock.on("fault", lambda subject: log[subject])
    clock.schedule(1.0, "fault", 7)
    clock.schedule(1.0, "depart", 8)
    with pytest.raises(IndexError):
        clock.run_until(2.0)
    assert [event.kind for event in clock.pending()] == ["depart"]
    clock.run_until(2.0)
    assert log == [(1.0, "depart", 8)]


# Times that floats cannot add exactly, close together and far apart.
TIMES = st.one_of(
    st.integers(0, 40).map(lambda n: n * 0.1),
    st.floats(0, 4),
    st.sampled_from([0.3, 0.1 + 0.2, 1e-320, math.nextafter(1.0, 2.0), 1.0]),
)
EVENTS = st.lists(
    st.tuples(TIMES, st.sampled_from(["depart", "arrive", "again"]), st.integers(0, 3)), max_size=12
)


def busy_clock(log: Log) -> Clock:
    """Make a clock whose events schedule others."""
    clock = Clock()

    def again(subject: int) -> None:
        log.append((clock.now_h, "again", subject))
        if subject:
            clock.schedule(clock.now_h + 1 / 3, "again", subject - 1, priority=subject)
            clock.schedule(clock.now_h, "arrive", subject, priority=-1)

    clock.on("depart", lambda subject: log.append((clock.now_h, "depart", subject)))
    clock.on("arrive", lambda subject: log.append((clock.now_h, "arrive", subject)))
    clock.on("again", again)
    return clock


@given(EVENTS, st.lists(TIMES, max_size=4))
def test_an_interrupted_clock_goes_on_as_if_it_had_not_been(
    events: list[tuple[float, str, int]], interruptions: list[float]
) -> None:
    whole, uninterrupted = Log(), Log()
    clock, resumed = busy_clock(uninterrupted), busy_clock(whole)
    for at_h, kind, subject in events:
        for one in (clock, resumed):
            one.schedule(at_h, kind, subject, priority=subject % 2)
    for at_h in sorted(interruptions):
        clock.run_until(at_h)
        resumed.run_until(at_h)
        saved = json.dumps([asdict(event) for event in resumed.pending()])
        shuffled = [PendingEvent(**event) for event in reversed(json.loads(saved))]
        now_h, resumed = resumed.now_h, busy_clock(whole)
        resumed.restore(now_h, shuffled)
        assert resumed.pending() == clock.pending()
    clock.run_until(6.0)
    resumed.run_until(6.0)
    assert whole == uninterrupted
    assert whole == sorted(whole, key=lambda entry: entry[0])
    assert {(at_h, kind, subject) for at_h, kind, subject in events} <= set(whole)
    assert resumed.pending() == clock.pending() == ()


def test_a_checkpoint_may_be_an_event_between_others_of_its_time() -> None:
    clock, log = clock_with_log()
    saved: list[tuple[float, tuple[PendingEvent, ...]]] = []
    clock.on("checkpoint", lambda _: saved.append((clock.now_h, clock.pending())))
    clock.schedule(1.0, "depart", 1)
    clock.schedule(1.0, "checkpoint")
    clock.schedule(1.0, "depart", 2)
    clock.run_until(1.0)

    resumed, rest = clock_with_log()
    resumed.restore(*saved[0])
    resumed.run_until(1.0)
    assert log == [(1.0, "depart", 1), (1.0, "depart", 2)]
    assert rest == [(1.0, "depart", 2)]


def test_restoring_an_event_of_the_past_is_refused() -> None:
    clock, _ = clock_with_log()
    event = PendingEvent(1.0, 0, 0, "depart", 0)
    clock.restore(1.0, [event])
    with pytest.raises(ValueError, match=r"it is 1\.0 h"):
        clock.restore(1.0, [replace(event, at_h=0.5)])
