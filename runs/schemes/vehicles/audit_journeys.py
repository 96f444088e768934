"""Whose battery does not reach, worked out again in the world of each strategy."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.reference.journeys import Able, JourneyStep, PlainJourneys
from hmesh.runs.audits.reference.whereabouts import TripMade
from hmesh.runs.audits.run_inputs import EXACT
from hmesh.runs.audits.table_reader import Columns, DamagedTableError, TableReader
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.vehicles.audit_inputs import VehicleRunInputs
from hmesh.runs.schemes.vehicles.section import on_the_way

HOUR_MS = 3_600_000
_STOPS = ("vehicle", "community", "charger", "arrives", "plug_in", "plug_out", "energy_kwh")
_CHANGED = (
    "step", "vehicle", "departs", "arrives", "made", "departs_late_h", "late_h", "stops",
    "departed", "arrived",
)  # fmt: skip


class JourneyAudit:
    """Follows the journeys of all vehicles under every strategy.

    Parameters
    ----------
    run, inputs, fleet : Run, VehicleRunInputs, dict of array
        The run, what its scenario settles, and the columns of fleet.parquet.
    out : array of bool, shape (steps, communities)
        Which communities are without supply.

    Attributes
    ----------
    not_made, stopped, late_h, way_kwh : array, shape (steps, strategies)
        Trips not made, stops, hours late and energy charged on the way.
    way_of_community : array, shape (steps, strategies, communities)
        That energy by community.
    """

    def __init__(
        self, run: Run, inputs: VehicleRunInputs, fleet: Columns, out: NDArray[np.bool_]
    ) -> None:
        self.inputs, self._fleet, self._out = inputs, fleet, out
        setting = inputs.of_scheme("vehicles")
        communities = list(inputs.scenario.communities.values())
        kinds = [
            [(k.name, float(k.power_kw or 0.0)) for k in each.fast_chargers
             for _ in range(k.count or 0)]
            for each in communities
        ]  # fmt: skip
        names = list(dict.fromkeys(name for plugs in kinds for name, _ in plugs))
        self._names = [[names.index(name) for name, _ in plugs] for plugs in kinds]
        power = {m: [kw for _, kw in plugs] for m, plugs in enumerate(kinds) if plugs}
        able = self._able()
        strategies = range(len(inputs.strategies))
        self._plain = [PlainJourneys(able, power, setting.ways.between) for _ in strategies]
        shape = inputs.steps, len(inputs.strategies)
        self.not_made, self.stopped, self.late_h, self.way_kwh = np.zeros((4, *shape))
        self.way_of_community = np.zeros((*shape, len(communities)))
        by = {"strategy": inputs.strategies}
        places = by | {"community": inputs.communities, "charger": names}
        self._tables = {
            "stops": (
                TableReader(run, "stops", places, inputs.start_ms),
                Tally("stops: at fast chargers, as batteries and queues have it", EXACT),
            ),
            "changed_trips": (
                TableReader(run, "changed_trips", by, inputs.start_ms),
                Tally("changed_trips: late or not made, as batteries have it", EXACT),
            ),
        }
        self._due: dict[str, list[tuple[float, ...]]] = {"stops": [], "changed_trips": []}

    def _able(self) -> list[Able]:
        """Return what each vehicle can do, by its group."""
        scenario, fleet = self.inputs.scenario, self._fleet
        given = [
            scenario.travel if group.travel is None else group.travel
            for group in scenario.vehicles.every
        ]
        curves = [group.charging_curve for group in scenario.vehicles.every]
        able = []
        for vehicle, group in enumerate(np.maximum(fleet["group"], 0).tolist()):
            keys = given[group].charge_on_the_way
            capacity = float(fleet["capacity_kwh"][vehicle])
            able.append(
                Able(
                    keys is not None,
                    np.inf if keys is None or keys.most_kw is None else keys.most_kw,
                    0.1 if keys is None else keys.margin,
                    float(fleet["consumption_kwh_per_km"][vehicle]),
                    float(fleet["soc_max"][vehicle]) * capacity,
                    capacity,
                    float(fleet["charge_efficiency"][vehicle]),
                    curves[group],
                )
            )
        return able

    def step(
        self,
        s: int,
        step: int,
        span: tuple[int, int],
        trips: Mapping[int, Sequence[TripMade]],
        soc: FloatArray,
        place: NDArray[np.int64],
    ) -> JourneyStep:
        """Follow a step under a strategy; `trips` are those meant that touch it."""
        meant = {
            vehicle: [trip for trip in its if span[0] <= trip.departs_ms < span[1]]
            for vehicle, its in trips.items()
        }
        held = (soc * self._fleet["capacity_kwh"]).tolist()
        dark = set(np.flatnonzero(self._out[step]).tolist())
        reported = self._plain[s].step(
            span, {v: its for v, its in meant.items() if its}, held, place.tolist(), dark
        )
        self.not_made[step, s] = sum(row[3] < 0 for row in reported.changed)
        self.stopped[step, s] = sum(event[0] == "stops" for event in reported.events)
        self.late_h[step, s] = reported.late_ms / HOUR_MS
        for each in reported.at_stop.values():
            self.way_kwh[step, s] += each.drawn_kwh
            if each.place >= 0:
                self.way_of_community[step, s, each.place] += each.drawn_kwh
        for vehicle, at, plug, *moments, drawn in reported.stops:
            hours = [moment / HOUR_MS for moment in moments]
            self._due["stops"].append((s, vehicle, at, self._names[at][plug], *hours, drawn))
        if step == self.inputs.steps - 1:
            for vehicle, at, plug, arrived, since, drawn in self._plain[s].open_stops():
                hours = [arrived / HOUR_MS, since / HOUR_MS, np.nan]
                self._due["stops"].append((s, vehicle, at, self._names[at][plug], *hours, drawn))
        for vehicle, departs, arrives, sets_out, arrived, stops in reported.changed:
            made = sets_out >= 0
            times = (departs / HOUR_MS, arrives / HOUR_MS)
            late = ((sets_out - departs) / HOUR_MS, (arrived - arrives) / HOUR_MS)
            late = late if made else (np.nan, np.nan)
            actual = (sets_out / HOUR_MS, arrived / HOUR_MS) if made else (np.nan, np.nan)
            row = (s, step, vehicle, *times, float(made), *late, stops, *actual)
            self._due["changed_trips"].append(row)
        return reported

    def compare(self, step: int) -> None:
        """Compare the tables with what has been found up to a step."""
        for name, names, by in (
            ("stops", _STOPS, "plug_out"), ("changed_trips", _CHANGED, "step"),
        ):  # fmt: skip
            reader, tally = self._tables[name]
            before = step if by == "step" else step * self.inputs.step_h - 1e-9
            rows = reader.before(by, before)
            found = np.column_stack(
                [rows[each].astype(np.float64) for each in ("strategy", *names)]
            )
            wanted = np.array(self._due[name], dtype=np.float64).reshape(-1, 1 + len(names))
            found, wanted = (
                each[np.lexsort(np.round(each, 9)[:, ::-1].T)]
                for each in (np.nan_to_num(rows, nan=-1.0) for rows in (found, wanted))
            )
            common = min(len(found), len(wanted))
            off = np.abs(found[:common] - wanted[:common]).max(axis=1, initial=0.0)
            more = np.full(abs(len(found) - len(wanted)), np.inf)
            tally.add(np.concatenate((off, more)), lambda at: f"row {at[0]}", None)
            self._due[name] = []

    def checks(self) -> Iterator[Check]:
        """Return what was found."""
        for name, (reader, tally) in self._tables.items():
            if len(reader.rest()["vehicle"]):
                raise DamagedTableError(name, "there are rows after the run")
            yield tally.check()


def stopping(inputs: VehicleRunInputs, fleet: Columns) -> NDArray[np.bool_] | None:
    """Return which vehicles stop or stay where their battery does not reach; None if none does."""
    if not on_the_way(inputs.scenario):
        return None
    groups = inputs.scenario.vehicles.every
    given = [inputs.scenario.travel if each.travel is None else each.travel for each in groups]
    stops = np.array([travel.charge_on_the_way is not None for travel in given])
    found: NDArray[np.bool_] = stops[np.maximum(fleet["group"], 0)]
    return found
