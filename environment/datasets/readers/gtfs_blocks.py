"""Blocks of school buses from a timetable in GTFS."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hmesh.environment.datasets.gtfs_terms import GTFS_FILES
from hmesh.environment.datasets.readers.foreign import (
    UNKNOWN_LICENCE,
    Foreign,
    ImportOptions,
    numbers,
    read_table,
)
from hmesh.environment.errors import InputError, Problem, nearest
from hmesh.environment.geography import great_circle_km
from hmesh.environment.number_words import counted

if TYPE_CHECKING:
    import pandas as pd

_UNITS = {"m": 1e-3, "km": 1.0, "mi": 1.609344, "ft": 0.3048e-3}
_TIME = r"\s*(\d{1,3}):([0-5]\d):([0-5]\d)\s*"


def read_gtfs(source: Path, options: ImportOptions) -> Foreign:
    """Read the blocks that the buses of a timetable run, by `stop_times.txt` and `trips.txt`.

    The trips of a block and a service are run in one go, from the first departure to the last
    arrival; a trip without a block is one of its own. The length is that of
    `shape_dist_traveled` in `unit`, or without a unit the sum of the straight distances from stop
    to stop, those to the next trip of the block included in both cases.

    Parameters
    ----------
    source : Path
        Folder of the timetable, unpacked.
    options : ImportOptions
        The user's description of it: `unit`, that of `shape_dist_traveled`.

    Raises
    ------
    InputError
        If files or columns are missing, or times are none.
    """
    if options.unit is not None and options.unit not in _UNITS:
        message = f"{options.unit!r} is no unit of length"
        near = nearest(options.unit, _UNITS)
        raise InputError([Problem("--unit", message, ", ".join(_UNITS), near)])
    trips = read_table(source / "trips.txt", ("trip_id", "service_id"))
    stops = _stops(source)
    times = _stop_times(source, trips)
    warnings = []
    if (source / "frequencies.txt").is_file():
        message = "is not used: every trip runs once, at the times of stop_times.txt"
        warnings.append(Problem(str(source / "frequencies.txt"), message))
    if options.unit is None:
        message = "lengths are straight from stop to stop"
        allowed = "--unit of shape_dist_traveled: m, km, mi or ft"
        warnings.append(Problem(str(source / "stop_times.txt"), message, allowed))
    blocks = _blocks(trips, times, stops, source, options.unit)
    tables: dict[str, pd.DataFrame] = {"bus_blocks": blocks}
    for name, file in GTFS_FILES.items():
        if (source / file).is_file():
            tables[name] = read_table(source / file, ("service_id",)).astype(str)
    begin, end = _span(tables, options)
    return Foreign(
        name=source.resolve().name,
        source="GTFS",
        licence=options.licence or UNKNOWN_LICENCE,
        time_zone=options.time_zone or _time_zone(source),
        clock="wall",
        labels="start",
        start=begin,
        end=end,
        resolution=60,
        tables=tables,
        notes=(f"{counted(len(blocks), 'block')} of {counted(len(trips), 'trip')}.",),
        warnings=tuple(warnings),
    )


def _stops(source: Path) -> "pd.DataFrame":
    path = source / "stops.txt"
    stops = read_table(path, ("stop_id", "stop_lat", "stop_lon"))
    for column in ("stop_lat", "stop_lon"):
        stops[column] = numbers(stops, column, path)
    return stops.assign(stop_id=stops["stop_id"].astype(str)).set_index("stop_id")


def _stop_times(source: Path, trips: "pd.DataFrame") -> "pd.DataFrame":
    """Return the stops of all trips in their order, times in seconds since midnight."""
    import pandas as pd

    path = source / "stop_times.txt"
    needed = ("trip_id", "arrival_time", "departure_time", "stop_id", "stop_sequence")
    table = read_table(path, needed)
    table["stop_sequence"] = numbers(table, "stop_sequence", path)
    for column in ("arrival_time", "departure_time"):
        parts = table[column].astype("string").str.extract(f"^{_TIME}$").astype("Float64")
        seconds = parts[0] * 3600 + parts[1] * 60 + parts[2]
        # Stops between those with times may have none.
        wrong = seconds.isna() & table[column].notna()
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            place = f"{path}, line {row + 2}, column {column}"
            message = f"{table[column].iloc[row]!r} is no time"
            raise InputError([Problem(place, message, "such as 07:45:00, past midnight 24:30:00")])
        table[column] = seconds.astype(float)
    for column in ("trip_id", "stop_id"):
        table[column] = table[column].astype(str)
    unknown = sorted(set(table["trip_id"]) - set(trips["trip_id"].astype(str)))
    if unknown:
        message = f"no trip of trips.txt is called {unknown[0]!r}"
        raise InputError([Problem(str(path), message)])
    ordered: pd.DataFrame = table.sort_values(["trip_id", "stop_sequence"], kind="stable")
    return ordered


def _blocks(
    trips: "pd.DataFrame",
    times: "pd.DataFrame",
    stops: "pd.DataFrame",
    source: Path,
    unit: str | None,
) -> "pd.DataFrame":
    """Return the blocks in the order of their departure."""
    import pandas as pd

    given: Any = trips.get("block_id")
    trip = trips["trip_id"].astype(str)
    block = trip if given is None else given.astype("string").fillna("").str.strip()
    block = block.where(block != "", trip).astype(str)
    of_trip = dict(zip(trip, zip(block, trips["service_id"].astype(str), strict=True), strict=True))
    path = source / "stop_times.txt"
    missing = sorted(set(times["stop_id"]) - set(stops.index))
    if missing:
        raise InputError([Problem(str(path), f"no stop of stops.txt is called {missing[0]!r}")])
    if unit is not None and "shape_dist_traveled" not in times.columns:
        message = "has no column shape_dist_traveled, of which --unit is the unit"
        raise InputError([Problem(f"{path}, line 1", message)])
    at = stops.loc[times["stop_id"], ["stop_lon", "stop_lat"]].to_numpy()
    runs: dict[tuple[str, str], list[tuple[float, float, float, Any, Any]]] = {}
    first = 0
    for name, rows in times.groupby("trip_id", sort=False):
        places = at[first : first + len(rows)]
        first += len(rows)
        departs, arrives = rows["departure_time"].iloc[0], rows["arrival_time"].iloc[-1]
        if np.isnan(departs) or np.isnan(arrives) or len(rows) < 2:
            message = f"trip {name!r} has no departure, no arrival or a single stop"
            raise InputError([Problem(str(path), message, "times at its first and last stop")])
        if unit is None:
            km = float(great_circle_km(places[:-1], places[1:]).sum())
        else:
            far = numbers(rows, "shape_dist_traveled", path)
            km = float(far.max() - far.min()) * _UNITS[unit]
        run = (float(departs), float(arrives), km, places[0], places[-1])
        runs.setdefault(of_trip[str(name)], []).append(run)
    rows_out = []
    for (block_id, service), parts in runs.items():
        parts = sorted(parts, key=lambda part: part[0])
        km = sum(part[2] for part in parts)
        for before, after in pairwise(parts):
            if after[0] < before[1]:
                message = f"block {block_id!r} of service {service!r} is in two trips at once"
                raise InputError([Problem(str(source / "trips.txt"), message, "one after another")])
            km += float(great_circle_km(before[4], after[3]))
        rows_out.append(
            {
                "block": f"{block_id}/{service}",
                "service_id": service,
                "departs": _clock(parts[0][0]),
                "arrives": _clock(parts[-1][1]),
                "km": km,
                "bus": block_id,
            }
        )
    found = pd.DataFrame(rows_out)
    return found.sort_values(["departs", "block"], kind="stable").reset_index(drop=True)


def _clock(at_s: float) -> str:
    seconds = round(at_s)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _time_zone(source: Path) -> str:
    """Return the time zone of the agency, UTC where there is none."""
    path = source / "agency.txt"
    if not path.is_file():
        return "UTC"
    return str(read_table(path, ("agency_timezone",))["agency_timezone"].iloc[0])


def _span(tables: dict[str, "pd.DataFrame"], options: ImportOptions) -> tuple[datetime, datetime]:
    """Return when the first service begins and the last one ends."""
    import pandas as pd

    days = [
        tables[table][column].astype(str).str.replace("-", "")
        for table, columns in (
            ("calendar", ("start_date", "end_date")),
            ("calendar_dates", ("date",)),
        )
        if table in tables
        for column in columns
        if column in tables[table]
    ]
    if not days:
        start = (
            datetime.fromisoformat(options.start[:10]) if options.start else datetime(2024, 1, 1)
        )
        return start, start + timedelta(days=1)
    dates = pd.to_datetime(pd.concat(days), format="%Y%m%d", errors="coerce").dropna()
    begin: datetime = dates.min().to_pydatetime()
    end: datetime = dates.max().to_pydatetime()
    return begin, end + timedelta(days=1)
