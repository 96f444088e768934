"""A person's file of loads: its columns, and the problems found in its rows."""

import csv
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from environment.errors import InputError, Problem, missing_columns, missing_file

# Of each kind of problem so many are told in full, the others counted.
SHOWN = 10


class LoadFile:
    """The columns `time`, `member` and `load_kwh` or `load_kw` of a CSV or Parquet file.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    path : Path
        The file.
    load_column : str
        Which of `load_kwh` and `load_kw` it has.
    table : pyarrow.Table
        The three columns. Those of a CSV file are text, None where a cell is empty.
    problems : list of Problem
        What was found so far.

    Raises
    ------
    InputError
        Where the three columns are not to be had.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self.path = path
        self.load_column = ""
        self.problems: list[Problem] = []
        self._lines: NDArray[np.int64] | None = None
        kind = path.suffix.lower()
        if problems := missing_file(path):
            raise InputError(problems)
        if kind not in (".csv", ".parquet"):
            message = f"ends in '{kind}'" if kind else "has no ending"
            raise InputError([Problem(str(path), message, ".csv or .parquet")])
        try:
            self.table = self._csv() if kind == ".csv" else self._parquet()
        except (pa.ArrowException, OSError, csv.Error) as error:
            allowed = "columns separated by ',', in UTF-8" if kind == ".csv" else "Parquet"
            problem = Problem(str(path), f"cannot be read: {error}", allowed)
            raise InputError([*self.problems, problem]) from error
        if self.table.num_rows == 0:
            allowed = "one row for each member and interval"
            raise InputError([*self.problems, Problem(str(path), "holds no rows", allowed)])
        self._check_types()

    def place(self, row: int, column: str = "") -> str:
        """Return where a row stands: its line in a CSV file, its number in a Parquet file."""
        if self.path.suffix.lower() == ".csv":
            place = f"{self.path}, line {self._line_numbers()[row]}"
        else:
            place = f"{self.path}, row {row + 1}"
        return f"{place}, column {column}" if column else place

    def tell(
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
        # Lines of another width are told; what else is wrong is found in the others.
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
        loads = [column for column in ("load_kwh", "load_kw") if column in header]
        self.load_column = loads[0] if loads else "load_kwh"
        required = ["time", "member", self.load_column]
        problems = missing_columns(place, header, required)
        if not loads:
            told = problems.pop()
            allowed = "load_kwh, energy in the interval, or load_kw, mean power in it"
            problems.append(Problem(place, told.message, allowed, told.suggestion))
        problems += [
            Problem(place, f"column '{column}' stands there twice", "once")
            for column in required
            if header.count(column) > 1
        ]
        if len(loads) > 1:
            problems.append(Problem(place, "there are both load_kwh and load_kw", "one of them"))
        if problems:
            raise InputError(problems)
        return required

    def _check_types(self) -> None:
        """Raise where a column holds another kind of value than the reader can make out."""
        from pyarrow import types

        def is_any(kind: Any, *tests: Callable[[Any], bool]) -> bool:
            kind = kind.value_type if types.is_dictionary(kind) else kind
            # A column without any value has no kind, and is told row by row.
            usable = (types.is_string, types.is_large_string, types.is_null, *tests)
            return any(test(kind) for test in usable)

        numbers = (types.is_integer, types.is_floating, types.is_decimal)
        problems = []
        for column, tests, allowed in (
            ("time", (types.is_timestamp, types.is_date), "times, or text"),
            ("member", (types.is_integer,), "text, or whole numbers"),
            (self.load_column, numbers, "numbers"),
        ):
            kind = self.table.column(column).type
            if not is_any(kind, *tests):
                place = f"{self.path}, column {column}"
                problems.append(Problem(place, f"holds values of type {kind}", allowed))
        if problems:
            raise InputError(self.problems + problems)

    def _line_numbers(self) -> NDArray[np.int64]:
        """Return the line of each row of a CSV file; tell the lines that are no rows.

        The fast reader counts no lines, so they are counted only once there is something to tell.
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
