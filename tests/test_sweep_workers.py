"""Processes of a sweep share the processors: each uses one thread, unless another number is set."""

import os
from typing import Any

import pytest
from threadpoolctl import threadpool_info

from hmesh.environment import row_threads
from hmesh.runs.sweeps import workers
from hmesh.runs.sweeps.task import Outcome
from hmesh.runs.sweeps.workers import LocalWorkers

BLAS = "OPENBLAS_NUM_THREADS"


class Named:
    """Stands for a task, of which the pool needs the name alone."""

    name = "one"


def threads_of_process(task: Any) -> Outcome:
    """Report how many threads a process uses: those of rows, and most of any library."""
    stated = [os.environ.get(name, "unset") for name in (row_threads.VARIABLE, BLAS)]
    most = max((each["num_threads"] for each in threadpool_info()), default=1)
    return Outcome(task.name, "done", f"{row_threads.threads()} {most} {' '.join(stated)}")


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that asks a new process of a pool."""
    monkeypatch.setattr(workers, "execute", threads_of_process)

    def asked() -> list[str]:
        pool = LocalWorkers(2)
        try:
            task: Any = Named()
            pool.submit(task)
            return pool.next_outcome().error.split()
        finally:
            pool.close()

    return asked


def test_a_process_uses_one_thread(monkeypatch: pytest.MonkeyPatch, ask: Any) -> None:
    for name in (row_threads.VARIABLE, BLAS):
        monkeypatch.delenv(name, raising=False)
    assert ask() == ["1", "1", "1", "1"]
    # The program itself goes on as it was.
    assert row_threads.VARIABLE not in os.environ
    assert BLAS not in os.environ


def test_a_number_that_is_set_stands(monkeypatch: pytest.MonkeyPatch, ask: Any) -> None:
    monkeypatch.setenv(row_threads.VARIABLE, "3")
    monkeypatch.setenv(BLAS, "2")
    rows, _, *stated = ask()
    assert rows == "3"
    assert stated == ["3", "2"]
    assert os.environ[row_threads.VARIABLE] == "3"
