"""What a file of others holds, on its way into a dataset."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem, missing_columns, missing_file
from hmesh.environment.safe_files import beside, own_folder

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_LICENCE = "not stated; look it up where the data are from"
# Tables that people like to look at and to change are written as text.
_AS_TEXT = ("members", "vehicles")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a user states about files that do not say it themselves.

    Attributes
    ----------
    time_zone : str or None
        IANA name of the time zone.
    start : str or None
        When the first interval starts, by the clock of the files.
    clock : str or None
        That clock: utc, wall or standard.
    currency : str or None
        ISO 4217 code of the prices.
    licence : str or None
        Licence of the data.
    time_format : str or None
        How times are written, in the way of `strptime`.
    unit : str or None
        Unit of the numbers, such as kWh, or kWh-register of a meter that counts up.
    decimal : str or None
        What parts the whole from the fraction of numbers, "." or ",".
    labels : str or None
        Whether times label the start or the end of their interval.
    resolution : int or None
        Length of an interval [min].
    network : Path or None
        Road network on which trips are.
    """

    time_zone: str | None = None
    start: str | None = None
    clock: str | None = None
    currency: str | None = None
    licence: str | None = None
    time_format: str | None = None
    unit: str | None = None
    decimal: str | None = None
    labels: str | None = None
    resolution: int | None = None
    network: Path | None = None

    def needed(self, name: str, why: str, example: str) -> str:
        """Return a wish that cannot be done without.

        Raises
        ------
        InputError
            If it was not stated.
        """
        value: str | None = getattr(self, name)
        if value is None:
            option = f"--{name.replace('_', '-')}"
            raise InputError([Problem(option, f"is missing; {why}", f"such as {option} {example}")])
        return value


@dataclass(frozen=True, slots=True)
class Foreign:
    """The tables of a file of others, by the names and units of a dataset.

    Attributes
    ----------
    name, source, licence : str
        As a dataset is described.
    time_zone, clock, labels : str
        How the times are stated.
    start, end : datetime
        When the first interval starts and the last one ends, by the clock.
    resolution : int
        Length of an interval [min].
    currency : str or None
        ISO 4217 code, or None without prices.
    tables : dict of DataFrame
        The tables by name.
    special_days : tuple of date
        Days on which things are as on public holidays.
    notes : tuple of str
        What a person should know of how they came about.
    warnings : tuple of Problem
        What is unusual in the source, or of it left out.
    """

    name: str
    source: str
    licence: str
    time_zone: str
    clock: str
    labels: str
    start: datetime
    end: datetime
    resolution: int
    tables: dict[str, "pd.DataFrame"]
    currency: str | None = None
    special_days: tuple[date, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[Problem, ...] = field(default=())


def write_dataset(foreign: Foreign, folder: Path) -> None:
    """Write a dataset.

    Parameters
    ----------
    foreign : Foreign
        What it holds.
    folder : Path
        A new or empty folder.

    Raises
    ------
    InputError
        If the folder holds something already or cannot be written to.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError([Problem(str(folder), "holds something already", "a new folder")])
    own_folder(folder, make=True)
    files = {
        name: f"{name}.csv" if name in _AS_TEXT else f"{name}.parquet" for name in foreign.tables
    }
    written: list[Path] = []
    try:
        for name, table in foreign.tables.items():
            with beside(folder / files[name]) as new:
                if name in _AS_TEXT:
                    table.to_csv(new, index=False)
                else:
                    table.to_parquet(new, index=False)
            written.append(folder / files[name])
        _write_description(foreign, files, folder / "dataset.yaml")
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _write_description(foreign: Foreign, files: dict[str, str], path: Path) -> None:
    import yaml

    described: dict[str, Any] = {
        "schema": 1,
        "name": foreign.name,
        "description": " ".join(foreign.notes),
        "source": foreign.source,
        "licence": foreign.licence,
        "time_zone": foreign.time_zone,
        "clock": foreign.clock,
        "labels": foreign.labels,
        "start": foreign.start.isoformat(timespec="minutes"),
        "end": foreign.end.isoformat(timespec="minutes"),
        "resolution": foreign.resolution,
        "currency": foreign.currency,
        "tables": files,
    }
    if foreign.special_days:
        described["special_days"] = list(foreign.special_days)
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    with beside(path) as new:
        new.write_text(text, encoding="utf-8")


def read_table(
    path: Path, required: Iterable[str], separator: str = ",", thousands: str | None = None
) -> "pd.DataFrame":
    """Read a table of text, all its columns.

    Raises
    ------
    InputError
        If it cannot be read or lacks a column.
    """
    import pandas as pd

    if problems := missing_file(path):
        raise InputError(problems)
    try:
        table = pd.read_csv(path, sep=separator, thousands=thousands, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise InputError([Problem(str(path), f"cannot be read: {error}")]) from None
    table.columns = [str(column).strip() for column in table.columns]
    problems = missing_columns(f"{path}, line 1", list(table.columns), list(required))
    if problems:
        raise InputError(problems)
    return table


def numbers(table: "pd.DataFrame", column: str, path: Path) -> "pd.Series[float]":
    """Return a column of numbers, NaN where it is empty.

    Raises
    ------
    InputError
        If something else stands there.
    """
    import pandas as pd

    found: pd.Series[float] = pd.to_numeric(table[column], errors="coerce").astype(float)
    wrong = found.isna() & table[column].notna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        place = f"{path}, line {row + 2}, column {column}"
        message = (
            f"'{table[column].iloc[row]}' is no number, and neither are {wrong.sum() - 1} more"
        )
        raise InputError([Problem(place, message, "a number with a point")])
    return found


def times(table: "pd.DataFrame", column: str, pattern: str, path: Path) -> "pd.Series[Any]":
    """Return a column of times.

    Raises
    ------
    InputError
        If one does not follow the pattern.
    """
    import pandas as pd

    found = pd.to_datetime(table[column], format=pattern, errors="coerce")
    wrong = found.isna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        place = f"{path}, line {row + 2}, column {column}"
        raise InputError([Problem(place, f"'{table[column].iloc[row]}' is no time", pattern)])
    return found
