"""Measured charging sessions driven again: plugged in as measured, and away in between."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.growth import Growth
from hmesh.environment.moments import MS_PER_H, SECOND_MS
from hmesh.environment.trips import DayTrips, TripSource, TripTable

# A trip goes somewhere, if only for a metre.
_SHORTEST_KM = 1e-3
_DAY_H = 24
_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class SessionStays:
    """Stays at a plug, those of a vehicle one after another; arrays of shape (stays,).

    Attributes
    ----------
    vehicle : array of int
        Whose each is, numbered from 0.
    from_ms, to_ms : array of int
        When it is plugged in and unplugged, from the start of the run [ms].
    place : array of int
        Community.
    energy_kwh : array
        Energy charged [kWh].
    left_out : int
        Sessions that overlap one before, or last no second.
    """

    vehicle: NDArray[np.int64]
    from_ms: NDArray[np.int64]
    to_ms: NDArray[np.int64]
    place: NDArray[np.int64]
    energy_kwh: FloatArray
    left_out: int

    @property
    def vehicles(self) -> int:
        """How many vehicles there are."""
        return int(self.vehicle.max(initial=-1)) + 1


def stays_of_sessions(
    sessions: Mapping[str, NDArray[Any]],
    place: NDArray[np.int64],
    start_us: int,
    run_h: float,
) -> SessionStays:
    """Return the stays of the sessions that touch a run.

    Sessions are those of the vehicle that they name. Where they name none they are dealt to as few
    vehicles as can be: each to the one that has been away from its place longest, or to a new one.

    Parameters
    ----------
    sessions : mapping
        Columns ``plug_in`` and ``plug_out`` [us of UTC], ``energy_kwh`` [kWh], and where wanted
        ``vehicle``, text, empty where it is not known.
    place : array of int, shape (sessions,)
        Community of each.
    start_us : int
        When the run starts [us of UTC].
    run_h : float
        How long it is [h].
    """
    begins, ends = (
        np.rint((sessions[name].astype(np.int64) - start_us) / _US_PER_S).astype(np.int64)
        * SECOND_MS
        for name in ("plug_in", "plug_out")
    )
    inside = (ends > 0) & (begins < run_h * MS_PER_H)
    kept = np.flatnonzero(inside & (ends > begins))
    left_out = int(inside.sum()) - len(kept)
    kept = kept[np.lexsort((ends[kept], begins[kept]))]
    known = sessions.get("vehicle")
    names = [""] * len(kept) if known is None else [str(known[row]).strip() for row in kept]
    numbers: dict[str, int] = {}
    # Of each vehicle when it is free again, and where those without a name are.
    free_ms: list[int] = []
    nameless: dict[int, list[int]] = {}
    vehicle = np.full(len(kept), -1, dtype=np.int64)
    for n, row in enumerate(kept.tolist()):
        begin = int(begins[row])
        if names[n]:
            who = numbers.setdefault(names[n], len(free_ms))
            if who == len(free_ms):
                free_ms.append(-(2**62))
            if begin <= free_ms[who]:
                left_out += 1
                continue
        else:
            there = nameless.setdefault(int(place[row]), [])
            who = min(there, key=lambda each: free_ms[each], default=-1)
            if who < 0 or begin <= free_ms[who]:
                who = len(free_ms)
                free_ms.append(0)
                there.append(who)
        free_ms[who] = int(ends[row])
        vehicle[n] = who
    kept, vehicle = kept[vehicle >= 0], vehicle[vehicle >= 0]
    order = np.lexsort((begins[kept], vehicle))
    kept, vehicle = kept[order], vehicle[order]
    energy_kwh = sessions["energy_kwh"][kept].astype(np.float64)
    return SessionStays(vehicle, begins[kept], ends[kept], place[kept], energy_kwh, left_out)


class SessionTrips(TripSource):
    """Trips that bring each vehicle to its measured sessions.

    A vehicle is plugged in from the plug-in to the unplugging of each session. In between it is on
    a trip on which it uses what it charges in the next session, so that a battery that is charged
    to the same state in all of them charges what was measured. Vehicles of the fleet follow those
    of the sessions in turn.

    Parameters
    ----------
    stays : SessionStays
        The sessions.
    size : int
        Vehicles of the fleet.
    calendar : Calendar
        Of the run.
    run_h : float
        How long it is [h].
    km_per_kwh : float
        How far a vehicle drives with the energy charged [km/kWh].
    growth : Growth, optional
        When vehicles join the fleet.
    """

    def __init__(
        self,
        stays: SessionStays,
        size: int,
        calendar: Calendar,
        run_h: float,
        *,
        km_per_kwh: float,
        growth: Growth | None = None,
    ) -> None:
        super().__init__(size, growth)
        self.calendar = calendar
        self._number = stays.vehicles
        new = np.diff(stays.vehicle, prepend=-1) > 0
        first = np.flatnonzero(new)
        self._home = np.zeros(self._number, dtype=np.int16)
        self._home[stays.vehicle[first]] = stays.place[first]
        # To each session from the one before; to the first from the start of the run, unless the
        # vehicle is plugged in then.
        departs = np.where(new, 0, np.roll(stays.to_ms, 1))
        to = np.flatnonzero(~new | (stays.from_ms > 0))
        km = np.maximum(stays.energy_kwh * km_per_kwh, _SHORTEST_KM)
        origin = np.where(new, stays.place, np.roll(stays.place, 1))
        # After its last session a vehicle is away until the run is over.
        last = np.append(new[1:], True) if len(new) else new
        off = np.flatnonzero(last & (stays.to_ms < run_h * MS_PER_H))
        over_ms = round((run_h + _DAY_H) * MS_PER_H)

        def both(arriving: NDArray[Any], leaving: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([arriving[to], leaving[off]])

        columns = {
            "group": both(stays.vehicle, stays.vehicle),
            "departs_ms": both(departs, stays.to_ms),
            "arrives_ms": both(stays.from_ms, np.full(len(last), over_ms)),
            "origin": both(origin, stays.place),
            "destination": both(stays.place, stays.place),
            "km": both(km, np.full(len(last), _SHORTEST_KM)),
        }
        order = np.lexsort((columns["group"], columns["departs_ms"]))
        self._trips = {name: values[order] for name, values in columns.items()}
        self._trips["next_km"] = _next(self._trips["group"], self._trips["km"])
        longest_ms = (self._trips["arrives_ms"] - self._trips["departs_ms"]).max(initial=0)
        self.days_kept = 1 + int(longest_ms // (_DAY_H * MS_PER_H)) + 1

    def parked_at(self, day: int) -> NDArray[np.int16]:
        """Return the place of the first session of each vehicle."""
        home: NDArray[np.int16] = self._home[np.arange(self.size) % self._number]
        return home

    def _make(self, day: int) -> DayTrips:
        date = self.calendar.start.date() + timedelta(days=day)
        bounds_ms = [
            round(self.calendar.elapsed_h(each, 0.0) * MS_PER_H)
            for each in (date, date + timedelta(days=1))
        ]
        begin, end = np.searchsorted(self._trips["departs_ms"], bounds_ms).tolist()
        here = {name: values[begin:end] for name, values in self._trips.items()}
        group = here.pop("group")
        number = _rank(group)
        # Each vehicle of the fleet that follows that of the sessions.
        copies = np.maximum(-(-(self.joined(day) - group) // self._number), 0)
        rows = np.repeat(np.arange(len(group)), copies)
        turn = np.arange(len(rows)) - np.repeat(np.cumsum(copies) - copies, copies)
        vehicle = group[rows] + turn * self._number
        order = np.lexsort((vehicle, number[rows]))
        rows = rows[order]
        return TripTable(
            vehicle=vehicle[order].astype(np.intp),
            number=number[rows],
            departs_ms=here["departs_ms"][rows],
            arrives_ms=here["arrives_ms"][rows],
            origin=here["origin"][rows],
            destination=here["destination"][rows],
            km=here["km"][rows],
            # A measured session is one in which the vehicle charges, whenever that is.
            night_follows=np.ones(len(rows), dtype=np.bool_),
            next_km=here["next_km"][rows],
        )


def _rank(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of its group each row is, from 0."""
    order = np.argsort(group, kind="stable")
    new = np.flatnonzero(np.diff(group[order], prepend=-1) != 0)
    sizes = np.diff(np.append(new, len(group)))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(new, sizes)
    return rank


def _next(group: NDArray[np.int64], values: FloatArray) -> FloatArray:
    """Return the value of the next row of the same group, 0 for the last."""
    order = np.argsort(group, kind="stable")
    following = np.zeros(len(group))
    same = group[order][1:] == group[order][:-1]
    following[order[:-1][same]] = values[order[1:][same]]
    return following
