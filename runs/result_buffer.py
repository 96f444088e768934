"""Rows of one table, gathered until there are enough to write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .result_tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

_MILLISECONDS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Coded:
    """Names of many rows, told by their position in a short list.

    Attributes
    ----------
    codes
        Position of each row's name, -1 where it has none, shape (rows,).
    names
        The names.
    """

    codes: NDArray[np.integer[Any]]
    names: Sequence[str]


class TableBuffer:
    """Rows of a table, each column gathered in pieces.

    Parameters
    ----------
    table
        The name of the table, for errors.
    columns
        Its columns.
    start_ms
        The start of the run, in milliseconds since 1970 UTC.
    """

    def __init__(self, table: str, columns: Sequence[Column], start_ms: int) -> None:
        self.table = table
        self.columns = tuple(columns)
        self.rows = 0
        self._start_ms = start_ms
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.rows = 0
        self._pieces: dict[str, list[NDArray[Any]]] = {column.name: [] for column in self.columns}
        self._names: dict[str, dict[str, int]] = {
            column.name: {} for column in self.columns if column.kind == "name"
        }

    def add(self, values: Mapping[str, Any]) -> None:
        """Append rows.

        Parameters
        ----------
        values
            For every column an array, a list or one value for all rows; for names also `Coded`;
            for times the hours since the start of the run. NaN and None are empty.

        Raises
        ------
        ValueError
            When a column is missing, unknown, empty though it may not be, or of another length
            or kind.
        """
        names = {column.name for column in self.columns}
        if names != values.keys():
            raise ValueError(
                f"the table {self.table} is given without {sorted(names - values.keys())} "
                f"and with unknown {sorted(values.keys() - names)}"
            )
        pieces = {column.name: self._piece(column, values[column.name]) for column in self.columns}
        lengths = {piece.size for piece in pieces.values() if piece.ndim} or {1}
        if len(lengths) > 1:
            raise ValueError(f"the columns of {self.table} have {sorted(lengths)} rows")
        (rows,) = lengths
        self.rows += rows
        if rows:
            for name, piece in pieces.items():
                # A copy, since the caller's array may be a column that lives on.
                self._pieces[name].append(np.broadcast_to(piece, rows).copy())

    def state(self) -> dict[str, Any]:
        """Return the rows as arrays and names, for a checkpoint."""
        joined = {column.name: self._joined(column) for column in self.columns}
        names = {name: tuple(codes) for name, codes in self._names.items()}
        return {"rows": self.rows, "columns": joined, "names": names}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over an earlier `state`."""
        self.clear()
        self.rows = state["rows"]
        for column in self.columns:
            self._pieces[column.name].append(state["columns"][column.name])
        for name, known in state["names"].items():
            self._names[name] = {text: code for code, text in enumerate(known)}

    def arrow(self, schema: "pa.Schema") -> "pa.Table":
        """Return the rows as an Arrow table."""
        import pyarrow as pa

        arrays = []
        for column, field in zip(self.columns, schema, strict=True):
            values = self._joined(column)
            if column.kind == "name":
                codes = pa.array(values, mask=values < 0 if column.optional else None)
                names = pa.array(list(self._names[column.name]), pa.string())
                arrays.append(pa.DictionaryArray.from_arrays(codes, names))
            else:
                # from_pandas: NaN becomes an empty place.
                arrays.append(pa.array(values, field.type, from_pandas=column.optional))
        return pa.Table.from_arrays(arrays, schema=schema)

    def _joined(self, column: Column) -> NDArray[Any]:
        dtype = {"number": np.float64, "name": np.int32}.get(column.kind, np.int64)
        pieces = self._pieces[column.name]
        return np.concatenate(pieces) if pieces else np.empty(0, dtype)

    def _piece(self, column: Column, value: Any) -> NDArray[Any]:
        where = f"{self.table}.{column.name}"
        if column.kind == "name":
            codes = self._codes(column.name, value)
            if not column.optional and codes.size and codes.min() < 0:
                raise ValueError(f"{where} has rows without a name")
            return codes
        numbers = np.asarray(value)
        if numbers.size == 0 or (numbers.dtype == object and column.optional):
            numbers = numbers.astype(np.int64 if column.kind == "whole" else np.float64)
        wanted = np.integer if column.kind == "whole" else np.number
        if not np.issubdtype(numbers.dtype, wanted) or numbers.ndim > 1:
            raise ValueError(f"{where} cannot hold {value!r}")
        if column.kind == "whole":
            return numbers.astype(np.int64)
        numbers = numbers.astype(np.float64)
        if not column.optional and np.isnan(numbers).any():
            raise ValueError(f"{where} has rows that are NaN")
        if column.kind == "time":
            since_start = np.rint(numbers * _MILLISECONDS_PER_HOUR)
            return since_start.astype(np.int64) + self._start_ms
        return numbers

    def _codes(self, column: str, value: Any) -> NDArray[np.int32]:
        known = self._names[column]
        if isinstance(value, Coded):
            own = [known.setdefault(name, len(known)) for name in value.names]
            codes: NDArray[np.int32] = np.array([*own, -1], dtype=np.int32)[value.codes]
            return codes
        if value is None or isinstance(value, str):
            return self._codes(column, [value]).reshape(())
        return np.array(
            [-1 if name is None else known.setdefault(name, len(known)) for name in value],
            dtype=np.int32,
        )
