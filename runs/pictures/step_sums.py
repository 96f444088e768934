"""Columns of a table added up over the rows of each step."""

from collections.abc import Sequence

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.runs.pictures.run_data import RunData, codes_of


class StepSums:
    """Sums over the rows of each step, strategy by strategy.

    Parameters
    ----------
    data : RunData
        The run.
    table : str
        The name of the table.
    columns : sequence of str
        The columns that will be asked for.
    by, names : str, sequence of str, optional
        A column of names whose rows are kept apart, and the names in order; all rows together
        if not given.

    Attributes
    ----------
    strategies : tuple of str
        The strategies that have any row.
    """

    def __init__(
        self,
        data: RunData,
        table: str,
        columns: Sequence[str],
        by: str | None = None,
        names: Sequence[str] = (),
    ) -> None:
        wanted = ["step", "strategy", *([by] if by else []), *columns]
        self._rows = data.run.table(table, wanted)
        self._shape = (len(data.strategies), *([len(names)] if by else []), data.steps)
        strategy = codes_of(self._rows.column("strategy"), data.strategies)
        self._cell = strategy
        if by:
            self._cell = self._cell * len(names) + codes_of(self._rows.column(by), names)
        self._cell = self._cell * data.steps + self._rows.column("step").to_numpy()
        there = np.unique(strategy)
        self.strategies = tuple(data.strategies[number] for number in there.tolist())

    def of(self, column: str) -> FloatArray:
        """Return the sums of a column, shape (strategies, steps) or (strategies, names, steps)."""
        values = self._rows.column(column).to_numpy()
        sums = np.bincount(self._cell, values, int(np.prod(self._shape)))
        return sums.reshape(self._shape)

    def mean(self, column: str) -> FloatArray:
        """Return the means of a column, NaN without any row; shaped as `of`."""
        count = np.bincount(self._cell, minlength=int(np.prod(self._shape))).reshape(self._shape)
        means: FloatArray = np.where(count > 0, self.of(column) / np.maximum(count, 1), np.nan)
        return means
