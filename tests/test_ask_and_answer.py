"""The one protocol: who is asked again, how long, and what a leader is left with."""

import numpy as np
import pytest

from hmesh.environment.ask_and_answer import (
    MOST_ATTEMPTS,
    Conversation,
    Heard,
    Party,
    Who,
    reply_to,
)
from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import EnergyBid, PriceAnnouncement, PriceOffer
from hmesh.environment.streams import Streams


class Followers:
    """They take twice the price, and their number."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[int] = []

    def hear(self, offer: PriceOffer, who: Who) -> EnergyBid:
        rows = np.flatnonzero(np.broadcast_to(who, self.count))
        self.asked.append(len(rows))
        return EnergyBid(energy_kwh=2 * offer.price + rows, **reply_to(offer, len(rows)))

    @property
    def party(self) -> Party[PriceOffer, EnergyBid]:
        return Party("followers", self.count, self.hear)


def asked_at(
    bus: MessageBus, followers: Followers, price: float = 5.0, keeps_waits: int = 3
) -> tuple[np.ndarray, Who | None, Conversation]:
    talk = Conversation(bus, "leader", 4, keeps_waits)
    heard = np.full(followers.count, np.nan)

    def hear(answer: Heard[EnergyBid]) -> None:
        answer.write(heard, np.asarray(answer.message.energy_kwh))

    (answered,) = talk.ask([followers.party], lambda about: PriceOffer(price=price, **about), hear)
    return heard, answered, talk


def test_all_answer_at_once_where_nothing_is_lost() -> None:
    bus, followers = MessageBus(Streams(1)), Followers(5)
    heard, answered, talk = asked_at(bus, followers)
    assert answered is True
    assert heard.tolist() == [10, 11, 12, 13, 14]
    assert (followers.asked, talk.round) == ([5], 1)


def test_those_that_stay_silent_are_asked_again_and_nobody_else() -> None:
    bus, followers = MessageBus(Streams(2), loss_rate=0.4), Followers(4000)
    heard, answered, talk = asked_at(bus, followers)
    assert isinstance(answered, np.ndarray)
    rows = np.arange(4000)
    np.testing.assert_array_equal(heard[answered], 10.0 + rows[answered])
    assert np.isnan(heard[~answered]).all()
    # Of each attempt 0.36 answer; of eight, all but 0.64^8.
    assert 0.955 < answered.mean() < 0.985
    assert len(followers.asked) == talk.round == MOST_ATTEMPTS
    offers, bids = bus.statistics["PriceOffer"], bus.statistics["EnergyBid"]
    # Only those answer that have heard the offer.
    assert bids.sent == offers.sent - offers.lost == sum(followers.asked)
    assert offers.sent == 4000 + sum(4000 - count for count in _answered_after(heard, bus))


def _answered_after(heard: np.ndarray, bus: MessageBus) -> list[int]:
    """Return how many have answered after each attempt but the last, by what was sent."""
    again, followers = MessageBus(Streams(2), loss_rate=0.4, keep="all"), Followers(len(heard))
    asked_at(again, followers)
    log = again.drain_log()
    counts = [n for n, kind in zip(log["count"], log["kind"], strict=True) if kind == "PriceOffer"]
    return [len(heard) - count for count in counts[1:]]


@pytest.mark.parametrize("lost", ["offer", "bid"])
def test_who_never_hears_or_is_never_heard_is_none(lost: str) -> None:
    class Deaf(MessageBus):
        def send(self, message):  # type: ignore[no-untyped-def]
            said = super().send(message)
            return (
                False if message.kind == {"offer": "PriceOffer", "bid": "EnergyBid"}[lost] else said
            )

    followers = Followers(1)
    heard, answered, _ = asked_at(Deaf(Streams(1)), followers)
    assert answered is None
    assert np.isnan(heard).all()
    assert len(followers.asked) == (0 if lost == "offer" else MOST_ATTEMPTS)


def test_nobody_is_asked_where_too_few_waits_are_left() -> None:
    bus = MessageBus(Streams(1), latency_h=0.25, deadline_h=1.0)
    bus.begin_step(4)
    followers = Followers(3)
    assert asked_at(bus, followers, keeps_waits=5)[1] is None
    assert followers.asked == []
    assert asked_at(bus, followers, keeps_waits=4)[1] is True
    assert bus.now_h == 0.5
    assert asked_at(bus, followers, keeps_waits=3)[1] is None


def test_what_binds_is_said_to_those_it_has_not_reached() -> None:
    bus = MessageBus(Streams(3), loss_rate=0.5)
    talk = Conversation(bus, "leader", 4, 0)
    among = np.arange(1000) % 2 == 0
    reached = np.zeros(1000, dtype=int)

    def follow(said: Heard[PriceAnnouncement]) -> None:
        reached[said.who] += 1

    got = talk.announce(
        "followers", 1000, lambda about, who: PriceAnnouncement(price=1.0, **about), follow,
        among=among, attempts=MOST_ATTEMPTS,
    )  # fmt: skip
    assert isinstance(got, np.ndarray)
    np.testing.assert_array_equal(reached, got)
    assert not got[~among].any()
    assert talk.unreached == 500 - got.sum() < 10
    once = talk.announce(
        "followers", 1000, lambda about, who: PriceAnnouncement(price=1.0, **about), follow
    )
    assert isinstance(once, np.ndarray)
    assert 430 < once.sum() < 570


def test_what_is_said_once_counts_all_that_do_not_hear_it() -> None:
    bus = MessageBus(Streams(3), loss_rate=0.4)
    talk = Conversation(bus, "leader", 4, keeps_waits=0)
    said = [
        talk.say(EnergyBid(energy_kwh=np.zeros(50), **talk.about("followers", 50)))
        for _ in range(3)
    ]
    single = talk.say(EnergyBid(energy_kwh=1.0, **talk.about("one", 1)))
    silent = [np.count_nonzero(~delivery.rows) for delivery in (*said, single)]
    lost = bus.statistics["EnergyBid"].lost
    assert talk.unreached == sum(silent) == lost > 0
    talk.fall_back(np.array([True, False, True]))
    assert talk.unreached == lost + 2
