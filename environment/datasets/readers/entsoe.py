"""Day-ahead prices of the Transparency Platform of ENTSO-E."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hmesh.environment.datasets.readers.foreign import Foreign, ImportOptions
from hmesh.environment.datasets.readers.interval_edges import instants_us
from hmesh.environment.datasets.readers.text_table import column_numbers, read_text_table
from hmesh.environment.errors import InputError, Problem, shortened

_PRICE = re.compile(r"Day-ahead Price\s*[\[(](?:([A-Z]{3})/MWh)?[\])]", re.IGNORECASE)
_MTU = re.compile(r"MTU\s*\((UTC|CET/CEST)\)", re.IGNORECASE)
_FORMATS = ("%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")
_OFFSET = re.compile(r"\s*\((CEST|CET)\)")
_CET = "Europe/Brussels"
_MWH = 1e-3


def read_entsoe(source: Path, options: ImportOptions) -> Foreign:
    """Read a CSV or XML file of day-ahead prices, of the platform before or since 2024.

    Prices of hours and of quarter-hours may follow each other, as around October 1, 2025: the
    dataset has the finer intervals, and a price holds for all of its own.

    Parameters
    ----------
    source : Path
        The file, of one bidding zone.
    options : ImportOptions
        What a person states about it; nothing is needed.

    Raises
    ------
    InputError
        If columns are missing, several zones are there, or times and prices are none.
    """
    import pandas as pd

    if source.suffix.lower() == ".xml":
        from hmesh.environment.datasets.readers.entsoe_xml import read_entsoe_xml

        return read_entsoe_xml(source, options)
    table = read_text_table(source)
    time = _only(table.header, _MTU, source, "MTU (UTC) or MTU (CET/CEST)")
    price = _only(table.header, _PRICE, source, "Day-ahead Price (EUR/MWh)")
    area = table.first("area")
    areas = sorted(set(table.columns[area])) if area is not None else []
    zone_column = next((name for name in table.header if name.startswith("BZN|")), "")
    if len(areas) > 1:
        message = f"holds the zones {', '.join(areas[:8])}"
        raise InputError([Problem(f"{source}, column Area", message, "one bidding zone")])
    keep = _one_sequence(table.first("sequence"), table.columns)
    starts, minutes = _times(table, time, keep)
    prices = column_numbers(table, price)[keep] * _MWH
    if "UTC" not in table.header[time].upper():
        # Parts of the hour that clocks show twice come in their order, first those before the
        # change; a row of the hour that they skip holds nothing.
        there = [n for n, start in enumerate(starts) if _shown(start)]
        starts, minutes = [starts[n] for n in there], [minutes[n] for n in there]
        prices = prices[there]
        at_us = instants_us(starts, ZoneInfo(_CET)).tolist()
        starts = [datetime(1970, 1, 1) + timedelta(microseconds=us) for us in at_us]
    currency = _currency(table, price, keep, options)
    lengths = sorted(set(minutes))
    step = lengths[0]
    if any(length % step for length in lengths):
        message = f"intervals of {', '.join(map(str, lengths))} min do not fit into each other"
        raise InputError([Problem(f"{source}, column {table.header[time]}", message)])
    # Each price stands once for every interval that it holds for.
    rows = [
        (start + timedelta(minutes=step * part), value)
        for start, length, value in zip(starts, minutes, prices.tolist(), strict=True)
        for part in range(length // step)
    ]
    market = pd.DataFrame(rows, columns=["time", "price"]).sort_values("time", kind="stable")
    notes = [f"Day-ahead prices{f' of {zone_column or areas[0]}' if zone_column or areas else ''}."]
    if len(lengths) > 1:
        notes.append(f"Prices of {' and '.join(map(str, lengths))} min, each held over its own.")
    return Foreign(
        name=source.stem,
        source="ENTSO-E Transparency Platform",
        licence=options.licence or "terms of the ENTSO-E Transparency Platform",
        time_zone=options.time_zone or _CET,
        clock="utc",
        labels="start",
        start=min(starts),
        end=max(s + timedelta(minutes=m) for s, m in zip(starts, minutes, strict=True)),
        resolution=step,
        currency=currency,
        tables={"market": market},
        notes=tuple(notes),
    )


def _shown(time: datetime) -> bool:
    """Return whether the clocks of Central Europe show a time."""
    there = time.replace(tzinfo=ZoneInfo(_CET)).astimezone(UTC).astimezone(ZoneInfo(_CET))
    return there.replace(tzinfo=None) == time


def _only(header: tuple[str, ...], pattern: re.Pattern[str], source: Path, allowed: str) -> int:
    found = [index for index, name in enumerate(header) if pattern.fullmatch(name)]
    if len(found) != 1:
        message = f"has {len(found)} columns {allowed}, but {', '.join(header)}"
        raise InputError([Problem(f"{source}, line 1", message, allowed)])
    return found[0]


def _one_sequence(column: int | None, columns: tuple[list[Any], ...]) -> list[int]:
    """Return the rows of the first auction, where a file holds those of several."""
    rows = range(len(columns[0]))
    if column is None:
        return list(rows)
    names = sorted({str(cell) for cell in columns[column] if str(cell).strip()})
    first = names[0] if names else ""
    return [row for row in rows if not names or str(columns[column][row]) in (first, "")]


def _times(table: Any, column: int, keep: list[int]) -> tuple[list[datetime], list[int]]:
    """Return the start of each interval by the clock of the file, and its length [min]."""
    starts, minutes, wrong = [], [], []
    for row in keep:
        text = str(table.columns[column][row])
        parts = text.split(" - ")
        ends = [_time(part) for part in parts]
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            allowed = "such as 01.01.2019 00:00 - 01.01.2019 01:00"
            wrong.append(Problem(table.place(row, column), f"'{text}' is no interval", allowed))
            continue
        starts.append(ends[0])
        # By a wall clock, intervals at the changes of spring and autumn seem an hour off.
        minutes.append(round((ends[1] - ends[0]).total_seconds() / 60) % 60 or 60)
    if wrong:
        raise InputError(shortened(wrong))
    return starts, minutes


def _time(text: str) -> datetime | None:
    plain = _OFFSET.sub("", text).strip()
    for pattern in _FORMATS:
        try:
            return datetime.strptime(plain, pattern)
        except ValueError:
            continue
    return None


def _currency(table: Any, price: int, keep: list[int], options: ImportOptions) -> str:
    named = _PRICE.fullmatch(table.header[price])
    if named and named[1]:
        return named[1].upper()
    column = table.first("currency")
    names = {table.columns[column][row] for row in keep} - {""} if column is not None else set()
    if len(names) == 1:
        return str(names.pop())
    return options.needed("currency", "the prices name none", "EUR")
