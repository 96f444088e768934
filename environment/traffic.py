"""Vehicles on the road: who departs, who arrives, where each is parked, how far it drives.

Trips begin and end at their own moment. As a step begins all that happens in it is worked out at
once, from arrays of the trips that touch it: the clock holds one event for each step and one for
each day, which name what can be made again and so can be saved. A vehicle that drives in a part
of a step is plugged in for the rest of it.
"""

import math
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.clock import Clock
from hmesh.environment.compiled import compiled_for
from hmesh.environment.drive_kernel import stay_put
from hmesh.environment.drive_pieces import drive_in_pieces
from hmesh.environment.drive_rule import drive_by_rule
from hmesh.environment.journeys import Journeys
from hmesh.environment.moments import step_moment
from hmesh.environment.plug_habits import PlugHabits
from hmesh.environment.plug_traffic import PlugTraffic
from hmesh.environment.population import Population
from hmesh.environment.row_threads import over_rows
from hmesh.environment.stays import SettingOut, Stays
from hmesh.environment.trips import TripBatch, TripSource, joined

ABSENT = -2
AFTER_DAY = 1
_NOBODY: NDArray[np.intp] = np.empty(0, dtype=np.intp)
_NOWHERE: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)


class Traffic:
    """Moves the vehicles of a fleet through their trips.

    Parameters
    ----------
    clock : Clock
        Where the next step and the next day are pending.
    calendar : Calendar
        What the clocks show.
    trips : TripSource
        The trips of every day.
    fleet : Population
        Has the columns ``capacity_kwh``, ``consumption_kwh_per_km``, ``soc_start`` (with which
        vehicles join) and ``keeps_reserve``, and these, which traffic writes. As of the end of the
        step: ``place`` (-1 on the road, -2 not yet there), ``night_now`` (in its night at home) and
        ``next_trip_km``. Of the step: ``community``, where it is plugged in longest,
        ``plugged_part``, ``driven_km``, ``km_before_plug``, ``day_finished`` (in its night at
        home), ``reserve_kwh`` (for the next trip). As a vehicle joins, ``energy_kwh``.
    keep_reserve : bool
        Whether any vehicle keeps back the energy of its next trip.
    plugs : PlugTraffic, optional
        Who holds a plug and who waits; every vehicle is plugged in where it is parked unless given.
    habits : PlugHabits, optional
        Who plugs in where it arrives; every vehicle does unless given.
    journeys : Journeys, optional
        What vehicles do whose battery does not reach; they arrive all the same unless given.

    Attributes
    ----------
    departed : list of TripBatch
        Trips that are meant to begin in this step.
    setting_out : SettingOut
        The vehicles that begin them, by vehicle and time.
    counts : Counter
        The outcome of the trips and the fleet in this step.
    joined_kwh : float
        Energy that vehicles brought which joined in this step [kWh].
    """

    def __init__(
        self,
        clock: Clock,
        calendar: Calendar,
        trips: TripSource,
        fleet: Population,
        *,
        keep_reserve: bool = False,
        plugs: PlugTraffic | None = None,
        habits: PlugHabits | None = None,
        journeys: Journeys | None = None,
    ) -> None:
        self.clock = clock
        self.calendar = calendar
        self.trips = trips
        self.fleet = fleet
        self.keep_reserve = keep_reserve
        self.plugs = plugs
        self.habits = habits
        self.journeys = journeys
        self.supply_out: Callable[[], NDArray[np.bool_]] = lambda: _NOWHERE
        self._under_way: list[TripBatch] = []
        self._drove = _NOBODY
        self._drivers: NDArray[np.intp] | None = None
        self._step = -1
        self.end_step()
        clock.on("day", self._begin_day)
        clock.on("traffic", self._begin_step)

    def end_step(self) -> None:
        """Forget what happened in this step."""
        self.departed: list[TripBatch] = []
        self.setting_out = SettingOut.nobody()
        self.counts: Counter[str] = Counter()
        self.joined_kwh = 0.0
        if self.plugs is not None:
            self.plugs.forget()
        if self.journeys is not None:
            self.journeys.forget()

    @property
    def vehicles_there(self) -> int:
        """How many vehicles there are by now: the first rows of the fleet."""
        if self.trips.growth is None:
            return len(self.fleet)
        return int(np.count_nonzero(self.fleet["community"] != ABSENT))

    def begin(self) -> None:
        """Park every vehicle where it is at the start of the run."""
        today = self.trips.day(0)
        self._park(0, self.trips.joined(0), 0)
        for name in ("community", "place"):
            self.fleet[name][self.trips.joined(0) :] = ABSENT
        for batch in today.departing(-math.inf, 0):
            for name in ("community", "place"):
                self.fleet[name][batch.vehicles] = batch.destination
            for name in ("day_finished", "night_now"):
                self.fleet[name][batch.vehicles] = batch.night_follows
            self._await(batch.vehicles, batch.next_km)
        parked = np.flatnonzero(self.fleet["community"] >= 0)
        self._choose(parked, 0)
        if self.plugs is not None:
            self.plugs.arrive(parked, 0)
        self.clock.schedule(0.0, "day", 0)
        self.clock.schedule(0.0, "traffic", 0, priority=AFTER_DAY)

    def _park(self, first: int, end: int, day: int) -> None:
        """Park rows of the fleet where they are as a day begins."""
        rows = slice(first, end)
        for name in ("community", "place"):
            self.fleet[name][rows] = self.trips.parked_at(day)[rows]
        # Vehicles that drive today have not come home yet, and plug in after today's trips.
        for name in ("day_finished", "night_now"):
            self.fleet[name][rows] = self.trips.home_at(day)[rows]
        for batch in self.trips.day(day).first():
            new = batch.where((batch.vehicles >= first) & (batch.vehicles < end))
            for name in ("day_finished", "night_now"):
                self.fleet[name][new.vehicles] = False
            self._await(new.vehicles, new.km)

    @property
    def drivers(self) -> NDArray[np.intp]:
        """Rows of the vehicles that drive in the step, ascending."""
        if self._drivers is not None:
            return self._drivers
        driving: NDArray[np.bool_] = self.fleet["driven_km"][self._drove] > 0
        return self._drove[driving]

    def _begin_day(self, day: int) -> None:
        """Let vehicles know the first trip of a day, and join on it; the next day is pending."""
        today = self.trips.day(day)
        if day > 0:
            for batch in today.first():
                self._await(batch.vehicles, batch.km)
            self._join(day)
        self.counts.update(today.counts)
        self.clock.schedule(self.opens(day + 1) * self.calendar.step_h, "day", day + 1)

    def opens(self, day: int) -> int:
        """Return the step in which a day begins."""
        date = self.calendar.start.date() + timedelta(days=day)
        # A trip soon after midnight may belong to a step that begins before it.
        return math.floor(self.calendar.elapsed_h(date, 0.0) / self.calendar.step_h + 1e-9)

    def _join(self, day: int) -> None:
        """Let the vehicles join whose first day it is, with the energy that they bring."""
        if self.trips.growth is None:
            return
        first, end = self.trips.joined(day - 1), min(self.trips.joined(day), len(self.fleet))
        if first >= end:
            return
        self._park(first, end, day)
        brought = self.fleet["soc_start"][first:end] * self.fleet["capacity_kwh"][first:end]
        self.fleet["energy_kwh"][first:end] = brought
        self._choose(np.arange(first, end), self.opens(day))
        if self.plugs is not None:
            begins = step_moment(self.opens(day), self.calendar.step_h)
            self.plugs.arrive(np.arange(first, end), begins)
        self.joined_kwh += float(brought.sum())
        self.counts["vehicles_joined"] += end - first

    def _begin_step(self, step: int) -> None:
        """Work out what happens in a step; the next one is pending."""
        step_h = self.calendar.step_h
        begin, end = step_moment(step, step_h), step_moment(step + 1, step_h)
        if step != self._step + 1:
            self._go_on(step, begin)
        self._step = step
        self._drivers = None
        self._settle(self._drove)
        if self.plugs is not None:
            self.plugs.leave_when_full(begin)
        days = self._days(step)
        self.departed = [
            batch
            for day in days
            for batch in self.trips.day(day).departing(max(begin, 0), end)
            if len(batch.vehicles)
        ]
        setting_out = self.departed
        if self.journeys is not None:
            setting_out = self._journey(begin, end)
        trips = [*self._under_way, *setting_out]
        if trips:
            self._under_way = _still_under_way(trips, end)
            self._drive(trips, begin, end)
        else:
            self._drove, self.setting_out = _NOBODY, SettingOut.nobody()
            if self.plugs is not None:
                self.plugs.serve(_NOBODY, Stays.nowhere(), begin, end)
                self.plugs.exchange_at(_NOBODY)
        if self.journeys is not None:
            self.journeys.under_way = joined(self._under_way) if self._under_way else None
            self._keep_for_the_way()
            self._drove = np.union1d(self._drove, self.journeys.mark(end))
        if self.plugs is not None:
            # Plugs become free: who waits is looked at again in every step.
            part = self.fleet["plugged_part"]
            waited = np.flatnonzero((part != 1.0) & (self.fleet["place"] >= 0))
            self._drove = np.union1d(self._drove, waited)
        self.clock.schedule((step + 1) * step_h, "traffic", step + 1, priority=AFTER_DAY)

    def _journey(self, begin: int, end: int) -> list[TripBatch]:
        """Return the drives that begin in a step by how far batteries reach."""
        assert self.journeys is not None
        under_way = joined(self._under_way) if self._under_way else None
        drives = self.journeys.drive(self.departed, under_way, begin, end, self.supply_out())
        self.counts.update(self.journeys.counts)
        if self.plugs is not None:
            for kind, *of_one, value in self.journeys.noted:
                at, vehicle, place = (np.array([each]) for each in of_one)
                self.plugs.note(kind, at, vehicle, place, np.array([value]))
        return drives

    def _keep_for_the_way(self) -> None:
        """Let vehicles not sell what the drives take on which they set out in the step."""
        assert self.journeys is not None
        out = self.setting_out
        rows = out.vehicles[out.after_plug]
        used = self.fleet["consumption_kwh_per_km"][rows]
        kept = np.bincount(rows, out.km[out.after_plug] * used, len(self.fleet))
        rows = np.unique(rows)
        rows = rows[self.journeys.ability.stops[rows]]
        self.fleet["reserve_kwh"][rows] = np.maximum(self.fleet["reserve_kwh"][rows], kept[rows])

    def _days(self, step: int) -> range:
        """Return the days whose trips may touch a step."""
        today = self.calendar.day_of(step)
        while self.opens(today + 1) <= step:
            today += 1
        return range(max(today - self.trips.days_kept, 0), today + 1)

    def _go_on(self, step: int, begin: int) -> None:
        """Find who was on the road in the step before, from columns and the trips of the days."""
        fleet = self.fleet
        drove = (fleet["driven_km"] > 0) | (fleet["community"] != fleet["place"])
        self._drove = np.flatnonzero(drove | (fleet["plugged_part"] != 1.0))
        under_way = [
            batch.where(np.broadcast_to(batch.arrives_ms, batch.vehicles.shape) >= begin)
            for day in self._days(max(step - 1, 0))
            for batch in self.trips.day(day).departing(0, begin)
        ]
        if self.journeys is not None:
            under_way = [] if self.journeys.under_way is None else [self.journeys.under_way]
        self._under_way = [batch for batch in under_way if len(batch.vehicles)]

    def _settle(self, rows: NDArray[np.intp]) -> None:
        """Let vehicles that drove in the step before stay where they are."""
        fleet = self.fleet
        if self._by_kernel(len(rows)):
            names = (
                "community", "place", "day_finished", "night_now", "plugged_part", "driven_km",
                "km_before_plug",
            )  # fmt: skip
            columns = [fleet[name] for name in names]
            over_rows(lambda some: stay_put(some, *columns), rows)
            self._reserve(rows, fleet["next_trip_km"][rows] if self.keep_reserve else 0.0)
            return
        fleet["community"][rows] = fleet["place"][rows]
        fleet["day_finished"][rows] = fleet["night_now"][rows]
        if self.plugs is not None:
            self.plugs.settle(rows)
        else:
            plugs_in = 1.0 if self.habits is None else fleet["plugs_in"][rows]
            fleet["plugged_part"][rows] = plugs_in
        fleet["driven_km"][rows] = 0.0
        fleet["km_before_plug"][rows] = 0.0
        self._reserve(rows, fleet["next_trip_km"][rows])

    def _by_kernel(self, rows: int) -> bool:
        """Return whether a kernel moves so many vehicles; none follows plugs, habits and stops."""
        follows = (self.plugs, self.habits, self.journeys)
        return all(each is None for each in follows) and compiled_for(rows)

    def _drive(self, trips: list[TripBatch], begin: int, end: int) -> None:
        """Let the vehicles drive that are on the road in a part of a step."""
        if self._by_kernel(sum(len(batch.vehicles) for batch in trips)):
            moves = drive_in_pieces(self.fleet, trips, begin, end)
        else:
            followed = self.plugs, self.habits, self._step
            moves = drive_by_rule(self.fleet, joined(trips), begin, end, *followed)
        self._drove, self._drivers, self.setting_out = moves.rows, moves.drivers, moves.setting_out
        self._reserve(moves.rows, moves.ahead_km)

    def _choose(self, rows: NDArray[np.intp], step: int) -> None:
        """Let vehicles plug in or not where they are as the run begins, or as they join."""
        if self.habits is not None:
            self.habits.settle(rows, step)
            self.fleet["plugged_part"][rows] = self.fleet["plugs_in"][rows]

    def _await(self, rows: NDArray[np.intp], km: float | FloatArray) -> None:
        """Let vehicles know the length of the trip that comes next, and keep its energy back."""
        self.fleet["next_trip_km"][rows] = km
        self._reserve(rows, km)

    def _reserve(self, rows: NDArray[np.intp], km: float | FloatArray) -> None:
        """Let vehicles keep back the energy of a trip in this step."""
        if self.keep_reserve:
            used = km * self.fleet["consumption_kwh_per_km"][rows]
            keeps = self.fleet["keeps_reserve"][rows]
            self.fleet["reserve_kwh"][rows] = np.where(keeps, used, 0.0)


def _still_under_way(trips: list[TripBatch], end: int) -> list[TripBatch]:
    """Return the trips of some batches that do not arrive before the end of a step."""
    late: list[TripBatch] = []
    for batch in trips:
        if isinstance(batch.arrives_ms, np.ndarray):
            batch = batch.where(np.flatnonzero(batch.arrives_ms >= end))
        elif batch.arrives_ms < end:
            continue
        if len(batch.vehicles):
            late.append(batch)
    return late
