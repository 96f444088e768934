"""Measured loads of members, read from a person's CSV or Parquet file."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.calendar import Calendar
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.load_file import LoadFile
from hmesh.environment.local_times import (
    HOUR_US,
    TIMES,
    commonest_distance_us,
    length,
    microseconds,
    read_times,
    shown,
)
from hmesh.environment.table_file import LARGEST, SHOWN, names, numbers

_LOADS = "a finite number with a point, such as 0.35"


@dataclass(frozen=True, slots=True, eq=False)
class LoadTable:
    """Loads of members over the steps of a run.

    Attributes
    ----------
    members : tuple of str
        Names of the members, in the order in which the file first names them.
    load_kwh : array, shape (steps, members)
        Energy that each member consumes in each step [kWh], negative where it generates more.
    generation_kwh : array, shape (steps, members), or None
        Energy that its photovoltaics generate on top of that [kWh]; None where nothing is known of
        it.
    """

    members: tuple[str, ...]
    load_kwh: FloatArray
    generation_kwh: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What the rows of a file say, each array of shape (rows,).

    Attributes
    ----------
    member : array of int
        Whose load it is, an index into `names`; -1 where the file does not say.
    names : tuple of str
        Names of the members.
    time_us : array of int
        When the interval starts, in microseconds of UTC since 1970.
    timed : array of bool
        Whether that can be stated.
    load : array
        The load, as in the file.
    """

    member: NDArray[np.int32]
    names: tuple[str, ...]
    time_us: NDArray[np.int64]
    timed: NDArray[np.bool_]
    load: FloatArray


def read_loads(path: Path | str, calendar: Calendar, steps: int) -> LoadTable:
    """Read the loads of members over a run.

    The file has one row for each member and interval, in any order, with the columns

    - `time`: when the interval starts, in local time of the calendar, or with an offset from UTC;
    - `member`: whose load it is;
    - `load_kwh`: energy in the interval [kWh], or `load_kw`: mean power in it [kW]; negative
      where the member generates more than it consumes.

    All intervals have one length, that of a step or a whole part of it; energy is summed and
    power averaged over each step. Rows outside the run and other columns are not used. In autumn,
    when the clocks show an hour twice, the first of two rows of a member with the same
    local time stands for the first showing, the second for the second.

    Parameters
    ----------
    path : Path or str
        File, `.csv` or `.parquet`.
    calendar : Calendar
        The calendar of the run.
    steps : int
        Number of steps of the run; the file must cover all of them for every member.

    Returns
    -------
    LoadTable
        The loads.

    Raises
    ------
    InputError
        With every problem found: missing columns, times and loads that cannot be read, loads
        that are missing or not finite, intervals longer than a step, off its start or named
        twice, and intervals of the run that have no row.
    """
    file = LoadFile(Path(path))
    rows = _rows(file, calendar.zone)
    step_us = round(calendar.step_h * HOUR_US)
    interval_us = _interval_us(file, rows, step_us)
    offset_us = rows.time_us - microseconds(calendar.time_of(0))
    inside = rows.timed & (offset_us >= 0) & (offset_us < steps * step_us)
    _report_loads(file, np.flatnonzero(inside & ~(np.abs(rows.load) <= LARGEST)), rows.load)
    if interval_us == 0:
        raise InputError(file.problems)
    aligned = offset_us % interval_us == 0
    _report_misaligned(file, np.flatnonzero(inside & ~aligned), calendar, interval_us)
    used = np.flatnonzero(inside & aligned & (rows.member >= 0))
    parts = step_us // interval_us
    cell = offset_us[used] // interval_us * len(rows.names) + rows.member[used]
    seen = np.zeros((steps * parts, len(rows.names)), dtype=np.bool_)
    seen.flat[cell] = True
    if np.count_nonzero(seen) < cell.size:
        _report_repeated(file, rows, used, cell, calendar.zone)
    if not seen.all():
        unread = rows.member[(rows.member >= 0) & (~rows.timed | (inside & ~aligned))]
        _report_gaps(file, rows, seen, unread, calendar, interval_us)
    if file.problems:
        raise InputError(file.problems)
    load = np.empty(seen.shape)
    load.flat[cell] = rows.load[used]
    load_kwh = load.reshape(steps, parts, len(rows.names)).sum(axis=1)
    if file.load_column == "load_kw":
        load_kwh *= interval_us / HOUR_US
    return LoadTable(rows.names, load_kwh)


def _rows(file: LoadFile, zone: ZoneInfo) -> _Rows:
    member, members = names(file.table.column("member"))
    file.report(np.flatnonzero(member < 0), "member", lambda row: "is empty", "a member's name")
    times = read_times(file.table.column("time"), member, zone)
    file.report(np.flatnonzero(~times.timed), "time", times.reason, TIMES)
    load = numbers(file.table.column(file.load_column))
    return _Rows(member, members, times.time_us, times.timed, load)


def _report_loads(file: LoadFile, rows: NDArray[np.int64], load: FloatArray) -> None:
    column = file.table.column(file.load_column)

    def message(row: int) -> str:
        value = column[row].as_py()
        if value is None:
            return "is empty"
        finite = np.isfinite(load[row])
        return f"'{value}' is {f'beyond {LARGEST:g}' if finite else 'no finite number'}"

    file.report(rows, file.load_column, message, _LOADS)


def _interval_us(file: LoadFile, rows: _Rows, step_us: int) -> int:
    """Return the length of the intervals; 0, with a problem reported, where it does not suit."""
    usable = rows.timed & (rows.member >= 0)
    interval_us = commonest_distance_us(rows.time_us, rows.member, usable) or step_us
    if step_us % interval_us == 0:
        return interval_us
    coarser = "coarser than" if interval_us > step_us else "which is no whole part of"
    message = f"rows are {length(interval_us)} apart, {coarser} the step of {length(step_us)}"
    allowed = f"{length(step_us)}, or a half, a third, a quarter ... of it"
    file.problems.append(Problem(f"{file.path}, column time", message, allowed))
    return 0


def _report_misaligned(
    file: LoadFile, rows: NDArray[np.int64], calendar: Calendar, interval_us: int
) -> None:
    times = file.table.column("time")
    start = calendar.start.isoformat(" ", "minutes")
    allowed = f"times every {length(interval_us)}, counted from {start}"
    file.report(rows, "time", lambda row: f"'{times[row]}' starts no interval", allowed)


def _report_repeated(
    file: LoadFile,
    rows: _Rows,
    used: NDArray[np.int64],
    cell: NDArray[np.int64],
    zone: ZoneInfo,
) -> None:
    order = np.argsort(cell, kind="stable")
    ordered = cell[order]
    repeated = used[np.sort(order[1:][ordered[1:] == ordered[:-1]])]

    def message(row: int) -> str:
        index = np.searchsorted(used, row)
        first = used[order[np.searchsorted(ordered, cell[index])]]
        time = shown(int(rows.time_us[row]), zone)
        name = rows.names[rows.member[row]]
        before = file.place(int(first)).rpartition(", ")[2]
        return f"is another row for member '{name}' at {time}, after {before}"

    file.report(repeated, "", message, "one row for each member and interval")


def _report_gaps(
    file: LoadFile,
    rows: _Rows,
    seen: NDArray[np.bool_],
    unread: NDArray[np.int32],
    calendar: Calendar,
    interval_us: int,
) -> None:
    """Report which members lack rows, more than there are rows whose time cannot be used."""
    lacking = seen.shape[0] - np.count_nonzero(seen, axis=0)
    members = np.flatnonzero(lacking > np.bincount(unread, minlength=len(rows.names)))
    start_us = microseconds(calendar.start)
    end_us = start_us + seen.shape[0] * interval_us
    allowed = (
        f"a row every {length(interval_us)} from {shown(start_us, calendar.zone)} "
        f"to before {shown(end_us, calendar.zone)}"
    )
    for member in members[:SHOWN].tolist():
        time = shown(start_us + int(seen[:, member].argmin()) * interval_us, calendar.zone)
        more = int(lacking[member]) - 1
        others = f" and {more:,} more intervals of the run" if more else ""
        message = f"member '{rows.names[member]}' has no row for {time}{others}"
        file.problems.append(Problem(str(file.path), message, allowed))
    if (more := members.size - SHOWN) > 0:
        message = f"and {more:,} more members lack rows"
        file.problems.append(Problem(str(file.path), message, allowed))
