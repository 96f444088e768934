import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hmesh.environment.errors import InputError
from hmesh.environment.message_bus import LOG_COLUMNS, Count, MessageBus
from hmesh.environment.messages import EnergyBid, EnergyMessage, Message, PriceOffer
from hmesh.environment.streams import Streams


def offer(receiver: str = "homes", count: int = 1, sender: str = "utility") -> Message:
    return PriceOffer(step=0, round=0, sender=sender, receiver=receiver, count=count, price=30.0)


def heard(bus: MessageBus, message: Message) -> list[bool]:
    return np.broadcast_to(bus.send(message), message.count).tolist()


def test_messages_arrive_at_once_by_default() -> None:
    bus = MessageBus(Streams(1))
    bus.begin_step(0)
    assert bus.send(offer()) is True
    assert bus.send(offer("vehicles", 1000)) is True
    bus.wait()
    assert bus.now_h == 0
    assert bus.open
    assert bus.statistics == {"PriceOffer": Count(sent=1001)}
    assert bus.drain_log() == {name: [] for name in LOG_COLUMNS}


def test_no_one_hears_a_message_after_the_deadline() -> None:
    bus = MessageBus(Streams(1), latency_h=0.25, deadline_h=0.5)
    bus.begin_step(0)
    log = []
    for _ in range(4):
        log.append((bus.now_h, bus.open, heard(bus, offer()), heard(bus, offer("vehicles", 2))))
        bus.wait()
    assert log == [
        (0.0, True, [True], [True, True]),
        (0.25, True, [True], [True, True]),
        (0.5, True, [False], [False, False]),
        (0.75, False, [False], [False, False]),
    ]
    assert bus.statistics == {"PriceOffer": Count(sent=12, late=6)}
    bus.begin_step(1)
    assert bus.now_h == 0
    assert bus.send(offer()) is True


def test_losses_come_at_their_rate() -> None:
    bus = MessageBus(Streams(1), loss_rate=0.2)
    bus.begin_step(0)
    mask = bus.send(offer("vehicles", 100_000))
    assert isinstance(mask, np.ndarray)
    assert mask.mean() == pytest.approx(0.8, abs=0.005)
    alone = [bus.send(offer()) for _ in range(300)]
    assert all(isinstance(one, bool) for one in alone)
    assert 0.7 < np.mean(alone) < 0.9
    lost = 100_300 - int(mask.sum()) - sum(alone)
    assert bus.statistics == {"PriceOffer": Count(sent=100_300, lost=lost)}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_certain_loss_and_empty_populations(count: int) -> None:
    bus = MessageBus(Streams(1), loss_rate=1.0)
    bus.begin_step(0)
    assert heard(bus, offer("vehicles", count)) == [False] * count
    assert bus.statistics == {"PriceOffer": Count(sent=count, lost=count)}


LINKS = st.lists(
    st.tuples(st.sampled_from(["homes", "malls", "offices"]), st.integers(0, 5)), max_size=8
)


@given(LINKS, st.integers(0, 3), st.integers(0, 30))
def test_nothing_added_changes_what_the_others_hear(
    messages: list[tuple[str, int]], step: int, more: int
) -> None:
    bus, larger = (MessageBus(Streams(5), loss_rate=0.4) for _ in range(2))
    bus.begin_step(step)
    larger.begin_step(step)
    for receiver, count in messages:
        larger.send(offer("hospital"))
        after = heard(larger, offer(receiver, count + more))
        assert after[:count] == heard(bus, offer(receiver, count))


def test_latency_does_not_change_what_is_lost() -> None:
    prompt, slow = (
        MessageBus(Streams(5), latency_h=latency_h, loss_rate=0.4, deadline_h=0)
        for latency_h in (0, 1)
    )
    for bus in (prompt, slow):
        bus.begin_step(2)
        bus.send(offer("vehicles", 100))
    assert prompt.statistics["PriceOffer"].lost == slow.statistics["PriceOffer"].lost
    assert slow.statistics["PriceOffer"].late == 100 - slow.statistics["PriceOffer"].lost


def run(bus: MessageBus, steps: range) -> list[list[bool]]:
    log = []
    for step in steps:
        bus.begin_step(step)
        for _ in range(2):
            log.append(heard(bus, offer()))
            log.append(heard(bus, offer("vehicles", 5)))
            bus.wait()
    return log


def bus_with_losses() -> MessageBus:
    return MessageBus(Streams(9), latency_h=0.1, loss_rate=0.3, deadline_h=0.15, keep="all")


def test_an_interrupted_bus_goes_on_as_if_it_had_not_been() -> None:
    whole, first, resumed = bus_with_losses(), bus_with_losses(), bus_with_losses()
    uninterrupted = run(whole, range(6))
    interrupted = run(first, range(3))
    resumed.restore(json.loads(json.dumps(first.state())))
    interrupted += run(resumed, range(3, 6))
    assert interrupted == uninterrupted
    assert resumed.state() == whole.state()


@pytest.mark.parametrize(("keep", "kept"), [("none", []), ("leaders", [1]), ("all", [1, 3])])
def test_the_log_keeps_what_is_asked_for(keep: Any, kept: list[int]) -> None:
    bus = MessageBus(Streams(1), keep=keep)
    bus.begin_step(4)
    bus.send(offer())
    bus.send(offer("vehicles", 3))
    assert bus.drain_log()["count"] == kept
    assert bus.drain_log()["count"] == []


def test_a_log_row_says_who_reported_whom_what_and_when() -> None:
    bus = MessageBus(Streams(1), latency_h=0.5, keep="all")
    bus.begin_step(4)
    bus.wait()
    energies_kwh = np.array([1.5, -0.5])
    bus.send(EnergyBid(step=4, round=2, sender="a", receiver="b", count=2, energy_kwh=energies_kwh))
    row = {name: values[0] for name, values in bus.drain_log().items()}
    assert row == {
        "step": 4,
        "time": 0.5,
        "round": 2,
        "kind": "EnergyBid",
        "sender": "a",
        "receiver": "b",
        "value": 1.0,
        "count": 2,
    }


def test_all_wrong_parameters_are_reported() -> None:
    with pytest.raises(InputError) as reported:
        MessageBus(Streams(1), math.inf, 1.5, math.nan, "some")  # type: ignore[arg-type]
    assert [problem.place for problem in reported.value.problems] == [
        "latency_h",
        "loss_rate",
        "deadline_h",
        "keep",
    ]


def exponential(**rules: Any) -> MessageBus:
    bus = MessageBus(Streams(1), latency="exponential", **rules)
    bus.begin_step(0)
    return bus


def test_exponential_latencies_pass_as_slow_as_the_slowest_message() -> None:
    bus = exponential(latency_h=0.01)
    assert bus.send(offer("vehicles", 10_000)) is True
    bus.wait()
    # The slowest of n takes ln n + 0.58 means, with a deviation of 1.28 means.
    assert bus.now_h == pytest.approx(0.01 * (math.log(10_000) + 0.58), abs=0.05)
    before_h = bus.now_h
    bus.wait()
    assert bus.now_h == before_h
    times = []
    for _ in range(2000):
        bus.send(offer())
        bus.wait()
        times.append(bus.now_h)
    assert np.diff(times).mean() == pytest.approx(0.01, rel=0.1)
    assert np.diff(times).std() == pytest.approx(0.01, rel=0.1)
    assert bus.statistics["PriceOffer"].late == 0


def test_of_exponential_latencies_those_beyond_the_deadline_are_late() -> None:
    bus = exponential(latency_h=0.1, deadline_h=0.2)
    mask = bus.send(offer("vehicles", 100_000))
    assert isinstance(mask, np.ndarray)
    assert (~mask).mean() == pytest.approx(math.exp(-2), abs=0.005)
    assert bus.statistics["PriceOffer"] == Count(100_000, 0, int((~mask).sum()))


def test_nobody_waits_for_ever_where_there_is_a_deadline() -> None:
    bus = exponential(latency_h=0.01, deadline_h=10.0)
    mask = bus.send(offer("vehicles", 100_000))
    assert isinstance(mask, np.ndarray)
    assert 0 < (~mask).mean() < 1e-3
    bus.wait()
    assert bus.now_h == bus.patience_h == pytest.approx(0.08)


def test_latencies_and_losses_are_drawn_apart() -> None:
    def mask(**rules: Any) -> NDArray[np.bool_]:
        bus = MessageBus(Streams(1), **rules)
        bus.begin_step(3)
        found = bus.send(offer("vehicles", 1000))
        assert isinstance(found, np.ndarray)
        return found

    late = {"latency_h": 0.1, "latency": "exponential", "deadline_h": 0.2}
    both = mask(loss_rate=0.3, **late)
    np.testing.assert_array_equal(both, mask(loss_rate=0.3) & mask(**late))


def test_an_unknown_latency_is_refused() -> None:
    with pytest.raises(InputError, match=r"latency.*gamma.*constant, exponential"):
        MessageBus(Streams(1), latency="gamma")  # type: ignore[arg-type]


def test_two_classes_of_one_name_are_not_counted_as_one_message() -> None:
    class PriceOffer(EnergyMessage):
        __slots__ = ()

    other = PriceOffer(step=0, round=0, sender="homes", receiver="utility", energy_kwh=1.0)
    bus = MessageBus(Streams(1), keep="all")
    bus.begin_step(0)
    bus.send(offer())
    with pytest.raises(
        InputError, match=r"message PriceOffer: two classes have this name"
    ) as reported:
        bus.send(other)
    assert "hmesh.environment.messages.PriceOffer" in str(reported.value)
    assert bus.statistics == {"PriceOffer": Count(sent=1)}
    assert bus.drain_log()["value"] == [30.0]


def test_a_restored_bus_counts_on() -> None:
    bus, resumed = MessageBus(Streams(1)), MessageBus(Streams(1))
    for each in (bus, resumed):
        each.begin_step(0)
    bus.send(offer(count=3))
    resumed.send(offer(count=9))
    resumed.restore(json.loads(json.dumps(bus.state())))
    resumed.send(offer(count=2))
    assert resumed.statistics == {"PriceOffer": Count(sent=5)}
