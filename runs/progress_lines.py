"""Progress as lines of a log where there is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread
from time import monotonic

# Work of two seconds needs no line. A log that is silent for longer than a minute looks like one of
# a program that stopped. In between each pause is twice the last: short work gets a few lines.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0


class PartsDone:
    """How many parts are done, written by one thread and read by another."""

    def __init__(self) -> None:
        self.latest: tuple[int, int] | None = None

    def update(self, done: int, total: int) -> None:
        """Remember the number of parts done and of all parts."""
        self.latest = done, total


def progress_lines(
    what: str,
    parts: PartsDone,
    finished_within: Callable[[float], bool],
    clock: Callable[[], float] = monotonic,
) -> Iterator[str]:
    """Describe the progress after 2 s, 6 s, 14 s and so on, and then once a minute.

    Parameters
    ----------
    what : str
        What the parts are.
    parts : PartsDone
        How many of them are done.
    finished_within : callable
        Waits for so many seconds, and returns whether the work was finished meanwhile.
    clock : callable, optional
        Returns the time [s].

    Yields
    ------
    str
        Such as ``steps: 120 of 8,760 after 0:01:02``.
    """
    started, pause_s = clock(), FIRST_PAUSE_S
    while not finished_within(pause_s):
        latest = parts.latest
        count = f"{latest[0]:,} of {latest[1]:,}" if latest else "getting ready"
        yield f"{what}: {count} after {timedelta(seconds=round(clock() - started))}"
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


@contextmanager
def lines_to_stderr(what: str) -> Iterator[Callable[[int, int], None]]:
    """Print `progress_lines` on the error output while the work goes on.

    Parameters
    ----------
    what : str
        What the parts are.

    Yields
    ------
    callable
        To be called with the number of parts done and of all parts.
    """
    # A thread, because one part may take many minutes and reports nothing meanwhile.
    parts, finished, stream = PartsDone(), Event(), sys.stderr

    def write() -> None:
        # A log that can no longer be written is no reason to end the work.
        with suppress(OSError, ValueError):
            for line in progress_lines(what, parts, finished.wait):
                print(line, file=stream, flush=True)

    writer = Thread(target=write, name="progress", daemon=True)
    writer.start()
    try:
        yield parts.update
    finally:
        finished.set()
        writer.join()
