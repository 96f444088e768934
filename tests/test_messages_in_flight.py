"""Messages that take time are pending events of the clock, and so are deadlines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmesh.environment.clock import Clock, PendingEvent
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import PriceOffer
from hmesh.environment.moments import MS_PER_H
from hmesh.environment.streams import Streams
from hmesh.runs import audit_run, load_scenario, read_run, resume_run, start_run
from hmesh.runs.world.setting import make_setting
from hmesh.runs.world.simulation import Simulation
from tests.interrupted_runs import interrupted_run

type Noted = list[tuple[str, int, int, int]]

MINUTE_MS = MS_PER_H // 60


def offer(count: int = 1, sender: str = "utility") -> PriceOffer:
    return PriceOffer(step=0, round=0, sender=sender, receiver="all", count=count, price=1.0)


def bus_on_clock(noted: Noted, **given: Any) -> tuple[MessageBus, Clock]:
    bus, clock = MessageBus(Streams(4), **given), Clock()
    bus.travel_by(clock, 1.0, lambda *what: noted.append(what))
    bus.begin_step(0)
    return bus, clock


def test_a_message_is_heard_when_the_clock_reaches_its_moment() -> None:
    noted: Noted = []
    bus, clock = bus_on_clock(noted, latency_h=0.1)
    bus.send(offer(3))
    assert noted == [("sent", 0, 0, 3)]
    assert [event.at_h for event in clock.pending()] == [0.1]
    bus.wait()
    assert clock.now_h == 0.1
    assert noted[1:] == [("heard", 6 * MINUTE_MS, 0, 3)]
    assert clock.pending() == ()


def test_the_deadline_gives_up_what_has_not_come() -> None:
    noted: Noted = []
    bus, clock = bus_on_clock(noted, latency_h=0.3, deadline_h=0.5)
    bus.send(offer())
    bus.wait()
    bus.send(offer())
    assert [event.at_h for event in clock.pending()] == [0.5]
    bus.wait()
    bus.send(offer())
    assert noted == [
        ("sent", 0, 0, 1), ("heard", 18 * MINUTE_MS, 0, 1), ("sent", 18 * MINUTE_MS, 1, 1),
        ("deadline", 30 * MINUTE_MS, -1, 0), ("late", 30 * MINUTE_MS, 1, 1),
        ("sent", 36 * MINUTE_MS, 2, 1), ("late", 36 * MINUTE_MS, 2, 1),
    ]  # fmt: skip
    assert bus.statistics["PriceOffer"].late == 2


def test_what_is_said_at_once_is_heard_in_the_order_of_time() -> None:
    noted: Noted = []
    bus, clock = bus_on_clock(noted, latency_h=0.1)
    with bus.together() as turn:
        for waits in (3, 1):
            turn()
            for _ in range(waits):
                bus.send(offer())
                bus.wait()
        assert clock.now_h == 0.0
    assert [bus.now_h, clock.now_h] == pytest.approx([0.3, 0.3])
    heard = [what[1] for what in noted if what[0] == "heard"]
    assert heard == [at * MINUTE_MS for at in (6, 6, 12, 18)]


def test_what_takes_longer_than_a_step_is_on_its_way_in_the_next() -> None:
    noted: Noted = []
    bus, clock = bus_on_clock(noted, latency_h=1.5)
    bus.send(offer())
    bus.wait()
    assert clock.now_h < 1.0
    state, pending, now_h = bus.state(), clock.pending(), clock.now_h
    assert [row[3] for row in state["in_flight"]["rows"]] == ["heard"]
    again: Noted = []
    resumed, later = bus_on_clock(again, latency_h=1.5)
    later.restore(now_h, pending)
    resumed.restore(state)
    for each, its in ((bus, clock), (resumed, later)):
        its.run_until(1.0)
        each.begin_step(1)
        each.wait()
    assert noted[1:] == again == [("heard", 90 * MINUTE_MS, 0, 1)]


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=8),
    st.sampled_from(["constant", "exponential"]),
    st.sampled_from([0.05, 0.4, 2.0]), st.sampled_from([0.3, 1.0, np.inf]),
)  # fmt: skip
def test_every_message_meets_one_fate_and_no_fate_comes_early(
    messages: list[tuple[int, bool]], latency: Any, latency_h: float, deadline_h: float
) -> None:
    noted: Noted = []
    given_keys = {"latency_h": latency_h, "latency": latency, "loss_rate": 0.3}
    bus, clock = bus_on_clock(noted, deadline_h=deadline_h, **given_keys)
    reference = MessageBus(Streams(4), deadline_h=deadline_h, **given_keys)
    reference.begin_step(0)
    for count, waits in messages:
        # The clock changes nothing of who hears.
        here, there = bus.send(offer(count)), reference.send(offer(count))
        np.testing.assert_array_equal(here, there)
        if waits:
            bus.wait()
            reference.wait()
    clock.run_until(10_000.0)
    assert len(bus.flight or ()) == 0
    if bus.now_h <= 1.0:
        moments = [at for _, at, _, _ in noted]
        assert moments == sorted(moments)
    sent = {number: (at, count) for what, at, number, count in noted if what == "sent"}
    for number, (at, count) in sent.items():
        fates = [n for n in noted if n[2] == number and n[0] != "sent"]
        assert sum(fate[3] for fate in fates) == count
        assert all(fate[1] >= at for fate in fates)
    lost = sum(count for what, _, _, count in noted if what == "lost")
    late = sum(count for what, _, _, count in noted if what == "late")
    stated = bus.statistics.values()
    assert (lost, late) == (sum(n.lost for n in stated), sum(n.late for n in stated))
    assert bus.statistics == reference.statistics


CHANGES = (
    "vehicles.count=9", "hours=5", "plots=false", "record.events=true", "messages.keep=all",
    "strategies=[three_level]", "game.solver=negotiate", "game.tolerance=0.1",
    "messages.latency=exponential", "messages.latency_h=6 min", "messages.deadline_h=50 min",
    "messages.loss_rate=0.1",
)  # fmt: skip
# Longer than steps, so that messages are on their way as a step ends.
SLOW = (*CHANGES, "step_h=30 min", "messages.latency_h=15 min", "messages.deadline_h=null",
        "messages.latency=constant")  # fmt: skip


def test_clocks_without_latency_hold_no_message() -> None:
    scenario = load_scenario("three-communities", (*CHANGES[:4], "messages.loss_rate=0.1"))
    simulation = Simulation(make_setting(scenario), "three_level")
    simulation.step()
    assert simulation.bus.flight is None
    assert {event.kind for event in simulation.clock.pending()} <= {"day", "traffic"}


@pytest.mark.slow
@pytest.mark.parametrize("changes", [CHANGES, SLOW])
def test_a_run_with_messages_on_their_way_resumes_and_passes_its_audit(
    tmp_path: Path, changes: tuple[str, ...]
) -> None:
    scenario = load_scenario("three-communities", changes)
    start_run(scenario, tmp_path / "whole")
    resume_run(interrupted_run(tmp_path / "broken", 2, scenario))
    for file in sorted((tmp_path / "whole").glob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "broken" / file.name).read_bytes(), file.name
    report = audit_run(tmp_path / "whole")
    assert report.passed, report.failed
    events = read_run(tmp_path / "whole").table("events").to_pandas()
    assert (events["kind"] == "heard").any()
    assert events["time"].is_monotonic_increasing
    if changes is CHANGES:
        assert {"late", "lost", "deadline"} <= set(events["kind"])
    else:
        # Some step ends while a message is on its way.
        simulation = Simulation(make_setting(scenario), "three_level")
        simulation.step()
        pending: list[PendingEvent] = list(simulation.clock.pending())
        assert any(event.kind == "message" for event in pending)
