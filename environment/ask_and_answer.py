"""How leaders ask and followers answer: the one protocol of all of them.

A leader sends an offer, the bus delivers it, each follower answers from what the offer as heard
holds, the bus delivers its bid, and the leader goes on with what the bid as heard holds. To a
population the offer is one message and the bid one message with an array, a row for each of those
that the offer reached. Patience, further attempts and those that stay silent are settled here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.message_bus import Delivery, MessageBus
from hmesh.environment.messages import Message

MOST_ATTEMPTS = 8

type Who = Literal[True] | NDArray[np.bool_]
"""Some agents of a population: all of them, or a mask with a row for each."""


@dataclass(frozen=True, slots=True)
class Party[O: Message, B: Message]:
    """A follower, or a population of followers, as its leader addresses it.

    Attributes
    ----------
    name : str
        Its address.
    count : int
        How many followers it is.
    hear : callable
        Takes an offer as it is heard and who of the population hears it; returns the bid of those.
    """

    name: str
    count: int
    hear: Callable[[O, Who], B]


@dataclass(slots=True)
class Heard[M: Message]:
    """A message to or from a population, as it is heard.

    Attributes
    ----------
    message : Message
        What it holds; its arrays have a row for each that it is to or from.
    rows : bool or array of bool
        Which of these rows are heard.
    who : True or array of bool, shape (count,)
        Whom of the population it reaches, or who of it is heard.
    """

    message: M
    rows: NDArray[np.bool_] | bool
    who: Who

    def write(self, into: NDArray[Any], values: NDArray[Any]) -> None:
        """Write an array of the message into one with a row for each of the population."""
        heard = values if self.rows is True else values[self.rows]
        into[... if self.who is True else self.who] = heard


class Conversation:
    """What a leader says in a step, and hears.

    Parameters
    ----------
    bus : MessageBus
        Carries the messages.
    leader : str
        Address of the leader.
    step : int
        The step.
    keeps_waits : int
        A question is asked only where this many waits for messages are left before the deadline:
        those for the offer and its answer, and for all that must be said after them.
    first_round : int, optional
        Number of the first round.

    Attributes
    ----------
    round : int
        Number of the next round.
    unreached : int
        Followers that fall back: those that did not hear something that binds, or were not heard
        where nobody asks again.
    """

    def __init__(
        self, bus: MessageBus, leader: str, step: int, keeps_waits: int, first_round: int = 0
    ) -> None:
        self.bus = bus
        self.leader = leader
        self.step = step
        self.keeps_waits = keeps_waits
        self.round = first_round
        self.unreached = 0

    @property
    def room(self) -> bool:
        """Whether there is time for another question."""
        return self.bus.now_h + self.keeps_waits * self.bus.patience_h <= self.bus.deadline_h

    def about(self, receiver: str, count: int) -> dict[str, Any]:
        """Return the envelope of a message of the leader."""
        return {
            "step": self.step, "round": self.round, "sender": self.leader, "receiver": receiver,
            "count": count,
        }  # fmt: skip

    def ask[O: Message, B: Message](
        self,
        parties: Sequence[Party[O, B]],
        offer: Callable[[dict[str, Any]], O],
        hear: Callable[[Heard[B]], None],
    ) -> list[Who | None]:
        """Ask followers until all have answered, or time or patience ends.

        Parameters
        ----------
        parties : sequence of Party
            Whom to ask; all at the same time.
        offer : callable
            Makes the offer of its envelope.
        hear : callable
            Takes each answer, as it is heard.

        Returns
        -------
        list of True, array of bool or None
            Who of each party has answered: all, some, or none.
        """
        bus = self.bus
        silent: list[Who | None] = [True] * len(parties)
        for _ in range(MOST_ATTEMPTS):
            asked = [(k, who) for k, who in enumerate(silent) if who is not None]
            if not asked or not self.room:
                break
            said = [
                bus.deliver(offer(self.about(parties[k].name, _number(who, parties[k].count))))
                for k, who in asked
            ]
            bus.wait()
            for (k, who), delivery in zip(asked, said, strict=True):
                party = parties[k]
                reached = _those(who, delivery.heard, party.count)
                if reached is None:
                    continue
                bid = bus.deliver(party.hear(delivery.message, reached))
                if bid.heard is True:
                    hear(Heard(bid.message, True, reached))
                    silent[k] = None if reached is who else _without(who, reached, party.count)
                    continue
                answered = _those(reached, bid.heard, party.count)
                if answered is not None:
                    hear(Heard(bid.message, bid.heard, answered))
                    silent[k] = _without(who, answered, party.count)
            bus.wait()
            self.round += 1
        return [
            _without(True, who, party.count) for who, party in zip(silent, parties, strict=True)
        ]

    def say[M: Message](self, message: M) -> Delivery[M]:
        """Deliver what is said once; those that do not hear it, or are not heard, fall back.

        Parameters
        ----------
        message : Message
            With its own envelope, as it may be of a follower.
        """
        said = self.bus.deliver(message)
        self.unreached += message.count - _number(said.heard, message.count)
        return said

    def fall_back(self, who: NDArray[np.bool_]) -> None:
        """Count followers that fall back, whatever message it is that they or the leader lack."""
        self.unreached += int(np.count_nonzero(who))

    def announce[M: Message](
        self,
        receiver: str,
        count: int,
        message: Callable[[dict[str, Any], Who], M],
        follow: Callable[[Heard[M]], None],
        *,
        among: Who = True,
        attempts: int = 1,
    ) -> Who | None:
        """Say what binds; again to those that it does not reach, as often as may be tried.

        Parameters
        ----------
        receiver : str
            Whom it is for.
        count : int
            How many there are.
        message : callable
            Makes the message of its envelope and those of the population that it is for.
        follow : callable
            Takes the message as it is heard; one that nobody hears does not come there.
        among : True or array of bool, shape (count,)
            Those it is for.
        attempts : int
            How often it may be said. Between two attempts the leader waits for the first.

        Returns
        -------
        True, array of bool or None
            Whom it reached: all that it is for, some of them, or none.
        """
        waiting = among
        for attempt in range(attempts):
            if attempt and not self.bus.open:
                break
            said = self.bus.deliver(message(self.about(receiver, _number(waiting, count)), waiting))
            reached = _those(waiting, said.heard, count)
            if reached is not None:
                follow(Heard(said.message, said.heard, reached))
            if attempts > 1:
                self.bus.wait()
                self.round += 1
            left = _without(waiting, reached, count)
            if left is None:
                return among
            waiting = left
        self.unreached += _number(waiting, count)
        return _without(among, waiting, count)


def reply_to(message: Message, count: int) -> dict[str, Any]:
    """Return the envelope of an answer to a message, from ``count`` agents."""
    return {
        "step": message.step, "round": message.round, "sender": message.receiver,
        "receiver": message.sender, "count": count,
    }  # fmt: skip


def rows_of[T: np.generic](values: NDArray[T], who: Who) -> NDArray[T]:
    """Return the rows of some agents."""
    return values if who is True else values[who]


def _number(who: NDArray[np.bool_] | bool, count: int) -> int:
    return count if who is True else int(np.count_nonzero(who))


def _those(asked: Who, heard: NDArray[np.bool_] | bool, count: int) -> Who | None:
    """Return which of a population a mask over those asked of it means; None for nobody."""
    if heard is True:
        return asked
    if not np.any(heard):
        return None
    if asked is True:
        return np.broadcast_to(heard, count)
    those = asked.copy()
    those[asked] = heard
    return those


def _without(some: Who, others: Who | None, count: int) -> Who | None:
    """Return those of a population who are not among others; None for nobody."""
    if others is None:
        return some
    if others is True or others is some:
        return None
    left: NDArray[np.bool_] = np.broadcast_to(some, count) & ~others
    return left if left.any() else None
