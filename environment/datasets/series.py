"""Tables of a dataset that have a row for every interval."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.data_file import DataFile, Findings
from hmesh.environment.datasets.description import Description
from hmesh.environment.datasets.gaps import WEEK_H, fill_gaps
from hmesh.environment.datasets.held import coarse_rows, hold
from hmesh.environment.datasets.resampling import resampled
from hmesh.environment.datasets.schema import TABLES, Table
from hmesh.environment.datasets.swapped_dates import warn_swapped
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.local_times import (
    HOUR_US,
    TIMES,
    commonest_distance_us,
    length,
    microseconds,
    read_times,
    shown,
)
from hmesh.environment.number_words import counted
from hmesh.environment.table_file import SHOWN, names

_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A table of intervals, its gaps filled.

    Attributes
    ----------
    table : Table
        What it may hold.
    place : str
        Its files, as messages name them.
    keys : tuple of str
        Whose series they are; one "" where the table has one only.
    start_us, interval_us : int
        When the first interval starts, in microseconds of UTC since 1970; length of each [µs].
    values : dict of array, shape (intervals, keys)
        The quantities by name, NaN where a series was not measured at all.
    measured : dict of array
        The same before the gaps were filled.
    filled_share : dict of array, shape (keys,)
        Share of the intervals that were filled by name.
    """

    table: Table
    place: str
    keys: tuple[str, ...]
    start_us: int
    interval_us: int
    values: dict[str, FloatArray]
    measured: dict[str, FloatArray]
    filled_share: dict[str, FloatArray]

    def over(self, name: str, calendar: Calendar, steps: int) -> FloatArray:
        """Return a quantity over the steps of a run, shape (steps, keys).

        Raises
        ------
        InputError
            If the table lacks it, does not cover the run, or is coarser than its steps.
        """
        return self._resampled(self.values, name, calendar, steps, self.unit_of(name))

    def unit_of(self, name: str) -> str:
        """Return the unit of a quantity of the table."""
        return next(column.unit for column in self.table.columns if column.name == name)

    def first_filled_us(self) -> int | None:
        """Return when the first filled interval starts, in microseconds of UTC since 1970."""
        filled = [
            np.isnan(self.measured[name]) & ~np.isnan(values)
            for name, values in self.values.items()
        ]
        intervals = np.flatnonzero(np.logical_or.reduce(filled).any(axis=1))
        return self.start_us + int(intervals[0]) * self.interval_us if intervals.size else None

    def filled(self, name: str, calendar: Calendar, steps: int) -> NDArray[np.bool_]:
        """Return in which steps of a run any interval was filled, shape (steps, keys).

        Raises
        ------
        InputError
            As in `over`.
        """
        gaps = {key: np.isnan(values).astype(np.float64) for key, values in self.measured.items()}
        some: NDArray[np.bool_] = self._resampled(gaps, name, calendar, steps, "1") > 0
        return some

    def _resampled(
        self,
        quantities: dict[str, FloatArray],
        name: str,
        calendar: Calendar,
        steps: int,
        unit: str,
    ) -> FloatArray:
        if name not in quantities:
            there = ", ".join(quantities)
            raise InputError([Problem(self.place, f"there is no column {name}, but {there}")])
        step_us = round(calendar.step_h * HOUR_US)
        begin_us = microseconds(calendar.time_of(0)) - self.start_us
        first, past = (at_us / self.interval_us for at_us in (begin_us, begin_us + steps * step_us))
        intervals = len(self.values[name])
        end_us = self.start_us + intervals * self.interval_us
        zone = calendar.zone
        if first < 0 or past > intervals:
            wanted = f"{shown(begin_us + self.start_us, zone)} to " + shown(
                begin_us + self.start_us + steps * step_us, zone
            )
            allowed = f"a run within {shown(self.start_us, zone)} to {shown(end_us, zone)}"
            raise InputError([Problem(self.place, f"does not cover the run, {wanted}", allowed)])
        if first != int(first):
            message = f"no interval starts with the run, {shown(begin_us + self.start_us, zone)}"
            allowed = f"times every {length(self.interval_us)} from {shown(self.start_us, zone)}"
            raise InputError([Problem(self.place, message, allowed)])
        # The last interval may end after the run; then an interval is longer than a step.
        values = quantities[name][int(first) : -int(-past // 1)]
        return resampled(values, self.interval_us, step_us, unit, self.place)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The rows of one file: the interval and key of each, and which can be used."""

    file: DataFile
    interval: NDArray[np.int64]
    key: NDArray[np.int32]
    used: NDArray[np.int64]


def read_series(
    folder: Path, description: Description, name: str, findings: Findings
) -> Series | None:
    """Read a table of intervals; None, with errors reported, where that cannot be done.

    Parameters
    ----------
    folder : Path
        Folder of the dataset.
    description : Description
        The user's description of it.
    name : str
        Name of the table.
    findings : Findings
        Where errors and warnings are reported.
    """
    return _Reading(folder, description, name, findings).read()


class _Reading:
    def __init__(
        self, folder: Path, description: Description, name: str, findings: Findings
    ) -> None:
        self.folder, self.description, self.findings = folder, description, findings
        self.table = TABLES[name]
        self.files = description.tables[name].files
        self.place = ", ".join(str(folder / file) for file in self.files)
        self.zone = description.clock_of(name)
        begin, end = (microseconds(time) for time in description.period())
        self.start_us = begin
        self.interval_us = description.minutes_of(name) * _MINUTE_US
        self.intervals, self.rest_us = divmod(end - begin, self.interval_us)
        self.at_end = description.labels_of(name) == "end"
        self.keys: list[str] = []

    def read(self) -> Series | None:
        errors_before = len(self.findings.errors)
        if self.rest_us:
            message = f"start to end is no whole number of intervals of {length(self.interval_us)}"
            self.findings.errors.append(Problem(self.place, message, "whole intervals"))
        files = [file for path in self.files if (file := self._open(self.folder / path))]
        parts = [part for file in files if (part := self._part(file))]
        if parts:
            self._report_repeated(parts)
        quantities = {
            attribute.name: self._dense(parts, attribute.name)
            for attribute in self.table.quantities
            if any(attribute.name in part.file.present for part in parts)
        }
        for file in files:
            self.findings.errors += file.problems
            self.findings.warnings += file.unused
        if len(self.findings.errors) > errors_before:
            return None
        for name, measured in quantities.items():
            self._hold(parts, name, measured)
        if len(self.findings.errors) > errors_before:
            return None
        values, shares = {}, {}
        for name, measured in quantities.items():
            values[name], shares[name] = self._filled(name, measured)
        if len(self.findings.errors) > errors_before:
            return None
        return Series(
            self.table,
            self.place,
            tuple(self.keys),
            self.start_us,
            self.interval_us,
            values,
            quantities,
            shares,
        )

    def _open(self, path: Path) -> DataFile | None:
        try:
            return DataFile(path, self.table)
        except InputError as error:
            self.findings.errors += error.problems
            return None

    def _part(self, file: DataFile) -> _Part | None:
        key = self._key(file)
        times = read_times(file.column("time"), key, self.zone)
        file.report(np.flatnonzero(~times.timed & ~times.skipped), "time", times.reason, TIMES)
        if skipped := int(np.count_nonzero(times.skipped)):
            message = (
                f"not used: {counted(skipped, 'row')} at times that the clocks of {self.zone} skip"
            )
            self.findings.warnings.append(Problem(str(file.path), message))
        start_us = times.time_us - (self.interval_us if self.at_end else 0)
        place = f"{file.path}, column time"
        distance_us = commonest_distance_us(start_us, key, times.timed)
        if distance_us not in (0, self.interval_us):
            message = f"rows are {length(distance_us)} apart, not {length(self.interval_us)}"
            allowed = "the resolution that dataset.yaml states for this table"
            self.findings.errors.append(Problem(place, message, allowed))
            return None
        interval, past = np.divmod(start_us - self.start_us, self.interval_us)
        inside = times.timed & (interval >= 0) & (interval < self.intervals)
        self._report_misaligned(file, np.flatnonzero(inside & (past != 0)), start_us)
        one = np.flatnonzero(times.timed & (key == key[0]))
        warn_swapped(place, start_us[one], self.zone, self.description, self.findings)
        self._warn_outside(file, np.flatnonzero(times.timed & ~inside), start_us)
        return _Part(file, interval, key, np.flatnonzero(inside & (past == 0) & (key >= 0)))

    def _key(self, file: DataFile) -> NDArray[np.int32]:
        """Return the key of each row as an index into `keys`, -1 where it is empty."""
        if self.table.key not in file.present:
            codes = np.zeros(file.table.num_rows, dtype=np.int32)
            here: tuple[str, ...] = ("",)
        else:
            codes, here = names(file.column(self.table.key))
            if (codes < 0).any():
                empty = np.flatnonzero(codes < 0)
                file.report(empty, self.table.key, lambda row: "is empty", "a name")
        known = {key: index for index, key in enumerate(self.keys)}
        self.keys += [key for key in here if key not in known]
        places = {key: index for index, key in enumerate(self.keys)}
        return np.array([*(places[key] for key in here), -1], dtype=np.int32)[codes]

    def _dense(self, parts: list[_Part], name: str) -> FloatArray:
        attribute = next(column for column in self.table.quantities if column.name == name)
        dense = np.full((self.intervals, len(self.keys)), np.nan)
        for part in parts:
            if name not in part.file.present:
                continue
            numbers = part.file.read_numbers(attribute)
            if part.file.is_power(name):
                numbers = numbers * (self.interval_us / HOUR_US)
            used = part.used
            dense[part.interval[used], part.key[used]] = numbers[used]
        return dense

    def _hold(self, parts: list[_Part], name: str, measured: FloatArray) -> None:
        """Let rows further apart than an interval hold up to the next one, in place.

        A price, a temperature or a mean power of an hour is that of its quarters; an energy is not.
        """
        attribute = next(column for column in self.table.quantities if column.name == name)
        powers = [p.file.is_power(name) for p in parts if name in p.file.present]
        zone, reported = self.description.zone, list(coarse_rows(measured))
        for index, coarse in enumerate(reported):
            begin, end = (
                shown(self.start_us + at * self.interval_us, zone)
                for at in (coarse.first, coarse.last)
            )
            key = self.keys[coarse.series]
            whose = f" of '{key}'" if key else ""
            rows = (
                f"{coarse.rows:,} rows of {name}{whose} from {begin} to {end} are "
                f"{length(coarse.intervals * self.interval_us)} apart, not "
                f"{length(self.interval_us)}"
            )
            if attribute.unit == "kWh" and not all(powers):
                message = f"{rows}: an energy of a longer interval is not that of a shorter one"
                allowed = f"a row every {length(self.interval_us)}, or a mean power, which holds"
                problems = self.findings.errors
            else:
                hold(measured, coarse, self.at_end)
                message, allowed = f"{rows}: each holds up to the next one", ""
                problems = self.findings.warnings
            if index < SHOWN:
                problems.append(Problem(self.place, message, allowed))
            elif index == SHOWN:
                more = f"and {len(reported) - SHOWN:,} more stretches like these in {name}"
                problems.append(Problem(self.place, more))

    def _filled(self, name: str, measured: FloatArray) -> tuple[FloatArray, FloatArray]:
        if np.isnan(measured).all():
            # A column may be empty for some, but not for everyone.
            message = f"{name} has no value from start to end"
            self.findings.errors.append(Problem(self.place, message, "at least one value"))
        allow = self.description.gaps == "allow"
        ahead = self._ahead() if np.isnan(measured).any() else None
        gaps = fill_gaps(measured, self.interval_us / HOUR_US, ahead, allow)
        for series, first, size in gaps.left[:SHOWN].tolist():
            hours = size * self.interval_us / HOUR_US
            begin, end = (
                shown(self.start_us + at * self.interval_us, self.description.zone)
                for at in (first, first + size)
            )
            whose = f"'{self.keys[series]}' has" if self.keys[series] else "there are"
            long = hours > WEEK_H
            why = "" if long else "; a week before and after there is none either"
            message = f"{whose} no {name} for {hours:g} h, from {begin} to {end}{why}"
            allowed = "gaps of up to 7 days, or gaps: allow in dataset.yaml"
            self.findings.errors.append(Problem(self.place, message, allowed))
        if (more := len(gaps.left) - SHOWN) > 0:
            message = f"and {more:,} more gaps like these in {name}"
            self.findings.errors.append(Problem(self.place, message))
        return gaps.values, gaps.filled_share

    def _ahead(self) -> NDArray[np.int64]:
        """Return by how many intervals the local clock is ahead of UTC, shape (intervals,)."""
        zone = self.description.zone
        begin = datetime.fromtimestamp(self.start_us / 1e6, UTC)
        hours = self.intervals * self.interval_us // HOUR_US + 1
        offsets = [
            (begin + timedelta(hours=hour)).astimezone(zone).utcoffset() or timedelta()
            for hour in range(hours)
        ]
        ahead = np.array([offset.total_seconds() * 1e6 for offset in offsets], dtype=np.int64)
        at_hour = np.arange(self.intervals) * self.interval_us // HOUR_US
        return ahead[at_hour] // self.interval_us

    def _report_repeated(self, parts: list[_Part]) -> None:
        cells = np.concatenate([p.interval[p.used] * len(self.keys) + p.key[p.used] for p in parts])
        seen = np.zeros(self.intervals * len(self.keys), dtype=np.bool_)
        seen[cells] = True
        if np.count_nonzero(seen) == cells.size:
            return
        order = np.argsort(cells, kind="stable")
        again = np.zeros(cells.size, dtype=np.bool_)
        again[order[1:]] = np.diff(cells[order]) == 0
        first = 0
        for part in parts:
            rows = part.used[again[first : first + part.used.size]]
            first += part.used.size

            def message(row: int, part: _Part = part) -> str:
                at_us = self.start_us + int(part.interval[row]) * self.interval_us
                key = self.keys[part.key[row]]
                whose = f"'{key}' has another row" if key else "there is another row"
                return f"{whose} for {shown(at_us, self.description.zone)}"

            part.file.report(rows, "", message, "one row for each interval")

    def _report_misaligned(
        self, file: DataFile, rows: NDArray[np.int64], start_us: NDArray[np.int64]
    ) -> None:
        allowed = f"times every {length(self.interval_us)} from the start in dataset.yaml"
        file.report(
            rows,
            "time",
            lambda row: f"{shown(int(start_us[row]), self.zone)} is no interval",
            allowed,
        )

    def _warn_outside(
        self, file: DataFile, rows: NDArray[np.int64], start_us: NDArray[np.int64]
    ) -> None:
        if rows.size:
            example = shown(int(start_us[rows[0]]), self.zone)
            message = (
                f"not used: {counted(rows.size, 'row')} outside start to end, such as {example}"
            )
            self.findings.warnings.append(Problem(str(file.path), message))
