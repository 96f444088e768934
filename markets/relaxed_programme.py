"""The linear relaxation of a programme, solved again and again with some variables set.

A relaxation that differs from the last one by a few limits is solved in a few steps from where
that ended. SciPy offers no such start; the HiGHS that it brings does, though not by a documented
name. So where that is missing, or has another form, every relaxation is solved from nothing by
`scipy.optimize.milp`: what it costs is the same, among equally cheap solutions another one may be
found.
"""

from typing import Any, Self

import numpy as np
from scipy import sparse

from hmesh.environment.arrays import FloatArray
from hmesh.markets.mixed_integer_programme import Columns, MixedIntegerProgramme

# Weights of a plain dual simplex method: on programmes of days it needs no more steps than with
# weights that are kept up, and each takes less.
PLAIN = {"simplex_dual_edge_weight_strategy": 0, "presolve": "off", "output_flag": False}


class RelaxedProgramme:
    """The linear relaxation of a programme, some of whose variables are set for a while.

    Parameters
    ----------
    programme : MixedIntegerProgramme
        The programme, whose columns and rows stay as they are.
    """

    def __init__(self, programme: MixedIntegerProgramme) -> None:
        self.programme = programme
        self.message = ""
        self._set: dict[int, float] = {}
        self._kept = _KeptSolver.of(programme)

    def solve(self, settings: dict[int, float]) -> FloatArray | None:
        """Return a solution with some variables set and all others free; None if there is none.

        Parameters
        ----------
        settings : dict
            Values of variables, by their columns.
        """
        programme = self.programme
        changed = [c for c, v in settings.items() if self._set.get(c) != v]
        freed = [c for c in self._set if c not in settings]
        columns = np.array(changed + freed, dtype=np.intp)
        low, high = programme.lower[columns], programme.upper[columns]
        low[: len(changed)] = high[: len(changed)] = [settings[c] for c in changed]
        self._set = dict(settings)
        values: FloatArray | None
        if self._kept is not None:
            self._kept.limit(columns, low, high)
            values, self.message = self._kept.solve()
        else:
            lower, upper = programme.lower.copy(), programme.upper.copy()
            for column, value in settings.items():
                lower[column] = upper[column] = value
            result = programme.solve(relaxed=True, limits=(lower, upper))
            values, self.message = result.x, result.message
        return values


class _KeptSolver:
    """HiGHS with a programme, which goes on from its last solution."""

    def __init__(self, module: Any, programme: MixedIntegerProgramme) -> None:
        self._module = module
        matrix, low, high = programme.rows()
        by_column = sparse.csc_array(matrix)
        model = module.HighsLp()
        model.num_col_, model.num_row_ = by_column.shape[1], by_column.shape[0]
        model.col_cost_ = programme.cost
        model.col_lower_, model.col_upper_ = programme.lower, programme.upper
        model.row_lower_, model.row_upper_ = low, high
        model.a_matrix_.format_ = module.MatrixFormat.kColwise
        model.a_matrix_.num_col_, model.a_matrix_.num_row_ = model.num_col_, model.num_row_
        model.a_matrix_.start_, model.a_matrix_.index_ = by_column.indptr, by_column.indices
        model.a_matrix_.value_ = by_column.data
        self._highs = module._Highs()
        for name, value in PLAIN.items():
            self._highs.setOptionValue(name, value)
        self._highs.passModel(model)

    @classmethod
    def of(cls, programme: MixedIntegerProgramme) -> Self | None:
        """Return one for a programme, or None where SciPy has none of the form that is known."""
        try:
            from scipy.optimize._highspy import _core

            return cls(_core, programme)
        except (ImportError, AttributeError, TypeError):
            return None

    def limit(self, columns: Columns, low: FloatArray, high: FloatArray) -> None:
        """Change limits of some variables."""
        for column, least, most in zip(columns.tolist(), low.tolist(), high.tolist(), strict=True):
            self._highs.changeColBounds(column, least, most)

    def solve(self) -> tuple[FloatArray | None, str]:
        """Return the values of all variables, None if there are none, and what HiGHS says."""
        self._highs.run()
        status = self._highs.getModelStatus()
        if status != self._module.HighsModelStatus.kOptimal:
            return None, str(self._highs.modelStatusToString(status))
        return np.array(self._highs.getSolution().col_value), ""
