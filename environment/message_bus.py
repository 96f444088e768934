"""The delivery of messages: at once, or late, or not at all."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.clock import Clock
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.message_draws import LATENCY, LOSS, Link, LinkDraws
from hmesh.environment.messages import Message
from hmesh.environment.messages_in_flight import MessagesInFlight, Note
from hmesh.environment.moments import MS_PER_H, step_moment
from hmesh.environment.streams import Streams

type Keep = Literal["none", "leaders", "all"]
type Latency = Literal["constant", "exponential"]

# With a deadline ahead, nobody waits longer for a message than this many mean latencies.
PATIENCE = 8.0

LOG_COLUMNS = ("step", "time", "round", "kind", "sender", "receiver", "value", "count")


@dataclass(slots=True)
class Count:
    """How many messages of one kind were sent, and their outcome."""

    sent: int = 0
    lost: int = 0
    late: int = 0


# Not frozen: there are some for every question, and one that is takes three times as long to make.
@dataclass(slots=True)
class Delivery[M: Message]:
    """A message as it arrives, and who hears it.

    Attributes
    ----------
    message : Message
        The message that is heard; the receiver computes from what this one holds.
    heard : bool or array of bool, shape (count,)
        Whether it is heard before the deadline. For a population True if it is by, or from,
        everyone, else a mask with a row for each agent.
    """

    message: M
    heard: NDArray[np.bool_] | bool

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Which agents hear it, or are heard, shape (count,)."""
        return np.broadcast_to(self.heard, self.message.count)


class MessageBus:
    """Carries messages between agents within a step.

    What is lost or late is drawn, for the first agent of a link, from a stream of the step and the
    link, a number for each message in turn, and for further agents from a stream of the step, the
    link and the message's place among those sent over it in this step. So a resumed run loses the
    same messages, and more agents, links or latency change nothing for the others.

    Parameters
    ----------
    streams : Streams
        The run's random streams.
    latency_h : float, optional
        Time a message travels, or its mean [h].
    loss_rate : float, optional
        Probability that a message to one agent is lost, 0..1 [-].
    deadline_h : float, optional
        Time within the step after which nothing is heard any more [h].
    latency : {"constant", "exponential"}, optional
        Whether every message to or from one agent travels equally long, or for an exponential
        time of its own. Senders wait for the slowest message; where there is a deadline they give
        up those that take longer than eight times the mean, which are late then.
    keep : {"none", "leaders", "all"}, optional
        Which messages the log keeps: none; those from one agent to one other, as between a utility
        and its aggregators; or also those to and from populations.

    Attributes
    ----------
    note : callable or None
        Called with what becomes of each message: ``sent``, ``lost``, ``late`` or ``heard``, its
        moment [ms], its number in the step, and how many agents. Of ``deadline`` the number is -1.
    flight : MessagesInFlight or None
        The messages on their way as events of a clock; None where all are heard at once.

    Raises
    ------
    InputError
        If a parameter is out of range; all of them are reported.
    """

    def __init__(
        self,
        streams: Streams,
        latency_h: float = 0.0,
        loss_rate: float = 0.0,
        deadline_h: float = math.inf,
        keep: Keep = "none",
        latency: Latency = "constant",
    ) -> None:
        problems = [
            Problem(name, f"the value {value}", allowed=allowed)
            for name, value, right, allowed in (
                ("latency_h", latency_h, 0 <= latency_h < math.inf, "0 or more"),
                ("loss_rate", loss_rate, 0 <= loss_rate <= 1, "0 to 1"),
                ("deadline_h", deadline_h, deadline_h >= 0, "0 or more"),
                ("keep", keep, keep in get_args(Keep.__value__), "none, leaders, all"),
                (
                    "latency",
                    latency,
                    latency in get_args(Latency.__value__),
                    "constant, exponential",
                ),
            )
            if not right
        ]
        if problems:
            raise InputError(problems)
        self._streams = streams
        self.latency_h = latency_h
        self.loss_rate = loss_rate
        self.deadline_h = deadline_h
        self.keep = keep
        self.latency = latency
        self._slowest_h = 0.0
        self._travels_h = latency_h
        self.statistics: dict[str, Count] = {}
        self._count_of: dict[type[Message], Count] = {}
        self.now_h = 0.0
        self._step = 0
        self.note: Note | None = None
        self.flight: MessagesInFlight | None = None
        self._step_h = 1.0
        self._together = False
        self._number = 0
        self._said: dict[Link, LinkDraws] = {}
        # Whether messages travel for a drawn time, and whether there is nothing to draw at all.
        self._drawn_latency = latency != "constant" and latency_h != 0
        self._nothing_to_draw = loss_rate == 0 and not self._drawn_latency
        self._endless = deadline_h == math.inf
        self._log: list[tuple[Any, ...]] = []

    def travel_by(self, clock: Clock, step_h: float, note: Note | None) -> None:
        """Let messages that take time, and deadlines, be pending events of a clock."""
        self.note, self._step_h = note, step_h
        if self.latency_h > 0.0 or self.deadline_h < math.inf:
            self.flight = MessagesInFlight(clock, step_h, self.deadline_h)
            self.flight.note = note

    @contextmanager
    def together(self) -> Iterator[Callable[[], None]]:
        """Let several conversations be held at the same time: call what is yielded before each.

        Afterwards it is as late as the longest of them makes it; until then the clock waits.
        """
        opened_h = closed_h = self.now_h
        self._together = True

        def turn() -> None:
            nonlocal closed_h
            closed_h = max(closed_h, self.now_h)
            self.now_h = opened_h

        try:
            yield turn
        finally:
            turn()
            self._together = False
        self.now_h = closed_h
        self._follow()

    def _follow(self) -> None:
        """Advance the clock to the time of the bus, so that what is due by then happens."""
        if self.flight is not None and not self._together:
            self.flight.follow(self.now_h)

    def begin_step(self, step: int) -> None:
        """Set the time within the step to 0 and turn to the random streams of the step."""
        if self.flight is not None:
            self.flight.begin_step(step)
        self._step = step
        self.now_h = self._slowest_h = 0.0
        self._said.clear()
        self._number = 0

    @property
    def patience_h(self) -> float:
        """The longest that anybody waits for a message [h]."""
        if not self._drawn_latency:
            return self.latency_h
        return math.inf if self._endless else PATIENCE * self.latency_h

    def wait(self) -> None:
        """Let the time pass that messages travel: the slowest of those sent since the last wait."""
        self.now_h += self.latency_h if self.latency == "constant" else self._slowest_h
        self._slowest_h = 0.0
        self._follow()

    @property
    def open(self) -> bool:
        """Whether the deadline of the step is still ahead."""
        return self.now_h <= self.deadline_h

    def deliver[M: Message](self, message: M) -> Delivery[M]:
        """Send a message; return it as it is heard, and who hears it."""
        heard = self.send(message)
        return Delivery(self.in_flight(message), heard)

    def in_flight[M: Message](self, message: M) -> M:
        """Return what becomes of a message on its way: nothing.

        Override it for a channel that changes what it carries. All that is said is delivered by
        `deliver`, and those who hear it know nothing but what the message holds then.
        """
        return message

    @property
    def transparent(self) -> bool:
        """Whether what is said to populations is neither changed on its way nor kept."""
        return self.keep != "all" and type(self).in_flight is MessageBus.in_flight

    def send(self, message: Message) -> NDArray[np.bool_] | bool:
        """Send a message of which nobody needs to hear more than that it was sent.

        Parameters
        ----------
        message : Message
            To one agent, or to or from a population.

        Returns
        -------
        bool or array of bool, shape (count,)
            Whether it is heard before the deadline. For a population True if it is by, or from,
            everyone, else a mask with a row for each agent.

        Raises
        ------
        InputError
            If a message of another class with the same name was sent before.
        """
        count = self._count_of.get(type(message))
        if count is None:
            count = self._begin_count(type(message), message.kind)
        agents = message.count
        if self.keep == "all" or (self.keep == "leaders" and agents == 1):
            self._keep(message)
        count.sent += agents
        lost, late = count.lost, count.late
        heard = self._arrives(message, agents, count)
        if self.note is not None or self.flight is not None:
            self._note(agents, count.lost - lost, count.late - late)
        return heard

    def _note(self, sent: int, lost: int, late: int) -> None:
        """Report what becomes of a message, or let it be pending until it does."""
        number, self._number = self._number, self._number + 1
        gives_up_h, comes_h = self.now_h, self.now_h + self._travels_h
        if late:
            gives_up_h = max(min(self.now_h + self.patience_h, self.deadline_h), self.now_h)
        heard = sent - lost - late
        if self.note is None and self.flight is not None:
            if not late and heard and self.flight.over_by_end(comes_h):
                self.flight.pass_over(int(comes_h > self.now_h))
                return
            last_h = max(gives_up_h, comes_h if heard else self.now_h)
            if self.flight.over_by_end(last_h):
                # Nobody reads of it, and nothing of it is left when the step ends.
                later = (gives_up_h > self.now_h) + (heard > 0 and comes_h > self.now_h)
                self.flight.pass_over(later)
                return
        for what, at_h, agents in (
            ("sent", self.now_h, sent), ("lost", self.now_h, lost), ("late", gives_up_h, late),
            ("heard", comes_h, heard),
        ):  # fmt: skip
            if agents == 0 and what != "sent":
                continue
            if self.flight is not None and at_h > self.now_h:
                self.flight.pend(what, at_h, number, agents)
            elif self.note is not None:
                at_ms = step_moment(self._step, self._step_h) + round(at_h * MS_PER_H)
                self.note(what, at_ms, number, agents)

    def _arrives(self, message: Message, agents: int, count: Count) -> NDArray[np.bool_] | bool:
        """Return whether a message is heard before the deadline, and count what is not."""
        if self._nothing_to_draw and self.now_h + self.latency_h <= self.deadline_h:
            return True

        link = message.sender, message.receiver
        said = self._said.get(link)
        if said is None:
            said = self._said[link] = LinkDraws(self._streams, link, self._step)
        place = said.sent
        said.sent = place + 1
        if agents == 1:
            return self._heard_by_one(count, said, place)
        late = self._late(said, place, agents)
        if self.loss_rate == 0 and (late is False or not np.any(late)):
            return True

        heard = said.of_all(LOSS, place, agents) >= self.loss_rate
        count.lost += agents - int(np.count_nonzero(heard))
        count.late += int(np.count_nonzero(heard & late))
        heard &= ~np.asarray(late)
        return True if heard.all() else heard

    def _heard_by_one(self, count: Count, said: LinkDraws, place: int) -> bool:
        """Return whether a message to or from one agent is heard, as that of a population."""
        if not self._drawn_latency:
            late = self.now_h + self.latency_h > self.deadline_h
        else:
            travel_h = self.latency_h * said.first(LATENCY, place)
            late = False
            if not self._endless:
                patience_h = self.patience_h
                late = travel_h > min(patience_h, self.deadline_h - self.now_h)
                travel_h = min(travel_h, patience_h)
            self._travels_h = travel_h
            if travel_h > self._slowest_h:
                self._slowest_h = travel_h
        if self.loss_rate == 0 and not late:
            return True
        heard = said.first(LOSS, place) >= self.loss_rate
        count.lost += not heard
        count.late += heard and late
        return heard and not late

    def _begin_count(self, sent: type[Message], kind: str) -> Count:
        """Return the count of a class of messages, which no other class may share."""
        # Statistics and log know a message by its name alone: two classes would be one there.
        for other in self._count_of:
            if other.__name__ == sent.__name__:
                both = sorted(f"{one.__module__}.{one.__qualname__}" for one in (other, sent))
                text = f"two classes have this name: {' and '.join(both)}"
                raise InputError([Problem(f"message {kind}", text, "a name for each class")])
        count = self._count_of[sent] = self.statistics.setdefault(kind, Count())
        return count

    def _late(self, said: LinkDraws, place: int, count: int) -> NDArray[np.bool_] | bool:
        """Return which of the messages come too late, and remember how long the slowest takes."""
        if not self._drawn_latency:
            return self.now_h + self.latency_h > self.deadline_h
        others = said.others(LATENCY, place, count)
        first = said.first(LATENCY, place) if count else 0.0
        longest = max(first, float(others.max())) if len(others) else first
        # The product of the longest is the longest product.
        slowest_h, patience_h = self.latency_h * longest, self.patience_h
        self._travels_h = min(slowest_h, patience_h)
        self._slowest_h = max(self._slowest_h, self._travels_h)
        limit_h = min(patience_h, self.deadline_h - self.now_h)
        if slowest_h <= limit_h:
            return False
        travel_h = self.latency_h * np.concatenate(([first], others))
        late: NDArray[np.bool_] = travel_h[:count] > limit_h
        return late

    def drain_log(self) -> dict[str, list[Any]]:
        """Return the kept messages since the last call, as columns, and forget them.

        ``time`` is the time within the step at which a message was sent [h].
        """
        log = self._log_columns()
        self._log.clear()
        return log

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs between two steps, fit for JSON."""
        statistics = {kind: [n.sent, n.lost, n.late] for kind, n in self.statistics.items()}
        state = {"statistics": statistics, "log": self._log_columns()}
        return state if self.flight is None else state | {"in_flight": self.flight.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over an earlier `state`."""
        self.statistics = {kind: Count(*counts) for kind, counts in state["statistics"].items()}
        self._count_of.clear()
        if self.flight is not None:
            self.flight.restore(state["in_flight"])
        self._log = list(zip(*(state["log"][name] for name in LOG_COLUMNS), strict=True))

    def _keep(self, message: Message) -> None:
        said = message.kind, message.sender, message.receiver, message.value, message.count
        self._log.append((message.step, self.now_h, message.round, *said))

    def _log_columns(self) -> dict[str, list[Any]]:
        return {name: [row[i] for row in self._log] for i, name in enumerate(LOG_COLUMNS)}
