"""Charging sessions: exports of evcc, and files of ACN-Data."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from hmesh.environment.datasets.readers.foreign import UNKNOWN_LICENCE, Foreign, ImportOptions
from hmesh.environment.datasets.readers.text_table import (
    column_numbers,
    column_times,
    decimal_mark,
    read_text,
    read_text_table,
)
from hmesh.environment.errors import InputError, Problem, shortened

# Columns of evcc's CSV files in English and German, and its first releases.
_CREATED = ("created", "startzeit")
_FINISHED = ("finished", "endzeit")
_POINT = ("charging point", "loadpoint", "ladepunkt")
_VEHICLE = ("vehicle", "fahrzeug")
_ENERGY = ("energy (kwh)", "energie (kwh)", "charged energy (kwh)")
# What evcc writes where a session has not ended.
_NEVER = 1


def read_evcc(source: Path, options: ImportOptions) -> Foreign:
    """Read the charging sessions of evcc: its CSV export, or what `/api/sessions` returns.

    Sessions that have not ended, or without energy, are left out, which a warning says.

    Parameters
    ----------
    source : Path
        CSV or JSON file.
    options : ImportOptions
        With a time zone for a CSV file, whose times are those of a wall clock.

    Raises
    ------
    InputError
        If columns are missing or do not hold times and numbers.
    """
    if source.suffix.lower() == ".json":
        return _evcc_json(source, options)
    table = read_text_table(source)
    created, finished = table.needed(*_CREATED), table.needed(*_FINISHED)
    energy = table.needed(*_ENERGY)
    point, vehicle = table.first(*_POINT), table.first(*_VEHICLE)
    ended = [row for row, text in enumerate(table.columns[finished]) if str(text).strip()]
    energies = column_numbers(table, energy, decimal_mark(table, [energy], options.decimal))
    zone = options.needed("time_zone", "evcc writes local times", "Europe/Berlin")
    rows = []
    starts, utc = column_times(table, table.columns[created], created, options.time_format)
    for row in ended:
        one = [table.columns[finished][row]]
        of_row = replace(table, lines=[table.lines[row]])
        until, _ = column_times(of_row, one, finished, options.time_format)
        rows.append(
            {
                "plug_in": starts[row],
                "plug_out": until[0],
                "energy_kwh": energies[row],
                "charge_point": "" if point is None else table.columns[point][row],
                "vehicle": "" if vehicle is None else table.columns[vehicle][row],
            }
        )
    return _sessions(
        source, "evcc", rows, len(table.lines), zone, "utc" if utc else "wall", options
    )


def _evcc_json(source: Path, options: ImportOptions) -> Foreign:
    found = _json(source)
    items = found.get("result") if isinstance(found, dict) else found
    rows = []
    sessions = _items(source, items, "a list of sessions, or {result: [...]}")
    for number, item in sessions:
        place = f"{source}, session {number}"
        start, end = (_iso(place, item, key) for key in ("created", "finished"))
        if end.year == _NEVER:
            continue
        rows.append(
            {
                "plug_in": start.astimezone(UTC).replace(tzinfo=None),
                "plug_out": end.astimezone(UTC).replace(tzinfo=None),
                "energy_kwh": _number(place, item, "chargedEnergy"),
                "charge_point": item.get("loadpoint") or "",
                "vehicle": item.get("vehicle") or "",
            }
        )
    zone = options.time_zone or "UTC"
    return _sessions(source, "evcc", rows, len(sessions), zone, "utc", options)


def read_acn(source: Path, options: ImportOptions) -> Foreign:
    """Read charging sessions of ACN-Data.

    Vehicles are known where a driver claimed the session; the others have none.

    Parameters
    ----------
    source : Path
        JSON file with `_items`, or a list of sessions.
    options : ImportOptions
        What a person states about it; the time zone stands in each session.

    Raises
    ------
    InputError
        If a session lacks its times or its energy.
    """
    found = _json(source)
    items = found.get("_items") if isinstance(found, dict) else found
    rows, zones = [], set()
    sessions = _items(source, items, "_items of ACN-Data")
    for number, item in sessions:
        place = f"{source}, session {number}"
        times = []
        for key in ("connectionTime", "disconnectTime"):
            text = item.get(key)
            try:
                times.append(parsedate_to_datetime(str(text)))
            except ValueError:
                allowed = "such as 'Wed, 25 Apr 2018 11:08:04 GMT'"
                raise InputError(
                    [Problem(f"{place}: {key}", f"{text!r} is no time", allowed)]
                ) from None
        zones.add(str(item.get("timezone") or options.time_zone or "UTC"))
        rows.append(
            {
                "plug_in": times[0].astimezone(UTC).replace(tzinfo=None),
                "plug_out": times[1].astimezone(UTC).replace(tzinfo=None),
                "energy_kwh": _number(place, item, "kWhDelivered"),
                "charge_point": str(item.get("stationID") or item.get("spaceID") or ""),
                "vehicle": str(item["userID"]) if item.get("userID") else "",
            }
        )
    if len(zones) > 1 and options.time_zone is None:
        message = f"sessions are in {', '.join(sorted(zones))}"
        raise InputError([Problem(str(source), message, "--time-zone with one of them")])
    zone = options.time_zone or next(iter(zones), "UTC")
    return _sessions(source, "ACN-Data", rows, len(sessions), zone, "utc", options)


def _sessions(
    source: Path,
    origin: str,
    rows: list[dict[str, Any]],
    there: int,
    zone: str,
    clock: str,
    options: ImportOptions,
) -> Foreign:
    """Return a dataset of sessions, from the first day to the last."""
    import pandas as pd

    table = pd.DataFrame(
        rows, columns=["plug_in", "plug_out", "energy_kwh", "charge_point", "vehicle"]
    )
    known = table["energy_kwh"].notna() & (table["plug_out"] > table["plug_in"])
    table = table[known].sort_values("plug_in", kind="stable").reset_index(drop=True)
    if table.empty:
        raise InputError([Problem(str(source), "holds no session with an end and an energy")])
    left_out = there - len(table)
    warnings = []
    if left_out:
        message = f"{left_out:,} of {there:,} sessions have no end or no energy, and are left out"
        warnings.append(Problem(str(source), message))
    for name in ("charge_point", "vehicle"):
        table[name] = table[name].astype(str).replace("", None)
        if table[name].isna().all():
            table = table.drop(columns=name)
    tables = {"charging_sessions": table}
    if "vehicle" in table:
        vehicles = table[["vehicle"]].dropna().drop_duplicates()
        tables = {"vehicles": vehicles, **tables}
    first, last = table["plug_in"].min(), table["plug_out"].max()
    return Foreign(
        name=source.stem,
        source=origin,
        licence=options.licence or UNKNOWN_LICENCE,
        time_zone=zone,
        clock=clock,
        labels="start",
        start=first.normalize().to_pydatetime(),
        end=(last.normalize() + timedelta(days=1)).to_pydatetime(),
        resolution=options.resolution or 15,
        tables=tables,
        notes=(f"{len(table):,} charging sessions.",),
        warnings=tuple(warnings),
    )


def _json(source: Path) -> Any:
    try:
        return json.loads(read_text(source))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError([Problem(str(source), f"is not JSON: {error}")]) from None


def _items(source: Path, items: Any, allowed: str) -> list[tuple[int, dict[str, Any]]]:
    if not isinstance(items, list) or not items:
        raise InputError([Problem(str(source), "holds no sessions", allowed)])
    wrong = [
        Problem(f"{source}, session {number}", "is no session", allowed)
        for number, item in enumerate(items, start=1)
        if not isinstance(item, dict)
    ]
    if wrong:
        raise InputError(shortened(wrong))
    return list(enumerate(items, start=1))


def _iso(place: str, item: dict[str, Any], key: str) -> datetime:
    text = item.get(key)
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        message = f"{text!r} is no time with an offset from UTC"
        raise InputError([Problem(f"{place}: {key}", message)])
    return time


def _number(place: str, item: dict[str, Any], key: str) -> float:
    value = item.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError([Problem(f"{place}: {key}", f"{value!r} is no number", "an energy [kWh]")])
    return float(value)
