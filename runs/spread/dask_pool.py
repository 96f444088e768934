"""The blocks of a run on the workers of a Dask cluster, some of which may be lost in mid-run."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.dask_cluster import PLACE, connected
from hmesh.runs.spread import holder
from hmesh.runs.spread.holder import LOST
from hmesh.runs.spread.row_pool import RowPool

# How often it is looked which workers are left while answers are awaited.
LOOK_EVERY_S = 2.0
# How long a run waits for a worker where none is left.
WAIT_S = 60.0
# What is larger goes to a worker past the scheduler.
LARGE_BYTES = 2**20


class DaskPool(RowPool):
    """Holds the blocks of a run on the workers of a Dask cluster.

    A worker holds the same blocks until it is lost, or takes none where there are more workers than
    blocks. A question goes to each worker at once, as one task that no other worker may do.

    Parameters
    ----------
    address : str
        Address of its scheduler, such as "tcp://node1:8786".

    Raises
    ------
    InputError
        When Dask is not installed, nobody answers at the address, there is no worker, or workers
        cannot use this hMESH.
    """

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self._client = connected(address)
        try:
            self._check_workers()
        except BaseException:
            self._client.close()
            raise

    def _check_workers(self) -> None:
        """Raise where a worker has another hMESH, or another NumPy, than this process."""
        own = _versions()
        try:
            found = self._client.run(_versions)
        except Exception as error:
            message = f"the workers of {self.address} cannot use hMESH ({error})"
            raise InputError([Problem(PLACE, message, "hMESH installed there")]) from None
        others = [(worker, held) for worker, held in found.items() if held != own]
        if others:
            worker, held = others[0]
            message = f"the worker {worker} has {_said(held)}"
            allowed = f"{_said(own)}, as here, so that all give the same results"
            raise InputError([Problem(PLACE, message, allowed)])

    def places(self) -> list[str]:
        """Return the addresses of all workers, after waiting for one where none is left."""
        there = self._there()
        if not there:
            try:
                self._client.wait_for_workers(1, timeout=WAIT_S)
            except (OSError, TimeoutError):
                message = (
                    f"every worker of {self.address} was lost, and none has come within "
                    f"{WAIT_S:g} s; hmesh resume goes on from the last checkpoint"
                )
                raise InputError([Problem(PLACE, message, "dask worker ADDRESS")]) from None
            there = self._there()
        return sorted(there)

    def _there(self) -> set[str]:
        """Return the addresses of the workers that the scheduler knows."""
        try:
            return set(self._client.nthreads())
        except Exception as error:
            message = (
                f"the scheduler at {self.address} answers no more ({error}); hmesh resume goes "
                "on from the last checkpoint"
            )
            raise InputError([Problem(PLACE, message)]) from None

    def _do(
        self, what: Callable[[str, bytes], bytes], packed: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        from distributed import wait

        waiting: dict[str, Any] = {}
        done: dict[str, bytes] = {}
        for place, each in packed.items():
            try:
                given = each if len(each) < LARGE_BYTES else self._moved(each, place)
            except (OSError, TimeoutError):
                done[place] = LOST
                continue
            waiting[place] = self._client.submit(
                what, self.run, given, workers=[place], allow_other_workers=False, pure=False,
                retries=0,
            )  # fmt: skip
        while waiting:
            there = set(waiting)
            try:
                with self._client.as_current():
                    wait(list(waiting.values()), timeout=LOOK_EVERY_S)
            except TimeoutError:
                there = self._there()
            for place, future in list(waiting.items()):
                if future.done():
                    done[place] = self._answer(future)
                elif place not in there:
                    future.cancel(force=True)
                    done[place] = LOST
                else:
                    continue
                del waiting[place]
        return done

    def _moved(self, packed: bytes, place: str) -> Any:
        """Return something large where it was moved to, past the scheduler."""
        return self._client.scatter(packed, workers=[place], hash=False, timeout=WAIT_S)

    def _answer(self, future: Any) -> bytes:
        """Return what a worker answered; `LOST` where it died over it, or before it could say."""
        from distributed import CancelledError, KilledWorker

        try:
            # What was worked out is held by the worker, which may be lost by now.
            answer: bytes = future.result(timeout=WAIT_S)
        except (CancelledError, KilledWorker, OSError, TimeoutError):
            return LOST
        return answer

    def close(self) -> None:
        """Let workers forget the run; a second time nothing happens."""
        from distributed import wait

        if self._client.status == "closed":
            return
        with suppress(Exception):  # a worker that is lost holds nothing any more
            releases = [
                self._client.submit(
                    holder.release, self.run, workers=[worker], allow_other_workers=False,
                    pure=False,
                )
                for worker in self._there()
            ]  # fmt: skip
            with self._client.as_current():
                wait(releases, timeout=LOOK_EVERY_S)
        self._client.close()


def _versions() -> dict[str, str]:
    """Return the versions on which the bits of results depend."""
    from hmesh.runs.results.versions import versions_now

    return {name: versions_now()[name] for name in ("hmesh", "numpy")}


def _said(held: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in held.items())
