"""Answers of very many batteries to prices, worked out when somebody looks at them.

An aggregator of a million vehicles looks at some thousands of them at a time, at their answers to
all prices together. Answers that it has not looked at yet need no memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.battery import is_one
from hmesh.environment.compiled import compiled_for, whole
from hmesh.markets.answer_kernels import respond_to_prices
from hmesh.markets.vehicle_response import FloatOrArray, best_response

type Rows = slice | NDArray[np.intp]
# Lam, theta, usable, lower and upper energy, and efficiencies, as of `best_response`.
type Columns = tuple[FloatOrArray, ...]


@dataclass(frozen=True, slots=True)
class EnergyAtPrice:
    """What batteries exchange at a price, worked out when it is looked at.

    Attributes
    ----------
    price : float
        The price [money/kWh].
    columns : tuple
        Arguments of `hmesh.markets.best_response` after the price. Nobody may write to them.
    count : int
        How many batteries they are.
    """

    price: float
    columns: Columns = field(repr=False)
    count: int

    def __len__(self) -> int:
        return self.count

    def as_of(self, other: object) -> bool:
        """Return whether these are the same batteries as those of another answer."""
        if not isinstance(other, EnergyAtPrice):
            return False
        return all(one is each for one, each in zip(self.columns, other.columns, strict=True))

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> FloatArray:
        """Return the energies of all [kWh], shape (count,)."""
        energy = best_response(self.price, *self.columns)
        return energy if dtype is None else energy.astype(dtype, copy=False)


# What a population answers to a price [kWh], shape (n,).
type Answer = FloatArray | EnergyAtPrice


def answers_of_rows(answers: Sequence[Answer] | FloatArray, rows: Rows) -> FloatArray:
    """Return what some of a population answer to several prices, shape (prices, n) [kWh]."""
    return answers_by_rows(answers)(rows)


def answers_by_rows(
    answers: Sequence[Answer] | FloatArray,
) -> Callable[[Rows], FloatArray]:
    """Return what looks up what some of a population answer, as of `answers_of_rows`."""
    if isinstance(answers, np.ndarray):
        table = answers
        return lambda rows: np.ascontiguousarray(table[:, rows])
    first = answers[0]
    alike = [each for each in answers if isinstance(each, EnergyAtPrice) and each.as_of(first)]
    if len(alike) < len(answers) or not isinstance(first, EnergyAtPrice):
        return lambda rows: np.array([np.asarray(each)[rows] for each in answers])
    prices, every = np.array([each.price for each in alike]), first.columns
    lossless = is_one(every[5]) and is_one(every[6])

    def of_some(rows: Rows) -> FloatArray:
        columns = [
            each[rows] if isinstance(each, np.ndarray) and each.ndim else each for each in every
        ]
        usable = np.asarray(columns[2])
        if (lossless or _lossless(columns)) and compiled_for(len(prices) * len(usable)):
            energy = np.empty((len(prices), len(usable)))
            respond_to_prices(prices, *(whole(each, usable) for each in columns[:5]), energy)
            return energy
        return np.array([best_response(float(price), *columns) for price in prices])

    return of_some


def _lossless(columns: Sequence[FloatOrArray]) -> bool:
    """Return whether some batteries all have no losses, others of their column having some."""
    return is_one(columns[5]) and is_one(columns[6])
