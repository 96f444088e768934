"""A person's CSV or Parquet file: its columns, and the problems found in its rows."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError, Problem, missing_file

# Of each kind of problem so many are reported in full, the others counted.
SHOWN = 10

# No number of a table is larger, whatever its unit: beyond it squares and sums of many lose all
# meaning, and at last overflow.
LARGEST = 1e12


class TableFile(ABC):
    """The columns of a CSV or Parquet file that are asked for.

    Parameters
    ----------
    path : Path
        The file; `.txt` is read like `.csv`.

    Attributes
    ----------
    path : Path
        The file.
    table : pyarrow.Table
        The columns. Those of a CSV file are text, None where a cell is empty.
    problems : list of Problem
        What was found so far.

    Raises
    ------
    InputError
        Where the columns are not to be had.
    """

    _suffixes: ClassVar[tuple[str, ...]] = (".csv", ".txt", ".parquet")
    _rows_wanted: ClassVar[str] = "at least one row"

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self.path = path
        self.problems: list[Problem] = []
        self._lines: NDArray[np.int64] | None = None
        kind = path.suffix.lower()
        if problems := missing_file(path):
            raise InputError(problems)
        if kind not in self._suffixes:
            message = f"ends in '{kind}'" if kind else "has no ending"
            *others, last = self._suffixes
            allowed = f"{', '.join(others)} or {last}"
            raise InputError([Problem(str(path), message, allowed)])
        self._is_text = kind != ".parquet"
        try:
            self.table = self._csv() if self._is_text else self._parquet()
        except (pa.ArrowException, OSError, csv.Error) as error:
            allowed = "columns separated by ',', in UTF-8" if self._is_text else "Parquet"
            problem = Problem(str(path), f"cannot be read: {error}", allowed)
            raise InputError([*self.problems, problem]) from error
        if self.table.num_rows == 0:
            problem = Problem(str(path), "holds no rows", self._rows_wanted)
            raise InputError([*self.problems, problem])
        self._check_types()

    def place(self, row: int, column: str = "") -> str:
        """Return where a row stands: its line in a CSV file, its number in a Parquet file."""
        if self._is_text:
            place = f"{self.path}, line {self._line_numbers()[row]}"
        else:
            place = f"{self.path}, row {row + 1}"
        return f"{place}, column {column}" if column else place

    def report(
        self,
        rows: NDArray[np.int64],
        column: str,
        message: Callable[[int], str],
        allowed: str,
    ) -> None:
        """Add a problem for each of some rows; of very many, the first ones and their number."""
        for row in rows[:SHOWN].tolist():
            self.problems.append(Problem(self.place(row, column), message(row), allowed))
        if (more := rows.size - SHOWN) > 0:
            place = f"{self.path}, column {column}" if column else str(self.path)
            self.problems.append(Problem(place, f"and {more:,} more rows like these", allowed))

    def _open(self) -> IO[str]:
        # Other columns may hold what they like; those that are read are checked as they are read.
        return self.path.open(newline="", encoding="utf-8-sig", errors="replace")

    def _csv(self) -> Any:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        with self._open() as file:
            header = next(csv.reader(file), [])
        columns = self._needed(f"{self.path}, line 1", header)
        parse = partial(
            arrow_csv.read_csv,
            convert_options=arrow_csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        try:
            return parse(self.path)
        except pa.ArrowInvalid:
            self._line_numbers()
            if not self.problems:
                raise
        # Lines of another width are reported; what else is wrong is found in the others.
        rows = io.StringIO(newline="")
        with self._open() as file:
            csv.writer(rows).writerows(row for row in csv.reader(file) if len(row) == len(header))
        return parse(pa.BufferReader(rows.getvalue().encode()))

    def _parquet(self) -> Any:
        from pyarrow import parquet

        with parquet.ParquetFile(self.path) as file:
            return file.read(self._needed(str(self.path), file.schema_arrow.names))

    def _needed(self, place: str, header: list[str]) -> list[str]:
        """Return the names of the columns to read; raise where they are not all there."""
        if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
            message = "the columns are separated by semicolons or tabs"
            raise InputError([Problem(place, message, "columns separated by ','")])
        required = self._columns(place, header)
        twice = [
            Problem(place, f"column '{column}' stands there twice", "once")
            for column in required
            if header.count(column) > 1
        ]
        if twice:
            raise InputError(twice)
        return required

    @abstractmethod
    def _columns(self, place: str, header: list[str]) -> list[str]:
        """Return which of the columns to read; raise where some are missing."""

    @abstractmethod
    def _types(self) -> Iterable[tuple[str, str]]:
        """Return the columns read, each with one of the kinds text, number and time."""

    def _check_types(self) -> None:
        """Raise where a column holds another kind of value than the reader can make out."""
        problems = []
        for column, kind in self._types():
            tests, allowed = _readable(kind)
            there = self.table.column(column).type
            if not any(test(_without_dictionary(there)) for test in tests):
                place = f"{self.path}, column {column}"
                problems.append(Problem(place, f"holds values of type {there}", allowed))
        if problems:
            raise InputError(self.problems + problems)

    def _line_numbers(self) -> NDArray[np.int64]:
        """Return the line of each row of a CSV file; report the lines that are no rows.

        The fast reader counts no lines, so they are counted only once there is something to report.
        """
        if self._lines is None:
            lines, ragged = [], []
            with self._open() as file:
                reader = csv.reader(file)
                width = len(next(reader))
                for cells in reader:
                    if len(cells) == width:
                        lines.append(reader.line_num)
                    elif cells:
                        ragged.append((reader.line_num, len(cells)))
            self._lines = np.array(lines, dtype=np.int64)
            allowed = f"{width}, one for each column"
            for line, cells_there in ragged[:SHOWN]:
                place = f"{self.path}, line {line}"
                self.problems.append(Problem(place, f"there are {cells_there} cells", allowed))
            if (more := len(ragged) - SHOWN) > 0:
                message = f"and {more:,} more lines like these"
                self.problems.append(Problem(str(self.path), message, allowed))
        return self._lines


def _readable(kind: str) -> tuple[tuple[Callable[[Any], bool], ...], str]:
    """Return tests of which one holds for a readable type, and what is allowed in words."""
    from pyarrow import types

    # A column without any value has no kind, and is reported row by row.
    text = (types.is_string, types.is_large_string, types.is_null)
    match kind:
        case "time":
            return (*text, types.is_timestamp, types.is_date), "times, or text"
        case "number":
            return (*text, types.is_integer, types.is_floating, types.is_decimal), "numbers"
        case _:
            return (*text, types.is_integer), "text, or whole numbers"


def _without_dictionary(kind: Any) -> Any:
    from pyarrow import types

    return kind.value_type if types.is_dictionary(kind) else kind


def plain(column: Any) -> Any:
    """Return a column of an Arrow table without its dictionary."""
    import pyarrow as pa

    dictionary = pa.types.is_dictionary(column.type)
    column = column.cast(column.type.value_type) if dictionary else column
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def encoded(column: Any) -> tuple[NDArray[np.int32], Any]:
    """Return the number of each row's value, -1 for none, and the values as they first come."""
    from pyarrow import compute

    chunks = column.dictionary_encode().unify_dictionaries().chunks
    codes = [compute.fill_null(chunk.indices, -1).to_numpy() for chunk in chunks]
    return np.concatenate(codes).astype(np.int32, copy=False), chunks[0].dictionary


def names(column: Any) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return the name of each row as a number, -1 where it is empty, and the names."""
    import pyarrow as pa
    from pyarrow import compute

    text = plain(column).cast(pa.string())
    text = compute.if_else(compute.equal(text, ""), pa.scalar(None, pa.string()), text)
    codes, values = encoded(text)
    return codes, tuple(values.to_pylist())


def numbers(column: Any) -> FloatArray:
    """Return the number of each row, NaN where there is none."""
    import pyarrow as pa
    from pyarrow import compute

    column = plain(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = compute.utf8_trim_whitespace(column)
        try:
            column = column.cast(pa.float64())
        except pa.ArrowInvalid:
            pattern = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
            number = compute.match_substring_regex(column, pattern)
            column = compute.replace_substring_regex(column, r"^\+", "")
            column = compute.if_else(number, column, pa.scalar(None, column.type))
    found: FloatArray = column.cast(pa.float64(), safe=False).to_numpy()
    return found
