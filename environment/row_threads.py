"""Rows of long columns in fixed pieces, which several threads work on at once.

Compiled kernels and NumPy leave the interpreter to others while they work. Pieces are the same for
any number of threads, and what is added up is added within a piece and then piece after piece. So
any number of threads gives the same bits.
"""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

# Some columns of a piece stay in the processor's cache.
PIECE_ROWS = 2**15
# Fewer rows than this are worked on by one thread: to wake another takes as long.
ROWS_OF_THREADS = 2 * PIECE_ROWS
# How many threads work; as many as there are usable processors unless it is set.
VARIABLE = "NUMBA_NUM_THREADS"
# Pieces for each thread, so that none waits long for one that was held up.
PIECES = 3
NAME = "hmesh-rows"


def threads() -> int:
    """Return how many threads work on the rows of a long column."""
    return _threads(os.environ.get(VARIABLE, ""))


@functools.cache
def _threads(stated: str) -> int:
    if stated.isdecimal() and int(stated) > 0:
        return int(stated)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def pieces_of(rows: int) -> int:
    """Return how many pieces some rows have."""
    return -(-rows // PIECE_ROWS)


def over_pieces[R](rows: int, work: Callable[[int, int], R]) -> list[R]:
    """Do some work for all rows, a few pieces at a time; return what each piece of it gives.

    Parameters
    ----------
    rows : int
        How many rows there are.
    work : callable
        Works on the rows from a first one, the first of a piece, to before another. What it does
        for a piece may depend on no other piece.
    """
    if rows < ROWS_OF_THREADS or (count := threads()) == 1:
        return [work(0, rows)]
    each = -(-pieces_of(rows) // (PIECES * count)) * PIECE_ROWS
    pieces = [(begin, min(begin + each, rows)) for begin in range(0, rows, each)]
    return at_once(pieces, lambda piece: work(*piece))


def at_once[T, R](pieces: Sequence[T], work: Callable[[T], R], rows: int | None = None) -> list[R]:
    """Do some work for each of some pieces, several at once; return what each gives, in order.

    Parameters
    ----------
    pieces : sequence
        What is worked on.
    work : callable
        Works on one of them.
    rows : int, optional
        With it, how many rows all pieces have together; few are worked on by one thread.
    """
    few = len(pieces) < 2 or (rows is not None and rows < ROWS_OF_THREADS)
    within = threading.current_thread().name.startswith(NAME)
    if few or within or (count := threads()) == 1:
        return [work(piece) for piece in pieces]
    return list(_pool(os.getpid(), count).map(work, pieces))


def over_rows[R](work: Callable[..., R], *columns: NDArray[Any]) -> list[R]:
    """Do some work that takes each row alone, a few pieces of all columns at a time."""
    return over_pieces(
        len(columns[0]), lambda begin, end: work(*(each[begin:end] for each in columns))
    )


@functools.lru_cache(maxsize=1)
def _pool(process: int, count: int) -> ThreadPoolExecutor:
    """Return the threads of a process; one that was forked has none of its parent's."""
    return ThreadPoolExecutor(count, thread_name_prefix=NAME)
