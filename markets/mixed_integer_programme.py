"""A linear programme with binary variables, put together block by block and solved by HiGHS."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from hmesh.environment.arrays import FloatArray

type Columns = NDArray[np.intp]

# A binary variable nearer than this to 0 or 1 is there.
INTEGRAL = 1e-6


class MixedIntegerProgramme:
    """Variables, and rows of coefficients on them between limits; its cost is least.

    Attributes
    ----------
    cost, lower, upper : array, shape (columns,)
        Cost and limits of every variable.
    binary : array of bool, shape (columns,)
        Which variables are 0 or 1 and nothing between.
    row_count : int
        Number of rows.
    """

    def __init__(self) -> None:
        self.cost, self.lower, self.upper = np.empty(0), np.empty(0), np.empty(0)
        self.binary = np.empty(0, dtype=np.bool_)
        self.row_count = 0
        self._entries: list[tuple[Columns, Columns, FloatArray]] = []
        self._low: list[FloatArray] = []
        self._high: list[FloatArray] = []

    def add_columns(
        self,
        count: int,
        *,
        low: FloatArray | float = 0.0,
        high: FloatArray | float = np.inf,
        cost: FloatArray | float = 0.0,
        binary: bool = False,
    ) -> Columns:
        """Add variables and return their columns, shape (count,)."""
        first = len(self.cost)
        self.cost = np.append(self.cost, np.broadcast_to(cost, count))
        self.lower = np.append(self.lower, np.broadcast_to(low, count))
        self.upper = np.append(self.upper, np.broadcast_to(high, count))
        self.binary = np.append(self.binary, np.full(count, binary))
        return np.arange(first, first + count)

    def add_rows(
        self,
        terms: Sequence[tuple[Columns, FloatArray | float]],
        low: FloatArray | float,
        high: FloatArray | float,
    ) -> None:
        """Add rows: each a sum of variables times coefficients, between two limits.

        Parameters
        ----------
        terms : sequence of (array of int, float or array)
            Columns, shape (rows,), and the coefficients of each.
        low, high : array or float
            Limits of the sums, -inf and inf for none.
        """
        count = len(terms[0][0])
        rows = np.arange(self.row_count, self.row_count + count)
        for columns, values in terms:
            self._entries.append((rows, columns, np.broadcast_to(values, count)))
        self._low.append(np.broadcast_to(low, count).astype(float))
        self._high.append(np.broadcast_to(high, count).astype(float))
        self.row_count += count

    def fix(self, columns: Columns, values: FloatArray | float) -> None:
        """Let variables have the values that are stated."""
        self.lower[columns] = self.upper[columns] = values

    def fractional(self, values: FloatArray) -> NDArray[np.bool_]:
        """Return which binary variables are neither 0 nor 1, shape (columns,)."""
        between: NDArray[np.bool_] = self.binary & (np.abs(values - np.rint(values)) > INTEGRAL)
        return between

    def rows(self) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
        """Return the coefficients of all rows, shape (rows, columns), and the limits of each."""
        rows, columns, values = (
            np.concatenate([entry[k] for entry in self._entries]) for k in range(3)
        )
        matrix = sparse.csr_array((values, (rows, columns)), shape=(self.row_count, len(self.cost)))
        return matrix, np.concatenate(self._low), np.concatenate(self._high)

    def solve(
        self,
        gap: float = 1e-7,
        most_nodes: int | None = None,
        *,
        relaxed: bool = False,
        limits: tuple[FloatArray, FloatArray] | None = None,
    ) -> Any:
        """Return what `scipy.optimize.milp` finds; its `x` is None where there is nothing.

        Parameters
        ----------
        gap : float, optional
            Share of the cost by which something cheaper may be missed.
        most_nodes : int, optional
            Nodes of the search tree after which the best so far is taken; None for no limit. A
            limit of time would make the result one of the machine.
        relaxed : bool, optional
            Let binary variables lie anywhere between 0 and 1.
        limits : pair of array, shape (columns,), optional
            Limits of the variables in place of `lower` and `upper`.
        """
        matrix, low, high = self.rows()
        # What presolving a relaxation takes is more than what it saves.
        options: dict[str, float | bool] = {"mip_rel_gap": gap, "presolve": not relaxed}
        if most_nodes is not None:
            options["node_limit"] = most_nodes
        return milp(
            self.cost,
            integrality=np.zeros(len(self.cost)) if relaxed else self.binary.astype(np.int8),
            bounds=Bounds(*(limits or (self.lower, self.upper))),
            constraints=LinearConstraint(matrix, low, high),
            options=options,
        )
