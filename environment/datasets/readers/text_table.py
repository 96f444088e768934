"""Tables of text as programs write them: separators, decimal commas, dates, spreadsheets."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, missing_file, shortened

# What stands in a cell where nothing was measured.
MISSING = frozenset(
    ("", "-", "nan", "na", "n/a", "n/e", "null", "none", "unavailable", "unknown", "-999", "-999.0")
)
_SEPARATORS = (";", "\t", ",")
_UTF_16 = {b"\xff\xfe": "UTF-16, little endian", b"\xfe\xff": "UTF-16, big endian"}
_SAVED = "UTF-8; a spreadsheet saves it as 'CSV UTF-8'"


@dataclass(frozen=True, slots=True)
class TextTable:
    """The cells of a table, not yet numbers or times.

    Attributes
    ----------
    path : Path
        Its file.
    header : tuple of str
        Names of the columns.
    columns : tuple of list
        The cells of each column: text, or what a spreadsheet holds; all of one length.
    lines : list of int
        Line of the file in which each row stands, from 1.
    separator : str
        What stands between columns, "" in a spreadsheet.
    """

    path: Path
    header: tuple[str, ...]
    columns: tuple[list[Any], ...]
    lines: list[int]
    separator: str

    def place(self, row: int, column: int) -> str:
        """Return how a cell is named in messages."""
        return f"{self.path}, line {self.lines[row]}, column {self.header[column]}"

    def first(self, *names: str) -> int | None:
        """Return the first column of one of some names, None where there is none."""
        known = [name.casefold() for name in self.header]
        return next((known.index(name) for name in names if name in known), None)

    def needed(self, *names: str) -> int:
        """Return the first column of one of some names.

        Raises
        ------
        InputError
            If there is none.
        """
        found = self.first(*names)
        if found is None:
            message = f"has no column {names[0]}, but {', '.join(self.header)}"
            raise InputError([Problem(f"{self.path}, line 1", message, " or ".join(names))])
        return found


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    InputError
        If it is not there, or is not UTF-8; UTF-16 is refused by name.
    """
    if problems := missing_file(path):
        raise InputError(problems)
    raw = path.read_bytes()
    if raw[:2] in _UTF_16 or raw[1:2] == b"\0" or raw[:1] == b"\0":
        kind = _UTF_16.get(raw[:2], "UTF-16 without a mark")
        raise InputError([Problem(str(path), f"is text in {kind}", _SAVED)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        message = f"is not UTF-8: byte 0x{raw[error.start]:02x}"
        raise InputError([Problem(f"{path}, line {line}", message, _SAVED)]) from None


def read_text_table(path: Path, comment: str = "") -> TextTable:
    """Read a table of text; the first line that is no comment names its columns.

    Columns are separated by what stands in that line: a semicolon, a tabulator or a comma.

    Raises
    ------
    InputError
        If it cannot be read, has no rows, or lines with another number of cells.
    """
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return _read_spreadsheet(path)
    lines = read_text(path).splitlines(keepends=True)
    skipped = 0
    while skipped < len(lines) and (
        not lines[skipped].strip() or (comment and lines[skipped].startswith(comment))
    ):
        skipped += 1
    if skipped == len(lines):
        raise InputError([Problem(str(path), "is empty", "a line of column names, and rows")])
    separator = next((mark for mark in _SEPARATORS if mark in lines[skipped]), ",")
    reader = csv.reader(io.StringIO("".join(lines[skipped:]), newline=""), delimiter=separator)
    header = tuple(name.strip() for name in next(reader))
    rows, numbers, ragged = [], [], []
    for cells in reader:
        if len(cells) == len(header):
            rows.append(cells)
            numbers.append(reader.line_num + skipped)
        elif any(cell.strip() for cell in cells):
            place = f"{path}, line {reader.line_num + skipped}"
            ragged.append(Problem(place, f"there are {len(cells)} cells", f"{len(header)}"))
    if ragged:
        raise InputError(shortened(ragged))
    if not rows:
        raise InputError([Problem(str(path), "has no rows below its line of column names")])
    columns = tuple([cell.strip() for cell in cells] for cells in zip(*rows, strict=True))
    return TextTable(path, header, columns, numbers, separator)


def _read_spreadsheet(path: Path) -> TextTable:
    if problems := missing_file(path):
        raise InputError(problems)
    try:
        import openpyxl  # type: ignore[import-untyped]
    except ImportError:
        message = "reading a spreadsheet needs openpyxl"
        allowed = "pip install 'hmesh[excel]', or the table saved as CSV UTF-8"
        raise InputError([Problem(str(path), message, allowed)]) from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        raise InputError([Problem(str(path), f"is no spreadsheet: {error}")]) from None
    sheets = [sheet.title for sheet in book.worksheets]
    filled = [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]
    book.close()
    with_cells = [
        n for n, rows in enumerate(filled) if any(any(_has_content(c) for c in row) for row in rows)
    ]
    if len(with_cells) != 1:
        message = (
            f"has {len(with_cells)} sheets with cells: {', '.join(sheets[n] for n in with_cells)}"
        )
        raise InputError([Problem(str(path), message, "one table in one sheet")])
    rows = [
        (number, row)
        for number, row in enumerate(filled[with_cells[0]], start=1)
        if any(_has_content(cell) for cell in row)
    ]
    width = max(n + 1 for n, cell in enumerate(rows[0][1]) if _has_content(cell))
    header = tuple("" if cell is None else str(cell).strip() for cell in rows[0][1][:width])
    if len(rows) < 2:
        raise InputError([Problem(str(path), "has no rows below its line of column names")])
    columns = tuple(
        ["" if (cell := row[n] if n < len(row) else None) is None else cell for _, row in rows[1:]]
        for n in range(width)
    )
    return TextTable(path, header, columns, [number for number, _ in rows[1:]], "")


def _has_content(cell: Any) -> bool:
    return cell is not None and str(cell).strip() != ""


def decimal_mark(table: TextTable, columns: Sequence[int], wished: str | None) -> str:
    """Return what parts the whole from the fraction of numbers: a point or a comma.

    Raises
    ------
    InputError
        If the numbers hold both, so that it must be stated.
    """
    if wished is not None:
        if wished not in (".", ","):
            raise InputError([Problem("--decimal", f"'{wished}' is not allowed", "'.' or ','")])
        return wished
    if table.separator in ("", ","):
        return "."
    marks: dict[str, str] = {}
    for column in columns:
        for row, cell in enumerate(table.columns[column]):
            for mark in ".,":
                if mark in cell and mark not in marks and cell.casefold() not in MISSING:
                    marks[mark] = f"'{cell}' in line {table.lines[row]}"
        if len(marks) == 2:
            message = f"numbers hold points and commas, {marks['.']} and {marks[',']}"
            allowed = "--decimal , or --decimal . states which parts the fraction"
            raise InputError([Problem(str(table.path), message, allowed)])
    return "," if "," in marks else "."


def column_numbers(table: TextTable, column: int, decimal: str = ".") -> FloatArray:
    """Return a column of numbers, NaN where nothing was measured.

    With a decimal comma, points part thousands, and the other way round where no comma separates
    columns.

    Raises
    ------
    InputError
        If something else stands there.
    """
    thousands = "" if table.separator == "," else {".": ",", ",": "."}[decimal]
    found = np.full(len(table.lines), np.nan)
    wrong = []
    for row, cell in enumerate(table.columns[column]):
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            found[row] = cell
            continue
        text = str(cell).strip()
        if text.casefold() in MISSING:
            continue
        plain = text.replace(thousands, "") if thousands else text
        try:
            found[row] = float(plain.replace(",", ".") if decimal == "," else plain)
        except ValueError:
            allowed = "a number, such as " + ("0,35" if decimal == "," else "0.35")
            wrong.append(Problem(table.place(row, column), f"'{text}' is no number", allowed))
            continue
        if not np.isfinite(found[row]):
            wrong.append(Problem(table.place(row, column), f"'{text}' is not finite"))
    if wrong:
        raise InputError(shortened(wrong))
    return found


def column_times(
    table: TextTable, texts: Sequence[Any], column: int, pattern: str | None
) -> tuple[list[datetime], bool]:
    """Return a column of times without offset, and whether they are those of UTC.

    Parameters
    ----------
    table, column : TextTable, int
        Where they stand, for messages.
    texts : sequence
        What stands there.
    pattern : str or None
        How they are written, in the way of `strptime`; None for ISO 8601. Nothing is guessed:
        03/04 is a day of March or of April.

    Raises
    ------
    InputError
        If one is written otherwise, or only some carry an offset from UTC.
    """
    found, wrong = [], []
    for row, text in enumerate(texts):
        try:
            if isinstance(text, datetime):
                # Spreadsheets count days in floats, which miss a second by some microseconds.
                seconds = round(text.microsecond / 1e6)
                found.append(text.replace(microsecond=0) + seconds * _SECOND)
            elif pattern is None:
                found.append(datetime.fromisoformat(str(text)))
            else:
                found.append(datetime.strptime(str(text), pattern))
        except ValueError:
            if pattern is None:
                allowed = "ISO 8601, or --time-format '%d.%m.%Y %H:%M' as the file writes it"
            else:
                allowed = f"--time-format '{pattern}'"
            wrong.append(Problem(table.place(row, column), f"'{text}' is no time", allowed))
    if wrong:
        raise InputError(shortened(wrong, 5))
    aware = [time.tzinfo is not None for time in found]
    if any(aware) and not all(aware):
        row = aware.index(not aware[0])
        message = "only some times carry an offset from UTC"
        raise InputError([Problem(table.place(row, column), message, "all of them, or none")])
    if aware[0]:
        found = [time.astimezone(UTC).replace(tzinfo=None) for time in found]
    return found, aware[0]


_SECOND = datetime(1970, 1, 1, 0, 0, 1) - datetime(1970, 1, 1)
