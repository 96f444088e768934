"""Chargers with a limited number of plugs: who is plugged in when, and who waits."""

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_PLUG = -1
_LEAVES, _ARRIVES = 0, 1


@dataclass(frozen=True, slots=True)
class ChargerKind:
    """Chargers of one kind at a place.

    Attributes
    ----------
    name : str
        How the kind is called.
    count : float
        How many vehicles it can hold; infinite for one plug each.
    power_kw : float
        Highest power of a plug [kW]; infinite where only vehicles limit it.
    v2g : bool
        Whether vehicles can discharge there.
    queue : bool
        Whether vehicles that find no free plug wait for one of this kind.
    move_when_full : bool
        Whether a vehicle that is full leaves its plug to others.
    """

    name: str = ""
    count: float = math.inf
    power_kw: float = math.inf
    v2g: bool = True
    queue: bool = True
    move_when_full: bool = False


@dataclass(frozen=True, slots=True)
class Visits:
    """Stays at one place in a step that need, hold or await a plug, one row each.

    Attributes
    ----------
    begins_ms, ends_ms : array of int, shape (n,)
        From when to when the vehicle is there within the step [ms].
    leaves : array of bool, shape (n,)
        Whether it leaves at the end, instead of staying beyond the step.
    plug : array of int, shape (n,)
        Kind of the plug that it holds as the step begins, `NO_PLUG` if none.
    asks_ms : array of int, shape (n,)
        Since when it asks for a plug [ms]; those that do not have a negative one.
    """

    begins_ms: NDArray[np.int64]
    ends_ms: NDArray[np.int64]
    leaves: NDArray[np.bool_]
    plug: NDArray[np.int64]
    asks_ms: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plugged:
    """The outcome of visits, one row each.

    Attributes
    ----------
    from_ms, to_ms : array of int, shape (n,)
        When the vehicle is plugged in [ms]; equal where it is not.
    plug : array of int, shape (n,)
        Kind of its plug, `NO_PLUG` if none.
    waits_ms : array of int, shape (n,)
        How long it waits in the step [ms].
    queued : array of bool, shape (n,)
        Whether it has been waiting until it left, or the step ended.
    """

    from_ms: NDArray[np.int64]
    to_ms: NDArray[np.int64]
    plug: NDArray[np.int64]
    waits_ms: NDArray[np.int64]
    queued: NDArray[np.bool_]


def plug_in(visits: Visits, kinds: Sequence[ChargerKind], taken: Sequence[int]) -> Plugged:
    """Give plugs to the vehicles of a place, first come, first served.

    A vehicle that arrives takes a free plug of the most powerful kind. It waits if there is none,
    but only for kinds with a queue; a plug that becomes free goes to the first that waits. Of
    things that happen at one moment plugs become free first, and earlier rows come before later
    ones.

    Parameters
    ----------
    visits : Visits
        The stays that matter: those that begin or end in the step, and those that wait.
    kinds : sequence of ChargerKind
        Chargers of the place.
    taken : sequence of int
        Plugs of each kind that are taken as the step begins, those of the visits included.
    """
    size = len(visits.begins_ms)
    plugged = Plugged(
        from_ms=visits.begins_ms.copy(),
        to_ms=np.where(visits.plug >= 0, visits.ends_ms, visits.begins_ms),
        plug=visits.plug.copy(),
        waits_ms=np.zeros(size, dtype=np.int64),
        queued=np.zeros(size, dtype=np.bool_),
    )
    asking = np.flatnonzero((visits.plug < 0) & (visits.asks_ms >= 0))
    if _enough_for_all(visits, kinds, taken, asking):
        best = max(range(len(kinds)), key=lambda kind: kinds[kind].power_kw)
        plugged.plug[asking] = best
        plugged.to_ms[asking] = visits.ends_ms[asking]
        return plugged
    _serve(visits, kinds, [kind.count - held for kind, held in zip(kinds, taken, strict=True)],
           asking, plugged)  # fmt: skip
    return plugged


def _enough_for_all(
    visits: Visits,
    kinds: Sequence[ChargerKind],
    taken: Sequence[int],
    asking: NDArray[np.intp],
) -> bool:
    """Return whether everybody that asks gets a plug of the most powerful kind at once."""
    best = max(range(len(kinds)), key=lambda kind: kinds[kind].power_kw)
    nobody_waits = not (visits.asks_ms[asking] < visits.begins_ms[asking]).any()
    return nobody_waits and taken[best] + len(asking) <= kinds[best].count


def _serve(
    visits: Visits,
    kinds: Sequence[ChargerKind],
    free: list[float],
    asking: NDArray[np.intp],
    plugged: Plugged,
) -> None:
    """Go through what happens at a place of few plugs, in the order of time."""
    begins, ends = visits.begins_ms.tolist(), visits.ends_ms.tolist()
    leaves, asks = visits.leaves.tolist(), visits.asks_ms.tolist()
    order = sorted(range(len(kinds)), key=lambda kind: (-kinds[kind].power_kw, kind))
    with_queue = [kind for kind in order if kinds[kind].queue]
    events: list[tuple[int, int, int, int]] = [
        (ends[k], _LEAVES, k, k) for k in np.flatnonzero(visits.plug >= 0).tolist() if leaves[k]
    ]
    # Who waits since before the step asks as it begins, in the order in which they came.
    events += [(begins[k], _ARRIVES, asks[k], k) for k in asking.tolist()]
    heapq.heapify(events)
    queue: deque[int] = deque()

    def take(k: int, kind: int, at: int) -> None:
        free[kind] -= 1
        plugged.plug[k], plugged.from_ms[k], plugged.to_ms[k] = kind, at, ends[k]
        plugged.queued[k] = False
        if leaves[k]:
            heapq.heappush(events, (ends[k], _LEAVES, k, k))

    while events:
        at, what, _, k = heapq.heappop(events)
        if what == _LEAVES:
            free[int(plugged.plug[k])] += 1
            if events and events[0][:2] == (at, _LEAVES):
                continue  # All that leave at one moment leave before anybody is served.
        else:
            # Who waits since before the step waits for kinds with a queue alone.
            allowed = with_queue if asks[k] < begins[k] else order
            found = next(
                (c for c in allowed if free[c] >= 1 and not (queue and kinds[c].queue)), -1
            )
            if found >= 0:
                take(k, found, at)
            else:
                plugged.queued[k] = bool(with_queue)
                queue.extend([k] if with_queue else [])
        for kind in with_queue:
            while free[kind] >= 1 and queue:
                first = queue.popleft()
                # Who has left by then waits no longer.
                there = not leaves[first] or ends[first] > at
                plugged.waits_ms[first] = min(at, ends[first]) - begins[first]
                if there:
                    take(first, kind, at)
    for k in queue:
        plugged.waits_ms[k] = ends[k] - begins[k]
