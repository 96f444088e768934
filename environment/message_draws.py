"""What chance does to messages: the numbers that losses and latencies of a link are drawn from."""

from collections.abc import Callable

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.streams import Streams

type Link = tuple[str, str]
"""Sender and receiver of a message."""

# What streams are drawn for, and how many numbers at once.
LOSS, LATENCY = "messages", "message latency"
BLOCK = 32


class LinkDraws:
    """What is drawn for the messages that are sent over a link in a step, one after another.

    For the first agent of the link all are numbers of one stream, a number for each message in
    turn; for further agents each message has a stream of its own.

    Parameters
    ----------
    streams : Streams
        The run's random streams.
    link : tuple of str
        Sender and receiver.
    step : int
        Number of the step.

    Attributes
    ----------
    sent : int
        How many messages were sent.
    """

    __slots__ = ("_drawn", "_link", "_step", "_streams", "sent")

    def __init__(self, streams: Streams, link: Link, step: int) -> None:
        self._streams, self._link, self._step = streams, link, step
        self._drawn: dict[str, _Draws] = {}
        self.sent = 0

    def first(self, purpose: str, place: int) -> float:
        """Return what is drawn for the first agent of the link and a message by its place."""
        draws = self._drawn.get(purpose)
        if draws is None:
            stream = self._streams.generator(purpose, repr(self._link), self._step)
            draws = self._drawn[purpose] = _Draws(_numbers(purpose, stream))
        return draws[place]

    def others(self, purpose: str, place: int, count: int) -> FloatArray:
        """Return what is drawn for all of so many agents but the first, shape (count - 1,)."""
        if count < 2:
            return np.empty(0)
        stream = self._streams.shared(purpose, repr((*self._link, place)), self._step)
        return _numbers(purpose, stream)(count - 1)

    def of_all(self, purpose: str, place: int, count: int) -> FloatArray:
        """Return what is drawn for every agent of the link and a message by its place."""
        first = self.first(purpose, place)
        return np.concatenate(([first], self.others(purpose, place, count)))[:count]


class _Draws:
    """Numbers of one stream in turn, drawn in blocks."""

    __slots__ = ("_draw", "_drawn")

    def __init__(self, draw: Callable[[int], FloatArray]) -> None:
        self._draw = draw
        self._drawn: list[float] = []

    def __getitem__(self, place: int) -> float:
        while place >= len(self._drawn):
            self._drawn += self._draw(BLOCK).tolist()
        return self._drawn[place]


def _numbers(purpose: str, stream: np.random.Generator) -> Callable[[int], FloatArray]:
    """Return what draws numbers of a purpose: shares of 1, or of the mean latency."""
    return stream.random if purpose == LOSS else stream.standard_exponential
