"""Messages on their way: each is heard, given up or too late by an event of the clock."""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from hmesh.environment.clock import Clock
from hmesh.environment.moments import MS_PER_H, step_moment

# The kinds of events: a message arrives or is given up, and the deadline of a step.
FATE, DEADLINE = "message", "message deadline"
# A message that comes with the deadline is still heard.
_AFTER_MESSAGES = 1

type Note = Callable[[str, int, int, int], None]


class MessagesInFlight:
    """The messages that are on their way, as pending events of the clock.

    A message that is heard arrives at its own moment, one for which nobody waits any longer is
    given up at its own, and all others that have not come by the deadline of their step are given
    up by the event of the deadline. Messages to or from a population are one event, that of the
    slowest.

    Parameters
    ----------
    clock : Clock
        The clock of the world.
    step_h : float
        Length of a step [h].
    deadline_h : float
        Time within a step after which nothing is heard any more; infinite for none [h].

    Attributes
    ----------
    note : callable or None
        Called with what happens, its moment [ms], the message's number in its step, and how many
        agents it happens to.
    """

    def __init__(self, clock: Clock, step_h: float, deadline_h: float) -> None:
        self.clock, self._step_h, self._deadline_h = clock, step_h, deadline_h
        self.note: Note | None = None
        # Moment, step, what happens, number within the step, agents; by the subject of the event.
        self._rows: dict[int, tuple[int, int, str, int, int]] = {}
        self._subject = 0
        self._begin_ms = self._end_ms = self._step = 0
        self._closed = False
        clock.on(FATE, self._happen)
        clock.on(DEADLINE, self._close)

    def __len__(self) -> int:
        return len(self._rows)

    def begin_step(self, step: int) -> None:
        """Let the deadline of a step be pending."""
        self._step, self._closed = step, False
        self._begin_ms, self._end_ms = (step_moment(s, self._step_h) for s in (step, step + 1))
        if self._deadline_h < inf:
            self._schedule(self._deadline_ms, DEADLINE, step, _AFTER_MESSAGES)

    @property
    def _deadline_ms(self) -> int:
        return self._begin_ms + round(self._deadline_h * MS_PER_H)

    def follow(self, now_h: float) -> None:
        """Let happen what is due by a time within the step [h], at most by its end."""
        until = min(self._begin_ms + round(now_h * MS_PER_H), self._end_ms - 1) / MS_PER_H
        # Where nothing is due, the clock goes on with the next event: in most of many rounds.
        if self.clock.due_by(until):
            self.clock.run_until(max(until, self.clock.now_h))

    def over_by_end(self, at_h: float) -> bool:
        """Return whether a time within the step [h] is before the step ends."""
        return self._begin_ms + round(at_h * MS_PER_H) < self._end_ms

    def pass_over(self, messages: int) -> None:
        """Count messages of which nothing is pending."""
        self._subject += messages

    def pend(self, what: str, at_h: float, number: int, agents: int) -> None:
        """Let a message be heard, or given up, at a time within the step [h]."""
        at_ms = self._begin_ms + round(at_h * MS_PER_H)
        # What is late by the deadline needs no event beside that of the deadline.
        by_deadline = what == "late" and self._deadline_h < inf and at_ms == self._deadline_ms
        row = (at_ms, self._step, what, number, agents)
        if by_deadline and self._closed:
            # Less than a millisecond is left.
            self._report(row)
            return
        self._rows[self._subject] = row
        if not by_deadline:
            self._schedule(at_ms, FATE, self._subject)
        self._subject += 1

    def _schedule(self, at_ms: int, kind: str, subject: int, priority: int = 0) -> None:
        at_h = max(at_ms / MS_PER_H, self.clock.now_h)
        self.clock.schedule(at_h, kind, subject, priority)

    def _happen(self, subject: int) -> None:
        """Let a message be heard or given up."""
        # Those of a run that was extended have been written as it ended.
        if (row := self._rows.pop(subject, None)) is not None:
            self._report(row)

    def _close(self, step: int) -> None:
        """Give up all messages of a step that have not come by its deadline."""
        begin_ms = step_moment(step, self._step_h)
        self._closed |= step == self._step
        if self.note is not None:
            self.note("deadline", begin_ms + round(self._deadline_h * MS_PER_H), -1, 0)
        waiting = [k for k, row in self._rows.items() if row[1:3] == (step, "late")]
        for subject in waiting:
            self._report(self._rows.pop(subject))

    def _report(self, row: tuple[int, int, str, int, int]) -> None:
        at_ms, _, what, number, agents = row
        if self.note is not None:
            self.note(what, at_ms, number, agents)

    def finish(self) -> None:
        """Say what becomes of those that are on their way as the run ends."""
        for subject in list(self._rows):
            self._report(self._rows.pop(subject))

    def state(self) -> dict[str, Any]:
        """Return what is on its way, fit for JSON; its events are those of the clock."""
        return {"next": self._subject, "rows": [[k, *row] for k, row in self._rows.items()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier `state`."""
        self._subject = state["next"]
        self._rows = {row[0]: tuple(row[1:]) for row in state["rows"]}
