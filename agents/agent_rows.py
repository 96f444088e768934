"""Many agents of one type at once: what an agent reads as a number, they read as an array."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.population import Population


class AgentRows:
    """Some rows of a population, with its columns as attributes.

    ``rows.energy_kwh`` returns the values of these rows, a copy that cannot be written to, and
    ``rows.energy_kwh = values`` writes them.

    Parameters
    ----------
    model : mesa.Model
        The world of their run.
    population : Population
        Columns of all agents of their type.
    rows : array of int, shape (n,)
        Which rows.
    """

    __slots__ = ("model", "population", "rows")

    model: Any
    population: Population
    rows: NDArray[np.intp]

    def __init__(self, model: Any, population: Population, rows: NDArray[np.intp]) -> None:
        for name, value in (("model", model), ("population", population), ("rows", rows)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.rows)

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        values: NDArray[Any] = self.population[name][self.rows]
        # Writing to a copy would be lost in silence.
        values.flags.writeable = False
        return values

    def __setattr__(self, name: str, values: Any) -> None:
        self.population[name][self.rows] = values
