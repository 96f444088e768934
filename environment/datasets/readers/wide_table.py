"""Tables with a column for each building: CSV files and spreadsheets."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.datasets.readers.column_headings import (
    Heading,
    currency_of,
    headings_of,
)
from hmesh.environment.datasets.readers.foreign import UNKNOWN_LICENCE, Foreign, ImportOptions
from hmesh.environment.datasets.readers.interval_edges import (
    MINUTE_US,
    instants_us,
    intervals_within,
)
from hmesh.environment.datasets.readers.netcdf_table import is_netcdf, read_netcdf_table
from hmesh.environment.datasets.readers.text_table import (
    TextTable,
    column_numbers,
    column_times,
    decimal_mark,
    read_text_table,
)
from hmesh.environment.errors import InputError, Problem
from hmesh.environment.irregular_series import interval_means, register_energies

if TYPE_CHECKING:
    import pandas as pd


def read_wide_csv(source: Path, options: ImportOptions) -> Foreign:
    """Read a table with a time and a column for each building, or for each quantity of one.

    A column is the load of the member that it names; one that ends in pv, heating, cooling or
    hot_water is that of the member before it, and one called so, or load, that of the file. The
    unit stands in the name of a column or in `--unit`; nothing is guessed.

    Parameters
    ----------
    source : Path
        A CSV file, a spreadsheet or a netCDF file.
    options : ImportOptions
        With a time zone unless times carry an offset from UTC, the unit unless columns name it,
        and the format of times that are not ISO 8601.

    Raises
    ------
    InputError
        If the table cannot be read, or what it holds is not said.
    """
    table = read_netcdf_table(source) if is_netcdf(source) else read_text_table(source)
    texts, first = _time_texts(table)
    times, utc = column_times(table, texts, 0, options.time_format)
    headings = headings_of(table, first, options)
    decimal = decimal_mark(table, [heading.index for heading in headings], options.decimal)
    values = {h: h.factor * column_numbers(table, h.index, decimal) for h in headings}
    why = "the times carry no offset from UTC"
    zone = options.time_zone or (
        "UTC" if utc else options.needed("time_zone", why, "Europe/Berlin")
    )
    clock = "utc" if utc else options.clock or "wall"
    labels = options.labels or "start"
    if labels not in ("start", "end"):
        raise InputError([Problem("--labels", f"'{labels}' is not allowed", "start or end")])
    minutes = options.resolution or _commonest_minutes(times, table)
    step = timedelta(minutes=minutes)
    registers = any(heading.kind == "register" for heading in headings)
    if registers or _irregular(times, minutes):
        _refuse_irregular_energies(table, headings, times, minutes)
        zone_of_times = _zone(zone, clock, times[0])
        times, values = _over_intervals(times, values, minutes, zone_of_times, options)
        clock, labels = "utc", "start"
    back = step if labels == "end" else timedelta()
    return Foreign(
        name=source.stem,
        source=source.name,
        licence=options.licence or UNKNOWN_LICENCE,
        time_zone=zone,
        clock=clock,
        labels=labels,
        start=min(times) - back,
        end=max(times) - back + step,
        resolution=minutes,
        currency=currency_of(table, headings, options),
        tables=_tables(times, values, minutes),
        notes=(_described(table, headings),),
    )


def _time_texts(table: TextTable) -> tuple[list[Any], int]:
    """Return the texts of all times, and the first column that is none of them."""
    names = [name.casefold() for name in table.header[:2]]
    if (
        len(names) == 2
        and names[0] in ("date", "datum")
        and names[1] in ("time", "uhrzeit", "zeit")
    ):
        both = zip(table.columns[0], table.columns[1], strict=True)
        return [f"{day} {clock}" for day, clock in both], 2
    return table.columns[0], 1


def _commonest_minutes(times: list[datetime], table: TextTable) -> int:
    """Return the commonest distance of times, which rise but where clocks are set back [min]."""
    apart = np.diff(np.array(times, dtype="datetime64[us]")).astype(np.int64)
    apart = apart[apart > 0]
    if apart.size == 0:
        message = "one time is there only, so that the length of an interval is not known"
        raise InputError([Problem(str(table.path), message, "--resolution")])
    lengths, counts = np.unique(apart, return_counts=True)
    length_us = int(lengths[counts.argmax()])
    if length_us % MINUTE_US:
        message = f"rows are {length_us / 1e6:g} s apart"
        allowed = "--resolution in whole minutes, for powers and registers"
        raise InputError([Problem(str(table.path), message, allowed)])
    return length_us // MINUTE_US


def _irregular(times: list[datetime], minutes: int) -> bool:
    """Return whether any time lies off the intervals, or rows are closer than they are."""
    since = np.array(times, dtype="datetime64[us]").astype(np.int64)
    apart = np.diff(since)
    closer = (apart > 0) & (apart < minutes * MINUTE_US)
    return bool(((since - since[0]) % (minutes * MINUTE_US)).any() or closer.any())


def _refuse_irregular_energies(
    table: TextTable, headings: list[Heading], times: list[datetime], minutes: int
) -> None:
    energies = [heading for heading in headings if heading.kind == "energy"]
    if not energies:
        return
    since = np.array(times, dtype="datetime64[us]").astype(np.int64)
    off = (since - since[0]) % (minutes * MINUTE_US) != 0
    row = int(off.argmax()) if off.any() else 1
    message = (
        f"{times[row]} is no start of an interval of {minutes} min from {times[0]}: the energy of "
        "an irregular interval is not that of a regular one"
    )
    allowed = "powers (--unit kW), or a meter that counts up (--unit kWh-register)"
    raise InputError([Problem(table.place(row, 0), message, allowed)])


def _zone(name: str, clock: str, first: datetime) -> tzinfo:
    if clock == "utc":
        return UTC
    zone = ZoneInfo(name)
    if clock == "wall":
        return zone
    halves = [zone.utcoffset(datetime(first.year, month, 1)) or timedelta() for month in (1, 7)]
    return timezone(min(halves))


def _over_intervals(
    times: list[datetime],
    values: dict[Heading, FloatArray],
    minutes: int,
    zone: tzinfo,
    options: ImportOptions,
) -> tuple[list[datetime], dict[Heading, FloatArray]]:
    """Return means and energies of regular intervals within irregular readings, by UTC."""
    at_us = instants_us(times, zone)
    order = np.argsort(at_us, kind="stable")
    longest_us = minutes * MINUTE_US * 3 // 2
    starts, edges_us = intervals_within(at_us[order], minutes)
    if options.labels == "end":
        message = "readings at irregular times label no interval"
        raise InputError([Problem("--labels", message, "left out")])
    over = {}
    for heading, each in values.items():
        if heading.kind == "register":
            over[heading] = register_energies(at_us[order], each[order], edges_us, longest_us)
        else:
            over[heading] = interval_means(at_us[order], each[order], edges_us, longest_us)
    return starts, over


def _tables(
    times: list[datetime], values: dict[Heading, FloatArray], minutes: int
) -> dict[str, "pd.DataFrame"]:
    """Return the tables of a dataset; a quantity of which all columns are powers stays a power."""
    import pandas as pd

    time = pd.Series(times)
    powers = {
        quantity
        for quantity in {h.quantity for h in values}
        if all(h.kind == "power" for h in values if h.quantity == quantity)
    }
    members: dict[str, pd.DataFrame] = {}
    market = pd.DataFrame({"time": time})
    for heading, each in values.items():
        if heading.kind == "price":
            market[heading.quantity] = each
            continue
        table = members.setdefault(
            heading.member, pd.DataFrame({"time": time, "member": heading.member})
        )
        if heading.quantity in powers:
            table[f"{heading.quantity.removesuffix('kwh')}kw"] = each
        else:
            table[heading.quantity] = each * (minutes / 60 if heading.kind == "power" else 1.0)
    tables = {}
    if members:
        tables["members"] = pd.DataFrame({"member": list(members)})
        tables["profiles"] = pd.concat(members.values(), ignore_index=True)
    if len(market.columns) > 1:
        tables["market"] = market
    return tables


def _described(table: TextTable, headings: list[Heading]) -> str:
    text = ", ".join(
        f"'{table.header[h.index]}' is {h.quantity}" + (f" of {h.member}" if h.member else "")
        for h in headings[:20]
    )
    return f"Columns: {text}."
