"""Where the runs of a sweep are made: here, in processes of this machine, or on a Dask cluster."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from hmesh.environment.errors import InputError, Problem
from hmesh.environment.row_threads import VARIABLE
from hmesh.runs.dask_cluster import connected
from hmesh.runs.sweeps.task import Outcome, Task, execute

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor
    from pathlib import Path

# How many threads a process uses for long rows and for products of matrices.
_THREADS = (VARIABLE, "OPENBLAS_NUM_THREADS")


class Workers(Protocol):
    """Where runs are made; the sweep never gives it more of them than it has room for."""

    @property
    def room(self) -> int:
        """How many runs it takes at a time."""
        ...

    def submit(self, task: Task) -> None:
        """Take a run."""
        ...

    def next_outcome(self) -> Outcome:
        """Wait until a run that was taken has ended."""
        ...

    def close(self) -> None:
        """Let everything go; runs under way stop once their permit is gone."""
        ...


class HereWorkers:
    """One run after the other in this process, its rows held by a cluster where one is named.

    Parameters
    ----------
    scheduler : str, optional
        Address of a Dask scheduler, over whose workers each run is spread.
    """

    room = 1

    def __init__(self, scheduler: str | None = None) -> None:
        self._tasks: list[Task] = []
        self._scheduler = scheduler

    def submit(self, task: Task) -> None:
        """Take a run."""
        self._tasks.append(replace(task, scheduler=self._scheduler))

    def next_outcome(self) -> Outcome:
        """Make a run that was taken."""
        return execute(self._tasks.pop(0))

    def close(self) -> None:
        """Forget the runs that were taken and not made."""
        self._tasks.clear()


class LocalWorkers:
    """Processes of this machine, each used for many runs.

    A process that dies takes the pool with it; then a new one is made, and the runs that were
    under way are reported lost. Each uses one thread, unless the environment states another number:
    processes that run side by side keep all processors busy already.

    Parameters
    ----------
    number : int
        How many processes.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._pool: ProcessPoolExecutor | None = None
        self._futures: dict[Future[Outcome], str] = {}

    @property
    def room(self) -> int:
        """How many runs are made at a time."""
        return self._number

    def submit(self, task: Task) -> None:
        """Give a run to a process."""
        from concurrent.futures.process import BrokenProcessPool

        with _interrupts_blocked(), _one_thread_each():
            try:
                future = self._new_or_old_pool().submit(execute, task)
            except BrokenProcessPool:
                self._pool = None
                future = self._new_or_old_pool().submit(execute, task)
        self._futures[future] = task.name

    def next_outcome(self) -> Outcome:
        """Wait until a run has ended."""
        from concurrent.futures import FIRST_COMPLETED, wait
        from concurrent.futures.process import BrokenProcessPool

        done = wait(self._futures, return_when=FIRST_COMPLETED).done
        future = done.pop()
        name = self._futures.pop(future)
        try:
            return future.result()
        except BrokenProcessPool:
            return Outcome(name, "lost")

    def close(self) -> None:
        """Wait until the processes have ended."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None

    def _new_or_old_pool(self) -> "ProcessPoolExecutor":
        if self._pool is None:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            # A process spawned again shares no lock and no thread with this one.
            self._pool = ProcessPoolExecutor(self._number, get_context("spawn"), _begin_worker)
        return self._pool


class DaskWorkers:
    """The workers of a Dask cluster that see this machine's folders.

    Parameters
    ----------
    address : str
        Address of its scheduler, such as "tcp://node1:8786".

    Raises
    ------
    InputError
        When Dask is not installed, the address is none, nobody answers there, or there is no
        worker.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = connected(address)
        from distributed import as_completed

        self._futures: dict[Any, str] = {}
        self._completed = as_completed(loop=self._client.loop)

    @property
    def room(self) -> int:
        """Two runs for each thread, so that none waits for the next."""
        threads: dict[str, int] = self._client.nthreads()
        return max(2 * sum(threads.values()), 1)

    def submit(self, task: Task) -> None:
        """Give a run to the cluster."""
        future = self._client.submit(execute, task, pure=False)
        self._futures[future] = task.name
        self._completed.add(future)

    def next_outcome(self) -> Outcome:
        """Wait until a run has ended; Dask itself makes it again when a worker dies."""
        future = next(self._completed)
        name = self._futures.pop(future)
        try:
            outcome: Outcome = future.result()
        except Exception as error:
            return Outcome(name, "failed", f"{type(error).__name__}: {error}")
        return outcome

    def close(self) -> None:
        """Take back what no worker has begun; a second time nothing happens."""
        if self._client.status == "closed":
            return
        self._client.cancel(list(self._futures), force=True)
        self._client.close()

    def check_folder(self, directory: "Path") -> None:
        """Raise where the workers do not see the folder of the sweep, or cannot use hMESH."""
        address = self._address
        try:
            seen = self._client.run(_sees, str(directory))
        except Exception as error:
            message = f"the workers of {address} cannot use hMESH ({error})"
            raise InputError([Problem("--scheduler", message, "hMESH installed there")]) from None
        blind = [worker for worker, sees in seen.items() if not sees]
        if blind:
            message = f"{len(blind)} workers of {address} do not see the folder, such as {blind[0]}"
            raise InputError([Problem(str(directory), message, "a folder that all machines share")])


def usable_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _sees(directory: str) -> bool:
    """Return whether this worker sees the sweep in a folder."""
    return os.path.isfile(os.path.join(directory, "sweep.json"))


def _begin_worker() -> None:
    """Leave Ctrl-C to the run under way, and end when the sweep is gone."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        # Nobody is left to hear of the run; it can be resumed, as after any other end.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let processes begin without hearing Ctrl-C, which waits until this is over."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes begin with one thread each, where the environment states no number."""
    # Numerical libraries read it as they are imported, before a process has heard of its first run.
    unstated = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(unstated, "1"))
    try:
        yield
    finally:
        for name in unstated:
            os.environ.pop(name, None)
