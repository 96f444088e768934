"""Sizes of batteries by the published genetic algorithm, to compare with the exact methods."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hmesh.environment.arrays import FloatArray
from hmesh.environment.extras import optional


def genetic_minimum(
    objective: Callable[[FloatArray], FloatArray],
    low: FloatArray,
    high: FloatArray,
    *,
    seed: int,
    population: int = 20,
    generations: int = 20,
) -> tuple[FloatArray, float]:
    """Return the best point that a genetic algorithm finds, and its value.

    Parameters
    ----------
    objective : callable
        Takes points, shape (population, dimensions), and returns their values, shape
        (population,).
    low, high : array, shape (dimensions,)
        Bounds of the points.
    seed : int
        Seed of its random numbers.
    population, generations : int
        How many points are kept, and how often they are renewed.

    Notes
    -----
    Source: Frontiers in Energy Research 10 (2022) 929693, section 3.6, whose table of parameters
    is lost. Crossover and mutation are those of pymoo: simulated binary and polynomial.
    """
    use = "sizing by a genetic algorithm"
    genetic: Any = optional("pymoo.algorithms.soo.nonconvex.ga", "sizing", use)
    problem: Any = optional("pymoo.core.problem", "sizing", use).Problem
    minimize: Any = optional("pymoo.optimize", "sizing", use).minimize

    class _Objective(problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=len(low), n_obj=1, xl=low, xu=high)

        def _evaluate(self, x: FloatArray, out: dict[str, Any], *_: Any) -> None:
            out["F"] = objective(x)[:, None]

    algorithm = genetic.GA(pop_size=population)
    found = minimize(_Objective(), algorithm, ("n_gen", generations), seed=seed, verbose=False)
    return np.asarray(found.X, dtype=np.float64), float(found.F[0])
