"""Who holds a plug and who waits for one, by trips and chargers, and what is written of it."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.last_digits import DUST_KWH
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.event_rows import EventRows
from hmesh.runs.audits.reference.plugs import Kind, Visit, give_plugs
from hmesh.runs.audits.reference.whereabouts import Stay
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.vehicles.audit_habits import HabitAudit
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs

HOUR_MS = 3_600_000
_SESSION = ("vehicle", "community", "charger", "arrives", "plug_in", "plug_out", "energy_kwh",
            "delivered_kwh")  # fmt: skip

type PerStay = list[tuple[int, int | None]]


class PlugAudit:
    """Follows the plugs of all vehicles under every strategy.

    Parameters
    ----------
    run, inputs, fleet : Run, VehicleRunInputs, dict of array
        The run, what its scenario settles, and the columns of fleet.parquet.

    Attributes
    ----------
    kinds : list of list of Kind
        The chargers of each community; none where every vehicle has a plug.
    without_plug, waiting_h : array, shape (steps, strategies)
        Vehicles that find no plug in a step, and time waited.
    """

    def __init__(self, run: Run, inputs: VehicleRunInputs, fleet: Columns) -> None:
        self.inputs, self._fleet = inputs, fleet
        given = [each.parking_chargers for each in inputs.scenario.communities.values()]
        self.kinds = [
            [
                Kind(
                    np.inf if kind.count is None else kind.count,
                    np.inf if kind.power_kw is None else kind.power_kw,
                    (np.inf if kind.power_kw is None else kind.power_kw) if kind.v2g else 0.0,
                    kind.queue == "fifo",
                    kind.move_when_full,
                )
                for kind in kinds
            ]
            for kinds in given
        ]
        names = list(dict.fromkeys(kind.name for kinds in given for kind in kinds))
        self._names = [[names.index(kind.name) for kind in kinds] for kinds in given]
        strategies = range(len(inputs.strategies))
        self._plug: list[dict[int, int]] = [{} for _ in strategies]
        self._asks: list[dict[int, int]] = [{} for _ in strategies]
        shape = len(inputs.strategies), inputs.recorded
        self._arrived, self._since = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._drawn, self._sold = np.zeros(shape), np.zeros(shape)
        self.without_plug, self.waiting_h = np.zeros((2, inputs.steps, len(inputs.strategies)))
        self._sessions: list[tuple[float, ...]] = []
        self._events: EventRows | None = None
        if inputs.scenario.record.events:
            self._events = EventRows(run, inputs, "vehicle", "as trips, chargers and habits do")
        self._ending: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
        by = {"strategy": inputs.strategies, "community": inputs.communities}
        self._tables: dict[str, tuple[TableReader, Tally]] = {}
        record = inputs.scenario.record
        for name, there, coded in (
            ("chargers", any(self.kinds), by),
            ("sessions", record.sessions, by | {"charger": names}),
        ):
            if there:
                title = f"{name}: as trips, chargers and exchange have it"
                reader = TableReader(run, name, coded, inputs.start_ms)
                self._tables[name] = (reader, Tally(title, EXACT))
        self._columns: dict[tuple[int, int, int], tuple[float, ...]] = {}

    def arrive(
        self,
        vehicles: Sequence[int],
        places: NDArray[np.int64],
        at_ms: int,
        habits: HabitAudit | None = None,
    ) -> None:
        """Let vehicles be where they begin, and ask for a plug, those that plug in by habit."""
        for s in range(len(self.inputs.strategies)):
            for vehicle in vehicles:
                self._arrived[s, vehicle] = self._since[s, vehicle] = at_ms
                wants = habits is None or habits.plugs_in[s, vehicle]
                if wants and places[vehicle] >= 0 and self.kinds[places[vehicle]]:
                    self._asks[s][vehicle] = at_ms

    def step(
        self,
        s: int,
        step: int,
        span: tuple[int, int],
        place: NDArray[np.int64],
        stays: Mapping[int, list[Stay]],
        soc: FloatArray,
        wants: Mapping[int, Sequence[bool]],
    ) -> tuple[dict[int, PerStay], dict[int, tuple[int, int]]]:
        """Follow a step under a strategy.

        Parameters
        ----------
        s, step, span : int, int, (int, int)
            The strategy and the step by their numbers, and when the step begins and ends [ms].
        place : array of int
            Where every vehicle is as the step begins.
        stays : mapping of int to list of Stay
            The stays of those that drive in the step, or arrive as it begins.
        soc : array
            State of charge of every vehicle as the step begins.
        wants : mapping of int to sequence of bool
            In which stays each wants to be plugged in; in all where it is not named.

        Returns
        -------
        driving : dict of int to list of (int, int or None)
            How long each of those is plugged in during each stay [ms], and at which kind.
        waiting : dict of int to (int, int)
            The same of those that get a plug after waiting where they are.
        """
        begin, end = span
        self._place = place
        self._ending = {}
        self._leave_when_full(s, place, soc, begin)
        nothing: tuple[int, int | None] = (0, None)
        found = {v: [nothing for _ in its] for v, its in stays.items()}
        waiting: dict[int, tuple[int, int]] = {}
        visits: dict[int, list[tuple[Visit, int, int]]] = {}
        for vehicle, its in stays.items():
            for number, stay in enumerate(its):
                wanted = vehicle not in wants or wants[vehicle][number]
                if not self.kinds[stay.place]:
                    length = stay.ends_ms - stay.begins_ms if wanted else 0
                    found[vehicle][number] = (length, None)
                    continue
                if stay.arrives and not wanted:
                    continue
                plug = None if stay.arrives else self._plug[s].get(vehicle)
                asks = stay.begins_ms if stay.arrives else self._asks[s].get(vehicle)
                if plug is not None or asks is not None:
                    visit = Visit(vehicle, stay.begins_ms, stay.ends_ms, stay.leaves, plug, asks)
                    visits.setdefault(stay.place, []).append((visit, vehicle, number))
        for vehicle, asks in self._asks[s].items():
            if vehicle not in stays:
                visit = Visit(vehicle, begin, end, False, None, asks)
                visits.setdefault(int(place[vehicle]), []).append((visit, vehicle, -1))
        outcome: dict[tuple[int, int], Visit] = {}
        for m, kinds in enumerate(self.kinds):
            mine = visits.get(m, [])
            held = [v for v, _ in self._plug[s].items() if place[v] == m and v not in stays]
            others = [sum(self._plug[s][v] == kind for v in held) for kind in range(len(kinds))]
            new = [v for v, _, _ in mine if v.plug is None and (v.asks_ms or 0) >= begin]
            give_plugs([each[0] for each in mine], kinds, others, begin)
            taken = len(held) * (end - begin)
            for visit, vehicle, number in mine:
                outcome[vehicle, number] = visit
                length = 0 if visit.from_ms is None else visit.ends_ms - visit.from_ms
                taken += length
                if number >= 0:
                    found[vehicle][number] = (length, visit.plug)
                elif visit.plug is not None:
                    waiting[vehicle] = length, visit.plug
            if kinds:
                waits = sum(each[0].waited_ms for each in mine)
                lacking = sum(each.plug is None for each in new)
                self.without_plug[step, s] += lacking
                self.waiting_h[step, s] += waits / HOUR_MS
                row = (taken / (end - begin), waits / (end - begin), len(new), lacking)
                self._columns[step, s, m] = row
        self._go_on(s, stays, found, outcome, span, wants)
        return found, waiting

    def _leave_when_full(self, s: int, place: NDArray[np.int64], soc: FloatArray, at: int) -> None:
        capacity, highest = self._fleet["capacity_kwh"], self._fleet["soc_max"]
        for vehicle, kind in list(self._plug[s].items()):
            full = (highest[vehicle] - soc[vehicle]) * capacity[vehicle] <= DUST_KWH
            if self.kinds[place[vehicle]][kind].move_when_full and full:
                self._end(s, vehicle, int(place[vehicle]), kind, at, -2)
                self.close(s, vehicle, -1, 0.0)
                del self._plug[s][vehicle]

    def _end(
        self, s: int, vehicle: int, place: int, plug: int | None, at: int, number: int
    ) -> None:
        """End a session; what it exchanges in the step is added by `close`."""
        since, arrived = int(self._since[s, vehicle]), int(self._arrived[s, vehicle])
        name = -1 if plug is None else self._names[place][plug]
        row = (s, vehicle, place, name, arrived / HOUR_MS, since / HOUR_MS, at / HOUR_MS)
        energies = (self._drawn[s, vehicle], self._sold[s, vehicle])
        self._drawn[s, vehicle] = self._sold[s, vehicle] = 0.0
        self._ending.setdefault(vehicle, []).append((number, (*row, *energies)))
        self._note(s, at, "unplugs", vehicle, place, (at - since) / HOUR_MS)

    def _note(self, s: int, at: int, kind: str, vehicle: int, place: int, value: float) -> None:
        if self._events is not None:
            self._events.note(s, kind, at, vehicle, place, value)

    def _go_on(
        self,
        s: int,
        stays: Mapping[int, list[Stay]],
        found: dict[int, PerStay],
        outcome: dict[tuple[int, int], Visit],
        span: tuple[int, int],
        wants: Mapping[int, Sequence[bool]],
    ) -> None:
        """Begin and end sessions, one vehicle and stay after another."""
        for vehicle, its in stays.items():
            held = self._plug[s].pop(vehicle, None)
            self._asks[s].pop(vehicle, None)
            for number, stay in enumerate(its):
                length, plug = found[vehicle][number]
                limited = bool(self.kinds[stay.place])
                visit = outcome.get((vehicle, number))
                if stay.arrives:
                    self._arrived[s, vehicle] = stay.begins_ms
                wanted = vehicle not in wants or wants[vehicle][number]
                old = not stay.arrives and (held is not None if limited else wanted)
                if not old and length > 0:
                    since = stay.ends_ms - length
                    self._since[s, vehicle] = since
                    waited = (since - int(self._arrived[s, vehicle])) / HOUR_MS
                    self._note(s, since, "plugs_in", vehicle, stay.place, waited)
                late = visit is not None and visit.asks_ms is not None and visit.waited_ms > 0
                late = late or (visit is not None and visit.asks_ms is not None and length == 0)
                if stay.arrives and late:
                    self._note(s, stay.begins_ms, "queues", vehicle, stay.place, 0.0)
                if stay.leaves and (old or length > 0):
                    self._end(s, vehicle, stay.place, plug, stay.ends_ms, number)
                if not stay.leaves and stay.ends_ms == span[1] and limited:
                    if plug is not None:
                        self._plug[s][vehicle] = plug
                    elif visit is not None and visit.asks_ms is not None:
                        self._asks[s][vehicle] = visit.asks_ms
        for (vehicle, number), visit in outcome.items():
            if number >= 0:
                continue
            if visit.plug is not None and visit.from_ms is not None:
                del self._asks[s][vehicle]
                self._plug[s][vehicle] = visit.plug
                self._since[s, vehicle] = visit.from_ms
                at = visit.from_ms
                waited = (at - int(self._arrived[s, vehicle])) / HOUR_MS
                self._note(s, at, "plugs_in", vehicle, int(self._place[vehicle]), waited)
            elif visit.asks_ms is None:
                del self._asks[s][vehicle]

    def close(self, s: int, vehicle: int, market_stay: int, exchange_kwh: float) -> None:
        """Add what a vehicle that drives exchanges in the step to the session it belongs to."""
        in_market = False
        for number, row in self._ending.pop(vehicle, []):
            drawn, sold = row[-2:]
            if number == market_stay:
                in_market = True
                drawn, sold = drawn + max(exchange_kwh, 0.0), sold + max(-exchange_kwh, 0.0)
            self._sessions.append((*row[:-2], drawn, sold))
        if not in_market:
            self._drawn[s, vehicle] += max(exchange_kwh, 0.0)
            self._sold[s, vehicle] += max(-exchange_kwh, 0.0)

    def exchange(self, s: int, exchange_kwh: FloatArray, driving: Mapping[int, object]) -> None:
        """Add what the vehicles exchange that do not drive to their sessions."""
        others = np.ones(len(exchange_kwh), dtype=np.bool_)
        others[list(driving)] = False
        self._drawn[s, others] += np.maximum(exchange_kwh[others], 0.0)
        self._sold[s, others] += np.maximum(-exchange_kwh[others], 0.0)

    def note(self, s: int, kind: str, at: int, vehicle: int, place: int, value: float) -> None:
        """Note an event of a vehicle on its way."""
        self._note(s, at, kind, vehicle, place, value)

    def leave_open(self, s: int, place: NDArray[np.int64], wants: NDArray[np.bool_] | None) -> None:
        """Keep the sessions as rows that go on as the run ends."""
        for vehicle, there in enumerate(place.tolist()):
            if there < 0:
                continue
            kind = self._plug[s].get(vehicle)
            limited = bool(self.kinds[there])
            if kind is None if limited else wants is not None and not wants[vehicle]:
                continue
            name = -1 if kind is None else self._names[there][kind]
            hours = (self._arrived[s, vehicle] / HOUR_MS, self._since[s, vehicle] / HOUR_MS)
            energies = (self._drawn[s, vehicle], self._sold[s, vehicle])
            self._sessions.append((s, vehicle, there, name, *hours, np.nan, *energies))

    def trips(self, s: int, at: int, kind: str, vehicle: int, place: int, km: float) -> None:
        """Note a departure or an arrival."""
        self._note(s, at, kind, vehicle, place, km)

    def plugged(self, s: int, vehicle: int, place: int) -> bool:
        """Return whether a vehicle that does not drive is plugged in."""
        return place >= 0 and (not self.kinds[place] or vehicle in self._plug[s])

    def kind_of(self, s: int, vehicle: int) -> int | None:
        """Return the kind of plug that a vehicle holds."""
        return self._plug[s].get(vehicle)

    def compare(self, first: int, last: int) -> None:
        """Compare the tables with what has been found of some steps."""
        if "chargers" in self._tables:
            reader, tally = self._tables["chargers"]
            rows = reader.before("step", last)
            keys = (rows[name].astype(int).tolist() for name in ("step", "strategy", "community"))
            names = ("plugs_taken", "waiting", "arrivals", "without_plug")
            written = {
                key: tuple(float(rows[name][k]) for name in names)
                for k, key in enumerate(zip(*keys, strict=True))
            }
            written_once = len(written)
            off = [
                max(abs(a - b) for a, b in zip(due, written.pop(key, (np.inf,) * 4), strict=True))
                for key, due in self._columns.items()
            ]
            twice = len(rows["step"]) - written_once
            tally.add(np.array([*off, *[np.inf] * (len(written) + twice)]), _row, None)
            self._columns = {}
        if self._events is not None:
            self._events.compare(last)
        if "sessions" in self._tables:
            self._hold("sessions", self._sessions, ("strategy", *_SESSION), "plug_out", last)
        self._sessions = []

    def _hold(
        self,
        table: str,
        due: list[tuple[float, ...]],
        names: tuple[str, ...],
        by: str,
        last: int,
    ) -> None:
        """Compare rows with those that are due, both in one order."""
        reader, tally = self._tables[table]
        rows = reader.before(by, last * self.inputs.step_h - 1e-9)
        found = np.column_stack([rows[name].astype(np.float64) for name in names])
        wanted = np.array(due, dtype=np.float64).reshape(-1, len(names))
        # Times are whole milliseconds on both sides.
        found, wanted = (each[np.lexsort(np.round(each, 9)[:, ::-1].T)] for each in (found, wanted))
        found, wanted = (np.nan_to_num(each, nan=-1.0) for each in (found, wanted))
        common = min(len(found), len(wanted))
        off = np.abs(found[:common] - wanted[:common]).max(axis=1, initial=0.0)
        more = np.full(abs(len(found) - len(wanted)), np.inf)
        tally.add(np.concatenate((off, more)), _row, None)

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        for name, (reader, tally) in self._tables.items():
            rest = reader.rest()
            if len(next(iter(rest.values()))):
                raise DamagedTableError(name, "there are rows after the run")
            yield tally.check()
        if self._events is not None:
            yield self._events.check()


def _row(place: tuple[int, ...]) -> str:
    return f"row {place[0]}"
