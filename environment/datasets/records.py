"""Tables of a dataset whose rows stand for themselves: members, trips, sessions, services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.datasets.data_file import DataFile, Findings
from hmesh.environment.datasets.description import Description
from hmesh.environment.datasets.schema import TABLES, Attribute
from hmesh.environment.datasets.swapped_dates import warn_swapped
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.local_times import microseconds, read_times
from hmesh.environment.number_words import counted
from hmesh.environment.table_file import SHOWN

# The tables that name something, by their first column, each thing once.
_NAMING = ("members", "vehicles")


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The rows of a table.

    Attributes
    ----------
    place : str
        Its files, as messages name them.
    columns : dict of array, shape (rows,)
        What stands there by name: text; numbers; times in microseconds of UTC since 1970; clock
        times in hours; dates.
    """

    place: str
    columns: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values())))


def read_records(folder: Path, description: Description, name: str, findings: Findings) -> Records:
    """Read a table of rows of a dataset; what is wrong is reported.

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
    files = [folder / file for file in description.tables[name].files]
    return read_rows(files, name, findings, description)


def read_rows(
    files: Sequence[Path], name: str, findings: Findings, description: Description | None = None
) -> Records:
    """Read the files of a table of rows; what is wrong is reported.

    Parameters
    ----------
    files : sequence of Path
        The files.
    name : str
        Name of the table.
    findings : Findings
        Where errors and warnings are reported.
    description : Description, optional
        The user's description of it; None for a table without points in time.
    """
    parts: list[dict[str, NDArray[Any]]] = []
    for path in files:
        try:
            file = DataFile(path, TABLES[name])
        except InputError as error:
            findings.errors += error.problems
            continue
        zone = UTC if description is None else description.clock_of(name)
        columns = {
            attribute.name: _column(file, attribute, zone)
            for attribute in file.description.columns
            if attribute.name in file.present
        }
        _report_disorder(file, columns)
        _report_repeated_keys(file, columns, name)
        _warn_overlaps(file, columns, findings)
        if "plug_in" in columns and description is not None:
            place = f"{file.path}, column plug_in"
            warn_swapped(place, columns["plug_in"], zone, description, findings)
            _warn_outside(file, columns["plug_in"], description, findings)
        findings.errors += file.problems
        findings.warnings += file.unused
        parts.append(columns)
    return Records(", ".join(map(str, files)), _joined(parts, name))


def report_unknown_names(records: Mapping[str, Records], findings: Findings) -> None:
    """Report the names that stand in a table and not in the one that they refer to."""
    for name, table in records.items():
        for attribute in TABLES[name].columns:
            target = records.get(attribute.refers_to)
            if target is not None and attribute.name in table.columns:
                known = _names(target.columns[TABLES[attribute.refers_to].columns[0].name])
                report_unknown(
                    table.place, attribute, _names(table.columns[attribute.name]), known, findings
                )
    if "bus_blocks" in records:
        services = [
            name
            for table in ("calendar", "calendar_dates")
            if table in records
            for name in _names(records[table].columns["service_id"])
        ]
        attribute = next(a for a in TABLES["bus_blocks"].columns if a.name == "service_id")
        blocks = records["bus_blocks"]
        report_unknown(
            blocks.place, attribute, _names(blocks.columns["service_id"]), services, findings
        )


def report_unknown(
    place: str, attribute: Attribute, used: list[str], known: list[str], findings: Findings
) -> None:
    """Report the names of a column that are not among the known ones."""
    there = set(known)
    unknown = [name for name in used if name not in there]
    table = attribute.refers_to or "calendar or calendar_dates"
    for name in unknown[:SHOWN]:
        message = f"'{name}' does not stand in the table {table}"
        place_ = f"{place}, column {attribute.name}"
        findings.errors.append(Problem(place_, message, "", nearest(name, known)))
    if (more := len(unknown) - SHOWN) > 0:
        message = f"and {more:,} more names that do not stand in the table {table}"
        findings.errors.append(Problem(f"{place}, column {attribute.name}", message))


def _column(file: DataFile, attribute: Attribute, zone: tzinfo) -> NDArray[Any]:
    match attribute.kind:
        case "number":
            return file.read_numbers(attribute)
        case "clock":
            return file.read_clock(attribute)
        case "date":
            return file.read_dates(attribute)
        case "time":
            rows = np.arange(file.table.num_rows, dtype=np.int32)
            times = read_times(file.column(attribute.name), rows, zone)
            wrong = np.flatnonzero(~times.timed)
            file.report(wrong, attribute.name, times.reason, attribute.allowed)
            return times.time_us
        case "text":
            return file.read_text(attribute)


def _report_disorder(file: DataFile, columns: Mapping[str, NDArray[Any]]) -> None:
    """Report the rows that end before they begin."""
    for begin, end in (("departs", "arrives"), ("plug_in", "plug_out"), ("start_date", "end_date")):
        if begin in columns and end in columns:
            # A service may run on a single day; a trip or a stay takes time.
            late = columns[end] < columns[begin]
            late |= (columns[end] == columns[begin]) & (begin != "start_date")
            allowed = f"a time after {begin}" + (
                ", such as 24:30 past midnight" if begin == "departs" else ""
            )
            column = file.column(end)

            def message(row: int, column: Any = column, begin: str = begin) -> str:
                return f"'{column[row].as_py()}' is not after {begin}"

            file.report(np.flatnonzero(late), end, message, allowed)


def _report_repeated_keys(file: DataFile, columns: Mapping[str, NDArray[Any]], name: str) -> None:
    if name not in _NAMING:
        return
    first = TABLES[name].columns[0].name
    names = columns[first]
    _, once = np.unique(names.astype(str), return_index=True)
    twice = np.setdiff1d(np.arange(names.size), once)
    file.report(twice, first, lambda row: f"'{names[row]}' stands there before", "each name once")


def _warn_overlaps(file: DataFile, columns: Mapping[str, NDArray[Any]], findings: Findings) -> None:
    """Warn of trips that begin before the same vehicle's last one has ended."""
    if file.description.name != "trips":
        return
    vehicle = np.unique(columns["vehicle"].astype(str), return_inverse=True)[1]
    days = columns.get("day", np.zeros(vehicle.size, dtype=np.object_)).astype(str)
    day = np.unique(days, return_inverse=True)[1]
    order = np.lexsort((columns["departs"], day, vehicle))
    same = (np.diff(vehicle[order]) == 0) & (np.diff(day[order]) == 0)
    over = same & (columns["departs"][order][1:] < columns["arrives"][order][:-1])
    if over.any():
        rows = order[1:][over]
        row = int(rows.min())
        message = (
            f"{counted(rows.size, 'trip begins', 'trips begin')} before the vehicle's last one has "
            f"ended, first that of '{columns['vehicle'][row]}'"
        )
        findings.warnings.append(Problem(file.place(row, "departs"), message))


def _warn_outside(
    file: DataFile, time_us: NDArray[np.int64], description: Description, findings: Findings
) -> None:
    begin, end = (microseconds(time) for time in description.period())
    outside = np.flatnonzero((time_us < begin) | (time_us >= end))
    if outside.size:
        message = f"{counted(outside.size, 'row begins', 'rows begin')} outside start to end"
        place = file.place(int(outside[0]), "plug_in")
        findings.warnings.append(Problem(place, message))


def _joined(parts: list[dict[str, NDArray[Any]]], name: str) -> dict[str, NDArray[Any]]:
    """Return the columns of all files after one another; a file without one has it empty."""
    joined = {}
    for attribute in TABLES[name].columns:
        there = [part[attribute.name] for part in parts if attribute.name in part]
        if not there:
            if attribute.required:
                joined[attribute.name] = np.zeros(0, dtype=np.object_)
            continue
        # Only texts and numbers may be left out.
        empty = "" if there[0].dtype == np.object_ else np.nan
        joined[attribute.name] = np.concatenate(
            [
                part[attribute.name]
                if attribute.name in part
                else np.full(len(next(iter(part.values()))), empty, dtype=there[0].dtype)
                for part in parts
            ]
        )
    return joined


def _names(column: NDArray[Any]) -> list[str]:
    return [name for name in dict.fromkeys(column.tolist()) if name]
