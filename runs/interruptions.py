"""Ctrl-C and SIGTERM: heard from the first moment on, and answered in one line.

Batch systems, containers and `timeout` send SIGTERM when a program shall end. It is answered like
Ctrl-C. This module imports nothing heavy, since the program installs its handlers before anything
else is imported.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Python drops what is raised while an object is destroyed; then the signal is sent once more.
_ONCE_MORE_S = 0.05

_heard: list[int] = []


def answer_at_once() -> None:
    """End the program with one line at any signal: right as long as nothing has been written."""
    _heard.clear()
    _install(_end)


def raise_from_now_on() -> None:
    """Raise KeyboardInterrupt at any signal, so that what is under way can be tidied up.

    Does nothing where `answer_at_once` was not called: then the program is not hMESH's.
    """
    if any(signal.getsignal(number) is _end for number in SIGNALS):
        _install(_raise)
        sys.unraisablehook = _not_lost


def ignore_from_now_on() -> None:
    """Ignore every signal, since the program ends anyway."""
    if any(signal.getsignal(number) in (_end, _raise) for number in SIGNALS):
        _install(signal.SIG_IGN)


def heard() -> bool:
    """Return whether a signal was raised in this program."""
    return bool(_heard)


def exit_status() -> int:
    """Return the exit status of an interrupted program: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_heard[0] if _heard else signal.SIGINT)


@contextmanager
def held() -> Iterator[list[int]]:
    """Let a signal wait until a piece of work is done.

    It then takes the course it would have taken: Ctrl-C raises KeyboardInterrupt, and SIGTERM ends
    a program that has no handler of its own. In other threads than the main one nothing is held.

    Yields
    ------
    list of int
        The signals that wait, empty as long as there are none.

    Raises
    ------
    KeyboardInterrupt
        At the end, where a signal waited.
    """
    waiting: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield waiting
        return

    def keep(number: int, frame: FrameType | None) -> None:
        waiting.append(number)

    before = {number: signal.signal(number, keep) for number in SIGNALS}
    try:
        yield waiting
    finally:
        for number, handler in before.items():
            # None stands for a handler that no Python code installed.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    if waiting:
        signal.raise_signal(waiting[0])
        raise KeyboardInterrupt  # where the handler let it pass


def _install(handler: Any) -> None:
    for number in SIGNALS:
        # What starts a program may have it ignore Ctrl-C, as a shell does in the background.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


def _raise(number: int, frame: FrameType | None) -> None:
    _heard.append(number)
    raise KeyboardInterrupt


def _not_lost(dropped: Any) -> None:
    """Send a signal once more whose exception Python has dropped; show all other exceptions."""
    if not issubclass(dropped.exc_type, KeyboardInterrupt) or not _heard:
        sys.__unraisablehook__(dropped)
        return
    again = threading.Timer(_ONCE_MORE_S, _send, (_heard[-1],))
    again.daemon = True
    again.start()


def _send(number: int) -> None:
    """Send a signal to the main thread, which alone answers it, and wake it up where it waits."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)
