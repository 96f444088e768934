"""The clock of a run: SimPy's, over a table of pending events that can be saved."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import simpy

from hmesh.environment.errors import nearest
from hmesh.environment.exact_numbers import from_exact, to_exact

if TYPE_CHECKING:
    from simpy.events import EventPriority


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event to come.

    Attributes
    ----------
    at_h : float
        Time from the start of the run [h].
    priority : int
        Among events of one time the lowest comes first.
    sequence : int
        Among events of one time and priority the one scheduled first comes first.
    kind : str
        What happens: the name under which a handler was given.
    subject : int
        To whom, by a number that the handler understands.
    """

    at_h: float
    priority: int
    sequence: int
    kind: str
    subject: int


class Clock:
    """Time and what happens in it, one event for a whole group of agents.

    Events are handled in the order of time, priority and scheduling. They carry no code: a saved
    table of them, with the same handlers, goes on exactly as the clock it was taken from.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[[int], None]] = {}
        self._environment: simpy.Environment
        self._now: int
        self._now_h: float
        self.restore(0.0, ())

    @property
    def now_h(self) -> float:
        """Time from the start of the run [h]."""
        if self._environment.now != self._now:
            self._now = int(self._environment.now)
            self._now_h = from_exact(self._now)
        return self._now_h

    def on(self, kind: str, handler: Callable[[int], None]) -> None:
        """Let a handler, called with the subject, do what events of a kind do."""
        self._handlers[kind] = handler

    def schedule(self, at_h: float, kind: str, subject: int = 0, priority: int = 0) -> None:
        """Add an event.

        Parameters
        ----------
        at_h : float
            Time from the start of the run, not before now [h].
        kind : str
            What happens.
        subject : int, optional
            To whom.
        priority : int, optional
            Among events of one time the lowest comes first.

        Raises
        ------
        ValueError
            If the time is past or not finite, or the kind has no handler.
        """
        at = self._exact(at_h)
        if kind not in self._handlers:
            like = nearest(kind, self._handlers)
            hint = f"; did you mean {like!r}?" if like else ""
            raise ValueError(f"no handler for events of kind {kind!r}{hint}")
        sequence = self._scheduled
        self._scheduled += 1
        self._pending[sequence] = PendingEvent(
            float(at_h), int(priority), sequence, kind, int(subject)
        )
        occurrence = _Occurrence(self._environment, at, priority)
        occurrence.callbacks.append(lambda _: self._handle(sequence))

    def due_by(self, at_h: float) -> bool:
        """Return whether an event is pending that happens up to a time, that time included [h]."""
        return bool(self._environment.peek() <= to_exact(at_h))

    def run_until(self, at_h: float) -> None:
        """Handle every event up to a time, that time included, and let it be now.

        Parameters
        ----------
        at_h : float
            Time from the start of the run, not before now [h].

        Raises
        ------
        ValueError
            If the time is past or not finite.
        """
        at = self._exact(at_h)
        while self._environment.peek() <= at:
            self._environment.step()
        _Occurrence(self._environment, at)
        self._environment.step()

    def pending(self) -> tuple[PendingEvent, ...]:
        """Return the events to come, in the order in which they were scheduled."""
        return tuple(
            PendingEvent(event.at_h, event.priority, place, event.kind, event.subject)
            for place, event in enumerate(self._pending.values())
        )

    def restore(self, now_h: float, pending: Iterable[PendingEvent]) -> None:
        """Set the time and the events to come, as a clock stated them earlier.

        Parameters
        ----------
        now_h : float
            Time from the start of the run [h].
        pending : iterable of PendingEvent
            The events to come, in any order.

        Raises
        ------
        ValueError
            If an event is past or has no handler.
        """
        # SimPy stores now plus a delay. As a float that sum would depend on when an event was
        # scheduled, hence on interruptions; as exact whole numbers it does not.
        self._now, self._now_h = to_exact(now_h), float(now_h)
        self._environment = simpy.Environment(initial_time=self._now)
        self._pending: dict[int, PendingEvent] = {}
        self._scheduled = 0
        for event in sorted(pending, key=lambda event: event.sequence):
            self.schedule(event.at_h, event.kind, event.subject, event.priority)

    def _exact(self, at_h: float) -> int:
        """Return a time that is not past, in SimPy's unit."""
        if not self.now_h <= at_h < math.inf:
            raise ValueError(f"it is {self.now_h} h, so nothing can be done at {at_h} h")
        return to_exact(float(at_h))

    def _handle(self, sequence: int) -> None:
        event = self._pending.pop(sequence)
        self._handlers[event.kind](event.subject)


class _Occurrence(simpy.Event):
    """A SimPy event that is bound to happen, with any priority."""

    def __init__(self, environment: simpy.Environment, at: int, priority: int = 0) -> None:
        super().__init__(environment)
        self._ok = True
        self._value = None
        # SimPy only sorts by the priority; making one of its enumeration takes longer than that.
        environment.schedule(self, cast("EventPriority", priority), at - environment.now)
