"""The plugs of a fleet: which vehicle holds one, which waits, and their sessions, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH
from hmesh.environment.plugs import NO_PLUG, ChargerKind, Visits, plug_in
from hmesh.environment.population import Population
from hmesh.environment.stays import Stays

NOT_ASKING = -1
HOUR_MS = 3_600_000.0
# When sessions end that have not ended.
NEVER_MS = -1
type Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Happened:
    """Events of one kind, a row for each.

    Attributes
    ----------
    kind : str
        Such as "arrives": see `hmesh.runs.results.event_kinds`.
    at_ms, vehicles, place : array of int, shape (n,)
        When [ms], row of the fleet, and community.
    value : array, shape (n,)
        Length of the trip for departures and arrivals [km], hours waited for those plugged in, and
        hours plugged in for those unplugged [h]; 0 for those that queue.
    """

    kind: str
    at_ms: Whole
    vehicles: Whole
    place: Whole
    value: FloatArray


@dataclass(frozen=True, slots=True)
class Sessions:
    """Times at a plug that end in a step, a row for each.

    Attributes
    ----------
    vehicles, place, plug : array of int, shape (n,)
        Row of the fleet, community, and kind of the plug, `NO_PLUG` where each has its own.
    arrived_ms, from_ms, to_ms : array of int, shape (n,)
        When the vehicle arrived, was plugged in and is unplugged [ms].
    drawn_kwh, delivered_kwh : array, shape (n,)
        What it has drawn and delivered in the steps before [kWh].
    in_market : array of bool, shape (n,)
        Whether what it exchanges in this step belongs to the session.
    """

    vehicles: Whole
    place: Whole
    plug: Whole
    arrived_ms: Whole
    from_ms: Whole
    to_ms: Whole
    drawn_kwh: FloatArray
    delivered_kwh: FloatArray
    in_market: NDArray[np.bool_]

    @classmethod
    def joined(cls, parts: Sequence["Sessions"]) -> "Sessions":
        """Return some as one."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


class PlugTraffic:
    """Follows who holds a plug and who waits for one.

    Parameters
    ----------
    fleet : Population
        Its columns ``place`` and ``energy_kwh`` are read. Written are, as of the end of the step,
        ``plug``, ``asks_since_ms``, ``arrived_ms``, ``plugged_since_ms``, ``session_kwh`` and
        ``session_sold_kwh``, and of the step ``plugged_part``, ``plug_kw`` and ``plug_v2g_kw``.
    chargers : sequence of sequence of ChargerKind
        Kinds of chargers of every community; none where every vehicle has a plug.

    Attributes
    ----------
    ended : list of Sessions
        Sessions that end in the step.
    happened : list of Happened
        What happened in the step, each at its own moment.
    taken_ms, waiting_ms : array of int, shape (communities,)
        Time for which plugs are taken, and for which vehicles wait, within the step [ms].
    arrivals, unplugged : array of int, shape (communities,)
        Vehicles that ask for a plug for the first time, and of them those that get none in the
        step.
    """

    def __init__(self, fleet: Population, chargers: Sequence[Sequence[ChargerKind]]) -> None:
        self.fleet = fleet
        self.chargers = [tuple(kinds) for kinds in chargers]
        self.limited = np.array([bool(kinds) for kinds in self.chargers])
        most = max((len(kinds) for kinds in self.chargers), default=0)
        # The last place of each row is for those without a plug of a limited place.
        self._power = np.full((len(self.chargers), most + 1), np.inf)
        self._v2g = np.full((len(self.chargers), most + 1), np.inf)
        self._moves = np.zeros((len(self.chargers), most + 1), dtype=np.bool_)
        for place, kinds in enumerate(self.chargers):
            for number, kind in enumerate(kinds):
                self._power[place, number] = kind.power_kw
                self._v2g[place, number] = kind.power_kw if kind.v2g else 0.0
                self._moves[place, number] = kind.move_when_full
        self.forget()

    def forget(self) -> None:
        """Forget what happened in the step."""
        size = len(self.chargers)
        self.ended: list[Sessions] = []
        self.happened: list[Happened] = []
        self.taken_ms, self.waiting_ms, self.arrivals, self.unplugged = (
            np.zeros(size, dtype=np.int64) for _ in range(4)
        )
        self.ends_in_market: NDArray[np.intp] = np.empty(0, dtype=np.intp)

    def note(
        self,
        kind: str,
        at_ms: NDArray[np.integer],
        vehicles: NDArray[np.integer],
        place: NDArray[np.integer],
        value: FloatArray,
    ) -> None:
        """Note what happened."""
        self.happened.append(
            Happened(
                kind, at_ms.astype(np.int64), vehicles.astype(np.int64), place.astype(np.int64),
                value,
            )
        )  # fmt: skip

    def arrive(self, rows: NDArray[np.intp], at_ms: int) -> None:
        """Let vehicles ask for a plug that are parked where they begin."""
        fleet = self.fleet
        fleet["arrived_ms"][rows] = fleet["plugged_since_ms"][rows] = at_ms
        limited, plugs_in = self.limited[fleet["place"][rows]], fleet["plugs_in"][rows]
        fleet["asks_since_ms"][rows] = np.where(limited & plugs_in, at_ms, NOT_ASKING)
        fleet["plugged_part"][rows] = ~limited & plugs_in

    def settle(self, rows: NDArray[np.intp]) -> None:
        """Let vehicles that stay all the step be plugged in for all of it, or for none."""
        place, plug = self.fleet["place"][rows], self.fleet["plug"][rows]
        plugged = np.where(self.limited[place], plug >= 0, self.fleet["plugs_in"][rows])
        self.fleet["plugged_part"][rows] = plugged
        self.rate(rows, place, plug)

    def rate(
        self, rows: NDArray[np.intp], place: NDArray[np.integer], plug: NDArray[np.integer]
    ) -> None:
        """Let the plugs at which vehicles exchange in the step bound them."""
        self.fleet["plug_kw"][rows] = self._power[place, plug]
        self.fleet["plug_v2g_kw"][rows] = self._v2g[place, plug]

    def leave_when_full(self, begin_ms: int) -> None:
        """Let vehicles that are full leave a plug that others may want."""
        if not self._moves.any():
            return
        fleet = self.fleet
        rows = np.flatnonzero(fleet["plug"] >= 0)
        rows = rows[self._moves[fleet["place"][rows], fleet["plug"][rows]]]
        full_kwh = fleet["soc_max"][rows] * fleet["capacity_kwh"][rows] - DUST_KWH
        rows = rows[(fleet["energy_kwh"][rows] >= full_kwh) & (fleet["place"][rows] >= 0)]
        self._end(rows, begin_ms)
        fleet["plug"][rows] = NO_PLUG
        fleet["plugged_part"][rows] = 0.0

    def _end(self, rows: NDArray[np.intp], at_ms: int) -> None:
        """End the sessions of vehicles before they exchange anything in the step."""
        fleet = self.fleet
        place, plug = fleet["place"][rows], fleet["plug"][rows]
        self.ended.append(
            Sessions(
                rows.astype(np.int64), place.astype(np.int64), plug.astype(np.int64),
                fleet["arrived_ms"][rows], fleet["plugged_since_ms"][rows],
                np.full(len(rows), at_ms), fleet["session_kwh"][rows],
                fleet["session_sold_kwh"][rows], np.zeros(len(rows), dtype=np.bool_),
            )
        )  # fmt: skip
        at = np.full(len(rows), at_ms)
        hours = (at - fleet["plugged_since_ms"][rows]) / HOUR_MS
        self.note("unplugs", at, rows, place, hours)
        fleet["session_kwh"][rows] = fleet["session_sold_kwh"][rows] = 0.0

    def serve(
        self,
        rows: NDArray[np.intp],
        stays: Stays,
        begin_ms: int,
        end_ms: int,
        wants: NDArray[np.bool_] | None = None,
    ) -> tuple[Whole, Whole, Whole]:
        """Give plugs for a step.

        Parameters
        ----------
        rows : array of int, shape (n,)
            Vehicles that drive in the step, or arrive as it begins.
        stays : Stays
            Their stays.
        begin_ms, end_ms : int
            The step.
        wants : array of bool, shape (stays,), optional
            In which stays they want to be plugged in; in all unless given.

        Returns
        -------
        from_ms, to_ms : array of int, shape (stays,)
            When the vehicle is plugged in during each stay [ms].
        plug : array of int, shape (stays,)
            Kind of its plug there; `NO_PLUG` also where each has its own.
        """
        fleet = self.fleet
        who = rows[stays.owner]
        from_ms, to_ms = stays.begins_ms.copy(), stays.ends_ms.copy()
        plug = np.full(len(who), NO_PLUG, dtype=np.int64)
        held = ~stays.arrives & (stays.place >= 0)
        plug[held] = fleet["plug"][who[held]]
        wanted = np.ones(len(who), dtype=np.bool_) if wants is None else wants
        asks = np.where(stays.arrives, stays.begins_ms, fleet["asks_since_ms"][who])
        asks = np.where(stays.arrives & ~wanted, NOT_ASKING, asks)
        there = np.where(stays.arrives, stays.length_ms > 0, held)
        limited = there & self.limited[np.maximum(stays.place, 0)]
        without = np.where(limited, plug < 0, ~wanted)
        to_ms[without] = from_ms[without]
        waiting = np.flatnonzero(fleet["asks_since_ms"] >= 0)
        waiting = waiting[~np.isin(waiting, rows, assume_unique=True)]
        holders = np.flatnonzero(fleet["plug"] >= 0)
        queued = np.zeros(len(who), dtype=np.bool_)
        for place in np.flatnonzero(self.limited).tolist():
            mine = np.flatnonzero(limited & (stays.place == place))
            others = waiting[fleet["place"][waiting] == place]
            here = holders[fleet["place"][holders] == place]
            kinds = self.chargers[place]
            self.taken_ms[place] += len(here) * (end_ms - begin_ms)
            if len(mine) + len(others) == 0:
                continue
            before = plug[mine]
            # One after another by rows, so that these settle ties of those that came together.
            order = np.argsort(np.concatenate((who[mine], others)), kind="stable")
            back = np.empty_like(order)
            back[order] = np.arange(len(order))
            stay, wait = len(mine), len(others)
            columns = (
                (stays.begins_ms[mine], np.full(wait, begin_ms)),
                (stays.ends_ms[mine], np.full(wait, end_ms)),
                (stays.ends_ms[mine] < end_ms, np.zeros(wait, dtype=np.bool_)),
                (before, np.full(wait, NO_PLUG)),
                (asks[mine], fleet["asks_since_ms"][others]),
            )
            visits = Visits(*(np.concatenate(each)[order] for each in columns))
            taken = np.bincount(fleet["plug"][here], minlength=len(kinds)).tolist()
            found = plug_in(visits, kinds, taken)
            new = (visits.plug < 0) & (visits.asks_ms >= begin_ms)
            self.arrivals[place] += int(new.sum())
            self.unplugged[place] += int((new & (found.plug < 0)).sum())
            self.waiting_ms[place] += int(found.waits_ms.sum())
            # Those that held one before are counted for the whole step above.
            held_ms = int((found.to_ms - found.from_ms).sum())
            self.taken_ms[place] += held_ms - int((before >= 0).sum()) * (end_ms - begin_ms)
            first, till, kind = (each[back] for each in (found.from_ms, found.to_ms, found.plug))
            in_queue = found.queued[back]
            from_ms[mine], to_ms[mine] = first[:stay], till[:stay]
            plug[mine], queued[mine] = kind[:stay], in_queue[:stay]
            self._wait(others, kind[stay:], first[stay:], in_queue[stay:], begin_ms, end_ms)
        self._leave(rows, stays, from_ms, to_ms, plug, queued & limited, asks, wanted, end_ms)
        return from_ms, to_ms, plug

    def _wait(
        self,
        rows: NDArray[np.intp],
        plug: Whole,
        from_ms: Whole,
        queued: NDArray[np.bool_],
        begin_ms: int,
        end_ms: int,
    ) -> None:
        """Plug in some of those that have been waiting all the time, and let the others wait."""
        fleet = self.fleet
        fleet["plug"][rows] = plug
        fleet["asks_since_ms"][rows[~queued]] = NOT_ASKING
        got = plug >= 0
        fleet["plugged_since_ms"][rows[got]] = from_ms[got]
        waited = (from_ms - fleet["arrived_ms"][rows])[got] / HOUR_MS
        self.note("plugs_in", from_ms[got], rows[got], fleet["place"][rows[got]], waited)
        part = (end_ms - from_ms) / (end_ms - begin_ms)
        fleet["plugged_part"][rows] = np.where(got, part, 0.0)
        self.rate(rows, fleet["place"][rows], plug)

    def _leave(
        self,
        rows: NDArray[np.intp],
        stays: Stays,
        from_ms: Whole,
        to_ms: Whole,
        plug: Whole,
        queued: NDArray[np.bool_],
        asks: Whole,
        wanted: NDArray[np.bool_],
        end_ms: int,
    ) -> None:
        """End the sessions of stays that are over, and keep what goes on beyond the step."""
        fleet, who = self.fleet, rows[stays.owner]
        limited = self.limited[np.maximum(stays.place, 0)]
        old = (
            ~stays.arrives & (stays.place >= 0) & np.where(limited, fleet["plug"][who] >= 0, wanted)
        )
        new = (to_ms > from_ms) & ~old
        over = (stays.ends_ms < end_ms) & (old | new)
        arrived = np.where(stays.arrives, stays.begins_ms, fleet["arrived_ms"][who])
        since = np.where(old, fleet["plugged_since_ms"][who], from_ms)
        self.note(
            "plugs_in", from_ms[new], who[new], stays.place[new],
            (from_ms - arrived)[new] / HOUR_MS,
        )  # fmt: skip
        waits = stays.arrives & (stays.length_ms > 0) & limited & (asks == stays.begins_ms)
        waits &= queued | (from_ms > stays.begins_ms)
        at = stays.begins_ms[waits]
        self.note("queues", at, who[waits], stays.place[waits], np.zeros(len(at)))
        self._over = np.flatnonzero(over)
        k = self._over
        drawn, sold = (
            np.where(old[k], fleet[name][who[k]], 0.0)
            for name in ("session_kwh", "session_sold_kwh")
        )
        self._ended = Sessions(
            who[k].astype(np.int64), stays.place[k], plug[k], arrived[k], since[k], to_ms[k], drawn,
            sold, np.zeros(len(k), dtype=np.bool_),
        )  # fmt: skip
        self.note("unplugs", to_ms[k], who[k], stays.place[k], (to_ms - since)[k] / HOUR_MS)
        gone = who[k][old[k]]
        fleet["session_kwh"][gone] = fleet["session_sold_kwh"][gone] = 0.0
        last = np.append(stays.owner[1:] != stays.owner[:-1], True)[: len(stays.owner)]
        stay = np.flatnonzero(last & (stays.begins_ms < end_ms) & (stays.ends_ms == end_ms))
        stay = stay[stays.length_ms[stay] > 0]
        # One who is on the road as the step ends has no plug and asks for none.
        fleet["plug"][rows] = NO_PLUG
        fleet["asks_since_ms"][rows] = NOT_ASKING
        there = who[stay]
        fleet["plug"][there] = plug[stay]
        fleet["asks_since_ms"][there] = np.where(queued[stay], asks[stay], NOT_ASKING)
        fleet["arrived_ms"][there], fleet["plugged_since_ms"][there] = arrived[stay], since[stay]

    def open_sessions(self) -> Sessions:
        """Return the sessions that go on beyond the step, which end never [ms]."""
        fleet = self.fleet
        parked = np.flatnonzero(fleet["place"] >= 0)
        place, plug = fleet["place"][parked], fleet["plug"][parked]
        plugged = np.where(self.limited[place], plug >= 0, fleet["plugs_in"][parked])
        rows = parked[plugged]
        return Sessions(
            rows.astype(np.int64), place[plugged].astype(np.int64),
            plug[plugged].astype(np.int64), fleet["arrived_ms"][rows],
            fleet["plugged_since_ms"][rows], np.full(len(rows), NEVER_MS),
            fleet["session_kwh"][rows], fleet["session_sold_kwh"][rows],
            ~np.isin(rows, self.ends_in_market),
        )  # fmt: skip

    def exchange_at(self, stay: NDArray[np.intp]) -> None:
        """Say with which stay each vehicle that drives takes part in the market of the step."""
        in_market = np.isin(self._over, stay)
        ended = self._ended
        columns = {f.name: getattr(ended, f.name) for f in fields(Sessions)}
        self.ended.append(Sessions(**columns | {"in_market": in_market}))
        self.ends_in_market = ended.vehicles[in_market]

    def exchange(self, exchange_kwh: FloatArray) -> None:
        """Add what every vehicle of the fleet exchanges in the step to its session [kWh]."""
        goes_on = exchange_kwh.copy()
        goes_on[self.ends_in_market] = 0.0
        self.fleet["session_kwh"][:] += np.maximum(goes_on, 0.0)
        self.fleet["session_sold_kwh"][:] += np.maximum(-goes_on, 0.0)
