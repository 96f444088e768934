"""Fixed blocks of the rows of a population, whose sums are added in fixed order.

What a population adds up to is the sum over its blocks, each summed separately, whether one process
holds all of them or several machines hold some each. So the last digits of a sum depend on the rows
alone, and on no number of threads, processes or machines. A population of one block is summed as
`numpy.sum` does it.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray

# Larger than the fleet of any published study, so that none of their sums is cut.
BLOCK_ROWS = 2**18
# BLAS adds up to 10,000 products with one thread, and more with as many as there are.
PRODUCT_ROWS = 2**13


def row_blocks(size: int) -> list[tuple[int, int]]:
    """Return the first row of each block of a population, and the one after its last.

    Parameters
    ----------
    size : int
        Rows of the population; one of none is one block.
    """
    return [(first, min(first + BLOCK_ROWS, size)) for first in range(0, max(size, 1), BLOCK_ROWS)]


def parts_by_block(rows: NDArray[np.intp], size: int) -> list[slice]:
    """Return the places of some rows of a population that belong to each of its blocks.

    Parameters
    ----------
    rows : array of int, shape (n,)
        Rows, ascending; some may be there several times.
    size : int
        Rows of the population.
    """
    if size <= BLOCK_ROWS:
        return [slice(0, len(rows))]
    ends = np.searchsorted(rows, [end for _, end in row_blocks(size)]).tolist()
    return [slice(begin, end) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


def added(parts: Iterable[Any]) -> Any:
    """Return the sum of numbers or arrays of blocks, the first block first."""
    first, *others = parts
    total = first
    for each in others:
        total = total + each
    return total


def sum_by_blocks(
    values: FloatArray,
    rows: NDArray[np.intp],
    size: int,
    sum_of: Callable[[FloatArray], Any] = lambda some: float(some.sum()),
) -> Any:
    """Return the sum of values of some rows of a population.

    Parameters
    ----------
    values : array, shape (n,)
        The value of each.
    rows : array of int, shape (n,)
        Their rows, ascending.
    size : int
        Rows of the population.
    sum_of : callable
        Sums those of one block.
    """
    return added(sum_of(values[part]) for part in parts_by_block(rows, size))


def sum_of_products(one: FloatArray, other: FloatArray) -> float:
    """Return the scalar product of two columns, the same for any number of threads of BLAS.

    Parameters
    ----------
    one, other : array, shape (n,)
        The columns.
    """
    pieces = range(0, max(len(one), 1), PRODUCT_ROWS)
    return float(added(one[k : k + PRODUCT_ROWS] @ other[k : k + PRODUCT_ROWS] for k in pieces))
