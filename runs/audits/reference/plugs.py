"""Who is plugged in when, at a place with few plugs: one moment after another."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """Chargers of one kind.

    Attributes
    ----------
    count : float
        How many vehicles they hold; infinite for one plug each.
    power_kw, v2g_kw : float
        Highest power charging and discharging [kW].
    queue : bool
        Whether vehicles wait for them.
    move_when_full : bool
        Whether full vehicles leave them.
    """

    count: float
    power_kw: float
    v2g_kw: float
    queue: bool
    move_when_full: bool


@dataclass(slots=True)
class Visit:
    """A stay at the place within a step.

    Attributes
    ----------
    vehicle : int
        Its number.
    begins_ms, ends_ms, leaves : int, int, bool
        From when to when it is there in the step, and whether it leaves then.
    plug : int or None
        Number of the kind of its plug, None without one.
    asks_ms : int or None
        Since when it asks for one, None where it does not.
    from_ms, waited_ms : int or None, int
        When it was plugged in within the step, None if it was not; how long it waited in it.
    """

    vehicle: int
    begins_ms: int
    ends_ms: int
    leaves: bool
    plug: int | None
    asks_ms: int | None
    from_ms: int | None = None
    waited_ms: int = 0


def give_plugs(visits: list[Visit], kinds: list[Kind], others: list[int], begin_ms: int) -> None:
    """Plug vehicles in, first come, first served.

    Parameters
    ----------
    visits : list of Visit
        The stays that begin or end in the step, and those that wait as it begins.
    kinds : list of Kind
        The chargers of the place.
    others : list of int
        How many plugs of each kind are taken all the time by vehicles of no such stay.
    begin_ms : int
        When the step begins.
    """
    strongest = sorted(range(len(kinds)), key=lambda kind: -kinds[kind].power_kw)
    asking = [visit for visit in visits if visit.plug is None and visit.asks_ms is not None]
    asking.sort(key=lambda visit: (visit.begins_ms, visit.asks_ms, visit.vehicle))
    for visit in visits:
        visit.from_ms = visit.begins_ms if visit.plug is not None else None
    queue: list[Visit] = []
    moments = {visit.begins_ms for visit in asking} | {v.ends_ms for v in visits if v.leaves}

    def free(kind: int, at: int) -> bool:
        """Return whether a plug of a kind is free at a moment."""
        held = sum(v.plug == kind and not (v.leaves and v.ends_ms <= at) for v in visits)
        return others[kind] + held < kinds[kind].count

    for at in sorted(moments):
        _serve(queue, kinds, strongest, free, at)
        for visit in [each for each in asking if each.begins_ms == at]:
            old = visit.asks_ms is not None and visit.asks_ms < visit.begins_ms
            for kind in strongest:
                may = kinds[kind].queue if old else True
                if may and free(kind, at) and not (queue and kinds[kind].queue):
                    visit.plug, visit.from_ms = kind, at
                    break
            else:
                if any(kind.queue for kind in kinds):
                    queue.append(visit)
                else:
                    visit.asks_ms = None
        _serve(queue, kinds, strongest, free, at)
    for visit in queue:
        visit.waited_ms = visit.ends_ms - visit.begins_ms


def _serve(
    queue: list[Visit],
    kinds: list[Kind],
    strongest: list[int],
    free: Callable[[int, int], bool],
    at: int,
) -> None:
    """Give free plugs to those that wait and have not left, in their order."""
    for visit in [each for each in queue if each.leaves and each.ends_ms <= at]:
        visit.waited_ms = visit.ends_ms - visit.begins_ms
        queue.remove(visit)
    for kind in strongest:
        while kinds[kind].queue and queue and free(kind, at):
            visit = queue.pop(0)
            visit.plug, visit.from_ms = kind, at
            visit.waited_ms = at - visit.begins_ms
