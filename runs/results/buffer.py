"""Rows of one table, gathered until there are enough to write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.runs.results.columns import ResultColumn

if TYPE_CHECKING:
    import pyarrow as pa

_MILLISECONDS_PER_HOUR = 3_600_000
# Stands for an empty place in a column of times.
_NO_TIME = np.iinfo(np.int64).min
_DTYPES = {"number": np.float64, "whole": np.int64, "time": np.int64, "name": np.int32}
# Of columns whose arrays are taken as they are.
_DTYPES_OF = {kind: np.dtype(_DTYPES[kind]) for kind in ("number", "whole")}
_FEW_ROWS = 64


@dataclass(frozen=True, slots=True)
class Coded:
    """Names of many rows, encoded by their position in a short list.

    Attributes
    ----------
    codes : array of int, shape (rows,)
        Position of each row's name, -1 where it has none.
    names : sequence of str
        The names.
    """

    codes: NDArray[np.integer[Any]]
    names: Sequence[str]


class TableBuffer:
    """Rows of a table, in one array for each column that has room for more.

    Parameters
    ----------
    table : str
        The name of the table, for errors.
    columns : sequence of ResultColumn
        Its columns.
    start_ms : int
        The start of the run, in milliseconds since 1970 UTC.
    """

    def __init__(self, table: str, columns: Sequence[ResultColumn], start_ms: int) -> None:
        self.table = table
        self.columns = tuple(columns)
        self._column_names = {column.name for column in columns}
        self._start_ms = start_ms
        self._room = _FEW_ROWS
        self._arrays: dict[str, NDArray[Any]] = {
            column.name: np.empty(self._room, _DTYPES[column.kind]) for column in columns
        }
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.rows = 0
        self._names: dict[str, dict[str, int]] = {
            column.name: {} for column in self.columns if column.kind == "name"
        }
        # The last list of names that each column was given, and their codes.
        self._lists: dict[str, tuple[tuple[str, ...], NDArray[np.int32]]] = {}

    def add(self, values: Mapping[str, Any]) -> None:
        """Append rows.

        Parameters
        ----------
        values : mapping
            For every column an array, a list or one value for all rows; for names also `Coded`;
            for times the hours since the start of the run. NaN and None are empty.

        Raises
        ------
        ValueError
            When a column is missing, unknown, empty though it may not be, or of another length
            or kind.
        """
        if self._column_names != values.keys():
            raise ValueError(
                f"the table {self.table} is given "
                f"without {sorted(self._column_names - values.keys())} "
                f"and with unknown {sorted(values.keys() - self._column_names)}"
            )
        pieces: list[Any] = []
        rows = -1
        for column in self.columns:
            piece: Any = self._one_value(column, values[column.name])
            if piece is None:
                piece = self._piece(column, values[column.name])
                if piece.ndim and piece.size != rows:
                    if rows >= 0:
                        lengths = sorted({rows, piece.size})
                        raise ValueError(f"the columns of {self.table} have {lengths} rows")
                    rows = piece.size
            pieces.append(piece)
        begin, end = self.rows, self.rows + (1 if rows < 0 else rows)
        if end > self._room:
            self._make_room(end)
        for array, piece in zip(self._arrays.values(), pieces, strict=True):
            array[begin:end] = piece
        self.rows = end

    def state(self) -> dict[str, Any]:
        """Return the rows as arrays and names, for a checkpoint."""
        held = {name: array[: self.rows].copy() for name, array in self._arrays.items()}
        names = {name: tuple(codes) for name, codes in self._names.items()}
        return {"rows": self.rows, "columns": held, "names": names}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over an earlier `state`, or leave all as it is.

        Raises
        ------
        ValueError
            When it is not what `state` returned.
        """
        rows, names = state["rows"], state["names"]
        if type(rows) is not int or rows < 0:
            raise ValueError(f"{rows!r} is no number of rows")
        if state["columns"].keys() != self._column_names or names.keys() != self._names.keys():
            raise ValueError("other columns are there")
        for column in self.columns:
            known = names.get(column.name, ())
            if not all(isinstance(name, str) for name in known) or len(set(known)) < len(known):
                raise ValueError(f"the names of {column.name} are not those of rows")
            _refuse_column(column, state["columns"][column.name], rows, len(known))
        self.clear()
        if rows > self._room:
            self._make_room(rows)
        for name, array in self._arrays.items():
            array[:rows] = state["columns"][name]
        self.rows = rows
        for name, known in names.items():
            self._names[name] = {text: code for code, text in enumerate(known)}

    def arrow(self, schema: "pa.Schema") -> "pa.Table":
        """Return the rows as an Arrow table."""
        import pyarrow as pa

        arrays = []
        for column, field in zip(self.columns, schema, strict=True):
            values = self._arrays[column.name][: self.rows]
            if column.kind == "name":
                there = values >= 0 if column.optional else None
                codes = _arrow_array(values, pa.int32(), there)
                names = _arrow_texts(list(self._names[column.name]))
                arrays.append(pa.DictionaryArray.from_arrays(codes, names))
            elif column.kind == "time" and column.optional:
                arrays.append(
                    pa.array(values, pa.int64(), mask=values == _NO_TIME).cast(field.type)
                )
            else:
                # NaN becomes an empty place.
                may_lack = column.optional and column.kind == "number"
                there = ~np.isnan(values) if may_lack else None
                arrays.append(_arrow_array(values, field.type, there))
        return pa.Table.from_arrays(arrays, schema=schema)

    def _make_room(self, rows: int) -> None:
        """Give every column room for so many rows, or for twice as many as now."""
        self._room = max(rows, 2 * self._room)
        for name, array in self._arrays.items():
            self._arrays[name] = larger = np.empty(self._room, array.dtype)
            larger[: self.rows] = array[: self.rows]

    def _one_value(self, column: ResultColumn, value: Any) -> float | int | None:
        """Return a single value of a plain type as its array holds it, None for all else."""
        kind, given = column.kind, type(value)
        if given is str and kind == "name":
            known = self._names[column.name]
            code: int = known.setdefault(value, len(known))
            return code
        if given is int and kind == "whole":
            whole: int = value
            return whole
        if given is float and value == value:
            if kind == "number":
                number: float = value
                return number
            if kind == "time":
                since_epoch: int = round(value * _MILLISECONDS_PER_HOUR) + self._start_ms
                return since_epoch
        return None

    def _piece(self, column: ResultColumn, value: Any) -> NDArray[Any]:
        """Return the values of a column as numbers that its array can hold."""
        kind, optional = column.kind, column.optional
        if kind == "name":
            codes = self._codes(column.name, value)
            if not optional and codes.size and codes.min() < 0:
                raise ValueError(f"{self.table}.{column.name} has rows without a name")
            return codes
        if _is_plain(kind, value) and (optional or not _has_nan(value)):
            return np.asarray(value)
        numbers = np.asarray(value)
        if numbers.size == 0 or (optional and numbers.dtype == object):
            numbers = numbers.astype(_DTYPES[kind])
        if numbers.dtype.kind not in ("iu" if kind == "whole" else "iuf") or numbers.ndim > 1:
            raise ValueError(f"{self.table}.{column.name} cannot hold {value!r}")
        if not optional and numbers.dtype.kind == "f" and np.isnan(numbers).any():
            raise ValueError(f"{self.table}.{column.name} has rows that are NaN")
        if kind == "time":
            unknown = np.isnan(numbers)
            since_start = np.rint(np.where(unknown, 0.0, numbers) * _MILLISECONDS_PER_HOUR)
            moments = since_start.astype(np.int64) + self._start_ms
            return np.where(unknown, _NO_TIME, moments)
        return numbers

    def _codes(self, column: str, value: Any) -> NDArray[np.int32]:
        known = self._names[column]
        if isinstance(value, str):
            return np.array(known.setdefault(value, len(known)), dtype=np.int32)
        if isinstance(value, Coded):
            names = tuple(value.names)
            before, of_names = self._lists.get(column, (None, None))
            if of_names is None or names != before:
                own = [known.setdefault(name, len(known)) for name in names]
                of_names = np.array([*own, -1], dtype=np.int32)
                self._lists[column] = names, of_names
            codes: NDArray[np.int32] = of_names[value.codes]
            return codes
        if value is None:
            return np.array(-1, dtype=np.int32)
        return np.array(
            [-1 if name is None else known.setdefault(name, len(known)) for name in value],
            dtype=np.int32,
        )


# Made of buffers, since `pyarrow.array` imports pandas to see whether it is given any.
def _arrow_array(
    values: NDArray[Any], kind: "pa.DataType", there: NDArray[np.bool_] | None
) -> "pa.Array":
    """Return values as an Arrow array of their own width, empty where they are not there."""
    import pyarrow as pa

    valid, lacking = None, 0
    if there is not None and not there.all():
        valid = pa.py_buffer(np.packbits(there, bitorder="little"))
        lacking = len(there) - int(np.count_nonzero(there))
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(values)], lacking)


def _arrow_texts(texts: Sequence[str]) -> "pa.Array":
    """Return texts as an Arrow array."""
    import pyarrow as pa

    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *(len(text) for text in encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers, 0)


def _is_plain(kind: str, value: Any) -> bool:
    """Return whether a value is of the type that nearly all have, and needs no closer look."""
    if type(value) is np.ndarray:
        return value.dtype is _DTYPES_OF.get(kind) and value.ndim == 1
    return (kind == "number" and type(value) is float) or (kind == "whole" and type(value) is int)


def _has_nan(value: Any) -> bool:
    """Return whether a plain value, or any of its rows, is NaN."""
    if type(value) is np.ndarray:
        # The least of some numbers is NaN where one of them is, and found at once.
        value = np.minimum.reduce(value) if value.size and value.dtype.kind == "f" else 0.0
    return bool(value != value)


def _refuse_column(column: ResultColumn, values: Any, rows: int, names: int) -> None:
    """Refuse values that a column of so many rows, with so many names, cannot hold."""
    fits = isinstance(values, np.ndarray) and values.shape == (rows,)
    if not fits or values.dtype != _DTYPES[column.kind]:
        raise ValueError(f"{column.name} does not hold {rows} rows of its kind")
    if column.kind == "name":
        wrong = (values < (-1 if column.optional else 0)) | (values >= names)
    elif column.kind == "number":
        wrong = np.isinf(values) if column.optional else ~np.isfinite(values)
    else:
        return
    if wrong.any():
        raise ValueError(f"{column.name} holds {values[wrong][0]}")
