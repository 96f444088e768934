"""The rounds and windows of a run, laid out again from the clock of each day."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.audits.audit_report import Check, Tally
from hmesh.runs.audits.event_rows import HOUR_MS, EventRows
from hmesh.runs.audits.events_in_force import lost_parts
from hmesh.runs.audits.reference.school_hours import SchoolHours
from hmesh.runs.audits.reference.school_yard import (
    RoundParts,
    round_lengths,
    round_parts,
    rounds_of_day,
)
from hmesh.runs.audits.run_inputs import EXACT, RunInputs
from hmesh.runs.audits.table_reader import Columns
from hmesh.runs.results.run_reader import Run
from hmesh.runs.schemes.school_buses.demand_forecast import UtilityForecast
from hmesh.runs.schemes.school_buses.section import BLOCK_TABLES, SchoolBuses
from hmesh.runs.schemes.school_buses.setting import SchoolSetting
from hmesh.runs.world.dataset_files import load_dataset


def _blocks_of(inputs: RunInputs, folder: str) -> list[dict[str, Any]]:
    """Return the blocks of a dataset that are of the services of the school terms."""
    columns = (
        load_dataset(inputs.scenario.path_of(folder), BLOCK_TABLES).records["bus_blocks"].columns
    )
    terms = inputs.scenario.school_terms
    services = terms.services if terms is not None else ()
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    blocks = [dict(zip(columns, row, strict=True)) for row in rows]
    return [block for block in blocks if not services or block["service_id"] in services]


def used_as_forecast(inputs: RunInputs, hours: Columns) -> bool:
    """Return whether members use what was forecast: nothing that is not forecast moves it."""
    scenario = inputs.scenario
    noise = scenario.chance.demand_noise
    groups = [group for each in scenario.communities.values() for group in each.members]
    return not (
        any(value is not None for _, value in noise)
        or any(getattr(group, "elasticity", None) is not None for group in groups)
        or np.any(lost_parts(scenario))
        or scenario.grid.shed
        or np.any(hours["generation_kwh"])
    )


def forecast_of_demand(inputs: RunInputs, hours: Columns, forecast: UtilityForecast) -> Check:
    """Compare the demand that the utility expects with what members use."""
    tally = Tally("schools: demand is forecast as members use it", EXACT, "of the demand")
    used = hours["fixed_load_kwh"].sum(axis=2)
    due = forecast.demand_kwh(range(inputs.steps))[:, None]
    off = np.abs(used - due) / np.maximum(np.abs(used), 1.0)
    label = inputs.places.label("")
    tally.add(off[:, :, None], label)
    return tally.check()


class Timetable:
    """The rounds of the school buses of a run, day by day.

    Parameters
    ----------
    inputs, rules : RunInputs, SchoolBuses
        What the scenario settles.

    Attributes
    ----------
    rounds : list of (int, int)
        When each begins and ends, from the start of the run [ms].
    round_km : array, or None
        Length of a round of each bus [km]; None where no blocks state it.
    """

    def __init__(self, inputs: RunInputs, rules: SchoolBuses) -> None:
        self.inputs, self.rules = inputs, rules
        self._hours = rules.rounds
        self.round_km: FloatArray | None = None
        if rules.blocks is not None:
            blocks = _blocks_of(inputs, rules.blocks)
            self._hours = rounds_of_day([(each["departs"], each["arrives"]) for each in blocks])
            driven = [(str(each.get("bus", each["block"])), each["km"]) for each in blocks]
            lengths = round_lengths(driven, len(self._hours), rules.bus_count)
            self.round_km = np.array(lengths)
        self._end = round(inputs.steps * inputs.step_h * HOUR_MS)
        self.rounds = [span for day in self._days(-1) for span in self._rounds_on(day)]
        self._backs = [back for _, back in self.rounds]
        self._leaves = [leaves for leaves, _ in self.rounds]

    def _days(self, first: int) -> Iterator[int]:
        yield from range(first, self.inputs.calendar.day_of(self.inputs.steps - 1) + 1)

    def _at(self, day: int, hour: float) -> int:
        """Return when the clock shows an hour of a day [ms]."""
        date = self.inputs.calendar.start.date() + timedelta(days=day)
        return round(self.inputs.calendar.elapsed_h(date, hour) * 3600) * 1000

    def _rounds_on(self, day: int) -> Iterator[tuple[int, int]]:
        date = self.inputs.calendar.start.date() + timedelta(days=day)
        if self.inputs.calendar.is_school_day(date):
            for leaves, back in self._hours:
                later = 24.0 if back < leaves else 0.0
                yield self._at(day, leaves), self._at(day, back + later)

    def at(self, step: int) -> RoundParts:
        """Return what a step is to buses that drive rounds."""
        begin, end = (round(s * self.inputs.step_h * HOUR_MS) for s in (step, step + 1))
        first, last = bisect_right(self._backs, begin), bisect_left(self._leaves, end)
        return round_parts(self.rounds[first:last], begin, end)

    def hours(self, setting: SchoolSetting) -> SchoolHours:
        """Return when buses charge and the utility needs help, by the demand that is forecast."""
        calendar, steps = self.inputs.calendar, range(self.inputs.steps)
        return SchoolHours(
            [calendar.hour_of_day(step) for step in steps],
            [calendar.day_of(step) for step in steps],
            self.inputs.step_h,
            self.rules.charging_window,
            self.rounds,
            lambda step: float(setting.forecast.demand_kwh([step])[0]),
            self.rules.critical.base_kw,
            self.rules.critical.share_of_peak,
        )

    def events(self, run: Run, setting: SchoolSetting) -> Iterator[Check]:
        """Compare the events of buses and windows with the timetable and the forecast."""
        buses = EventRows(run, self.inputs, "bus", "as their timetable has them")
        strategies = range(len(self.inputs.strategies))
        drawn = setting.buses["round_km"]
        km = (drawn if self.round_km is None else self.round_km).tolist()
        where = setting.schools["community"][setting.buses["school"]].tolist()
        for span in self.rounds:
            for kind, at in zip(("departs", "arrives"), span, strict=True):
                if 0 <= at < self._end:
                    for bus in (bus for bus, length in enumerate(km) if length > 0):
                        for s in strategies:
                            buses.note(s, kind, at, bus, where[bus], km[bus])
        buses.compare(self.inputs.steps)
        yield buses.check()
        windows = EventRows(run, self.inputs, "utility", "windows and critical hours")
        for kind, at in (*self._windows(), *self._critical(self.hours(setting))):
            if 0 <= at < self._end:
                for s in strategies:
                    windows.note(s, kind, at, 0)
        windows.compare(self.inputs.steps)
        yield windows.check()

    def _windows(self) -> Iterator[tuple[str, int]]:
        for day in self._days(0):
            for hour, kind in zip(
                self.rules.charging_window, ("window_opens", "window_closes"), strict=True
            ):
                if hour < 24.0:
                    yield kind, self._at(day, hour)

    def _critical(self, hours: SchoolHours) -> Iterator[tuple[str, int]]:
        calendar, step_ms = self.inputs.calendar, self.inputs.step_h * HOUR_MS
        for step in range(self.inputs.steps):
            if not hours.is_critical(step):
                continue
            today = calendar.day_of(step)
            for beside, kind, at in (
                (step - 1, "critical_begins", step), (step + 1, "critical_ends", step + 1)
            ):  # fmt: skip
                inside = 0 <= beside < self.inputs.steps and calendar.day_of(beside) == today
                if not (inside and hours.is_critical(beside)):
                    yield kind, round(at * step_ms)
