"""The tables of a finished run as arrays, taken in whole or a part at a time."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.errors import InputError
from hmesh.environment.number_words import counted
from hmesh.runs.results.columns import ResultColumn
from hmesh.runs.results.result_tables import TABLES, arrow_schema, columns_since
from hmesh.runs.results.run_reader import Run
from hmesh.runs.results.table_bounds import most_rows, refuse_large, too_many_rows

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_BATCH = 2**16
_MILLISECONDS_PER_HOUR = 3_600_000.0

# Tables with a course of steps for each row of another table.
COURSES = ("storage_courses",)

type Columns = dict[str, NDArray[Any]]


class DamagedTableError(Exception):
    """A table that does not hold what tables of its name hold.

    Parameters
    ----------
    table : str
        Its name.
    message : str
        What is wrong with it.
    """

    def __init__(self, table: str, message: str) -> None:
        self.table, self.message = table, message
        super().__init__(f"{table}.parquet: {message}")


class EarlierTableError(DamagedTableError):
    """A table of an earlier schema of results, which lacks a column that an audit needs."""


class UnknownNameError(DamagedTableError):
    """A table that holds a name which nothing of the run has."""


class TableReader:
    """Reads a table in the order of its rows.

    Names become their position in the list of those that may stand there, -1 where there is none;
    times become hours since the start of the run; a number that is left out becomes NaN.

    Parameters
    ----------
    run : Run
        The run.
    table : str
        The name of the table.
    names : mapping of sequence of str
        Which names each column of names may hold; columns that are not listed are not read.
    start_ms : float
        When the run started, in milliseconds since 1970 UTC.

    Attributes
    ----------
    rows : int
        How many rows it has.

    Raises
    ------
    DamagedTableError
        Here or while reading: if the file is missing, cannot be read, lacks a column, or a column
        holds what it may not.
    """

    def __init__(
        self, run: Run, table: str, names: Mapping[str, Sequence[str]], start_ms: float
    ) -> None:
        self.table = table
        self._columns = [c for c in TABLES[table] if c.kind != "name" or c.name in names]
        self._codes = {column: _positions(known) for column, known in names.items()}
        self._start_ms = start_ms
        file = self._open(run)
        self.rows: int = file.metadata.num_rows
        wanted = [column.name for column in self._columns]
        self._batches: Iterator[pa.RecordBatch] = file.iter_batches(ROWS_PER_BATCH, columns=wanted)
        self._any = wanted[0]
        # Rows of a step follow those of the step before, strategy by strategy.
        self._last: dict[str, Any] = {"step": -1, "strategy": -1}
        self._by_step = set(self._last) <= set(wanted) and table not in COURSES
        self._held = [self._empty()]

    def take(self, count: int) -> Columns:
        """Return the next rows, as many as asked for.

        Raises
        ------
        DamagedTableError
            If there are not so many.
        """
        while sum(len(part[self._any]) for part in self._held) < count:
            if not self._load():
                raise DamagedTableError(self.table, f"rows are missing, there are {self.rows:,}")
        return self._split(count)

    def before(self, column: str, bound: float) -> Columns:
        """Return the next rows up to the first whose value in a column reaches a bound."""
        searched = 0
        while True:
            for part in self._held:
                reached = part[column] >= bound
                if reached.any():
                    return self._split(searched + int(np.argmax(reached)))
                searched += len(reached)
            self._held = [self._joined()]
            searched = 0
            if not self._load():
                return self._split(len(self._held[0][column]))

    def rest(self) -> Columns:
        """Return all rows that are left."""
        while self._load():
            pass
        joined = self._joined()
        self._held = [self._empty()]
        return joined

    def _open(self, run: Run) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = run.directory / f"{self.table}.parquet"
        try:
            described = pq.read_metadata(path)
            refuse_large(path, described, [c.name for c in self._columns], whole=False)
            file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise DamagedTableError(self.table, f"cannot be read: {error}") from None
        except InputError as error:
            raise DamagedTableError(self.table, error.problems[0].message) from None
        most = most_rows(self.table, run.info)
        if described.num_rows > most:
            message = f"{counted(described.num_rows, 'row')}, {most:,} at most belong there"
            raise DamagedTableError(self.table, message)
        present, schema = file.schema_arrow, run.info["schema"]
        of_its_schema = {column.name for column in columns_since(self.table, schema)}
        for wanted in arrow_schema(self.table, run.info["time_zone"]):
            index = present.get_field_index(wanted.name)
            if index < 0 and wanted.name not in of_its_schema:
                message = f"column {wanted.name} was not written yet by schema {schema} of results"
                raise EarlierTableError(self.table, message)
            if index < 0:
                raise DamagedTableError(self.table, f"column {wanted.name} is missing")
            if present.field(index).type != wanted.type:
                message = f"column {wanted.name} holds {present.field(index).type}"
                raise DamagedTableError(self.table, message)
        return file

    def _load(self) -> bool:
        import pyarrow as pa

        try:
            batch = next(self._batches, None)
        except (OSError, pa.ArrowException) as error:
            raise DamagedTableError(self.table, f"cannot be read: {error}") from None
        if batch is None:
            return False
        rows = {c.name: self._decoded(c, batch.column(c.name)) for c in self._columns}
        if self._by_step and len(rows["step"]):
            lead = [np.append(self._last[k], rows[k]) for k in self._last]
            refuse_disorder(self.table, *lead)
            self._last = {k: rows[k][-1] for k in self._last}
        self._held.append(rows)
        held = sum(len(part[self._any]) for part in self._held)
        if message := too_many_rows(held, len(self._columns)):
            raise DamagedTableError(self.table, message)
        return True

    def _decoded(self, column: ResultColumn, values: "pa.Array") -> NDArray[Any]:
        if values.null_count and not column.optional:
            raise DamagedTableError(self.table, f"column {column.name} has empty places")
        if column.kind == "name":
            return self._coded(column, values)
        if column.kind == "number":
            numbers: FloatArray = values.to_numpy(zero_copy_only=False)
            allowed = np.isfinite(numbers) | (np.isnan(numbers) & column.optional)
            if not allowed.all():
                reported = numbers[~allowed][0]
                raise DamagedTableError(self.table, f"column {column.name} holds {reported}")
            return numbers
        if column.kind == "time":
            milliseconds = values.cast("int64").to_numpy(zero_copy_only=not values.null_count)
            hours: FloatArray = (milliseconds - self._start_ms) / _MILLISECONDS_PER_HOUR
            return hours
        whole: NDArray[np.int64] = values.to_numpy()
        return whole

    def _coded(self, column: ResultColumn, values: "pa.DictionaryArray") -> NDArray[np.int64]:
        known = self._codes[column.name]
        texts = values.dictionary.to_pylist()
        codes = np.array([*(known.get(text, -2) for text in texts), -1], dtype=np.int64)
        found: NDArray[np.int64] = codes[
            values.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
        ]
        if (found == -2).any():
            row = int(np.argmax(found == -2))
            raise UnknownNameError(self.table, f"column {column.name} holds {values[row]}")
        return found

    def _empty(self) -> Columns:
        whole = {"name": np.int64, "whole": np.int64}
        return {c.name: np.empty(0, whole.get(c.kind, np.float64)) for c in self._columns}

    def _joined(self) -> Columns:
        return {
            c.name: np.concatenate([part[c.name] for part in self._held]) for c in self._columns
        }

    def _split(self, count: int) -> Columns:
        joined = self._joined()
        self._held = [{name: values[count:] for name, values in joined.items()}]
        return {name: values[:count] for name, values in joined.items()}


def framed(
    table: str,
    columns: Columns,
    keys: Mapping[str, range | Sequence[str]],
    expected: NDArray[np.bool_] | None = None,
    *,
    ascending: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Put the rows of a table where their keys say.

    Parameters
    ----------
    table : str
        The name of the table.
    columns : dict of array
        Its rows, one for every combination of the keys.
    keys : mapping of range or sequence of str
        Columns that together name a row, such as step, strategy and community, each with what it
        may hold: a range of numbers, or the names that its numbers stand for.
    expected : array of bool, optional
        Which combinations have a row, all of them unless given.
    ascending : int, optional
        By how many of the keys, from the first on, rows ascend, all of them unless given. Rows
        that differ in other keys alone are in one and the same order everywhere.

    Returns
    -------
    dict
        For every other column an array with one axis for each key, 0 where no row is expected.

    Raises
    ------
    DamagedTableError
        If a row is missing, stands there twice, belongs nowhere or is out of order.
    """
    sizes = tuple(len(held) for held in keys.values())
    values = []
    for key, held in keys.items():
        value = columns[key] - (held.start if isinstance(held, range) else 0)
        nowhere = (value < 0) | (value >= len(held))
        if nowhere.any():
            reported = columns[key][int(np.argmax(nowhere))]
            raise DamagedTableError(table, f"there is a row with {key} {reported}")
        values.append(value)
    position = np.ravel_multi_index(tuple(values), sizes)
    times = np.bincount(position, minlength=int(np.prod(sizes)))
    due = 1 if expected is None else expected.ravel()
    if (times != due).any():
        wrong = int(np.argmax(times != due))
        place = zip(keys.items(), np.unravel_index(wrong, sizes), strict=True)
        reported = ", ".join(f"{key} {held[int(i)]}" for (key, held), i in place)
        right = np.broadcast_to(due, len(times))[wrong]
        raise DamagedTableError(
            table, f"{counted(int(times[wrong]), 'row')} in place of {int(right)} for {reported}"
        )
    rest = int(np.prod(sizes[ascending:])) if ascending is not None else 1
    refuse_disorder(table, position // rest)
    refuse_mixed(table, position // rest, position % rest)
    placed = {}
    for name in columns.keys() - keys.keys():
        flat = np.zeros(len(times), columns[name].dtype)
        flat[position] = columns[name]
        placed[name] = flat.reshape(sizes)
    return placed


def refuse_disorder(table: str, *keys: NDArray[Any]) -> None:
    """Refuse rows that do not ascend by their keys, the first one first.

    Parameters
    ----------
    table : str
        The name of the table.
    *keys : array
        Columns, numbers without NaN.

    Raises
    ------
    DamagedTableError
        It names the first row that is out of order.
    """
    if len(keys[0]) < 2:
        return
    tied = np.ones(len(keys[0]) - 1, dtype=bool)
    for key in keys:
        later = np.diff(key)
        wrong = tied & (later < 0)
        if wrong.any():
            row = int(np.argmax(wrong)) + 1
            raise DamagedTableError(table, f"row {row} is out of order")
        tied &= later == 0


def refuse_mixed(table: str, group: NDArray[np.int64], item: NDArray[np.int64]) -> None:
    """Refuse rows whose items follow each other in one way here and in another way there.

    Parameters
    ----------
    table : str
        The name of the table.
    group : array of int
        A number of the group of each row, ascending.
    item : array of int
        What stands there; equal ones that follow each other count as one.

    Raises
    ------
    DamagedTableError
        It names a row.
    """
    follows = (np.diff(group) == 0) & (np.diff(item) != 0)
    pairs = np.unique(np.stack([item[:-1][follows], item[1:][follows]], axis=1), axis=0)
    before: dict[int, set[int]] = {}
    for first, second in pairs.tolist():
        before.setdefault(second, set()).add(first)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        first, second = error.args[1][:2]
        rows = np.flatnonzero(follows & (item[:-1] == first) & (item[1:] == second))
        row = int(rows[-1]) + 1 if len(rows) else 0
        raise DamagedTableError(table, f"row {row} is not in the order of others") from None


def names_in(run: Run, table: str, column: str) -> list[str]:
    """Return the names that stand in a column of a table, each once.

    Raises
    ------
    DamagedTableError
        If the column cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = run.directory / f"{table}.parquet"
    found = dict[str, None]()
    try:
        refuse_large(path, pq.read_metadata(path), [column], whole=False)
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_PER_BATCH, columns=[column]):
                found |= dict.fromkeys(batch.column(column).dictionary.to_pylist())
    except InputError as error:
        raise DamagedTableError(table, error.problems[0].message) from None
    except (OSError, KeyError, AttributeError, pa.ArrowException) as error:
        raise DamagedTableError(table, f"column {column} cannot be read: {error}") from None
    return [name for name in found if name]


def _positions(names: Sequence[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}
